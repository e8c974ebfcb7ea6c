/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* bpf(2): programs that come in, and objects of others that are taken, changed or detached. */
#include "privilege.bpf.h"

enum bpf_command {
	BPF_MAP_UPDATE_ELEM_COMMAND = 2,
	BPF_MAP_DELETE_ELEM_COMMAND = 3,
	BPF_PROG_LOAD_COMMAND = 5,
	BPF_OBJ_PIN_COMMAND = 6,
	BPF_PROG_ATTACH_COMMAND = 8,
	BPF_PROG_DETACH_COMMAND = 9,
	BPF_PROG_GET_FD_BY_ID_COMMAND = 13,
	BPF_MAP_GET_FD_BY_ID_COMMAND = 14,
	BPF_RAW_TRACEPOINT_OPEN_COMMAND = 17,
	BPF_MAP_LOOKUP_AND_DELETE_ELEM_COMMAND = 21,
	BPF_MAP_FREEZE_COMMAND = 22,
	BPF_MAP_LOOKUP_AND_DELETE_BATCH_COMMAND = 25,
	BPF_MAP_UPDATE_BATCH_COMMAND = 26,
	BPF_MAP_DELETE_BATCH_COMMAND = 27,
	BPF_LINK_CREATE_COMMAND = 28,
	BPF_LINK_UPDATE_COMMAND = 29,
	BPF_LINK_GET_FD_BY_ID_COMMAND = 30,
	BPF_LINK_DETACH_COMMAND = 34,
};

enum object_type { OBJECT_MAP = 1, OBJECT_PROGRAM = 2, OBJECT_LINK = 3 };

/* Written by user space after attaching. Key: enum object_type << 32 | id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, __u64);
	__type(value, __u32);
} own_objects SEC(".maps");

static __always_inline bool is_own(__u32 type, __u32 id)
{
	__u64 key = (__u64)type << 32 | id;

	return bpf_map_lookup_elem(&own_objects, &key) != NULL;
}

/* A program brought in or put to work. */
static __always_inline void on_load(struct pt_regs *regs, struct task_struct *task,
				    struct call_info *call, long result)
{
	__u32 command = ARG0(regs, *call), type = -1;
	__u64 file, program = 0, aux = 0;
	struct scratch *s = call_begin(EVENT_BPF_LOAD, regs, call, result);

	if (!s)
		return;
	if (command == BPF_PROG_LOAD_COMMAND && result >= 0) {
		file = file_of_fd(task, result);
		if (file)
			read_field(program, file, struct file, private_data);
		if (program) {
			read_field(type, program, struct bpf_prog, type);
			read_field(aux, program, struct bpf_prog, aux);
			aux += bpf_core_field_offset(struct bpf_prog_aux, name);
			text_kernel(s, &s->event.bpf_load.name, (void *)aux, 16);
		}
	} else if (command ==
		   BPF_PROG_LOAD_COMMAND) { /* refused: union bpf_attr begins with prog_type */
		bpf_probe_read_user(&type, sizeof(type), (void *)ARG1(regs, *call));
		s->event.header.flags |= RECORD_UNVERIFIED;
	}
	s->event.bpf_load.argument[3] = type;
	call_end(s);
}

/* The id of the object behind a descriptor; the caller knows that it is one of `type`. */
static __always_inline __u32 object_of_fd(struct task_struct *task, __u32 type, __u32 fd)
{
	__u64 file = file_of_fd(task, (__s32)fd), object = 0;
	__u32 id = 0;

	if (!file)
		return 0;
	read_field(object, file, struct file, private_data);
	if (type == OBJECT_MAP)
		read_field(id, object, struct bpf_map, id);
	else if (type == OBJECT_PROGRAM) {
		read_field(object, object, struct bpf_prog, aux);
		read_field(id, object, struct bpf_prog_aux, id);
	} else
		read_field(id, object, struct bpf_link, id);
	return id;
}

/* What the command is about: 0 for commands that are of no interest. */
static __always_inline __u32 type_of_command(__u32 command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM_COMMAND:
	case BPF_MAP_DELETE_ELEM_COMMAND:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM_COMMAND:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH_COMMAND:
	case BPF_MAP_UPDATE_BATCH_COMMAND:
	case BPF_MAP_DELETE_BATCH_COMMAND:
	case BPF_MAP_FREEZE_COMMAND:
	case BPF_MAP_GET_FD_BY_ID_COMMAND:
		return OBJECT_MAP;
	case BPF_PROG_DETACH_COMMAND:
	case BPF_PROG_GET_FD_BY_ID_COMMAND:
		return OBJECT_PROGRAM;
	case BPF_LINK_UPDATE_COMMAND:
	case BPF_LINK_DETACH_COMMAND:
	case BPF_LINK_GET_FD_BY_ID_COMMAND:
		return OBJECT_LINK;
	}
	return 0;
}

/* Of batches the map's descriptor comes after two pointers, two more and a count. */
static __always_inline __u32 place_of_descriptor(__u32 command)
{
	switch (command) {
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH_COMMAND:
	case BPF_MAP_UPDATE_BATCH_COMMAND:
	case BPF_MAP_DELETE_BATCH_COMMAND:
		return 36;
	}
	return 0;
}

/*
 * What is done to objects that exist: always if a program stops or is replaced,
 * else only to those of the sensor. union bpf_attr lies in user memory; what a
 * descriptor leads to is the kernel's.
 */
static __always_inline void on_object(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result)
{
	__u32 command = ARG0(regs, *call), type = type_of_command(command), word = 0, id;
	bool own, by_id;
	struct scratch *s;

	/* EINVAL, EBADF, EPERM ...: nothing happened; with ENOENT and EEXIST the map was reached. */
	if (!type || (result < 0 && result != -2 && result != -17))
		return;
	if (bpf_probe_read_user(&word, sizeof(word),
				(void *)ARG1(regs, *call) + place_of_descriptor(command)))
		return;
	by_id = command == BPF_MAP_GET_FD_BY_ID_COMMAND ||
		command == BPF_PROG_GET_FD_BY_ID_COMMAND ||
		command == BPF_LINK_GET_FD_BY_ID_COMMAND;
	/* What was asked for may have been changed since; what was got may not. */
	if (by_id && result >= 0)
		id = object_of_fd(task, type, result);
	else
		id = by_id || command == BPF_PROG_DETACH_COMMAND ? word
								 : object_of_fd(task, type, word);
	own = command != BPF_PROG_DETACH_COMMAND && is_own(type, id);
	if (!own && command != BPF_PROG_DETACH_COMMAND && command != BPF_LINK_DETACH_COMMAND &&
	    command != BPF_LINK_UPDATE_COMMAND)
		return;
	/* Who empties the filter has done so by now, and is seen all the same. */
	s = own && !is_daemon(task)
		? call_begin_as(EVENT_BPF_ACCESS, regs, call, result, CALL_ALWAYS)
		: call_begin(EVENT_BPF_ACCESS, regs, call, result);
	if (!s)
		return;
	s->event.bpf_access.argument[1] = command == BPF_PROG_DETACH_COMMAND ? 0 : id;
	s->event.bpf_access.argument[2] = own;
	s->event.bpf_access.argument[3] = type;
	call_end(s);
}

PROGRAM(exit_bpf, process, "bpf_load, bpf_access");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_bpf, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);

	switch ((__u32)ARG0(regs, call)) {
	case BPF_PROG_LOAD_COMMAND:
	case BPF_OBJ_PIN_COMMAND:
	case BPF_PROG_ATTACH_COMMAND:
	case BPF_RAW_TRACEPOINT_OPEN_COMMAND:
	case BPF_LINK_CREATE_COMMAND:
		on_load(regs, task, &call, result);
		break;
	default:
		on_object(regs, task, &call, result);
	}
	return 0;
}
