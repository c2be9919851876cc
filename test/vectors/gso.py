#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""TCP super-packets and their segments, each built by scapy on its own.

Writes gso.h, which test/unit includes: /usr/bin/python3 gso.py > gso.h
"""

import random
import struct
from socket import AF_INET6, inet_pton

from scapy import __version__
from scapy.layers.inet import IP, TCP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    HAO,
    HBHOptUnknown,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.packet import Raw

rnd = random.Random(9293)
STAMPS = [("NOP", None), ("NOP", None), ("Timestamp", (0x01020304, 0x0A0B0C0D))]


def body(n):
    return bytes(rnd.randrange(256) for _ in range(n))


def ip4(i, **kw):
    kw = {"src": "10.1.0.1", "dst": "10.2.0.2", "flags": "DF", "ttl": 61, **kw}
    first = kw.pop("first_id", 7)
    return IP(id=(first + i) & 0xFFFF, **kw)


def ip6(i, **kw):
    return IPv6(src="fd00::1", dst="fd00:1::2", hlim=61, fl=0x12345, tc=2, **kw)


def pad():
    return HBHOptUnknown(otype=4, optdata=b"\x05")


def cut(ip, size, payload, flags, seq=1000, **tcp):
    """Segments as RFC 9293 and Linux have them: CWR on the first, FIN and PSH on the last."""
    n = (len(payload) + size - 1) // size
    for i in range(n):
        f = flags
        if i > 0:
            f = f.replace("C", "")
        if i < n - 1:
            f = f.replace("F", "").replace("P", "")
        yield bytes(ip(i) / TCP(sport=5201, dport=40000, seq=(seq + i * size) & 0xFFFFFFFF, ack=77,
                                flags=f, window=502, **tcp) / Raw(payload[i * size:(i + 1) * size]))


def fold(data):
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return s


def whole(ip, payload, flags, seq=1000, **tcp):
    """The super-packet: complete but for the checksum, which is the pseudo header's sum."""
    pkt = ip(0) / TCP(sport=5201, dport=40000, seq=seq, ack=77, flags=flags, window=502, chksum=0,
                      **tcp) / Raw(payload)
    tcp_len = len(bytes(pkt[TCP]))
    b = bytearray(bytes(pkt))
    off = len(b) - tcp_len
    addrs = b[12:20] if b[0] >> 4 == 4 else b[8:40]
    if IPv6ExtHdrRouting in pkt and pkt[IPv6ExtHdrRouting].segleft:  # RFC 8200 8.1: the final destination
        addrs = b[8:24] + inet_pton(AF_INET6, pkt[IPv6ExtHdrRouting].addresses[-1])
    if HAO in pkt:  # RFC 6275 6.3: the home address
        addrs = inet_pton(AF_INET6, pkt[HAO].hoa) + addrs[16:]
    b[off + 16:off + 18] = struct.pack("!H", fold(bytes(addrs) + struct.pack("!HH", 6, tcp_len)))
    return bytes(b), off


def vectors():
    """Name, whether GRO makes the same of it, IP header of segment i, size, payload bytes, TCP."""
    even = dict(size=100, n=300, flags="A")
    alert = dict(options=[IPOption_Router_Alert()])
    yield "v4", True, ip4, even
    yield "v4 odd", True, ip4, dict(size=77, n=300, flags="A", options=STAMPS)
    yield "v4 push", True, ip4, dict(size=99, n=200, flags="PA", options=STAMPS)
    yield "v4 no df, id wraps", True, lambda i: ip4(i, flags=0, first_id=0xFFFE), even
    yield "v4 seq wraps, ece", True, lambda i: ip4(i, tos=0xBA), dict(even, flags="AE", seq=0xFFFFFF80)
    yield "v4 fin, cwr", False, ip4, dict(even, flags="FPACE")
    yield "v4 one", False, ip4, dict(size=300, n=300, flags="FPAC")
    yield "v4 options", False, lambda i: ip4(i, **alert), even
    yield "v6", True, ip6, dict(even, options=STAMPS)
    yield "v6 odd", True, ip6, dict(size=33, n=100, flags="PA")
    yield "v6 fin", False, ip6, dict(even, flags="FA")
    yield "v6 hop-by-hop", False, lambda i: ip6(i) / IPv6ExtHdrHopByHop(options=[pad()]), even
    yield "v6 destination", False, lambda i: ip6(i) / IPv6ExtHdrDestOpt(options=[pad()]), even
    yield "v6 routing done", False, lambda i: ip6(i) / IPv6ExtHdrRouting(
        segleft=0, addresses=["fd00::9"]), even
    yield "v6 routing on its way", False, lambda i: ip6(i) / IPv6ExtHdrRouting(
        segleft=1, addresses=["fd00::9"]), even
    yield "v6 home address", False, lambda i: ip6(i) / IPv6ExtHdrDestOpt(
        options=[HAO(hoa="fd00::7")]), even


def c_bytes(b):
    return "{" + ",".join("%u" % x for x in b) + "}"


def main():
    print("/* SPDX-License-Identifier: BSD-3-Clause */")
    print("/* Made by gso.py with scapy %s; do not edit. */" % __version__)
    print("/* clang-format off */")
    print("static const struct gso_vector gso_vectors[] = {")
    for name, both, ip, tcp in vectors():
        tcp = dict(tcp)
        size, payload = tcp.pop("size"), body(tcp.pop("n"))
        segs = list(cut(ip, size, payload, **tcp))
        big, off = whole(ip, payload, **tcp)
        print("\t{\"%s\", %s, %u, %u, %u, %u, {%s},\n\t\t%s,\n\t\t%s}," % (
            name, "true" if both else "false", size, off, len(big), len(segs),
            ",".join(str(len(s)) for s in segs), c_bytes(big), c_bytes(b"".join(segs))))
    print("};\n/* clang-format on */")


main()
