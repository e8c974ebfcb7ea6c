/* SPDX-License-Identifier: Apache-2.0 */
/* Files by path and by descriptor. */
#include "provoke.h"

static int b_open_read(void)
{
	int fd = open("/etc/passwd", O_RDONLY);
	char c[16];
	TRY(fd);
	return read(fd, c, 16) == 16 ? 0 : -1;
}
static int b_open_missing(void)
{
	return open(at("none/at/all"), O_RDONLY) < 0 && errno == ENOENT ? 0 : -1;
}
static int b_open_create(void)
{
	int fd = open(at("created"), O_WRONLY | O_CREAT | O_EXCL, 0640);
	TRY(fd);
	return 0;
}
static int b_open_creat(void)
{
#ifdef SYS_creat
	return syscall(SYS_creat, at("creat"), 0600) < 0 ? -1 : 0;
#else
	return open(at("creat"), O_CREAT | O_WRONLY | O_TRUNC, 0600) < 0 ? -1 : 0;
#endif
}
static int b_openat2(void)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_NO_MAGICLINKS};
	TRY(syscall(SYS_openat2, AT_FDCWD, "/etc/group", &how, sizeof how));
	return 0;
}
static int b_open_handle(void)
{
	char room[sizeof(struct file_handle) + 128];
	struct file_handle *h = (void *)room;
	int mount, dir = open(D, O_RDONLY | O_DIRECTORY);
	close(file("handled", "x"));
	h->handle_bytes = 128;
	TRY(name_to_handle_at(AT_FDCWD, at("handled"), h, &mount, 0));
	TRY(open_by_handle_at(dir, h, O_RDONLY));
	return 0;
}
static int b_open_symlink(void)
{
	close(file("real", "x"));
	TRY(symlink("real", at("alias")));
	TRY(open(at("alias"), O_RDONLY));
	return 0;
}
static int b_open_relative(void)
{
	TRY(mkdir(at("rel"), 0755));
	TRY(chdir(at("rel")));
	TRY(open("./.././rel/../relfile", O_CREAT | O_RDWR, 0600));
	int dir = open("/etc", O_RDONLY | O_DIRECTORY);
	TRY(openat(dir, "../etc/./hosts", O_RDONLY));
	return 0;
}
static int b_open_tmpfile(void)
{
	int fd = open(D, O_TMPFILE | O_RDWR, 0600);
	TRY(fd);
	return 0;
}
static int deep(int levels, int width)
{
	char name[256];
	memset(name, 'd', sizeof name);
	name[width] = 0;
	char top[32];
	snprintf(top, sizeof top, "deep%d", levels);
	TRY(mkdir(at(top), 0755));
	TRY(chdir(at(top)));
	for (int i = 0; i < levels; i++) {
		if (mkdir(name, 0755))
			FAIL("mkdir at %d", i);
		TRY(chdir(name));
	}
	TRY(open("at_the_end", O_CREAT | O_RDWR, 0600));
	return 0;
}
static int b_path_long(void)
{
	return deep(60, 60);
}
static int b_path_longer(void)
{
	return deep(100, 100);
}
static int b_path_deeper(void)
{
	return deep(150, 8);
}
static int b_name_255(void)
{
	char n[256];
	memset(n, 'n', 255);
	n[255] = 0;
	TRY(open(at(n), O_CREAT | O_RDWR, 0600));
	return 0;
}
static int b_read_write(void)
{
	int fd = file("rw", 0);
	char c[32];
	struct iovec v = {c, 4};
	TRY(fd);
	TRY(write(fd, "12345678", 8));
	TRY(pwrite(fd, "x", 1, 20));
	TRY(writev(fd, &v, 1));
	close(fd);
	fd = open(at("rw"), O_RDONLY);
	TRY(read(fd, c, 4));
	TRY(pread(fd, c, 4, 0));
	TRY(readv(fd, &v, 1));
	TRY(preadv2(fd, &v, 1, 0, 0));
	return 0;
}
static int b_sendfile(void)
{
	int a = open("/etc/passwd", O_RDONLY), b = file("sent", 0);
	TRY(sendfile(b, a, 0, 100));
	return 0;
}
static int b_copy_range(void)
{
	int a = file("cr_from", "0123456789"), b = file("cr_to", 0);
	lseek(a, 0, SEEK_SET);
	TRY(copy_file_range(a, 0, b, 0, 10, 0));
	return 0;
}
static int b_splice(void)
{
	int p[2], a = open("/etc/passwd", O_RDONLY), b = file("spliced", 0);
	TRY(pipe(p));
	TRY(splice(a, 0, p[1], 0, 64, 0));
	TRY(splice(p[0], 0, b, 0, 64, 0));
	return 0;
}
static int b_unlink(void)
{
	close(file("u1", 0));
	close(file("u2", 0));
	TRY(unlink(at("u1")));
	TRY(unlinkat(AT_FDCWD, at("u2"), 0));
	TRY(mkdir(at("u3"), 0755));
	TRY(rmdir(at("u3")));
	return 0;
}
static int b_unlink_missing(void)
{
	return unlink(at("never")) < 0 ? 0 : -1;
}
static int b_rename(void)
{
	close(file("r1", "x"));
	TRY(rename(at("r1"), at("r2")));
	TRY(syscall(SYS_renameat2, AT_FDCWD, at("r2"), AT_FDCWD, at("r3"),
		    1 /* RENAME_NOREPLACE */));
	int dir = open(D, O_RDONLY | O_DIRECTORY);
	TRY(renameat(dir, "r3", dir, "r4"));
	return 0;
}
static int b_link(void)
{
	close(file("l1", "x"));
	TRY(link(at("l1"), at("l2")));
	TRY(linkat(AT_FDCWD, at("l1"), AT_FDCWD, at("l3"), 0));
	return 0;
}
static int b_symlink(void)
{
	TRY(symlink("/etc/shadow", at("s1")));
	TRY(symlinkat("../x", AT_FDCWD, at("s2")));
	return 0;
}
static int b_mkdir(void)
{
	TRY(mkdir(at("m1"), 0750));
	TRY(mkdirat(AT_FDCWD, at("m2"), 0700));
	return 0;
}
static int b_mknod(void)
{
	TRY(mknod(at("fifo"), S_IFIFO | 0600, 0));
	TRY(mknod(at("null"), S_IFCHR | 0600, 0x103));
	return 0;
}
static int b_chmod(void)
{
	int fd = file("c1", 0);
	TRY(fchmod(fd, 0600));
	TRY(chmod(at("c1"), 04755));
	TRY(fchmodat(AT_FDCWD, at("c1"), 0700, 0));
	return 0;
}
static int b_fchmodat2(void)
{
	close(file("c2", 0));
	TRY(syscall(SYS_fchmodat2, AT_FDCWD, at("c2"), 0711, 0));
	return 0;
}
static int b_chown(void)
{
	int fd = file("o1", 0);
	TRY(fchown(fd, 1, 2));
	TRY(chown(at("o1"), 3, 4));
	TRY(lchown(at("o1"), 5, 6));
	TRY(fchownat(AT_FDCWD, at("o1"), 7, 8, 0));
	return 0;
}
static int b_truncate(void)
{
	int fd = file("t1", "0123456789");
	TRY(ftruncate(fd, 5));
	TRY(truncate(at("t1"), 2));
	return 0;
}
static int b_xattr(void)
{
	int fd = file("x1", 0);
	TRY(setxattr(at("x1"), "user.one", "1", 1, 0));
	TRY(fsetxattr(fd, "user.two", "2", 1, 0));
	TRY(lsetxattr(at("x1"), "user.three", "3", 1, 0));
	TRY(removexattr(at("x1"), "user.one"));
	return 0;
}
/* struct posix_acl_xattr_header and entries: u::rw-, u:1:r--, g::r--, m::r--, o::r--. */
static int b_acl(void)
{
	static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0,
					    4, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
					    16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255,
					    255, 255, 255};
	close(file("acl1", 0));
	TRY(setxattr(at("acl1"), "system.posix_acl_access", acl, sizeof acl, 0));
	TRY(removexattr(at("acl1"), "system.posix_acl_access"));
	return 0;
}
static int b_chattr(void)
{
	int fd = file("ca1", 0), flags = 0x40 /* FS_NODUMP_FL */;
	TRY(ioctl(fd, 0x40086602 /* FS_IOC_SETFLAGS */, &flags));
	return 0;
}
static int b_utimes(void)
{
	struct timespec t[2] = {{1000000000, 0}, {1000000000, 0}};
	int fd = file("y1", 0);
	TRY(futimens(fd, t));
	TRY(utimensat(AT_FDCWD, at("y1"), t, 0));
	return 0;
}

const struct behaviour file_behaviours[] = {
    B(open_read),   B(open_missing), B(open_create),   B(open_creat),     B(openat2),
    B(open_handle), B(open_symlink), B(open_relative), B(open_tmpfile),   B(path_long),
    B(path_longer), B(path_deeper),  B(name_255),      B(read_write),     B(sendfile),
    B(copy_range),  B(splice),       B(unlink),        B(unlink_missing), B(rename),
    B(link),        B(symlink),      B(mkdir),         B(mknod),          B(chmod),
    B(fchmodat2),   B(chown),        B(truncate),      B(xattr),          B(acl),
    B(chattr),      B(utimes),
    {0, 0},
};
