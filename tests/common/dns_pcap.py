# dns_pcap.py -- the DNS messages of a capture: link layers, IP fragments and TCP streams put together.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# messages(path) gives (frame number, "udp" or "tcp", message) for port 53, in the order of frames; a
# message over TCP is counted where its last byte came. Tunnels but IP in IP are not looked into.
import gzip
import struct


def frames(path):
    """(frame number, link type, bytes) of a pcap or pcapng file, as it is or gzipped."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from frames_ng(data)
        return
    magic = data[:4]
    end = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack(end + "I", data[20:24])[0] & 0xFFFF
    at, number = 24, 0
    while at + 16 <= len(data):
        n = struct.unpack(end + "I", data[at + 8:at + 12])[0]
        number += 1
        yield number, link, data[at + 16:at + 16 + n]
        at += 16 + n


def frames_ng(data):
    at, number, links, end = 0, 0, [], "<"
    while at + 12 <= len(data):
        kind = struct.unpack(end + "I", data[at:at + 4])[0]
        if kind == 0x0A0D0D0A:
            end = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        n = struct.unpack(end + "I", data[at + 4:at + 8])[0]
        body = data[at + 8:at + n - 4]
        if kind == 1:
            links.append(struct.unpack(end + "H", body[:2])[0])
        elif kind == 6:
            iface, _, _, have = struct.unpack(end + "4I", body[:16])
            number += 1
            yield number, links[iface], body[20:20 + have]
        elif kind == 3:
            number += 1
            yield number, links[0], body[4:]
        at += max(n, 12)


def ip_of(link, b):
    """The IP packet of a frame, or None."""
    if link == 1:
        at = 12
        while b[at:at + 2] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
            at += 4
        return b[at + 2:] if b[at:at + 2] in (b"\x08\x00", b"\x86\xdd") else None
    if link in (12, 14, 101, 228, 229):
        return b
    if link in (0, 108):
        return b[4:]
    if link == 9:
        at = 2 if b[:1] == b"\xff" else 0
        return b[at + 2:] if b[at:at + 2] in (b"\x00\x21", b"\x00\x57") else None
    return None


class Reader:
    def __init__(self):
        self.fragments = {}
        self.streams = {}

    def fragment(self, key, offset, more, data):
        """The whole payload when all of it is there, else None."""
        parts, total = self.fragments.setdefault(key, [{}, None])
        parts[offset] = data
        if not more:
            self.fragments[key][1] = total = offset + len(data)
        if total is None:
            return None
        whole = b""
        while len(whole) < total:
            if len(whole) not in parts or not parts[len(whole)]:
                return None
            whole += parts[len(whole)]
        del self.fragments[key]
        return whole

    def ip(self, b):
        """(src, dst, protocol, payload) of IP packets inside."""
        if len(b) >= 20 and b[0] >> 4 == 4:
            hlen, total = (b[0] & 15) * 4, struct.unpack(">H", b[2:4])[0]
            flags = struct.unpack(">H", b[6:8])[0]
            if hlen < 20 or total < hlen:
                return
            src, dst, proto, load = b[12:16], b[16:20], b[9], b[hlen:total]
            if flags & 0x3FFF:
                load = self.fragment((src, dst, proto, b[4:6]), (flags & 0x1FFF) * 8,
                                     flags & 0x2000, load)
        elif len(b) >= 40 and b[0] >> 4 == 6:
            src, dst, proto = b[8:24], b[24:40], b[6]
            load = b[40:40 + struct.unpack(">H", b[4:6])[0]]
            while load is not None and proto in (0, 43, 44, 60) and len(load) >= 8:
                if proto == 44:
                    at = struct.unpack(">H", load[2:4])[0]
                    nxt = load[0]
                    load = self.fragment((src, dst, load[4:8]), at & 0xFFF8, at & 1, load[8:])
                    proto = nxt
                else:
                    proto, load = load[0], load[(load[1] + 1) * 8:]
        else:
            return
        if load is None:
            return
        if proto in (4, 41):
            yield from self.ip(load)
        else:
            yield src, dst, proto, load

    def tcp(self, key, load):
        """Messages that this segment completes."""
        seq, flags, hlen = struct.unpack(">I", load[4:8])[0], load[13], (load[12] >> 4) * 4
        data = load[hlen:]
        if flags & 2 or key not in self.streams:
            self.streams[key] = [(seq + (flags >> 1 & 1)) & 0xFFFFFFFF, b"", {}]
        s = self.streams[key]
        if data:
            s[2][seq] = data
        moved = True
        while moved:
            moved = False
            for at in list(s[2]):
                skip = (s[0] - at) & 0xFFFFFFFF
                if skip < 1 << 31 and skip <= len(s[2][at]):
                    new = s[2].pop(at)[skip:]
                    s[1] += new
                    s[0] = (s[0] + len(new)) & 0xFFFFFFFF
                    moved = True
                elif skip < 1 << 31:
                    del s[2][at]
        while len(s[1]) >= 2:
            n = struct.unpack(">H", s[1][:2])[0]
            if len(s[1]) < 2 + n:
                break
            yield s[1][2:2 + n]
            s[1] = s[1][2 + n:]


def messages(path):
    r = Reader()
    for number, link, b in frames(path):
        packet = ip_of(link, b)
        for src, dst, proto, load in r.ip(packet) if packet else ():
            if proto not in (6, 17) or len(load) < 8:
                continue
            sport, dport = struct.unpack(">2H", load[:4])
            if 53 not in (sport, dport):
                continue
            if proto == 17:
                n = struct.unpack(">H", load[4:6])[0]
                if n > 8 or n == 0:
                    yield number, "udp", load[8:n or None]
            elif len(load) >= 20:
                for m in r.tcp((src, dst, sport, dport), load):
                    yield number, "tcp", m
