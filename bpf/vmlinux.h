/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * The kernel types that the programs use, and of each only the fields that
 * they read. Written by hand, checked in: a build needs no kernel BTF. Offsets
 * here mean nothing; preserve_access_index makes libbpf relocate every access
 * against the running kernel (CO-RE), on x86_64 and arm64 alike.
 *
 * A struct with `___name` is the shape of other kernel versions; the comment
 * says which commit changed it. libbpf ignores the suffix.
 */
#ifndef BPFWARDEN_VMLINUX_H
#define BPFWARDEN_VMLINUX_H

typedef unsigned char __u8;
typedef short int __s16;
typedef short unsigned int __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long int __s64;
typedef long long unsigned int __u64;
typedef __u8 u8;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;
typedef __s64 loff_t;
typedef __s64 time64_t;
typedef int pid_t;
typedef u32 dev_t;
typedef unsigned short umode_t;
typedef unsigned int fmode_t;
typedef unsigned long size_t;

enum { false = 0, true = 1 };

#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};

enum {
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_F_MMAPABLE = 1 << 10,
	BPF_RB_NO_WAKEUP = 1 << 0,
	BPF_RB_FORCE_WAKEUP = 1 << 1,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1 << 0,
	BPF_SK_STORAGE_GET_F_CREATE = 1 << 0,
};

/* Contexts of cgroup programs: the verifier rewrites these offsets, CO-RE must not. */
struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 mark;
	__u32 priority;
	__u32 src_ip4;
	__u32 src_ip6[4];
	__u32 src_port; /* host order */
};

struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port; /* network order */
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 msg_src_ip4;
	__u32 msg_src_ip6[4];
	struct bpf_sock *sk __attribute__((aligned(8)));
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* ---- system call entry --------------------------------------------------- */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};

struct thread_info {
	unsigned long flags;
	u32 status; /* TS_COMPAT: this system call came by the 32-bit entry */
};
#elif defined(__TARGET_ARCH_arm64)
/* What user space may see of a task's registers (libbpf's PT_REGS macros cast to it). */
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};

struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			u64 regs[31];
			u64 sp;
			u64 pc;
			u64 pstate;
		};
	};
	u64 orig_x0;
	s32 syscallno;
};

struct thread_info {
	unsigned long flags; /* TIF_32BIT */
};
#else
#error "x86_64 or arm64: define __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif

/* ---- small things ---------------------------------------------------------- */
typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

/* u32 cap[2] before f122a08b197d, 6.3: the same 8 bytes on a little-endian machine. */
typedef struct {
	u64 val;
} kernel_cap_t;

struct timespec64 {
	time64_t tv_sec;
	long tv_nsec;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct hlist_bl_node {
	struct hlist_bl_node *next, **pprev;
};

struct ns_common {
	unsigned int inum;
};
#include "vmlinux_file.h"

/* ---- processes --------------------------------------------------------------- */
struct user_namespace {
	struct ns_common ns;
	struct user_namespace *parent;
	int level;
	kuid_t owner;
};

struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct idr {
	struct xarray idr_rt;
	unsigned int idr_base;
};

struct pid_namespace {
	struct idr idr;
	struct task_struct *child_reaper;
	unsigned int level;
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
};

struct uts_namespace {
	struct ns_common ns;
};

struct ipc_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct tty_struct {
	char name[64];
};

enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
	PIDTYPE_PGID,
	PIDTYPE_SID,
	PIDTYPE_MAX,
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags; /* SIGNAL_GROUP_EXIT */
	struct pid *pids[PIDTYPE_MAX];
	struct tty_struct *tty;
};

struct kernfs_node {
	const char *name;
	struct kernfs_node *__parent;
	u64 id;
};

/* Before 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent."), 6.15. */
struct kernfs_node___old {
	struct kernfs_node *parent;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

enum cgroup_subsys_id {
	cpuset_cgrp_id = 0,
	memory_cgrp_id = 4,
	pids_cgrp_id = 11,
	CGROUP_SUBSYS_COUNT = 16,
};

struct css_set {
	struct cgroup_subsys_state *subsys[CGROUP_SUBSYS_COUNT];
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	struct mm_struct *mm;
	int exit_code;
	unsigned int in_execve : 1;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	struct completion *vfork_done;
	u64 start_boottime;
	const struct cred *real_cred;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	void *worker_private; /* 5.17: struct io_worker of a ring's worker */
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid; /* CONFIG_AUDIT */
	struct css_set *cgroups;
};

struct linux_binprm {
	struct mm_struct *mm;
	struct file *file;
	struct cred *cred;
	int argc, envc;
	const char *filename;
	const char *interp;
};

struct kernel_siginfo {
	struct {
		int si_signo;
		int si_errno;
		int si_code;
	};
};

struct bpf_prog_aux {
	u32 id;
	char name[16];
};

struct bpf_map {
	u32 id;
};

struct bpf_link {
	u32 id;
};

enum bpf_prog_type { BPF_PROG_TYPE_UNSPEC = 0 };

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
};
#include "vmlinux_io.h"

#pragma clang attribute pop

#endif /* BPFWARDEN_VMLINUX_H */
