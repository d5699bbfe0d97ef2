#!/usr/bin/env python3
# inject.py -- sends one hand-made Ethernet frame out of a device, as a workload with a raw socket can.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Builds a UDP (default), TCP SYN or ICMP echo packet, tagged or not, and sends it COUNT times.

usage: inject.py DEVICE --dst-mac MAC --src ADDR --dst ADDR [--proto udp|tcp|icmp] [--port N]
                 [--vlan ID]... [--qinq] [--count N] [--payload TEXT] [--hex FRAME]
                 [--tunnel vxlan|geneve --vni N --outer-src ADDR --outer-dst ADDR [--options HEX]]

Two --vlan make two tags, the first outside; --qinq gives the outer one the type 0x88a8 (802.1ad).
--tunnel puts the frame, tags and all, into one of that type; --options are those of Geneve,
and critical.
--hex sends exactly these bytes and needs nothing else.
"""
import argparse
import ipaddress
import socket
import struct


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def transport(args, src, dst):
    """The transport header and payload, and its protocol number; checksum over the pseudo header."""
    body = args.payload.encode()
    if args.proto == "icmp":
        number, kind = (1, 8) if src.version == 4 else (58, 128)
        head, at = struct.pack("!BBHHH", kind, 0, 0, 0x6462, 1), 2
    elif args.proto == "tcp":
        number, at = 6, 16
        head = struct.pack("!HHIIBBHHH", 40000, args.port, 1, 0, 5 << 4, 2, 65535, 0, 0)
    else:
        number, at = 17, 6
        head = struct.pack("!HHHH", 40000, args.port, 8 + len(body), 0)
    pseudo = src.packed + dst.packed + struct.pack("!IHBB", len(head) + len(body), 0, 0, number)
    if number == 1:
        pseudo = b""
    value = checksum(pseudo + head + body) or 0xFFFF
    return head[:at] + struct.pack("!H", value) + head[at + 2:] + body, number


def packet(args):
    """The IP packet and its EtherType."""
    src, dst = ipaddress.ip_address(args.src), ipaddress.ip_address(args.dst)
    body, number = transport(args, src, dst)
    if src.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(body), number, 64) + src.packed + dst.packed + body, 0x86DD
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, number, 0)
    head += src.packed + dst.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body, 0x0800


def encapsulated(args, inner):
    """The frame inside: RFC 7348, RFC 8926."""
    options = bytes.fromhex(args.options)
    if args.tunnel == "vxlan":
        port, head = 4789, struct.pack("!II", 0x08000000, args.vni << 8)
    else:
        port, head = 6081, struct.pack("!BBHI", len(options) // 4, 0x40 if options else 0, 0x6558, args.vni << 8) + options
    body = head + inner
    udp = struct.pack("!HHHH", 50000, port, 8 + len(body), 0) + body
    src, dst = ipaddress.ip_address(args.outer_src), ipaddress.ip_address(args.outer_dst)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + src.packed + dst.packed
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + udp


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def frame(args, own_mac):
    body, ethertype = packet(args)
    tags = b""
    for i, vlan in enumerate(args.vlan):
        tags += struct.pack("!HH", 0x88A8 if args.qinq and i == 0 else 0x8100, vlan)
    ether = mac(args.dst_mac) + own_mac
    whole = ether + tags + struct.pack("!H", ethertype) + body
    if args.tunnel:
        return ether + struct.pack("!H", 0x0800) + encapsulated(args, whole)
    return whole


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("device")
    p.add_argument("--dst-mac")
    p.add_argument("--src-mac", help="default: the device's own")
    p.add_argument("--src")
    p.add_argument("--dst")
    p.add_argument("--proto", choices=["udp", "tcp", "icmp"], default="udp")
    p.add_argument("--port", type=int, default=9)
    p.add_argument("--vlan", type=int, action="append", default=[])
    p.add_argument("--qinq", action="store_true")
    p.add_argument("--count", type=int, default=1)
    p.add_argument("--payload", default="dbx-egress")
    p.add_argument("--hex")
    p.add_argument("--tunnel", choices=["vxlan", "geneve"])
    p.add_argument("--vni", type=int, default=0)
    p.add_argument("--outer-src")
    p.add_argument("--outer-dst")
    p.add_argument("--options", default="")
    args = p.parse_args()
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((args.device, 0))
    own_mac = mac(args.src_mac) if args.src_mac else s.getsockname()[4]
    data = bytes.fromhex(args.hex) if args.hex else frame(args, own_mac)
    for _ in range(args.count):
        s.send(data)


if __name__ == "__main__":
    main()
