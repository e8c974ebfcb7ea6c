/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Whether a call is prohibited: the hashes of a path's components, looked up with
 * who acts (prohibition_maps.bpf.h). A part of prevent.bpf.c.
 */
#ifndef BPFWARDEN_PROHIBITION_H
#define BPFWARDEN_PROHIBITION_H

#include "hook.bpf.h"
#include "repeat.bpf.h"
#include "socket.bpf.h"

enum {
	NAMES = PATH_MAX_COMPONENTS,
};

/* Hashes of a path's components, the last one first. */
struct path_names {
	__u64 hash[NAMES];
	__u64 program;
	__u64 whole;
	__u32 count;
	__u32 rule;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_LEVELS);
	__type(key, __u32);
	__type(value, struct path_names);
} path_names SEC(".maps");

/* FNV-1a-64 of path_scratch[level].name, byte for byte. */
__noinline __u64 name_hash_exact(__u32 level, __u32 length)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 hash = FNV_OFFSET;

	if (!p)
		return 0;
	for (__u32 i = 0; i < NAME_BYTES; i++) {
		if (i >= length)
			break;
		hash = (hash ^ (__u8)p->name[i & (NAME_BYTES - 1)]) * 0x100000001b3ull;
	}
	return hash;
}

static __always_inline bool name_add(struct path_names *n, __u64 hash)
{
	__u32 count = n->count;

	barrier_var(count);
	if (count >= NAMES)
		return false;
	n->hash[count] = hash;
	n->count = count + 1;
	return true;
}

/* The names on the way from a file to the root, as path_build has them; 0: it has no path. */
__noinline __u32 names_collect(__u32 level, __u64 dentry, __u64 mnt)
{
	__u32 key = level - NEST_LEVELS;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct path_names *n = bpf_map_lookup_elem(&path_names, &key);
	struct walk_step *step;
	__u32 length;

	if (!p || !n || !walk_begin(level, dentry, mnt))
		return 0;
	step = &p->step;
	n->count = 0;
	for (int i = 0; i < NAMES + 16; i++) {
		if (p->dentry == p->root) {
			if (mount_up(level) || tree_up(level))
				continue;
			if (step->fixed && !name_add(n, name_hash_exact(level, step->fixed)))
				return 0;
			return n->count;
		}
		if (read_field(step->parent, p->dentry, struct dentry, d_parent) ||
		    read_field(step->name, p->dentry, struct dentry, d_name))
			return 0;
		length = step->name.len & (NAME_BYTES - 1);
		if (step->parent == p->dentry ||
		    bpf_probe_read_kernel(p->name, length, step->name.name) ||
		    !name_add(n, name_hash_exact(level, length)))
			return 0;
		p->dentry = step->parent;
	}
	return 0;
}

static __always_inline __u64 names_hash(__u64 hash, __u64 name)
{
	return (hash ^ name) * 0x100000001b3ull;
}

/* Of the whole path. */
__noinline __u64 names_whole(__u32 level)
{
	__u32 key = level - NEST_LEVELS;
	struct path_names *n = bpf_map_lookup_elem(&path_names, &key);
	__u64 hash = FNV_OFFSET;

	if (!n)
		return 0;
	for (__u32 i = 0; i < NAMES; i++) {
		if (i >= n->count)
			break;
		hash = names_hash(hash, n->hash[(n->count - 1 - i) & (NAMES - 1)]);
	}
	return hash;
}

/* What a task is known by. */
struct actor {
	__u64 program;
	__u32 user;
	__u32 operation;
	__u32 shapes;
};

/* With one kind of object: the rule that prohibits it, 0 if none does. */
static __noinline __u32 rule_for(struct actor *a, __u32 object_kind, __u64 object)
{
	struct prohibition key = {.object = object};
	__u32 *rule;

	if (!a)
		return 0;
	key.operation = a->operation;
	key.object_kind = object_kind;
	for (__u32 i = 0; i < 4; i++) {
		if (!(a->shapes >> ((4 * object_kind + i) & 31) & 1))
			continue;
		key.program = i & 2 ? a->program : 0;
		key.user = i & 1 ? a->user : NO_USER;
		rule = bpf_map_lookup_elem(&prohibitions, &key);
		if (rule)
			return *rule;
	}
	return 0;
}

static __always_inline bool has_object(struct actor *a, __u32 object_kind)
{
	return a->shapes >> (4 * object_kind & 31) & 0xf;
}

struct rule_walk {
	struct actor actor;
	__u32 below;
	__u32 key;
};

/* The directory that the first `i` names make, and the next name. */
static __noinline long rule_step(__u32 i, void *context)
{
	struct rule_walk *walk = context;
	__u32 key = walk->key;
	struct path_names *n = bpf_map_lookup_elem(&path_names, &key);

	if (!n || i >= n->count)
		return 1;
	if (has_object(&walk->actor, walk->below)) {
		n->rule = rule_for(&walk->actor, walk->below, n->whole);
		if (n->rule)
			return 1;
	}
	n->whole = names_hash(n->whole, n->hash[(n->count - 1 - i) & (NAMES - 1)]);
	return 0;
}

/*
 * Of the path whose names are collected, and of the directories that it lies in, as
 * `path` and `below` of enum prohibition_object.
 */
static __noinline __u32 rule_for_path(struct actor *a, __u32 level, __u32 path, __u32 below)
{
	struct rule_walk walk = {.below = below, .key = level - NEST_LEVELS};
	struct path_names *n = bpf_map_lookup_elem(&path_names, &walk.key);

	if (!n || !a)
		return 0;
	walk.actor = *a;
	n->whole = FNV_OFFSET;
	n->rule = 0;
	repeat(NAMES, rule_step, &walk);
	if (n->rule)
		return n->rule;
	return has_object(a, path) ? rule_for(a, path, n->whole) : 0;
}

/* Of the acting process's executable; 0 if it has none that has a path. */
__noinline __u64 program_hash(__u32 level)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 file = 0, dentry = 0, mnt = 0;

	bpf_probe_read_kernel(&file, sizeof(file), &task->mm->exe_file);
	if (!file)
		return 0;
	read_field(dentry, file, struct file, f_path.dentry);
	read_field(mnt, file, struct file, f_path.mnt);
	return names_collect(level, dentry, mnt) ? names_whole(level) : 0;
}

static __always_inline bool is_exempt(__u64 key)
{
	return key && bpf_map_lookup_elem(&prohibition_exempt, &key);
}

/* Whether anything at all is prohibited of the operation, and to this task. */
static __noinline bool actor_begin(struct actor *a, __u32 operation)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 *shapes = bpf_map_lookup_elem(&prohibition_shapes, &operation);

	if (!a || !shapes || !*shapes)
		return false;
	if (task->flags & PF_KTHREAD || task->tgid == 1 || (__u32)task->tgid == daemon_pid ||
	    is_exempt(task->tgid))
		return false;
	a->operation = operation;
	a->shapes = *shapes;
	a->user = task->real_cred->uid.val;
	a->program = 0;
	return true;
}

/* Writes the refusal down: what the call answers. */
static __noinline int refuse(struct actor *a, __u32 rule)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 zero = 0, key;
	__u64 *count = bpf_map_lookup_elem(&refusal_count, &zero), sequence;
	struct refusal *r;

	if (!a || !count)
		return -EPERM;
	sequence = __sync_fetch_and_add(count, 1);
	key = sequence & (REFUSALS - 1);
	r = bpf_map_lookup_elem(&refusals, &key);
	if (!r)
		return -EPERM;
	*(volatile __u64 *)&r->sequence = 0;
	r->time = bpf_ktime_get_boot_ns();
	r->start_time = task->group_leader->start_boottime;
	r->pid = task->tgid;
	r->uid = a->user;
	r->operation = a->operation;
	r->rule = rule;
	*(volatile __u64 *)&r->sequence = sequence + 1;
	return -EPERM;
}

/* The shapes that ask for the program. */
#define WITH_PROGRAM 0xcccccccc

/*
 * 0, or -EPERM for a file that is prohibited. What cannot be found out is not refused.
 * `is_new`: it is the second name of a rename or a link. A global function: the verifier
 * looks at it once, not for each name.
 */
__noinline int name_verdict(__u32 operation, __u64 dentry, __u64 mnt, bool is_new)
{
	__u32 path = is_new ? OBJECT_NEW_PATH : OBJECT_PATH;
	__u32 below = is_new ? OBJECT_NEW_BELOW : OBJECT_BELOW;
	struct actor a = {};
	__u32 level, rule;
	__u64 program;

	if (!actor_begin(&a, operation))
		return 0;
	if (is_new && !has_object(&a, path) && !has_object(&a, below))
		return 0;
	level = hook_enter();
	if (level >= PATH_LEVELS) {
		failure_count(FAILURE_RESOLVED_FULL);
		return 0;
	}
	if (a.shapes & WITH_PROGRAM)
		a.program = program_hash(level);
	rule = !is_new && has_object(&a, OBJECT_ANY) ? rule_for(&a, OBJECT_ANY, 0) : 0;
	if (!rule && names_collect(level, dentry, mnt))
		rule = rule_for_path(&a, level, path, below);
	/* Most processes never come to here. */
	if (rule) {
		program = a.shapes & WITH_PROGRAM ? a.program : program_hash(level);
		if (is_exempt(program))
			rule = 0;
	}
	hook_leave(level);
	return rule ? refuse(&a, rule) : 0;
}

static __always_inline int file_verdict(__u32 operation, __u64 dentry, __u64 mnt)
{
	return name_verdict(operation, dentry, mnt, false);
}

#endif /* BPFWARDEN_PROHIBITION_H */
