#!/usr/bin/env python3
"""One privileged behaviour: privilege.py NAME [ARGUMENT...]. Makes the raw call; prints its results."""
import ctypes
import mmap
import os
import platform
import signal
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
COLUMN = 0 if platform.machine() == "x86_64" else 1
NUMBERS = {
    "setuid": (105, 146), "setreuid": (113, 145), "setresuid": (117, 147), "setfsuid": (122, 151),
    "setgid": (106, 144), "setresgid": (119, 149), "setgroups": (116, 159), "capset": (126, 91),
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "move_mount": (429, 429), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "memfd_create": (319, 279), "mprotect": (10, 226),
    "io_uring_setup": (425, 425), "ioperm": (173, -1), "iopl": (172, -1), "reboot": (169, 142),
    "swapon": (167, 224), "settimeofday": (164, 170), "adjtimex": (159, 171), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kill": (62, 129), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
}


def call(name, *arguments):
    """The raw system call; -errno when it fails."""
    given = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *given)
    return result if result >= 0 else -ctypes.get_errno()


def show(name, *arguments):
    print(name, call(name, *arguments), flush=True)


def child(run=lambda: time.sleep(30)):
    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(0)
    return pid


def users():
    show("setresgid", 5, 6, 7)
    show("setreuid", 1000, 1001)
    show("setuid", 0)


def groups():
    show("setgroups", 0, 0)
    show("setgid", 33)


def thread_user():
    """A thread, not the leader, becomes another user; the leader stays."""
    import threading

    thread = threading.Thread(target=lambda: print(threading.get_native_id(), call("setuid", 1234)))
    thread.start()
    thread.join()


def capabilities():
    header = (ctypes.c_uint * 2)(0x20080522, 0)
    chown_only = (ctypes.c_uint * 6)(1, 1, 0, 0, 0, 0)
    show("capset", ctypes.byref(header), chown_only)


def namespaces():
    show("unshare", 0x04020000)
    fd = os.open("/proc/self/ns/uts", os.O_RDONLY)
    show("setns", fd, 0x04000000)


def roots(directory):
    """chroot through a symbolic link, and one that fails."""
    os.symlink(directory, directory + "/link")
    os.chdir("/usr")
    show("chroot", b"no/such")
    show("chroot", (directory + "/link").encode())


def mounts(directory):
    show("unshare", 0x20000)
    show("mount", b"none", b"/", 0, 0x44000, 0)
    os.chdir(directory)
    os.mkdir("m")
    show("mount", b"source", b"m", b"tmpfs", 6, b"size=1m")
    show("umount2", b"m", 2)
    show("pivot_root", b"/no/new", b"/no/old")
    show("move_mount", -100, b"from", -100, b"to", 0)


def modules():
    fd = os.open("/bin/true", os.O_RDONLY)
    show("finit_module", fd, b"option=1", 0)
    show("init_module", 0, 0, b"other=2")
    show("delete_module", b"absent", 0)


def program():
    """A BPF program that returns 0, loaded under the name that the kernel keeps."""
    code = ctypes.create_string_buffer(b"\xb7\0\0\0\0\0\0\0\x95\0\0\0\0\0\0\0", 16)
    license_text = ctypes.create_string_buffer(b"GPL")
    attributes = bytearray(128)
    attributes[0:4] = (1).to_bytes(4, "little")
    attributes[4:8] = (2).to_bytes(4, "little")
    attributes[8:16] = ctypes.addressof(code).to_bytes(8, "little")
    attributes[16:24] = ctypes.addressof(license_text).to_bytes(8, "little")
    attributes[48:57] = b"innocuous"
    show("bpf", 5, (ctypes.c_char * 128).from_buffer(attributes), 128)
    attributes[0:4] = (999).to_bytes(4, "little")
    show("bpf", 5, (ctypes.c_char * 128).from_buffer(attributes), 128)


def kernel():
    show("perf_event_open", 0, os.getpid(), 0, -1, 0)
    show("userfaultfd", 1)
    show("keyctl", 0, -3, 0)
    show("add_key", b"user", b"described", b"secret", 6, -3)
    show("reboot", 1, 2, 3, 0)
    show("swapon", b"/no/swap", 0)
    show("settimeofday", 0, 0)
    show("adjtimex", ctypes.create_string_buffer(208))
    show("io_uring_setup", 4, ctypes.create_string_buffer(120))
    if NUMBERS["ioperm"][COLUMN] >= 0:
        show("ioperm", 0x378, 1, 1)
        show("iopl", 3)


def memory(directory):
    area = mmap.mmap(-1, 8192)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    show("mprotect", address, 4096, 1)
    show("mprotect", address, 4096, 5)
    mmap.mmap(-1, 4096, prot=7)
    with open(directory + "/code", "w+b") as file:
        file.write(b"\xc3" * 4096)
        file.flush()
        mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_EXEC)
    with open("/bin/true", "rb") as file:
        mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
    show("memfd_create", b"scratch", 0)


def traces():
    pid = child()
    time.sleep(0.05)
    print("child", pid, flush=True)
    show("process_vm_readv", pid, 0, 0, 0, 0, 0)
    show("process_vm_writev", pid, 0, 0, 0, 0, 0)
    show("ptrace", 16, pid, 0, 0)
    os.waitpid(pid, 0)
    show("ptrace", 1, pid, 0, 0)
    show("ptrace", 5, pid, 0, 0)
    show("ptrace", 17, pid, 0, 0)
    pidfd = call("pidfd_open", pid, 0)
    show("pidfd_getfd", pidfd, 0, 0)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.waitpid(child(lambda: show("ptrace", 0, 0, 0, 0)), 0)


def signals():
    pid = child()
    time.sleep(0.05)
    print("child", pid, flush=True)
    show("kill", pid, 0)
    show("kill", pid, signal.SIGCONT)
    pidfd = call("pidfd_open", pid, 0)
    show("pidfd_send_signal", pidfd, signal.SIGCONT, 0, 0)
    # A code that the kernel uses for timers: a disguise.
    information = ctypes.create_string_buffer(128)
    ctypes.memmove(ctypes.byref(information, 8), (-2 & 0xFFFFFFFF).to_bytes(4, "little"), 4)
    show("rt_sigqueueinfo", pid, signal.SIGCONT, information)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    show("kill", os.getpid(), signal.SIGUSR1)
    show("tgkill", pid, pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.setuid(1000)
    show("kill", 1, signal.SIGTERM)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
