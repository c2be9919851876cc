#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Neighbour discovery messages as scapy builds them: `/usr/bin/python3 nd.py > nd.h`.

With a folder (test/fuzz/corpus), the seeds of fuzz_nd and fuzz_ctl_nd instead.
"""
import os
import sys
from scapy.all import (IPv6, UDP, Raw, ICMPv6ND_NS, ICMPv6ND_NA, ICMPv6ND_RA, ICMPv6ND_RS,
    ICMPv6ND_Redirect, ICMPv6NDOptSrcLLAddr, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo, ICMPv6EchoRequest, ICMPv6EchoReply, ICMPv6PacketTooBig,
    ICMPv6DestUnreach, ICMPv6MLQuery2, ICMPv6MLQuery, ICMPv6MLReport2, ICMPv6MLDMultAddrRec,
    IPv6ExtHdrHopByHop, RouterAlert, PadN)

OUR = "2001:db8::1"
OUR_LL = "fe80::5054:ff:fe12:3456"
OUR_MAC = "52:54:00:12:34:56"
PEER = "2001:db8::abcd:ef01"
PEER_MAC = "02:00:00:00:00:09"
ROUTER = "fe80::1"
ROUTER_MAC = "02:00:00:00:00:01"
GROUP = "ff02::1:ff00:1"
ESP = bytes.fromhex("c0ffee0100001234") + bytes(range(24))

nd = lambda src, dst: IPv6(src=src, dst=dst, hlim=255)
alert = IPv6ExtHdrHopByHop(options=[RouterAlert(value=0), PadN(optdata=b"")])
inner_esp = IPv6(src=OUR, dst="2001:db8:f::2", nh=50) / Raw(ESP)
inner_udp = IPv6(src=OUR, dst="2001:db8:f::2") / UDP(sport=4500, dport=4501, chksum=0) / Raw(ESP)
inner_ike = IPv6(src=OUR, dst="2001:db8:f::2") / UDP(sport=4500, dport=4500) / Raw(bytes(4) + b"I" * 28)
inner_500 = IPv6(src=OUR, dst="2001:db8:f::2") / UDP(sport=500, dport=500) / Raw(b"I" * 28)

vectors = {
    "ns": nd(PEER, GROUP) / ICMPv6ND_NS(tgt=OUR) / ICMPv6NDOptSrcLLAddr(lladdr=PEER_MAC),
    "ns_dad": nd("::", GROUP) / ICMPv6ND_NS(tgt=OUR),
    "ns_ours": nd(OUR, "ff02::1:ffcd:ef01") / ICMPv6ND_NS(tgt=PEER) / ICMPv6NDOptSrcLLAddr(lladdr=OUR_MAC),
    "na": nd(PEER, OUR) / ICMPv6ND_NA(tgt=PEER, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC),
    "na_ours": nd(OUR, PEER) / ICMPv6ND_NA(tgt=OUR, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=OUR_MAC),
    "na_all": nd(OUR, "ff02::1") / ICMPv6ND_NA(tgt=OUR, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=OUR_MAC),
    "ra": nd(ROUTER, "ff02::1") / ICMPv6ND_RA(chlim=64, routerlifetime=1800, reachabletime=20000, retranstimer=500)
        / ICMPv6NDOptSrcLLAddr(lladdr=ROUTER_MAC) / ICMPv6NDOptMTU(mtu=1480)
        / ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64),
    "rs": nd(OUR_LL, "ff02::2") / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=OUR_MAC),
    "redirect": nd(ROUTER, OUR) / ICMPv6ND_Redirect(tgt="fe80::2", dst="2001:db8:f::2")
        / ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC),
    "echo": IPv6(src=PEER, dst=OUR, hlim=64) / ICMPv6EchoRequest(id=0x1234, seq=7, data=b"raclette!"),
    "echo_reply": IPv6(src=OUR, dst=PEER, hlim=64) / ICMPv6EchoReply(id=0x1234, seq=7, data=b"raclette!"),
    "too_big_esp": IPv6(src=ROUTER, dst=OUR) / ICMPv6PacketTooBig(mtu=1400) / inner_esp,
    "too_big_udp": IPv6(src=ROUTER, dst=OUR) / ICMPv6PacketTooBig(mtu=1400) / inner_udp,
    "unreach_ike": IPv6(src=ROUTER, dst=OUR) / ICMPv6DestUnreach(code=1) / inner_ike,
    "unreach_500": IPv6(src=ROUTER, dst=OUR) / ICMPv6DestUnreach(code=4) / inner_500,
    "mld_query2": IPv6(src=ROUTER, dst="ff02::1", hlim=1) / alert / ICMPv6MLQuery2(mrd=0x8801, mladdr="::"),
    "mld_query1": IPv6(src=ROUTER, dst=GROUP, hlim=1) / alert / ICMPv6MLQuery(mrd=10000, mladdr=GROUP),
    "mld_no_alert": IPv6(src=ROUTER, dst="ff02::1", hlim=1) / ICMPv6MLQuery2(mladdr="::"),
    "mld_join": IPv6(src=OUR_LL, dst="ff02::16", hlim=1) / alert / ICMPv6MLReport2(records=[
        ICMPv6MLDMultAddrRec(rtype=4, dst=GROUP), ICMPv6MLDMultAddrRec(rtype=4, dst="ff02::1:ff12:3456")]),
}


def seeds(folder):
    for name, packet in vectors.items():
        if name.startswith(("ns", "na", "ra", "redirect", "echo", "too_big", "mld_q")):
            write(os.path.join(folder, "nd", name), bytes(packet))
    # steps of fuzz_ctl_nd: kind, argument (0: a message of that length; 1 send, 2 take a next hop,
    # 3 give it back, 4 confirm, 5 traffic, 6 wait)
    hear = lambda name: bytes([0, len(bytes(vectors[name]))]) + bytes(vectors[name])
    wait = lambda n: bytes([6, n])
    write(os.path.join(folder, "ctl_nd", "router"), b"\x01" + wait(6) + wait(6) + bytes([2, 0x82])
          + hear("ra") + wait(30) + (bytes([5, 0]) + wait(5)) * 20 + bytes([1, 0x82, 3, 0]) + hear("ra"))
    write(os.path.join(folder, "ctl_nd", "neighbour"), b"\x02" + wait(1) + bytes([2, 9, 1, 9]) + wait(5)
          + hear("na") + hear("ns") + bytes([4, 9]) + wait(40) + bytes([5, 0]) + wait(6) + wait(12) + wait(12))
    write(os.path.join(folder, "ctl_nd", "duplicate"), b"\x00" + wait(1) + hear("ns_dad") + wait(9)
          + hear("mld_query2") + hear("echo") + hear("redirect") + wait(20))


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


if len(sys.argv) > 1:
    seeds(sys.argv[1])
    sys.exit(0)
print("/* SPDX-License-Identifier: BSD-3-Clause */")
print("/* Made by nd.py with scapy %s: do not edit. */" % sys.modules["scapy"].VERSION)
for name, packet in vectors.items():
    b = bytes(packet)
    print("static const uint8_t v_%s[%d] = {" % (name, len(b)))
    for i in range(0, len(b), 16):
        print("\t" + " ".join("0x%02x," % x for x in b[i:i + 16]))
    print("};")
