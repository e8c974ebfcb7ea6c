/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Prevention: calls that a rule prohibits answer EPERM and do nothing. The programs
 * end the functions in which the kernel asks its security modules (fmod_ret), with
 * the objects that it has found. User space loads them only when enforcement is
 * switched on, and writes here only rules that are decided by what is known here:
 * path, program, user, address and port.
 */
#include "prohibition.bpf.h"

enum { FMODE_EXEC = 0x20 }; /* in f_flags: opened to be executed, which is no file_open */
enum { MSG_FASTOPEN = 0x20000000 };

/* ---- files -------------------------------------------------------------------------- */
static __always_inline int path_verdict(__u32 operation, __u64 path)
{
	return file_verdict(operation, dentry_of(path), mount_of(path));
}

static __always_inline int directory_verdict(__u32 operation, unsigned long long *ctx)
{
	return file_verdict(operation, argument(ctx, 1), mount_of(argument(ctx, 0)));
}

PROGRAM_PREVENTS(prevent_open, file_open, "open");
SEC("fmod_ret/security_file_open")
int prevent_open(unsigned long long *ctx)
{
	__u64 file = argument(ctx, 0);
	__u32 flags = 0;

	read_field(flags, file, struct file, f_flags);
	if (flags & FMODE_EXEC)
		return 0;
	return path_verdict(EVENT_FILE_OPEN, file + bpf_core_field_offset(struct file, f_path));
}

/* Of a script first itself, then its interpreter. */
PROGRAM_PREVENTS(prevent_exec, process_exec, "exec");
SEC("fmod_ret/security_bprm_check")
int prevent_exec(unsigned long long *ctx)
{
	__u64 bprm = argument(ctx, 0), file = 0;

	read_field(file, bprm, struct linux_binprm, file);
	return path_verdict(EVENT_PROCESS_EXEC, file + bpf_core_field_offset(struct file, f_path));
}

PROGRAM_PREVENTS(prevent_unlink, file_unlink, "unlink");
SEC("fmod_ret/security_path_unlink")
int prevent_unlink(unsigned long long *ctx)
{
	return directory_verdict(EVENT_FILE_UNLINK, ctx);
}

PROGRAM_PREVENTS(prevent_rmdir, file_unlink, "rmdir");
SEC("fmod_ret/security_path_rmdir")
int prevent_rmdir(unsigned long long *ctx)
{
	return directory_verdict(EVENT_FILE_UNLINK, ctx);
}

/* (old_dir, old_dentry, new_dir, new_dentry, flags) */
PROGRAM_PREVENTS(prevent_rename, file_rename, "rename");
SEC("fmod_ret/security_path_rename")
int prevent_rename(unsigned long long *ctx)
{
	int verdict = directory_verdict(EVENT_FILE_RENAME, ctx);

	return verdict ? verdict
		       : name_verdict(EVENT_FILE_RENAME, argument(ctx, 3),
				      mount_of(argument(ctx, 2)), true);
}

/* (old_dentry, new_dir, new_dentry) */
PROGRAM_PREVENTS(prevent_link, file_link, "link");
SEC("fmod_ret/security_path_link")
int prevent_link(unsigned long long *ctx)
{
	__u64 mnt = mount_of(argument(ctx, 1));
	int verdict = file_verdict(EVENT_FILE_LINK, argument(ctx, 0), mnt);

	return verdict ? verdict : name_verdict(EVENT_FILE_LINK, argument(ctx, 2), mnt, true);
}

PROGRAM_PREVENTS(prevent_symlink, file_symlink, "symlink");
SEC("fmod_ret/security_path_symlink")
int prevent_symlink(unsigned long long *ctx)
{
	return directory_verdict(EVENT_FILE_SYMLINK, ctx);
}

PROGRAM_PREVENTS(prevent_mkdir, file_mkdir, "mkdir");
SEC("fmod_ret/security_path_mkdir")
int prevent_mkdir(unsigned long long *ctx)
{
	return directory_verdict(EVENT_FILE_MKDIR, ctx);
}

/* Also an open that would create the file. */
PROGRAM_PREVENTS(prevent_create, file_create file_open, "mknod, and opens that create");
SEC("fmod_ret/security_path_mknod")
int prevent_create(unsigned long long *ctx)
{
	int verdict = directory_verdict(EVENT_FILE_CREATE, ctx);

	return verdict ? verdict : directory_verdict(EVENT_FILE_OPEN, ctx);
}

PROGRAM_PREVENTS(prevent_chmod, file_chmod, "chmod");
SEC("fmod_ret/security_path_chmod")
int prevent_chmod(unsigned long long *ctx)
{
	return path_verdict(EVENT_FILE_CHMOD, argument(ctx, 0));
}

PROGRAM_PREVENTS(prevent_chown, file_chown, "chown");
SEC("fmod_ret/security_path_chown")
int prevent_chown(unsigned long long *ctx)
{
	return path_verdict(EVENT_FILE_CHOWN, argument(ctx, 0));
}

PROGRAM_PREVENTS(prevent_truncate, file_truncate, "truncate");
SEC("fmod_ret/security_path_truncate")
int prevent_truncate(unsigned long long *ctx)
{
	return path_verdict(EVENT_FILE_TRUNCATE, argument(ctx, 0));
}

/* ---- connections ---------------------------------------------------------------------- */
static __noinline __u32 rule_for_endpoint(struct actor *a, struct endpoint *end)
{
	struct endpoint part = {};
	__u32 rule = 0;

	if (!a || !end)
		return 0;
	if (has_object(a, OBJECT_ANY))
		rule = rule_for(a, OBJECT_ANY, 0);
	if (!rule && has_object(a, OBJECT_PATH))
		rule = rule_for(a, OBJECT_PATH, endpoint_object(end));
	if (!rule && has_object(a, OBJECT_PORT)) {
		part.port = end->port;
		rule = rule_for(a, OBJECT_PORT, endpoint_object(&part));
	}
	if (!rule && has_object(a, OBJECT_ADDRESS)) {
		__builtin_memcpy(part.ip, end->ip, sizeof(part.ip));
		part.port = 0;
		rule = rule_for(a, OBJECT_ADDRESS, endpoint_object(&part));
	}
	return rule;
}

/* From the kernel's copy of a socket address; false when it is of another family. */
static __always_inline bool endpoint_of_copy(struct endpoint *to, __u64 address)
{
	struct user_address copy = {};
	__be32 v4;

	/* It lies in a struct sockaddr_storage. */
	if (bpf_probe_read_kernel(&copy, sizeof(copy), (void *)address))
		return false;
	if (copy.family == AF_INET) {
		__builtin_memcpy(&v4, copy.v4, 4);
		ip_from_v4(to->ip, v4);
	} else if (copy.family == AF_INET6) {
		__builtin_memcpy(to->ip, copy.v6, 16);
	} else {
		return false;
	}
	to->port = bpf_ntohs(copy.port);
	return true;
}

static __always_inline int connection_verdict(__u64 address)
{
	struct endpoint end = {};
	struct actor a = {};
	__u32 level, rule;
	__u64 program;

	if (!actor_begin(&a, EVENT_NET_CONN) || !endpoint_of_copy(&end, address))
		return 0;
	level = hook_enter();
	if (level >= PATH_LEVELS) {
		failure_count(FAILURE_RESOLVED_FULL);
		return 0;
	}
	if (a.shapes & WITH_PROGRAM)
		a.program = program_hash(level);
	rule = rule_for_endpoint(&a, &end);
	if (rule) {
		program = a.shapes & WITH_PROGRAM ? a.program : program_hash(level);
		if (is_exempt(program))
			rule = 0;
	}
	hook_leave(level);
	return rule ? refuse(&a, rule) : 0;
}

/* (struct socket *sock, struct sockaddr *address, int addrlen): the kernel's copy. */
PROGRAM_PREVENTS(prevent_connect, net_conn, "connect");
SEC("fmod_ret/security_socket_connect")
int prevent_connect(unsigned long long *ctx)
{
	return connection_verdict(argument(ctx, 1));
}

/*
 * (struct socket *sock, struct msghdr *message, int size): a send that connects, of which the
 * function above hears nothing (tcp_sendmsg_fastopen, net/ipv4/tcp.c).
 */
PROGRAM_PREVENTS(prevent_fast_open, net_conn, "sends that connect (TCP Fast Open)");
SEC("fmod_ret/security_socket_sendmsg")
int prevent_fast_open(unsigned long long *ctx)
{
	__u64 message = argument(ctx, 1), address = 0;
	__u32 flags = 0;
	__s16 type = 0;

	read_field(flags, message, struct msghdr, msg_flags);
	if (!(flags & MSG_FASTOPEN))
		return 0;
	/* Of datagrams the flag means nothing. */
	read_field(type, argument(ctx, 0), struct socket, type);
	if (type != SOCK_STREAM)
		return 0;
	read_field(address, message, struct msghdr, msg_name);
	return address ? connection_verdict(address) : 0;
}
