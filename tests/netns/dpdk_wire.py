# dpdk_wire.py -- the socket of dbx-egress-dpdk by hand (include/dbx/wire_dpdk.h), either side of it.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: dpdk_wire.py state SOCKET            prints what the process has in force, as NAME=VALUE
       dpdk_wire.py hello SOCKET ABI        prints what a daemon of that ABI is told
       dpdk_wire.py pretend SOCKET ABI      is a process of that ABI, until it is killed
"""
import os
import socket
import struct
import sys

MAGIC, VERSION, HELLO, ANSWER, CONTROL = 0x57584244, 1, 1, 0x8000, 1
HEAD = struct.Struct("=IHHIIiI")  # magic, version, type, n_bytes, seq, rc, zero
STATE = struct.Struct("=IIQQQIIQQII32s")
FIELDS = ("abi", "pid", "counters_id", "generation", "content_hash", "checksum", "has_image",
          "build", "tsc_hz", "n_lcores", "has_secret", "version")


def message(kind, seq, rc, body):
    return HEAD.pack(MAGIC, VERSION, kind, HEAD.size + len(body), seq, rc, 0) + body


def hello(path, abi):
    """rc and body of the answer, or None: the connection ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(10)
        s.connect(path)
        try:
            s.send(message(HELLO, 1, 0, struct.pack("=II", abi, CONTROL)))
            answer = s.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            return None
    if not answer:
        return None
    _, _, kind, _, seq, rc, _ = HEAD.unpack_from(answer)
    assert (kind, seq) == (HELLO | ANSWER, 1), answer
    return rc, answer[HEAD.size:]


def our_abi():
    with open("include/dbx/abi.h", encoding="ascii") as f:
        return next(int(line.split()[2]) for line in f if line.startswith("#define DBX_ABI_VERSION"))


def state(path):
    rc, body = hello(path, our_abi())
    assert rc == 0, body
    for name, value in zip(FIELDS, STATE.unpack(body)):
        if name in ("counters_id", "content_hash", "build"):
            value = f"{value:016x}"
        elif name == "version":
            value = value.split(bytes(1))[0].decode()
        print(f"{name}={value}")


def say_hello(path, abi):
    got = hello(path, abi)
    print("the connection ended" if got is None else f"{got[0]} {got[1].split(bytes(1))[0].decode()}")


def pretend(path, abi):
    """Whatever is asked, HELLO is answered."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(path)
    s.listen(8)
    body = STATE.pack(abi, os.getpid(), 1, 0, 0, 0, 0, 1, 1, 1, 0, b"pretended")
    while True:
        c = s.accept()[0]
        request = c.recv(65536)
        if request:
            c.send(message(HELLO | ANSWER, HEAD.unpack_from(request)[4], 0, body))
        c.close()


if sys.argv[1] == "state":
    state(sys.argv[2])
elif sys.argv[1] == "hello":
    say_hello(sys.argv[2], int(sys.argv[3]))
else:
    pretend(sys.argv[2], int(sys.argv[3]))
