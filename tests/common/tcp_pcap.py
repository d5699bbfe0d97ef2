# tcp_pcap.py -- the TCP streams of a capture, one for each direction, with the frames that brought them.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A stream begins with a SYN, or with the first segment that is seen of it. Bytes come in order; where
# two segments say different bytes for one place, the first is kept, as the gateway does.
import struct
import subprocess

import dns_pcap


class Stream:
    def __init__(self, dst, port, isn):
        self.dst, self.port, self.next = dst, port, isn
        self.data = bytearray()
        self.waiting = {}  # sequence number: (frame, bytes)
        self.starts = []  # offsets at which a segment begins
        self.ends = []  # (offset up to which all is there, frame that made it so)

    def add(self, seq, frame, data):
        self.waiting.setdefault(seq, (frame, data))
        moved = True
        while moved:
            moved = False
            for at in sorted(self.waiting, key=lambda s: (s - self.next + (1 << 31)) & 0xFFFFFFFF):
                skip = (self.next - at) & 0xFFFFFFFF
                if skip >= 1 << 31:
                    continue
                new = self.waiting.pop(at)[1][skip:]
                if new:
                    self.starts.append(len(self.data))
                    self.data += new
                    self.next = (self.next + len(new)) & 0xFFFFFFFF
                    self.ends.append((len(self.data), frame))
                    moved = True

    def frame_of(self, end):
        """The frame with which the first `end` bytes were there."""
        for upto, frame in self.ends:
            if upto >= end:
                return frame
        return None


def streams(path):
    """All streams of a capture that have data, in the order of their beginning."""
    reader, now, found = dns_pcap.Reader(), {}, []
    for frame, link, b in dns_pcap.frames(path):
        packet = dns_pcap.ip_of(link, b)
        for src, dst, proto, load in reader.ip(packet) if packet else ():
            if proto != 6 or len(load) < 20 or (load[12] >> 4) * 4 < 20:
                continue
            sport, dport, seq = struct.unpack(">HHI", load[:8])
            key, data = (src, dst, sport, dport), load[(load[12] >> 4) * 4:]
            isn = (seq + (load[13] >> 1 & 1)) & 0xFFFFFFFF
            s = now.get(key)
            if s is None or (load[13] & 2 and s.data and s.next != isn):
                s = now[key] = Stream(dst, dport, isn)
                found.append(s)
            elif load[13] & 2 and not s.data:
                s.next = isn
            if data:
                s.add(isn, frame, data)
    return [s for s in found if s.data]


def read(tool, kind, buffers):
    """What tests/tools/streamread says of each."""
    stream = b"".join(struct.pack(">I", len(b)) + b for b in buffers)
    run = subprocess.run([tool, kind], input=stream, capture_output=True, check=False)
    lines = run.stdout.decode(errors="replace").splitlines()
    if run.returncode or len(lines) != len(buffers):
        raise RuntimeError("streamread exited with %d after %d of %d: %s" % (
            run.returncode, len(lines), len(buffers), run.stderr.decode(errors="replace")[-2000:]))
    return [line.split("\t") for line in lines]
