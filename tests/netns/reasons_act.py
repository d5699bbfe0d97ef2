# reasons_act.py -- what workloads do so that each reason comes about.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: reasons_act.py send DEVICE < FRAMES	| flow NAME ADDRESS

Within a namespace: `send` sends frames in hex, one a line; `flow` is a TCP client of one kind, below."""
import os
import re
import socket
import struct
import subprocess
import sys
import time

import bpf_sys

LAB, PREFIX = os.environ.get("REASONS_LAB", ""), os.environ.get("REASONS_PREFIX", "")
SHARED, FAR, LAKE_PUBLIC, OPEN = "203.0.113.10", "203.0.113.66", "13.77.112.20", "198.51.100.66"
LAKE = "contosolake.blob.core.windows.net"
OWN, ASK = "10.66.1.10", "198.51.100.53"
SELF = os.path.abspath(__file__)


def within(where, *command, stdin=None, timeout=60):
    """Runs a command in a namespace; its output. That it fails is often the point."""
    done = subprocess.run(["nsenter", f"--net=/run/netns/{PREFIX}-{where}", *command], input=stdin,
                          capture_output=True, text=True, check=False, timeout=timeout)
    return done.stdout + done.stderr


def python(where, *words, stdin=None):
    out = within(where, sys.executable, *words, stdin=stdin)
    if "Traceback" in out:
        sys.exit(out)
    return out


def until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds} seconds: {what}")
        time.sleep(0.05)


def mac_of(where, device):
    return re.search(r"link/ether ([0-9a-f:]+)", within(where, "ip", "link", "show", device))[1]


def inject(*words):
    python("ws1", "tests/netns/inject.py", "eth0", "--dst-mac", mac_of("gw", "ws1"), *words)


# ---- stages without names -----------------------------------------------------------------------


def send_frames(frames):
    """[interface, ..., hex] each, in order; the other end of interface X is eth0 of namespace X."""
    while frames:
        where = frames[0][0]
        n = next((i for i, f in enumerate(frames) if f[0] != where), len(frames))
        python(where, SELF, "send", "eth0", stdin="\n".join(f[-1] for f in frames[:n]))
        frames = frames[n:]


def empty(_):
    within("ws1", "ping", "-c", "1", "-W", "1", SHARED)


def vectors(rows):
    for r in rows:
        send_frames(r.vector)


def a_packet():
    """UDP of workspace 1001 to a listed destination of the vectors, which has a marked path."""
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 32, 1, 0, 64, 17, 0) + socket.inet_aton("10.66.1.5") + socket.inet_aton("198.51.100.9")
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~total & 0xFFFF) + ip[12:]
    return bytes.fromhex("0200000000fe0200000000010800") + ip + struct.pack("!HHHH", 40000, 443, 12, 0) + b"abcd"


def driver(_):
    """A driver that has no room in front of a frame, as the kernel's own test run can be."""
    fd = bpf_sys.pinned(LAB + "/bpf/dbx-egress/prog")
    frame = a_packet()
    for room in range(252, 28, -4):  # the most that kernels take, which differs
        try:
            return bpf_sys.xdp_run(fd, frame, room, 0)
        except OSError as e:
            why = e
    sys.exit(f"no test run: {why}")



def broken(_):
    """Somebody has put something else where the image is looked up."""
    images = bpf_sys.pinned(LAB + "/bpf/dbx-egress/map_images")
    now = bpf_sys.pinned(LAB + "/bpf/dbx-egress/map_image")
    kind, key, value, entries, flags = bpf_sys.map_info(now)
    nothing = bpf_sys.map_create(kind, key, value, entries, flags & ~0x80)  # not frozen, not read-only
    bpf_sys.update(images, struct.pack("=I", 0), struct.pack("=I", nothing))
    within("ws1", "ping", "-c", "1", "-W", "1", SHARED)


# ---- names --------------------------------------------------------------------------------------


def dig(name, *words, where="ws1", server=ASK, seconds=3):
    return within(where, "dig", f"+time={seconds}", "+tries=1", "@" + server, name, *words)


def curl(where, name, address, *words):
    return within(where, "curl", "-skm", "5", "--resolve", f"{name}:443:{address}", "--resolve",
                  f"{name}:80:{address}", *(words or (f"https://{name}/",)))


def not_ready(_):
    dig("good.test")


def learn():
    for name, address in (("good.test", SHARED), (LAKE, "10.9.0.4")):
        until(f"{name} is answered", lambda n=name, a=address: a in dig(n, "+short"))


def guarded():
    """The public addresses of what is private are looked up by the resolver itself."""
    out = subprocess.run([os.environ["REASONS_CTL"], "-s", LAB + "/socket", "names"], capture_output=True,
                         text=True, check=False).stdout
    return re.search(rf"{re.escape(LAKE)} +{re.escape(LAKE_PUBLIC)} +private-required", out)


def questions():
    for name, kind in (("other.test", "A"), ("blocked.test", "A"), ("s3.us-east-1.amazonaws.com", "A"),
                       ("ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com", "A"),
                       ("storage.googleapis.com", "A"), ("good.test", "AXFR")):
        dig(name, kind)
    dig("good.test", where="gw", server="127.83.53.53")  # which the resolver is bound to
    upstream = int(os.environ["REASONS_UPSTREAM"])
    os.kill(upstream, 19)
    try:
        dig("far.test", seconds=30)
    finally:
        os.kill(upstream, 18)


def odd_packets():
    hello = bytes.fromhex("160301000401000000")
    tcp = struct.pack("!HHIIBBHHH", 41234, 443, 7, 9, 5 << 4, 0x18, 65535, 0, 0) + hello
    first = struct.pack("!BBHHHBBH", 0x45, 0, 20 + 24, 77, 0x2000, 64, 6, 0)
    for head, body in ((struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 5, 0, 64, 6, 0), tcp), (first, tcp[:24])):
        ip = head + socket.inet_aton(OWN) + socket.inet_aton(SHARED)
        total = sum(struct.unpack("!10H", ip))
        total = (total & 0xFFFF) + (total >> 16)
        ip = ip[:10] + struct.pack("!H", ~total & 0xFFFF) + ip[12:]
        send_frames([("ws1", (bytes.fromhex(mac_of("gw", "ws1").replace(":", "")) + bytes.fromhex(
            mac_of("ws1", "eth0").replace(":", "")) + b"\x08\x00" + ip + body).hex())])
    inject("--tunnel", "vxlan", "--outer-src", OWN, "--outer-dst", "10.66.1.1", "--vni", "100", "--src",
           "10.50.0.10", "--dst", SHARED, "--port", "53")


def over_quota():
    """Bytes are those of a flow that was let in before there were too many; not faster than the shortest
    ring on the way takes, nor before the neighbour is known."""
    within("ws2", "ping", "-c", "1", "-W", "5", "10.66.2.1")
    python("ws2", "-c", f"""
import socket, time
s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
s[1].sendto(b"x", ("{OPEN}", 999))
for i in range(400):
    s[0].sendto(b"x", ("{OPEN}", 1000 + i))
for i in range(120):
    s[1].sendto(bytes(1400), ("{OPEN}", 999))
    time.sleep(0.002)
""")


def names(_):
    learn()
    until("the lake's public address is known", guarded, 40)
    for name in ("good.test", "other.test"):
        curl("ws1", name, SHARED)
    curl("ws1", LAKE, LAKE_PUBLIC)
    curl("ws1", "good.test", SHARED, "http://good.test:2222/")
    for kind in FLOWS:
        if kind != "half":
            python("ws1", SELF, "flow", kind, SHARED)
    odd_packets()
    over_quota()
    questions()


def full(_):
    """No room for another hello of which a part was seen."""
    fd = bpf_sys.pinned(LAB + "/bpf/dbx-egress/map_hellos")
    _, n_key, n_value, entries, _ = bpf_sys.map_info(fd)
    keys = [struct.pack("=I", i + 1) + bytes(n_key - 4) for i in range(entries)]
    for key in keys:
        try:
            bpf_sys.update(fd, key, bytes(n_value))
        except OSError:
            break
    python("ws1", SELF, "flow", "half", SHARED)
    for key in keys:
        try:
            bpf_sys.delete(fd, key)
        except OSError:
            pass


def hidden(_):
    """The workload's device puts a tag beside each frame, where XDP does not see it."""
    push = bpf_sys.prog_load(bpf_sys.SCHED_CLS, [(0xB7, 2, 0x81), (0xB7, 3, 7), (0x85, 0, 18), (0xB7, 0, 0), (0x95, 0, 0)])
    bpf_sys.pin(push, LAB + "/bpf/hide")
    within("ws1", "tc", "qdisc", "add", "dev", "eth0", "clsact")
    said = within("ws1", "tc", "filter", "add", "dev", "eth0", "egress", "bpf", "da", "object-pinned", LAB + "/bpf/hide")
    if said:
        sys.exit(f"tc: {said}")
    curl("ws1", "good.test", SHARED, "-m", "2", "http://good.test:2222/")
    within("ws1", "tc", "qdisc", "del", "dev", "eth0", "clsact")


def unjudged(_):
    """Frames that come to the stack as if dbx-egress-dpdk had sent them, without its word."""
    python("dp", "tests/netns/inject.py", "ws1-host", "--dst-mac", mac_of("gw", "ws1"), "--count", "5",
           "--src", OWN, "--dst", SHARED)


def run(stage, rows):
    {"not-ready": not_ready}.get(stage, globals().get(stage))(rows)


# ---- explain of what has no record --------------------------------------------------------------


def explain_alone(row, sentence, ctl, offline):
    """Of allowed packets: by the daemon and offline, when explain can be asked for it."""
    wrong = []
    for how, ask, more in (("daemon", ctl, ()), ("offline", offline, ("--policy", row.documents or ""))):
        if not row.explain:
            break
        code, text, err = ask("explain", *row.explain, *more)
        if code or text.splitlines()[0] != f"{row.verdict}  {row.reason}: {sentence}":
            wrong.append(f"{how}: explain {' '.join(row.explain)}: {(text or err).splitlines()[:1]}")
    return wrong


# ---- within a namespace: flows of one kind ------------------------------------------------------


def vector(width, body):
    return len(body).to_bytes(width, "big") + body


def hello(name=None, ech=False, padding=0):
    """RFC 8446 section 4.1.2; ECH as of RFC 9849, of which nothing but its presence matters."""
    extensions = b""
    if name:
        extensions += struct.pack("!H", 0) + vector(2, vector(2, b"\0" + vector(2, name.encode())))
    extensions += struct.pack("!H", 43) + vector(2, vector(1, b"\x03\x04"))
    if ech:
        extensions += struct.pack("!H", 0xFE0D) + vector(2, b"\0" + bytes(40))
    if padding:
        extensions += struct.pack("!H", 21) + vector(2, bytes(padding))
    body = b"\x03\x03" + b"\x11" * 32 + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0") + vector(2, extensions)
    message = b"\x01" + vector(3, body)
    return b"".join(b"\x16\x03\x01" + vector(2, message[i:i + 16000]) for i in range(0, len(message), 16000))


def connected(address, port):
    s = socket.create_connection((address, port), 10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(3)
    return s


def says(port, *pieces):
    """What a client says; what comes back, if anything does."""
    def go(address):
        s = connected(address, port)
        try:
            for piece in pieces:
                s.sendall(piece)
            s.recv(1)
        except OSError:
            pass
        s.close()
    return go


def another_request(address):
    """The second, when the first was answered."""
    s = connected(address, 80)
    try:
        for _ in range(2):
            s.sendall(b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")
            s.recv(65536)
    except OSError:
        pass
    s.close()


def no_name(port, kind):
    def go(address):
        s = socket.socket(socket.AF_INET, kind)
        s.settimeout(1)
        try:
            s.connect((address, port))
            s.send(b"hello")
            s.recv(1)
        except OSError:
            pass
        s.close()
    return go


def checksum(data):
    total = sum(struct.unpack(f"!{len(data + data[len(data) & ~1:] * 0) // 2}H", data if len(data) % 2 == 0 else data + b"\0"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def other_bytes(address):
    """Half a hello, which is held, and then the same numbers with other bytes."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("eth0", 0))
    wire.settimeout(10)
    s = connected(address, 443)
    half = hello("good.test")[:60]
    s.sendall(half)
    while True:
        frame = wire.recv(65536)
        ip = frame[14:]
        if frame[12:14] == b"\x08\x00" and ip[9] == 6 and frame[14 + 16:14 + 20] == socket.inet_aton(address) and frame.endswith(half):
            break
    tcp = bytearray(frame[34:])
    tcp[-1] ^= 0xFF
    tcp[16:18] = b"\0\0"
    tcp[16:18] = struct.pack("!H", checksum(frame[26:34] + struct.pack("!HH", 6, len(tcp)) + bytes(tcp)))
    wire.send(frame[:34] + bytes(tcp))
    s.close()


FLOWS = {
    "unnamed": says(443, hello()),
    "encrypted": says(443, hello("good.test", ech=True)),
    "plain": says(443, b"GET / HTTP/1.0\r\n\r\n"),
    "long": says(443, hello("good.test", padding=20000)),
    "half": says(443, hello("good.test")[:60]),
    "held": says(443, hello("good.test")[:60], hello("good.test")[60:]),
    "other": other_bytes,
    "binary": says(80, bytes(range(1, 64))),
    "second": another_request,
    "mail": no_name(25, socket.SOCK_STREAM),
    "quic": no_name(443, socket.SOCK_DGRAM),
}


def main():
    if sys.argv[1] == "send":
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind((sys.argv[2], 0))
        for line in sys.stdin:
            s.send(bytes.fromhex(line.strip()))
    else:
        FLOWS[sys.argv[2]](sys.argv[3])


if __name__ == "__main__":
    main()
