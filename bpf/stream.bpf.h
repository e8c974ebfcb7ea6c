/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What the standard descriptors of a program lead to when it starts. */
#ifndef BPFWARDEN_STREAM_H
#define BPFWARDEN_STREAM_H

#include "repeat.bpf.h"
#include "socket.bpf.h"

enum stream_constants {
	S_IFIFO = 0010000,
	S_IFCHR = 0020000,
	S_IFBLK = 0060000,
	FMODE_ACCESS = 3, /* FMODE_READ | FMODE_WRITE */
	PIPEFS_MAGIC = 0x50495045,
	STREAM_PATH_BYTES = 1024,
	/* Characters of the arguments in which a descriptor is looked for. */
	NAMED_WITHIN = 192,
	NAMED_DIGITS = 4,
	NO_DESCRIPTOR = 0xffffffff,
	MEM_MAJOR = 1,
	TTYAUX_MAJOR = 5,
	UNIX98_PTY_SLAVE_MAJOR = 136,
	UNIX98_PTY_MAJORS = 8,
};

/* Subprograms, so that what they need of the stack is not there while a path is walked. */
static __noinline __attribute__((unused)) bool stream_socket(struct stream *to, __u64 file)
{
	struct endpoint own = {};
	struct sock_head head = {};
	struct sock *sk = sock_of_file(file);
	__u64 peer = 0;

	if (!to || !sk || !sock_head_read(&head, sk))
		return false;
	to->family = sock_field(&head, __u16, skc_family);
	/* vmlinux has no struct unix_sock where CONFIG_UNIX is a module, on any version. */
	if (is_inet(to->family)) {
		to->family = sock_ends(&own, &to->peer, sk, &head);
	} else if (to->family == AF_UNIX && bpf_core_field_exists(struct unix_sock, peer)) {
		read_field(peer, sk, struct unix_sock, peer);
		if (peer)
			to->peer_inode = inode_of_sock((struct sock *)peer);
	}
	return true;
}

/* Devices that user space names by their number need no walk. */
static __always_inline bool is_known_device(__u32 device)
{
	__u32 major = device >> 20;

	return major == MEM_MAJOR || major == TTYAUX_MAJOR ||
	       major - UNIX98_PTY_SLAVE_MAJOR < UNIX98_PTY_MAJORS;
}

static __noinline __attribute__((unused)) bool stream_describe(struct scratch *s, struct stream *to,
							       __u64 address)
{
	struct open_file file = {};
	unsigned long number = 0;
	__u64 sb = 0;
	__u16 type;

	if (!s || !to || !open_file_read(&file, address))
		return false;
	read_field(number, file.inode, struct inode, i_ino);
	read_field(to->mode, file.inode, struct inode, i_mode);
	read_field(sb, file.inode, struct inode, i_sb);
	read_field(to->device, sb, struct super_block, s_dev);
	to->inode = number;
	to->access = file.mode & FMODE_ACCESS;
	type = to->mode & S_IFMT;
	if (type == S_IFSOCK)
		return stream_socket(to, address);
	if (type == S_IFCHR || type == S_IFBLK) {
		read_field(to->special, file.inode, struct inode, i_rdev);
		if (is_known_device(to->special))
			return true;
	} else if (!type || (type == S_IFIFO && inode_magic(file.inode) == PIPEFS_MAGIC)) {
		return true;
	}
	text_built_path(s, &to->path, path_build(s->level, file.dentry, file.mnt),
			STREAM_PATH_BYTES);
	return true;
}

/* Number after the first "/fd/" of the arguments: /dev/fd/63 is how a shell hands over a pipe. */
static __noinline __attribute__((unused)) long named_step(__u32 i, void *context)
{
	__u32 level = *(__u32 *)context, number = 0, digit;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	const char *text;
	__u64 at;

	if (!p || !s || i + 4 >= s->event.process_exec.args.length)
		return 1;
	at = s->event.process_exec.args.offset + i;
	barrier_var(at);
	if (at > RECORD_BYTES - NAMED_DIGITS - 4)
		return 1;
	text = s->bytes + at;
	if (text[0] != '/' || text[1] != 'f' || text[2] != 'd' || text[3] != '/')
		return 0;
	for (digit = 0; digit < NAMED_DIGITS; digit++) {
		__u32 value = (__u32)text[4 + digit] - '0';

		if (value > 9)
			break;
		number = number * 10 + value;
	}
	if (digit)
		p->step.result = number;
	return digit != 0;
}

static __always_inline __u32 descriptor_of_arguments(struct scratch *s)
{
	__u32 level = s->level;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!p || s->event.process_exec.args.length == TEXT_UNREADABLE)
		return NO_DESCRIPTOR;
	p->step.result = NO_DESCRIPTOR;
	repeat(NAMED_WITHIN, named_step, &level);
	return p->step.result;
}

/* At exec the table is the process's alone (begin_new_exec: unshare_files, do_close_on_exec). */
static __always_inline void streams_describe(struct scratch *s, struct process_exec *e,
					     struct task_struct *task)
{
	__u64 input = file_of_fd(task, 0), output = file_of_fd(task, 1),
	      error = file_of_fd(task, 2);

	e->named_fd = NO_DESCRIPTOR;
	stream_describe(s, &e->input, input);
	/* In a terminal all three are one file. */
	if (output && output == input)
		e->output = e->input;
	else
		stream_describe(s, &e->output, output);
	if (error && error == output)
		e->error = e->output;
	else
		stream_describe(s, &e->error, error);
}

#endif /* BPFWARDEN_STREAM_H */
