#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for fuzz_gso and fuzz_gro, by scapy: /usr/bin/python3 seeds_gso.py"""

import os
import struct

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import HBHOptUnknown, IPv6, IPv6ExtHdrDestOpt
from scapy.packet import Raw

HERE = os.path.dirname(os.path.abspath(__file__))
STAMPS = [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]
IP4, IP6 = IP(src="10.1.0.1", dst="10.2.0.2", flags="DF"), IPv6(src="fd00::1", dst="fd00:1::2")


def write(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def vnet(gso_type, size, start, offset=16, flags=1):
    return b"\1" + struct.pack("=BBHHHH", flags, gso_type, 0, size, start, offset)


def gso():
    tcp = TCP(sport=1, dport=2, flags="A", seq=9) / Raw(bytes(range(100)))
    stamps = TCP(sport=1, dport=2, flags="FPACE", options=STAMPS) / Raw(bytes(77))
    padded = IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=4, optdata=b"\5")])
    write("gso", "v4", vnet(1, 30, 20) + bytes(IP4 / tcp))
    write("gso", "v4-flags", vnet(0x81, 20, 20) + bytes(IP4 / stamps))
    write("gso", "v6", vnet(4, 50, 40) + bytes(IP6 / stamps))
    write("gso", "v6-options", vnet(4, 33, 48) + bytes(IP6 / padded / tcp))
    write("gso", "udp", vnet(0, 0, 20, 6) + bytes(IP4 / UDP() / Raw(b"odd")))
    write("gso", "complete", vnet(0, 0, 0, 0, 0) + bytes(IP4 / tcp))
    # what is left of the header when the driver has it
    write("gso", "recall-v4", b"\3" + vnet(0, 30, 0)[1:] + bytes(IP4 / tcp))
    write("gso", "recall-v6", b"\3" + vnet(0, 33, 0)[1:] + bytes(IP6 / padded / tcp))
    write("gso", "recall-udp", b"\3" + vnet(0, 0, 0)[1:] + bytes(IP6 / UDP() / Raw(b"odd")))


def burst(*parts):
    """Packets, put right; None is the last one's successor."""
    out = b""
    for p in parts:
        out += b"\2" if p is None else b"\1" + struct.pack("!H", len(bytes(p))) + bytes(p)
    return out + b"\0\0\0"


def gro():
    tcp = TCP(sport=1, dport=2, flags="A", seq=0xFFFFFFF0, options=STAMPS) / Raw(bytes(range(50)))
    other = TCP(sport=3, dport=2, flags="A") / Raw(bytes(20))
    last = TCP(sport=3, dport=2, flags="PA", seq=20) / Raw(bytes(7))
    write("gro", "v4", burst(IP4 / tcp, None, None, None))
    write("gro", "v6", burst(IP6 / tcp, None, None, IP6 / other, None, IP4 / tcp))
    write("gro", "short", burst(IP4 / other, IP4 / last, IP4 / tcp, None))
    write("gro", "no-df", burst(IP(src="10.1.0.1", dst="10.2.0.2", id=0xFFFF) / other, None, None))
    write("gro", "other", burst(IP4 / UDP() / Raw(b"x"), IP4 / tcp, IP4 / UDP(), None))
    write("gro", "many", burst(*[q for i in range(10) for q in (
        IP6 / TCP(sport=i, dport=2, flags="A") / Raw(bytes(9)), None)]))


gso()
gro()
