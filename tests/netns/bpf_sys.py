# bpf_sys.py -- the few bpf(2) commands that tests use on the pins of a daemon, by hand.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Numbers and layouts are those of linux/bpf.h, which are ABI."""
import ctypes
import os
import platform
import struct

NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
MAP_CREATE, MAP_UPDATE, MAP_DELETE, PROG_LOAD, OBJ_PIN, OBJ_GET, TEST_RUN, INFO = 0, 2, 3, 5, 6, 7, 10, 15
SCHED_CLS = 3
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    """The result, or OSError. attributes: bytearray; the kernel may write to it."""
    attributes.extend(bytes(160 - len(attributes)))
    area = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    rc = libc.syscall(NR_BPF, command, area, len(attributes))
    if rc < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return rc


def at(buffer):
    """Its address, and the buffer, which must outlive the call."""
    area = ctypes.create_string_buffer(bytes(buffer), len(buffer))
    return ctypes.addressof(area), area


def pinned(path):
    address, keep = at(path.encode() + b"\0")
    fd = bpf(OBJ_GET, bytearray(struct.pack("=QII", address, 0, 0)))
    del keep
    return fd


def pin(fd, path):
    address, keep = at(path.encode() + b"\0")
    bpf(OBJ_PIN, bytearray(struct.pack("=QII", address, fd, 0)))
    del keep


def map_info(fd):
    """(type, size of a key, size of a value, entries, flags)"""
    address, area = at(bytes(80))
    bpf(INFO, bytearray(struct.pack("=IIQ", fd, 80, address)))
    kind, _, key, value, entries, flags = struct.unpack_from("=6I", area.raw)
    return kind, key, value, entries, flags


def map_create(kind, key, value, entries, flags):
    return bpf(MAP_CREATE, bytearray(struct.pack("=5I", kind, key, value, entries, flags)))


def update(fd, key, value):
    k, keep_k = at(key)
    v, keep_v = at(value)
    bpf(MAP_UPDATE, bytearray(struct.pack("=IIQQQ", fd, 0, k, v, 0)))
    del keep_k, keep_v


def delete(fd, key):
    k, keep = at(key)
    bpf(MAP_DELETE, bytearray(struct.pack("=IIQ", fd, 0, k)))
    del keep


def prog_load(kind, instructions):
    """instructions: (code, destination register, immediate) each."""
    code, keep_code = at(b"".join(struct.pack("=BBhi", c, r, 0, i) for c, r, i in instructions))
    licence, keep = at(b"GPL\0")
    fd = bpf(PROG_LOAD, bytearray(struct.pack("=IIQQ", kind, len(instructions), code, licence)))
    del keep_code, keep
    return fd


def xdp_run(fd, frame, meta, ifindex):
    """Runs an XDP program on a frame with so many bytes of metadata in front; returns its action."""
    data = bytes(meta) + frame
    context = struct.pack("=6I", meta, len(data), 0, ifindex, 0, 0)
    d, keep_d = at(data)
    c, keep_c = at(context)
    out, keep_out = at(bytes(len(data) + 64))
    attributes = bytearray(struct.pack("=IIIIQQIIIIQQ", fd, 0, len(data), len(data) + 64, d, out, 1, 0,
                                       len(context), 0, c, 0))
    bpf(TEST_RUN, attributes)
    del keep_d, keep_c, keep_out
    return struct.unpack_from("=I", attributes, 4)[0]
