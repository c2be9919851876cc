#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for fuzz_classify and fuzz_gre_inner, by scapy: /usr/bin/python3 seeds_pkt.py"""

import os

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    HBHOptUnknown,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    RouterAlert,
)
from scapy.layers.ipsec import ESP
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.packet import Raw

HERE = os.path.dirname(os.path.abspath(__file__))
ETH = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
IKE = bytes(range(1, 9)) + bytes(8) + bytes([33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 28])


def ip(**kw):
    return IPv6(src="2001:db8:1::2", dst="2001:db8::1", **kw)


def write(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def classify():
    limit = IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=4, optdata=b"\x04")])
    esp = ESP(spi=0x12345678, seq=1, data=bytes(40))
    frames = {
        "esp": ip() / esp,
        "limit": ip() / limit / esp,
        "hopopts": ip() / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / limit / esp,
        "routing": ip() / IPv6ExtHdrRouting(segleft=0, addresses=["2001:db8::9"]) / esp,
        "fragment": ip() / IPv6ExtHdrFragment(id=7, m=1, nh=50) / Raw(bytes(64)),
        "natt-esp": ip() / UDP(sport=4500, dport=4500) / Raw(bytes(esp)),
        "natt-ike": ip() / UDP(sport=4500, dport=4500) / Raw(bytes(4) + IKE),
        "natt-keepalive": ip() / UDP(sport=4500, dport=4500) / Raw(b"\xff"),
        "ike": ip() / UDP(sport=500, dport=500) / Raw(IKE),
        "echo": ip() / ICMPv6EchoRequest(data=b"raclette"),
        "ns": IPv6(src="fe80::2", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1"),
        "gre": ip() / GRE(proto=0x0800) / IP(),
    }
    for name, pkt in frames.items():
        write("classify", name, b"\0" + bytes(ETH / pkt))
    write("classify", "vlan", b"\1" + bytes(ETH / Dot1Q(vlan=7) / ip() / esp))


def gre_inner():
    ip4, ip6 = IP(src="10.1.0.1", dst="10.2.0.2"), IPv6(src="fd00::1", dst="fd00:1::2")
    syn = TCP(flags="S", options=[("MSS", 1460), ("NOP", None), ("WScale", 7)])
    options = IP(src="10.1.0.1", dst="10.2.0.2", options=b"\x83\x07\x04\x0a\0\0\1\x07\x07\x04\0\0\0\0")
    packets = {
        "udp4": GRE(proto=0x0800) / ip4 / UDP() / Raw(bytes(300)),
        "options4": GRE(proto=0x0800) / options / UDP() / Raw(bytes(300)),
        "syn4": GRE(proto=0x0800, key_present=1, key=7) / ip4 / syn,
        "syn6": GRE(proto=0x86DD, chksum_present=1) / ip6 / syn,
        "echo4": GRE(proto=0x0800, seqnum_present=1, sequence_number=9) / ip4 / ICMP() / Raw(b"x"),
        "echo6": GRE(proto=0x86DD) / ip6 / ICMPv6EchoRequest(data=b"x"),
        "fragment6": GRE(proto=0x86DD) / ip6 / IPv6ExtHdrFragment(id=1, nh=58) / Raw(bytes(16)),
    }
    for name, pkt in packets.items():
        write("gre_inner", name, b"\0\x64\3" + bytes(pkt))


classify()
gre_inner()
