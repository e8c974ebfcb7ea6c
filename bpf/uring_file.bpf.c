/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What became of requests about files. */
#include "uring.bpf.h"
#include "access.bpf.h"
#include "socket.bpf.h"

/* The record that was kept of a request of the place's actor, with its result. */
__noinline int uring_kept_report(__u64 request, __u32 kind, __u64 classes, __s64 result)
{
	__u32 generation = filter_generation(), passes;
	struct uring_place *place = uring_place_now();
	struct uring_head *kept = uring_kept(request);
	struct scratch *s;
	__u64 mask;

	if (!place || !kept)
		return 0;
	mask = kept->generation == generation ? kept->mask : EVERY_CLASS;
	passes = uring_is_daemon(&place->actor) ? 0 : filter_passes(generation, kind);
	if (!passes || (!(passes & PASS_COMPONENTS && mask & classes) &&
			!uring_passes(&place->actor, passes, generation, classes, result))) {
		account_in_task(kind, OUTCOME_FILTERED);
	} else {
		s = record_begin(kind, sizeof(struct file_event));
		if (s) {
			uring_restore(s, request);
			uring_header(&s->event.header, &place->actor, result);
			if (record_admits(s, sizeof(struct file_event), 0,
					  is_sensitive(passes, mask, classes)))
				record_submit(s, RING_BULK);
			else
				record_drop(s, OUTCOME_THROTTLED);
		}
	}
	uring_forget(request);
	return 0;
}

/* The name is gone when the open is done: it may have had "../". */
static __always_inline __u64 uring_open_classes(__u32 flags)
{
	return open_classes(flags) | 1ull << CLASS_OPEN_CLIMBING;
}

__noinline int uring_report(__u32 tell, __s64 result)
{
	struct uring_place *place = uring_place_now();
	__u32 generation = filter_generation(), passes, kind = tell & TELL_KIND;
	struct file_event *e;
	struct open_file *file;
	struct uring_actor *a;
	struct scratch *s;
	__u64 classes;

	if (!place || kind == EVENT_NONE)
		return 0;
	classes = kind == EVENT_FILE_OPEN ? place->classes : KIND_CLASS(kind);
	file = &place->file;
	a = &place->actor;
	passes = uring_is_daemon(a) ? 0 : filter_passes(generation, kind);
	if (!passes || (!uring_passes(a, passes, generation, classes, result) &&
			!(passes & PASS_COMPONENTS &&
			  file_mask(file->dentry, file->mnt, generation) & classes))) {
		account_in_task(kind, OUTCOME_FILTERED);
		return 0;
	}
	/* The mask again, where it is asked for once in a while, rather than on the stack. */
	if (!rate_has(kind) &&
	    !spare_has(
		kind, file->inode,
		is_sensitive(passes, file_mask(file->dentry, file->mnt, generation), classes))) {
		account_in_task(kind, OUTCOME_THROTTLED);
		return 0;
	}
	s = record_begin(kind, sizeof(*e));
	if (!s)
		return 0;
	e = (struct file_event *)&s->event;
	uring_header(&e->header, a, result);
	if (tell & TELL_UNVERIFIED)
		e->header.flags |= RECORD_UNVERIFIED;
	file_describe(s->level, file->inode, file->dentry, file->mnt);
	if (kind == EVENT_FILE_SETXATTR && place->has_attribute)
		text_kernel(s, &e->attribute, place->attribute.name, sizeof(place->attribute.name));
	e->open_flags = file->flags | (place->asked & CREATION_FLAGS);
	e->new_mode = place->mode;
	e->bytes = place->bytes;
	if (file->mode & FMODE_CREATED)
		e->header.flags |= RECORD_CREATED;
	record_submit(s, RING_BULK);
	return 0;
}

/* Subprograms keep what they need of the stack off it while paths are looked at. */
static __noinline __u64 uring_file_opened(struct uring_actor *a, __u64 request, __s32 result)
{
	__u32 slot = 0;

	read_field(slot, request, struct io_open, file_slot);
	return a ? uring_file_made(a, request, slot, result) : 0;
}

/*
 * io_openat2 (io_uring/openclose.c) -> fd_install or io_fixed_fd_install, result
 * and slot in the request. Flags and mode are still there, the name is not.
 *
 * Between the open and its completion the program must have no chance to put
 * another file under the descriptor. What the submitting thread ran itself is
 * looked at before its next request (uring_settle) or after the last; what a
 * worker ran, by the worker. Only where a worker ran it and the completion waits
 * for the thread that owns the io_uring (IORING_SETUP_DEFER_TASKRUN) there may be
 * any time in between: then the name is reported, unverified.
 */
__noinline __u32 uring_open_done(__u64 request, __s64 result)
{
	struct uring_place *place = uring_place_now();
	struct uring_head *kept = uring_kept(request);
	__u32 tell = EVENT_NONE;
	__u64 address;
	bool verified;

	if (!kept || !place)
		return 0;
	place->mode = place->bytes = 0;
	read_field(place->asked, request, struct io_open, how.flags);
	if (place->asked & O_CREAT)
		read_field(place->mode, request, struct io_open, how.mode);
	place->classes = uring_open_classes(place->asked);
	uring_actor_of(&place->actor, request);
	if (result < 0) {
		uring_kept_report(request, EVENT_FILE_OPEN,
				  place->classes | 1ull << CLASS_OPEN_FAILED, result);
		return 0;
	}
	verified = !kept->queued || bpf_get_current_task_btf()->flags & PF_IO_WORKER;
	address = uring_file_opened(&place->actor, request, result);
	if (!open_file_read(&place->file, address)) {
		place->file.mode = 0;
		verified = false;
	}
	if (verified) {
		access_forget(place->actor.pid, address);
		place->classes = uring_open_classes(place->file.flags | (place->asked & O_CREAT));
		uring_forget(request);
		tell = EVENT_FILE_OPEN;
	} else {
		uring_kept_report(request, EVENT_FILE_OPEN, place->classes, result);
	}
	if (place->file.mode & FMODE_CREATED)
		tell |= (EVENT_FILE_CREATE | (verified ? 0 : TELL_UNVERIFIED)) << TELL_SECOND;
	return tell;
}

__noinline __u32 uring_name_done(__u64 request, __u32 operation, __s64 result)
{
	struct uring_place *place = uring_place_now();
	struct uring_head *kept;
	enum event_kind kind;

	/* A directory may have got another name: see file_change.bpf.c. */
	if (operation == URING_RENAMEAT && !result)
		filter_forget_paths();
	kept = uring_kept(request);
	if (!kept || !place)
		return 0;
	switch (operation) {
	case URING_RENAMEAT:
		kind = EVENT_FILE_RENAME;
		break;
	case URING_UNLINKAT:
		kind = EVENT_FILE_UNLINK;
		break;
	case URING_MKDIRAT:
		kind = EVENT_FILE_MKDIR;
		break;
	case URING_SYMLINKAT:
		kind = EVENT_FILE_SYMLINK;
		break;
	case URING_LINKAT:
		kind = EVENT_FILE_LINK;
		break;
	default:
		kind = EVENT_FILE_SETXATTR;
	}
	uring_actor_of(&place->actor, request);
	uring_kept_report(request, kind, KIND_CLASS(kind), result);
	return 0;
}

__noinline __u32 uring_attribute_done(__u64 request, __u32 operation, __s64 result, __u64 file)
{
	enum event_kind kind =
	    operation == URING_FSETXATTR ? EVENT_FILE_SETXATTR : EVENT_FILE_TRUNCATE;
	struct uring_place *place = uring_place_now();
	struct uring_attribute *attribute;
	__u64 address = file;
	__s32 mode = 0;

	if (!address)
		read_field(address, request, struct io_kiocb, file);
	if (operation == URING_FALLOCATE) {
		read_field(mode, request, struct io_sync, mode);
		if (!(mode & FALLOC_REMOVES))
			return 0;
	}
	if (!place || !open_file_read(&place->file, address))
		return 0;
	place->asked = place->bytes = 0;
	place->mode = mode;
	/* 6.9, b4bb1900c12e ("io_uring: add support for ftruncate"). */
	if (operation == URING_FTRUNCATE && bpf_core_type_exists(struct io_ftrunc))
		read_field(place->bytes, request, struct io_ftrunc, len);
	place->file.mode &= ~FMODE_CREATED;
	place->file.flags = 0;
	attribute = bpf_map_lookup_elem(&uring_attributes, &request);
	place->has_attribute = attribute != NULL;
	if (attribute) {
		place->attribute = *attribute;
		bpf_map_delete_elem(&uring_attributes, &request);
	}
	uring_actor_of(&place->actor, request);
	return kind | (file ? TELL_UNVERIFIED : 0);
}

static __always_inline bool uring_writes(__u32 operation)
{
	switch (operation) {
	case URING_WRITEV:
	case URING_WRITE_FIXED:
	case URING_WRITE:
	case URING_WRITEV_FIXED:
	case URING_SPLICE:
	case URING_SEND:
	case URING_SENDMSG:
	case URING_SEND_ZC:
	case URING_SENDMSG_ZC:
		return true;
	}
	return false;
}

static __always_inline void bytes_count(bool socket, bool write, __u64 bytes)
{
	struct io_totals *total = io_totals_now();

	if (!total)
		return;
	if (socket && write) {
		total->net_send_calls++;
		total->net_send_bytes += bytes;
	} else if (socket) {
		total->net_receive_calls++;
		total->net_receive_bytes += bytes;
	} else if (write) {
		total->file_write_calls++;
		total->file_write_bytes += bytes;
	} else {
		total->file_read_calls++;
		total->file_read_bytes += bytes;
	}
}

static __noinline bool uring_access_is_first(__u64 request, __u64 file, __u64 inode, __u32 sort)
{
	__u32 pid = 0;

	read_field(pid, uring_task_of(request), struct task_struct, tgid);
	return access_is_first(pid, file, inode, sort);
}

__noinline __u32 uring_access_done(__u64 request, __u32 operation, __s64 result, __u64 file)
{
	bool write = uring_writes(operation), asked = file;
	enum event_kind kind = write ? EVENT_FILE_WRITE : EVENT_FILE_READ;
	struct uring_place *place;
	__u64 inode = 0;
	umode_t type;

	if (result < 0)
		return 0;
	if (!file)
		read_field(file, request, struct io_kiocb, file);
	type = type_of(file, &inode);
	if (type == S_IFSOCK) {
		struct sock *sk = sock_of_file(file);

		if (!asked && result && sk && is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
			bytes_count(true, write, result);
		return 0;
	}
	if (type != S_IFREG)
		return 0;
	if (!asked)
		bytes_count(false, write, result);
	if (!uring_access_is_first(request, file, inode, write ? ACCESS_WRITE : ACCESS_READ))
		return 0;
	place = uring_place_now();
	if (!place || !open_file_read(&place->file, file)) {
		account_in_task(kind, OUTCOME_FILTERED);
		return 0;
	}
	uring_actor_of(&place->actor, request);
	place->file.mode &= ~FMODE_CREATED;
	place->asked = place->mode = 0;
	place->bytes = result;
	return kind | (asked ? TELL_UNVERIFIED : 0);
}

/*
 * io_splice (io_uring/splice.c): the file that is read from, by a descriptor that is
 * looked up anew; the request's own one is written to.
 */
__noinline __u64 uring_splice_from(__u64 request)
{
	struct uring_actor a;
	__u32 flags = 0;
	__s32 fd = -1;

	/* 5.19, a3e4bc23d547 ("io_uring: defer splice/tee file validity check until command issue"). */
	if (!bpf_core_field_exists(struct io_splice, splice_fd_in))
		return 0;
	read_field(fd, request, struct io_splice, splice_fd_in);
	read_field(flags, request, struct io_splice, flags);
	if (flags & SPLICE_F_FD_IN_FIXED)
		return uring_file_of_slot(request, fd);
	uring_actor_of(&a, request);
	return uring_file_of_fd(&a, fd);
}

/* As exit_unix (unix.bpf.c), of a socket that has a path; who connects waits for nothing of it. */
__noinline __u32 uring_unix_done(__u64 request, __s64 result)
{
	struct uring_place *place = uring_place_now();
	struct sock *sk;
	__u64 file = 0, peer = 0;

	if (result)
		return 0;
	read_field(file, request, struct io_kiocb, file);
	sk = sock_of_file(file);
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	/* vmlinux has no struct unix_sock where CONFIG_UNIX is a module, on any version. */
	if (!place || !bpf_core_field_exists(struct unix_sock, peer))
		return 0;
	place->asked = place->mode = place->bytes = 0;
	place->file.flags = place->file.mode = 0;
	place->file.inode = place->file.dentry = place->file.mnt = 0;
	read_field(peer, sk, struct unix_sock, peer);
	if (peer) {
		read_field(place->file.dentry, peer, struct unix_sock, path.dentry);
		read_field(place->file.mnt, peer, struct unix_sock, path.mnt);
	}
	if (!place->file.dentry)
		return 0;
	read_field(place->file.inode, place->file.dentry, struct dentry, d_inode);
	uring_actor_of(&place->actor, request);
	return EVENT_UNIX_CONNECT;
}
