#!/usr/bin/env python3
# make_replay_pcap.py -- a capture of one workload: names asked for, answered, spoken and forged.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: make_replay_pcap.py FILE [web|gz|ng|raw|cut|torn|usb|swapped|nano|many=N|streams=N|flows=N|bad:WHAT]
import base64
import gzip
import struct
import sys

WORKLOAD, RESOLVER = "10.200.0.5", "192.0.2.1"

# QUIC v1 Initials with the keys of RFC 9001 appendix A: whole hellos of two names, and one in two parts.
QUIC = {
    "shop": (
        "yAAAAAEIg5TI8D5RVwgAAECgwioM6NHxiTyeaZ9VqxE6ukt1LbLhA+F8jOvVwvFns8iyJn8FIzN+2JNaK/C71Rwm"
        "CtXUHxSyH53pFXumSgGMplPQ3zE97nJECO6r5D9d7Ng/nsTekFftHe4CyL37uXxlDit6ywWHbC/u/LLfZxMwyDcR"
        "s6BD3AKo6mJ/lWz5WAv6JjYamKZAwc79wwC5tL8LJvDatCmhrQHGk1RsmKBNug=="),
    "evil": (
        "yAAAAAEIg5TI8D5RVwgAAECgwioM6NHxiTyeaZ9VqxE6ukt1LbLhA+F8jOvVwvFns8iyJn8FIzN+2JNaK/C71Rwm"
        "CtXUHxSyH53pFXumSgGMplPGwTch7nJECO6r5D9d4dImnsTekFftHe4CyL37uXxlDit6ywWHbC/u/LLfZxMwyDcR"
        "s6BD3AKo6mJ/lWz5WAv6JjYamKZAwc79wwC5tL8L63Z0L7tB5M6r1BNLcA4QpQ=="),
    "part_1": (
        "wwAAAAEIg5TI8D5RVwgAAECgbtEEtNHxiTz+aZ9VqxE6ukt1LbLhA+F8jOvVwvFns8iyJn8FIzN+2JNaK/C71Rwm"
        "CtfHHhWyH4TpFXuzShKMpkOjt15NwBc8aYPbiFpzj7dSnsTekFftHe4CyL37uXxlDit6ywWHbC/u/LLfZxMwyDcR"
        "s6BD3AKo6mJ/lWz5WAv6JjYamKZAwc79wwC5tL8LJgcfbEUAaJWcsTLr26u9Aw=="),
    "part_2": (
        "zgAAAAEIg5TI8D5RVwgAAECgdlmCHhq9or447Couc4C6nWEyaUM6rs+qr00dKmbl9d+Z/KQyAWZS5FZEDDAf3/vq"
        "+onnjboix3ZH7m7F2Ubcy5aNOHYE4oUDNMULFQe5aONIUbLwG9ssWMc9juLYLAozGTA8uKxyrJ9rU9ZpW5FtFNz6"
        "jxCOiPhCnxfNC92XDM/urPY5gANfgR3dhJUpHuV9TKlgCFtAcC0DiH56npFcyg=="),
}


def addr(text):
    return bytes(int(x) for x in text.split("."))


def ip4(src, dst, proto, payload):
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0) + addr(src) + addr(dst) + payload


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def tcp(sport, dport, seq, ack, flags, data=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + data


def qname(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"


def query(name):
    return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + qname(name) + struct.pack(">HH", 1, 1)


def answer(name, ip):
    return (struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + qname(name) + struct.pack(">HH", 1, 1) +
            b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 30, 4) + addr(ip))


def hello(name):
    sni = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name.encode()
    ext = struct.pack(">HH", 0, len(sni)) + sni
    body = b"\3\3" + bytes(32) + b"\0" + struct.pack(">H", 2) + b"\x13\1" + b"\1\0" + struct.pack(">H", len(ext)) + ext
    msg = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack(">H", len(msg)) + msg


def server_hello():
    body = b"\3\3" + bytes(range(32)) + b"\0" + b"\x13\1" + b"\0"
    msg = b"\2" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\3" + struct.pack(">H", len(msg)) + msg


def tls(port, dst, name):
    """SYN, SYN-ACK, ACK, the hello, an answer, more data."""
    h, s = hello(name), server_hello()
    yield ip4(WORKLOAD, dst, 6, tcp(port, 443, 100, 0, 2))
    yield ip4(dst, WORKLOAD, 6, tcp(443, port, 500, 101, 0x12))
    yield ip4(WORKLOAD, dst, 6, tcp(port, 443, 101, 501, 0x10))
    yield ip4(WORKLOAD, dst, 6, tcp(port, 443, 101, 501, 0x18, h))
    yield ip4(dst, WORKLOAD, 6, tcp(443, port, 501, 101 + len(h), 0x18, s))
    yield ip4(WORKLOAD, dst, 6, tcp(port, 443, 101 + len(h), 501 + len(s), 0x18, b"client"))


def packets():
    shop, other = "203.0.113.7", "203.0.113.8"
    yield ip4(WORKLOAD, RESOLVER, 17, udp(4001, 53, query("shop.example.com")))
    yield ip4(RESOLVER, WORKLOAD, 17, udp(53, 4001, answer("shop.example.com", shop)))
    yield ip4(WORKLOAD, RESOLVER, 17, udp(4002, 53, query("evil.example.net")))
    yield from tls(5001, shop, "shop.example.com")    # allowed
    yield from tls(5002, shop, "evil.example.net")    # another name at this address
    yield from tls(5003, other, "shop.example.com")   # forged: the answer has another address
    yield ip4(WORKLOAD, "198.51.100.7", 17, udp(6000, 123, bytes(48)))
    yield ip4(WORKLOAD, "198.51.100.7", 17, udp(6000, 124, bytes(48)))
    yield ip4("172.16.9.9", "198.51.100.7", 17, udp(6000, 123, bytes(48)))
    yield b"\x45"


def http(port, dst, *segments):
    """As tls(), on port 80; what the server answers does not matter."""
    yield ip4(WORKLOAD, dst, 6, tcp(port, 80, 100, 0, 2))
    yield ip4(dst, WORKLOAD, 6, tcp(80, port, 500, 101, 0x12))
    at = 101
    for s in segments:
        yield ip4(WORKLOAD, dst, 6, tcp(port, 80, at, 501, 0x18, s))
        at += len(s)
        yield ip4(dst, WORKLOAD, 6, tcp(80, port, 501, at, 0x10))


def quic(port, dst, *names):
    for n in names:
        yield ip4(WORKLOAD, dst, 17, udp(port, 443, base64.b64decode(QUIC[n]) if n in QUIC else n.encode()))


def web():
    """Flows whose names the daemon reads."""
    shop, get = "203.0.113.7", b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n"
    yield ip4(RESOLVER, WORKLOAD, 17, udp(53, 4001, answer("shop.example.com", shop)))
    yield from http(7001, shop, get % b"shop.example.com")
    yield from http(7002, shop, get % b"evil.example.net")
    yield from http(7003, shop, get % b"shop.example.com", get % b"evil.example.net")
    yield from http(7004, shop, b"SSH-2.0-x\r\n\r\n")
    yield from http(7005, shop, b"GET / HTTP/1.1\r\nHost: sh", b"op.example.com\r\n\r\n")
    yield from http(7006, shop, get % b"203.0.113.7")
    yield from http(7007, shop, b"POST / HTTP/1.1\r\nHost: Shop.Example.com:80\r\nContent-Length: 3\r\n\r\n", b"abc")
    yield from http(7008, shop, b"GET / HTTP/1.1\r\nHost: shop")
    yield from quic(8001, shop, "shop", "more")
    yield from quic(8002, shop, "evil", "more")
    yield from quic(8003, shop, "part_1", "part_2")
    yield from quic(8004, shop, "no quic at all")
    yield from quic(8005, shop, "shop")
    yield ip4(WORKLOAD, shop, 6, tcp(7009, 80, 100, 0, 2))  # what the datagram said is not said of this one


def pcap(frames, link=1, snap=65535):
    out = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link)]
    for i, f in enumerate(frames):
        out.append(struct.pack("<IIII", 1700000000 + i // 1000, i % 1000 * 1000, min(len(f), snap), len(f)) + f[:snap])
    return b"".join(out)


def pcapng(frames):
    out = [struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28),
           struct.pack("<IIHHII", 1, 20, 1, 0, 65535, 20)]
    for i, f in enumerate(frames):
        n = 32 + (len(f) + 3 & ~3)
        out.append(struct.pack("<IIIIIII", 6, n, 0, 0x5f5e1, i, len(f), len(f)) + f + bytes(-len(f) % 4) + struct.pack("<I", n))
    return b"".join(out)


def ether(ip):
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + b"\x08\0" + ip


def streams(n):
    """(packets once, packets again and again, how often): a hundred connections that said their name and go on."""
    shop, begun, more = "203.0.113.7", [answer("shop.example.com", "203.0.113.7")], []
    begun[0] = ip4(RESOLVER, WORKLOAD, 17, udp(53, 4001, begun[0]))
    at = 101 + len(hello("shop.example.com")), 501 + len(server_hello())
    for port in range(20000, 20100):
        begun += list(tls(port, shop, "shop.example.com"))[:5]
        more.append(ip4(WORKLOAD, shop, 6, tcp(port, 443, *at, 0x18, b"client")))
        more.append(ip4(shop, WORKLOAD, 6, tcp(443, port, at[1], at[0] + 6, 0x10)))
    return [ether(p) for p in begun], [ether(p) for p in more], n // 200


def flows(n):
    """A flow a packet: more of them than are listed."""
    for i in range(n):
        yield ether(ip4(WORKLOAD, f"198.51.{i >> 16 & 255}.7", 17, udp(i & 0xffff, 123, bytes(8))))


def swapped(data):
    """The same capture, written by a machine of the other byte order."""
    out, at = [struct.pack(">IHHiIII", *struct.unpack_from("<IHHiIII", data))], 24
    while at < len(data):
        head = struct.unpack_from("<IIII", data, at)
        out.append(struct.pack(">IIII", *head) + data[at + 16:at + 16 + head[2]])
        at += 16 + head[2]
    return b"".join(out)


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def bad(what, frames):
    """Captures that are wrong in one place, and end there or before it."""
    good, ng = pcap(frames[:3]), pcapng(frames[:3])
    end = len(good)
    record = struct.pack("<IIII", 1700000000, 0, 0x7fffffff, 0x7fffffff)
    return {
        "magic": b"\xa1\xb2\xc3" + good[3:],
        "version": good[:4] + b"\x63\0" + good[6:],
        "head": good[:23],
        "link": good[:20] + struct.pack("<I", 147) + good[24:],
        "length": good + record,
        "record": good[:end - len(frames[2]) - 9],
        "zeros": good + bytes(4096),
        "gzip-torn": gzip.compress(pcap(frames * 40))[:-40],
        "gzip-trailer": gzip.compress(pcap(frames * 40))[:-4],
        "gzip-sum": gzip.compress(pcap(frames * 40))[:-8] + bytes(8),
        "gzip-damaged": gzip.compress(pcap(frames * 40), 0)[:3000] + b"\xff" * 400,
        "gzip-empty": gzip.compress(b""),
        "gzip-foreign": gzip.compress(b"no capture\n" * 100),
        "ng-head": ng[:20],
        "ng-magic": ng[:8] + b"\1\2\3\4" + ng[12:],
        "ng-no-interface": ng[:28] + ng[48:],
        "ng-short-block": ng + struct.pack("<III", 6, 8, 8),
        "ng-huge-block": ng + struct.pack("<III", 6, 0x7ffffff0, 0),
        "ng-interface": ng + block(6, struct.pack("<IIIII", 9, 0, 0, 4, 4) + b"abcd"),
        "ng-two-links": ng + block(1, struct.pack("<HHI", 101, 0, 65535)) +
        block(6, struct.pack("<IIIII", 1, 0, 0, 4, 4) + b"abcd"),
        "ng-length": ng + block(6, struct.pack("<IIIII", 0, 0, 0, 4000, 4000) + b"abcd"),
        "ng-torn": ng[:-7],
    }[what]


def big(how, frames):
    """Captures of N packets, from few in memory."""
    kind, n = how.split("=")
    n = int(n)
    if kind == "many":
        return pcap(frames[:1])[:24] + pcap(frames[-4:-1] * 100)[24:] * (n // 300)
    if kind == "flows":
        return pcap(flows(n))
    once, again, times = streams(n)
    return pcap(once) + pcap(again)[24:] * times  # within a second: what was learned stays known


def main():
    path, how = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    frames = [ether(p) for p in packets()]
    if how == "gz":
        data = gzip.compress(pcap(frames))
    elif how == "ng":
        data = pcapng(frames)
    elif how == "raw":
        data = pcap(list(packets()), link=101)
    elif how == "cut":
        data = pcap(frames, snap=60)
    elif how == "web":
        data = pcap([ether(p) for p in web()])
    elif how == "torn":
        data = pcap(frames)[:-20]
    elif how == "usb":
        data = pcap(frames, link=189)
    elif how == "swapped":
        data = swapped(pcap(frames))
    elif how == "nano":
        data = struct.pack("<I", 0xa1b23c4d) + pcap(frames)[4:]
    elif how.startswith("bad:"):
        data = bad(how[4:], frames)
    elif "=" in how:
        data = big(how, frames)
    else:
        data = pcap(frames)
    with open(path, "wb") as f:
        f.write(data)


main()
