/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Absolute paths from the kernel's own objects, as d_path (fs/d_path.c,
 * prepend_path) makes them; bpf_d_path is not allowed in tracepoint programs.
 * The walk takes no lock: a rename during it can give a path that was never
 * there as a whole. The inode beside it in the record is always the right one.
 */
#include "sensor.bpf.h"

#define READ(to, base, type, field)                                                                  \
	bpf_probe_read_kernel(&(to), sizeof(to),                                                     \
			      (void *)((base) + bpf_core_field_offset(type, field)))

__noinline __u64 path_build(__u32 level, __u64 dentry, __u64 mnt)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 mount = mnt - bpf_core_field_offset(struct mount, mnt);
	__u64 root = 0, parent = 0, result = 0;
	__u64 at = PATH_MAX_BYTES; /* the text so far is path[at ..] */
	struct qstr name = {};
	__u64 length, up;
	bool done = false;

	if (!p || !dentry || !mnt)
		return PATH_UNREADABLE;
	if (READ(root, mnt, struct vfsmount, mnt_root))
		return PATH_UNREADABLE;
	for (int i = 0; i < PATH_MAX_COMPONENTS + 16; i++) {
		if (READ(parent, dentry, struct dentry, d_parent)) {
			result |= PATH_UNREADABLE;
			done = true;
			break;
		}
		if (dentry == root) {
			if (READ(up, mount, struct mount, mnt_parent)) {
				result |= PATH_UNREADABLE;
				done = true;
				break;
			}
			if (up == mount) { /* root of the mount namespace, or a detached mount */
				done = true;
				break;
			}
			READ(dentry, mount, struct mount, mnt_mountpoint);
			mount = up;
			READ(root, mount, struct mount, mnt.mnt_root);
			continue;
		}
		READ(name, dentry, struct dentry, d_name);
		length = name.len & (NAME_BYTES - 1);
		/*
		 * A dentry that is its own parent but no mount's root has a name
		 * only: memfd:x, anon_inode:[eventpoll], or a disconnected NFS file.
		 */
		if (at < length + 1) {
			result |= PATH_CUT;
			done = true;
			break;
		}
		at -= length + 1;
		keep(at);
		if (at >= PATH_MAX_BYTES) {
			result |= PATH_UNREADABLE;
			done = true;
			break;
		}
		p->path[at] = '/';
		bpf_probe_read_kernel(p->path + at + 1, length, name.name);
		if (parent == dentry) {
			done = true;
			break;
		}
		dentry = parent;
	}
	if (!done)
		result |= PATH_CUT;
	if (at == PATH_MAX_BYTES && !(result & (PATH_CUT | PATH_UNREADABLE))) {
		at--;
		p->path[at] = '/';
	}
	return result | (at & PATH_START);
}
