#!/usr/bin/env python3
"""Makes one raw behaviour that a shell cannot: call.py NAME [ARGUMENT...]"""
import ctypes
import os
import platform
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
NUMBERS = {"userfaultfd": 323 if X86 else 282, "setuid": 105 if X86 else 146, "chmod": 90 if X86 else None, "fchmodat": 268 if X86 else 53}


def exec_as(uid, program, *arguments):
    os.setgid(int(uid))
    os.setuid(int(uid))
    os.execv(program, [program, *arguments])


def memfd_exec(program):
    fd = os.memfd_create("innocent", os.MFD_CLOEXEC)
    with open(program, "rb") as source:
        os.write(fd, source.read())
    os.execve(fd, ["innocent"], {})


def setuid_back():
    libc.syscall(NUMBERS["setuid"], 1)
    libc.syscall(NUMBERS["setuid"], 0)


def userfaultfd_as(uid):
    os.setuid(int(uid))
    libc.syscall(NUMBERS["userfaultfd"], 0)


def chmods(path):
    with open(path, "rb") as file:
        os.fchmod(file.fileno(), 0o640)
    if NUMBERS["chmod"] is not None:
        libc.syscall(NUMBERS["chmod"], path.encode(), 0o644)
    libc.syscall(NUMBERS["fchmodat"], -100, path.encode(), 0o700)


ACTIONS = {
    "setns": lambda fd, kind: libc.setns(int(fd), int(kind)),
    "memfd-exec": memfd_exec,
    "setuid-back": setuid_back,
    "exec-as": exec_as,
    "userfaultfd-as": userfaultfd_as,
    "prctl-name": lambda name: libc.prctl(15, name.encode(), 0, 0, 0),
    "packet-socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close(),
    "open-rdwr": lambda path: os.close(os.open(path, os.O_RDWR)),
    "chmods": chmods,
}

ACTIONS[sys.argv[1]](*sys.argv[2:])
