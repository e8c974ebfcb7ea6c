/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Token masks of names, strings and directories. */
#include "filter.bpf.h"
#include "inode.bpf.h"
#include "repeat.bpf.h"
#include "text.bpf.h"

/* A function of its own, so that the key is off the stack while a name is hashed. */
__noinline __u64 token_found(__u64 hash, __u32 type, __u32 generation)
{
	return filter_token(hash, type, generation);
}

static __always_inline __u64 token_mask(struct filter_table *table, __u64 hash,
					enum filter_token_type type, __u32 generation)
{
	__u64 bit = ((hash + type) * 0x9e3779b97f4a7c15ull) >> 48;

	if (!(table->bloom[bit >> 6 & (BLOOM_WORDS - 1)] >> (bit & 63) & 1))
		return 0;
	return token_found(hash, type, generation);
}

/* So many bytes in one turn of a loop: a turn costs as much as five. */
enum { HASH_BYTES = 8 };

static __noinline long hash_step(__u32 i, void *context)
{
	__u32 level = *(__u32 *)context, at = i * HASH_BYTES, length;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 hash;

	if (!p)
		return 1;
	hash = p->step.hash;
	length = p->step.hash_length;
	for (int byte = 0; byte < HASH_BYTES && at < length; byte++, at++)
		hash = fnv_fold(hash, p->name[(p->step.hash_from + at) & (NAME_BYTES - 1)]);
	p->step.hash = hash;
	return at >= length;
}

/* Of path_scratch.name[from .. from + length), ASCII letters in lower case, so that a rule that
 * ignores case needs one token. */
static __always_inline __u64 name_hash(struct path_scratch *p, __u32 level, __u32 from,
				       __u32 length)
{
	p->step.hash_from = from;
	p->step.hash_length = length;
	p->step.hash = FNV_OFFSET;
	repeat(NAME_BYTES / HASH_BYTES, hash_step, &level);
	return p->step.hash;
}

/*
 * Global functions: the verifier looks at each once, not at every call.
 */
__noinline __u64 component_mask(__u32 level, __u32 length, __u32 generation)
{
	struct filter_table *table = bpf_map_lookup_elem(&filter_tables, &generation);
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 mask = 0;
	__u32 types;

	if (!table || !p)
		return EVERY_CLASS;
	types = table->types;
	mask = token_mask(table, p->hash, TOKEN_COMPONENT, generation);
	if (length < 4)
		return mask;
	if (types & (1 << TOKEN_PREFIX4))
		mask |= token_mask(table, name_hash(p, level, 0, 4), TOKEN_PREFIX4, generation);
	if (types & (1 << TOKEN_SUFFIX4))
		mask |= token_mask(table, name_hash(p, level, length - 4, 4), TOKEN_SUFFIX4,
				   generation);
	if (length < 8)
		return mask;
	if (types & (1 << TOKEN_PREFIX8))
		mask |= token_mask(table, name_hash(p, level, 0, 8), TOKEN_PREFIX8, generation);
	if (types & (1 << TOKEN_SUFFIX8))
		mask |= token_mask(table, name_hash(p, level, length - 8, 8), TOKEN_SUFFIX8,
				   generation);
	return mask;
}

struct string_context {
	__u32 level;
	__u32 at;
	__u32 end;
};

/* Some bytes of a component: step.length is its length once its end was met. */
static __noinline long component_step(__u32 i, void *context)
{
	struct string_context *string = context;
	__u32 level = string->level, to = i * HASH_BYTES;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	__u64 hash;

	if (!p || !s)
		return 1;
	hash = p->hash;
	for (int byte = 0; byte < HASH_BYTES; byte++, to++) {
		__u32 from = string->at + to;
		char c;

		barrier_var(from);
		if (from >= RECORD_BYTES)
			return 1;
		c = s->bytes[from];
		if (from >= string->end || c == '/') {
			p->hash = hash;
			p->step.length = to;
			return 1;
		}
		p->name[to & (NAME_BYTES - 1)] = c;
		hash = fnv_fold(hash, c);
	}
	p->hash = hash;
	return 0;
}

/*
 * Copies the component at scratch[level].bytes[at .. end) into
 * path_scratch[level].name, hashed on the way; its length, or NAME_BYTES if it
 * is too long.
 */
__noinline __u32 string_component(__u32 level, __u32 at, __u32 end)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct string_context string = {level, at, end};

	if (!p)
		return NAME_BYTES;
	p->hash = FNV_OFFSET;
	p->step.length = NAME_BYTES;
	repeat(NAME_BYTES / HASH_BYTES, component_step, &string);
	return p->step.length;
}

struct walk_context {
	__u32 level;
	__u32 generation;
};

static __noinline long string_step(__u32 i, void *context)
{
	struct walk_context *walk = context;
	__u32 level = walk->level, size;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!p)
		return 1;
	size = string_component(level, p->step.from, p->step.end);
	if (size >= NAME_BYTES)
		return 1;
	if (size)
		p->step.mask |= component_mask(level, size, walk->generation);
	p->step.from += size + 1;
	p->step.result = p->step.from >= p->step.end;
	return p->step.result != 0;
}

/*
 * A name longer than 255 bytes is nothing that the kernel would take, and more
 * than 128 components nothing that we walk; both pass.
 */
__noinline __u64 string_mask(__u32 level, __u32 offset, __u32 length, __u32 generation)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_context walk = {level, generation};

	if (!p)
		return EVERY_CLASS;
	p->step.from = offset;
	p->step.end = offset + length;
	p->step.mask = p->step.result = 0;
	repeat(PATH_MAX_COMPONENTS, string_step, &walk);
	return p->step.result ? p->step.mask : EVERY_CLASS;
}

/* ---- what is asked of the process that acts ------------------------------------------ */
__noinline bool filter_actor(__u32 passes, __u32 generation, __u64 classes)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (passes & PASS_UIDS) {
		__u32 uid = task->real_cred->uid.val, euid = task->real_cred->euid.val;

		if (filter_token(uid, TOKEN_UID, generation) & classes)
			return true;
		if (euid != uid && filter_token(euid, TOKEN_UID, generation) & classes)
			return true;
	}
	return passes & PASS_NAMES && filter_name(task->tgid, classes, generation) & classes;
}

/* ---- decisions ---------------------------------------------------------------------- */
/*
 * What was found out about a path, one cache line. Direct-mapped tables of each
 * CPU: no lock, no allocation; a collision only costs time. An entry holds while
 * the dentry has the same name and parent, the mount is the same, the mount
 * namespace has not changed (its event counter), no rename was seen anywhere
 * (epoch), and for at most decision_ttl_jiffies. A directory renamed a moment ago may still count
 * under its old name: opening the file before the rename would have too.
 */
struct decision {
	__u64 dentry;
	__u64 parent;
	__u64 name; /* hash and length, as the kernel computed them */
	__u64 mnt;
	__u64 mask;
	__u64 expires; /* jiffies */
	__u32 epoch;
	__u32 generation;
	__u64 mounts; /* mnt_namespace.event: 64 bytes with it */
};

enum {
	DIRECTORY_DECISIONS = 512,
	FILE_DECISIONS = 2048,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DIRECTORY_DECISIONS);
	__type(key, __u32);
	__type(value, struct decision);
} directory_decisions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FILE_DECISIONS);
	__type(key, __u32);
	__type(value, struct decision);
} file_decisions SEC(".maps");

/* The name of a dentry and where it hangs; the fields lie side by side on every kernel so far. */
static __always_inline bool dentry_name_read(struct dentry_name *name, __u64 dentry)
{
	__u32 parent = bpf_core_field_offset(struct dentry, d_parent);
	__u32 hash = bpf_core_field_offset(struct dentry, d_name.hash_len);
	__u32 text = bpf_core_field_offset(struct dentry, d_name.name);

	if (hash == parent + 8 && text == hash + 8)
		return !bpf_probe_read_kernel(name, sizeof(*name), (void *)dentry + parent);
	return !read_field(name->parent, dentry, struct dentry, d_parent) &&
	       !read_field(name->hash_len, dentry, struct dentry, d_name.hash_len) &&
	       !read_field(name->text, dentry, struct dentry, d_name.name);
}

/* Changes with every mount and umount in the namespace (touch_mnt_namespace, fs/namespace.c). */
static __always_inline __u64 mounts_now(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->nsproxy->mnt_ns->event;
}

static __always_inline bool decision_holds(struct decision *d, __u64 dentry, __u64 mnt,
					   struct dentry_name *name, __u32 epoch, __u32 generation)
{
	return d->dentry == dentry && d->mnt == mnt && d->parent == name->parent &&
	       d->name == name->hash_len && d->epoch == epoch && d->generation == generation &&
	       d->mounts == mounts_now() && d->expires > bpf_jiffies64();
}

static __always_inline void decision_make(struct decision *d, __u64 dentry, __u64 mnt,
					  struct dentry_name *name, __u32 epoch, __u32 generation,
					  __u64 mask)
{
	d->dentry = dentry;
	d->mnt = mnt;
	d->parent = name->parent;
	d->name = name->hash_len;
	d->epoch = epoch;
	d->generation = generation;
	d->mounts = mounts_now();
	d->expires = bpf_jiffies64() + decision_ttl_jiffies;
	d->mask = mask;
}

/* One component more; step.result says whether the walk came to its end. */
static __noinline long mask_step(__u32 i, void *context)
{
	struct walk_context *walk = context;
	__u32 level = walk->level, length;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_step *step;

	if (!p)
		return 1;
	step = &p->step;
	if (p->dentry == p->root) {
		if (mount_up(level) || tree_up(level))
			return 0;
		step->result = 1;
		if (!step->fixed)
			return 1;
		p->hash = name_hash(p, level, 0, step->fixed);
		step->mask |= component_mask(level, step->fixed, walk->generation);
		return 1;
	}
	if (read_field(step->parent, p->dentry, struct dentry, d_parent) ||
	    read_field(step->name, p->dentry, struct dentry, d_name))
		return 1;
	length = step->name.len & (NAME_BYTES - 1);
	if (bpf_probe_read_kernel(p->name, length, step->name.name))
		return 1;
	p->hash = name_hash(p, level, 0, length);
	step->mask |= component_mask(level, length, walk->generation);
	step->result = step->parent == p->dentry;
	p->dentry = step->parent;
	return step->result != 0;
}

static __always_inline __u64 walk_mask(__u32 level, __u64 dentry, __u64 mnt, __u32 generation)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_context walk = {level, generation};

	if (!p || !walk_begin(level, dentry, mnt))
		return EVERY_CLASS;
	p->step.mask = p->step.result = 0;
	repeat(PATH_MAX_COMPONENTS + 16, mask_step, &walk);
	/* Deeper than the record will show, or unreadable: let it pass. */
	return p->step.result ? p->step.mask : EVERY_CLASS;
}

__noinline __u64 directory_mask(__u32 level, __u64 dentry, __u64 mnt, __u32 generation)
{
	__u32 key = (dentry >> 6 ^ dentry >> 15) & (DIRECTORY_DECISIONS - 1);
	struct decision *d = bpf_map_lookup_elem(&directory_decisions, &key);
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct filter_state *state = filter_state_now();
	struct dentry_name *name;
	__u64 mask;

	if (!d || !p || !state)
		return EVERY_CLASS;
	name = &p->step.directory;
	if (!dentry_name_read(name, dentry))
		return EVERY_CLASS;
	p->step.epoch = *(volatile __u32 *)&state->epoch;
	if (decision_holds(d, dentry, mnt, name, p->step.epoch, generation))
		return d->mask;
	mask = walk_mask(level, dentry, mnt, generation);
	decision_make(d, dentry, mnt, name, p->step.epoch, generation, mask);
	return mask;
}

/* The mask of a file whose decision is not in the table: its directory's and its own name's. */
static __always_inline __u64 file_mask_undecided(__u64 dentry, __u64 mnt, struct dentry_name *name,
						 __u32 generation)
{
	__u64 parent = name->parent;
	__u64 mask, root = 0;
	__u32 length = (name->hash_len >> 32) & (NAME_BYTES - 1);
	__u32 level = nest_enter();
	struct path_scratch *p;

	if (level >= NEST_LEVELS)
		return EVERY_CLASS;
	p = bpf_map_lookup_elem(&path_scratch, &level);
	if (!p || bpf_probe_read_kernel(p->name, length, (void *)name->text)) {
		nest_leave(level);
		return EVERY_CLASS;
	}
	/* The root of a mount (a file may be one) is called what it is mounted on. */
	read_field(root, mnt, struct vfsmount, mnt_root);
	p->hash = name_hash(p, level, 0, length);
	if (dentry == root || dentry == parent)
		mask = directory_mask(level, dentry, mnt, generation);
	else
		mask = component_mask(level, length, generation) |
		       directory_mask(level, parent, mnt, generation);
	nest_leave(level);
	return mask;
}

__noinline __u64 file_mask(__u64 dentry, __u64 mnt, __u32 generation)
{
	__u32 key = (dentry >> 6 ^ dentry >> 17) & (FILE_DECISIONS - 1);
	struct decision *d = bpf_map_lookup_elem(&file_decisions, &key);
	struct filter_state *state = filter_state_now();
	struct dentry_name name = {};
	__u32 epoch;
	__u64 mask;

	if (!d || !state || !dentry_name_read(&name, dentry))
		return EVERY_CLASS;
	epoch = *(volatile __u32 *)&state->epoch;
	if (decision_holds(d, dentry, mnt, &name, epoch, generation))
		return d->mask;
	mask = file_mask_undecided(dentry, mnt, &name, generation);
	decision_make(d, dentry, mnt, &name, epoch, generation, mask);
	return mask;
}
