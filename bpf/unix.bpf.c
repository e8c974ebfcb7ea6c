/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Unix sockets that are connected to by a name: a container engine's, a database's, a desktop's. */
#include "socket.bpf.h"

enum unix_limits { UNIX_PATH_BYTES = 108 };

/* The socket that was connected to: its file, or an abstract name, which begins with a NUL. */
static __always_inline __u64 peer_describe(struct scratch *s, __u64 sk)
{
	struct file_event *e;
	__u64 peer = 0, dentry = 0, mnt = 0, inode = 0, address = 0, mask;
	__u32 length = 0, offset;

	e = &s->event.unix_connect;
	read_field(peer, sk, struct unix_sock, peer);
	if (!peer)
		return EVERY_CLASS;
	read_field(dentry, peer, struct unix_sock, path.dentry);
	read_field(mnt, peer, struct unix_sock, path.mnt);
	if (dentry) {
		mask = file_mask(dentry, mnt, s->question.generation);
		if (question_passes(&s->question, mask)) {
			read_field(inode, dentry, struct dentry, d_inode);
			file_identity_of(&e->file, inode);
			text_path(s, &e->path, dentry, mnt);
		}
		return mask;
	}
	read_field(address, peer, struct unix_sock, addr);
	if (!address)
		return EVERY_CLASS;
	read_field(length, address, struct unix_address, len);
	offset = s->length;
	text_bytes(
	    s, &e->path,
	    (void *)address + bpf_core_field_offset(struct unix_address, name) + sizeof(__u16),
	    length > sizeof(__u16) ? length - sizeof(__u16) : 0, UNIX_PATH_BYTES, FROM_KERNEL);
	if (offset < RECORD_BYTES)
		s->bytes[offset] = '@';
	return string_mask(s->level, offset, e->path.length, s->question.generation);
}

/*
 * unix_stream_connect, unix_dgram_connect (net/unix/af_unix.c): the accepted end
 * has the listener's name and path. A connect that failed has no peer: only the
 * text that was passed is left.
 */
PROGRAM(exit_unix, network, "unix_connect");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_unix, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u64 array = unfold_socketcall(regs, &call);
	__u64 sk = (__u64)sock_of_fd(task, PACKED_ARG(0, regs, call, array));
	__u64 address = PACKED_ARG(1, regs, call, array) + sizeof(__u16), mask = EVERY_CLASS;
	struct question q;
	struct scratch *s;
	char first = 0;

	if (!sk || result_restarts(result))
		return 0;
	q = question_of(task, &call, EVENT_UNIX_CONNECT, KIND_CLASS(EVENT_UNIX_CONNECT), result);
	s = file_begin(EVENT_UNIX_CONNECT, &q);
	if (!s)
		return 0;
	/* vmlinux has no struct unix_sock where CONFIG_UNIX is a module, on any version. */
	if (result >= 0 && bpf_core_field_exists(struct unix_sock, peer)) {
		mask = peer_describe(s, sk);
	} else {
		bpf_probe_read_user(&first, 1, (void *)address);
		if (first)
			mask = name_describe(s->level, AT_FDCWD, address,
					     NAME_AT(struct file_event, path, base) | NAME_ALONE);
		else
			s->event.header.flags |= RECORD_UNVERIFIED;
	}
	file_finish(s->level, mask);
	return 0;
}
