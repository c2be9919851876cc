#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""GRE packets, ICMP errors, ECN and MSS answers as scapy builds them.

Writes gre.h, which test/unit includes: /usr/bin/python3 gre.py > gre.h
"""

import random

from scapy import __version__
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import GRE
from scapy.packet import Raw

rnd = random.Random(2784)


def body(n):
    return Raw(bytes(rnd.randrange(256) for _ in range(n)))


def ip4(n, **kw):
    kw = {"src": "10.1.0.1", "dst": "10.2.0.2", "id": 7, **kw}
    return IP(**kw) / UDP(sport=1000, dport=2000) / body(n)


def ip6(n, **kw):
    kw = {"src": "fd00::1", "dst": "fd00:1::2", **kw}
    return IPv6(**kw) / UDP(sport=1000, dport=2000) / body(n)


def c_bytes(b):
    return "{" + ",".join("%u" % x for x in b) + "}"


def gre_vectors():
    for name, inner, proto in (
        ("v4", ip4(33), 0x0800),
        ("v4 even", ip4(64), 0x0800),
        ("v6", ip6(21), 0x86DD),
    ):
        for bits in range(8):
            csum, key, seq = bits >> 2 & 1, bits >> 1 & 1, bits & 1
            k = rnd.getrandbits(32) if key else 0
            s = rnd.getrandbits(32) if seq else 0
            g = GRE(proto=proto, chksum_present=csum, key_present=key, seqnum_present=seq)
            if key:
                g.key = k
            if seq:
                g.sequence_number = s
            pkt = bytes(g / inner)
            print("\t{\"%s%s%s%s\", %u, 0x%04x, %s, %s, %s, 0x%08x, 0x%08x,\n\t\t%s}," % (
                name, " csum" * csum, " key" * key, " seq" * seq, len(pkt), proto,
                *("true" if x else "false" for x in (csum, key, seq)), k, s, c_bytes(pkt)))


def icmp_vectors():
    """The refused packet, the MTU to be told, length and headers of the error; the quote follows."""
    for n in (20, 520, 521, 1400):
        p = bytes(ip4(n, flags="DF"))
        err = IP(tos=0xC0, id=0, flags="DF", ttl=64, src="192.0.0.8", dst="10.1.0.1") / ICMP(
            type=3, code=4, nexthopmtu=1202) / Raw(p[:548])
        yield p, 1202, bytes(err), 28
    for n in (20, 1185):
        p = bytes(ip6(n))
        err = IPv6(hlim=64, src="fd00::ff", dst="fd00::1") / ICMPv6PacketTooBig(
            mtu=1382) / Raw(p[:1232])
        yield p, 1382, bytes(err), 48


def syn_vectors():
    """A SYN as it comes, and with the MSS that clamping to 1300 must leave."""
    def both(ip, options_of, flags="S", data=b""):
        for mss in (1460, 1300, 1299):
            tcp = dict(sport=1, dport=2, flags=flags, seq=77)
            want = min(mss, 1300) if "S" in flags else mss
            yield (bytes(ip / TCP(options=options_of(mss), **tcp) / Raw(data)),
                   bytes(ip / TCP(options=options_of(want), **tcp) / Raw(data)))

    def usual(m):
        return [("MSS", m), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]

    def odd(m):
        return [("NOP", None), ("MSS", m), ("WScale", 7)]

    for ip in (IP(src="10.1.0.1", dst="10.2.0.2", id=9), IPv6(src="fd00::1", dst="fd00:1::2")):
        yield from both(ip, usual)
        yield from both(ip, odd)
        yield from both(ip, usual, "SA")
        yield from both(ip, odd, "S", b"fast open")
        yield from both(ip, usual, "A")


def main():
    print("/* SPDX-License-Identifier: BSD-3-Clause */")
    print("/* Made by gre.py with scapy %s; do not edit. */" % __version__)
    print("/* clang-format off */")
    print("static const struct gre_vector gre_vectors[] = {")
    gre_vectors()
    print("};\n\nstatic const struct icmp_vector icmp_vectors[] = {")
    for p, mtu, err, n in icmp_vectors():
        print("\t{%u, %u, %u,\n\t\t%s,\n\t\t%s}," % (
            len(p), mtu, len(err), c_bytes(p), c_bytes(err[:n])))
    print("};\n\nstatic const struct syn_vector syn_vectors[] = {")
    for p, want in syn_vectors():
        print("\t{%u,\n\t\t%s,\n\t\t%s}," % (len(p), c_bytes(p), c_bytes(want)))
    print("};\n/* clang-format on */")


main()
