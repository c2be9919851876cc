#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for fuzz_rtnl, as rtnetlink(7) has them: /usr/bin/python3 seeds_rtnl.py"""

import os
import socket
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
NEWROUTE, NEWNEIGH, DELNEIGH = 24, 28, 29
DST, OIF, GATEWAY, PRIORITY, MULTIPATH, TABLE, VIA, ENCAP = 1, 4, 5, 6, 9, 15, 18, 22
V4, V6 = socket.AF_INET, socket.AF_INET6


def ip(text):
    return socket.inet_pton(V6 if ":" in text else V4, text)


def attr(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def u32(kind, value):
    return attr(kind, struct.pack("=I", value))


def message(kind, body):
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def route(family, bits, *attrs, table=254, kind=1, flags=0):
    head = struct.pack("=BBBBBBBBI", family, bits, 0, 0, table, 3, 0, kind, flags)
    return message(NEWROUTE, head + b"".join(attrs))


def neigh(kind, family, state, addr, mac):
    head = struct.pack("=BBHiHBB", family, 0, 0, 1, state, 0, 1)
    return message(kind, head + attr(1, ip(addr)) + attr(2, mac))


def leg(oif, gateway):
    data = attr(GATEWAY, ip(gateway))
    return struct.pack("=HBBi", 8 + len(data), 0, 0, oif) + data


def write(name, *messages):
    folder = os.path.join(HERE, "corpus", "rtnl")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(b"".join(messages))


MAC = bytes((2, 0, 0, 0, 0, 1))
write("v4", route(V4, 24, attr(DST, ip("10.1.0.0")), u32(OIF, 1)),
      route(V4, 24, attr(DST, ip("10.3.0.0")), u32(OIF, 1), attr(GATEWAY, ip("10.1.0.3")), u32(PRIORITY, 9)),
      route(V4, 0, u32(OIF, 2)), route(V4, 16, attr(DST, ip("10.5.0.0")), kind=6))
write("v6", route(V6, 64, attr(DST, ip("fd01::")), u32(OIF, 1), u32(TABLE, 254)),
      route(V6, 128, attr(DST, ip("fd01::1")), u32(OIF, 1), table=255, kind=2),
      route(V6, 48, attr(DST, ip("fd02::")), u32(OIF, 1), attr(GATEWAY, ip("fe80::3"))))
write("legs", route(V4, 24, attr(DST, ip("10.3.0.0")), attr(MULTIPATH, leg(1, "10.1.0.3") + leg(2, "10.1.0.4"))))
write("via", route(V4, 24, attr(DST, ip("10.3.0.0")), u32(OIF, 1), attr(VIA, struct.pack("=H", V6) + ip("fe80::3"))))
write("encap", route(V4, 24, attr(DST, ip("10.3.0.0")), u32(OIF, 1), attr(ENCAP, u32(1, 16))))
write("neigh", neigh(NEWNEIGH, V4, 2, "10.1.0.2", MAC), neigh(NEWNEIGH, V6, 4, "fd01::2", MAC),
      neigh(DELNEIGH, V4, 0x20, "10.1.0.2", MAC))
