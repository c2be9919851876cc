#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Seeds for fuzz_ike_peer, schedules that two sane ends go through: /usr/bin/python3 seeds_ike.py"""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
DELIVER, DROP, COPY, AGAIN, FLUSH, TICK, COMMAND, FAULT, CLEAR_BYTE, CLEAR_CUT, EDIT, RECUT = range(12)
GRE, OTHER, IKE, REKEY, REKEY_IKE, DOWN, DOWN_IKE, RESTART, CRASH = range(9)


def ev(op, who=0, *arg):
    return bytes([op, who]) + bytes(arg).ljust(6, b"\0")


def do(what, who=0):
    return ev(COMMAND, who, what) + ev(FLUSH, 0, 20)


LATER = (ev(TICK, 0, 6) + ev(FLUSH, 0, 20)) * 4
LONG = LATER + ev(TICK, 0, 13) + ev(FLUSH, 0, 20) + LATER
UP = do(GRE) + LATER
SEEDS = {
    "up": UP,
    "crossed": ev(COMMAND, 0, GRE) + ev(COMMAND, 1, GRE) + ev(FLUSH, 0, 40) + LATER,
    "rekey": UP + do(REKEY) + do(REKEY, 1) + LATER,
    "rekey-crossed": UP + ev(COMMAND, 0, REKEY) + ev(COMMAND, 1, REKEY) + ev(FLUSH, 0, 40) + LONG,
    "rekey-ike": UP + do(REKEY_IKE) + do(REKEY_IKE, 1) + LATER,
    "rekey-ike-crossed": UP + ev(COMMAND, 0, REKEY_IKE) + ev(COMMAND, 1, REKEY_IKE) + ev(FLUSH, 0, 40) + LONG,
    "rekey-both": UP + ev(COMMAND, 0, REKEY) + ev(COMMAND, 1, REKEY_IKE) + ev(FLUSH, 0, 40) + LONG,
    "down": UP + do(OTHER, 1) + do(DOWN) + do(DOWN_IKE, 1) + LATER,
    "crash": UP + ev(COMMAND, 1, CRASH) + do(GRE, 1) + LONG,
    "restart": UP + do(RESTART) + LATER + do(GRE) + LONG,
    "lost": ev(COMMAND, 0, GRE) + ev(DROP) + LONG + ev(DROP) + LONG + LONG,
    "doubled": ev(COMMAND, 0, GRE) + ev(COPY) + ev(FLUSH, 0, 20) + ev(AGAIN) + ev(AGAIN, 1) + LATER,
    "nat": ev(FAULT, 0, 0) + UP + ev(FAULT, 0, 5) + LATER + ev(FAULT, 0, 0) + do(REKEY) + LONG,
    "moved": UP + ev(FAULT, 0, 3, 1) + do(REKEY) + LONG,
    "notify": UP + ev(COMMAND, 0, REKEY) + ev(EDIT, 0, 9, 0, 0, 14, 4) + ev(FLUSH, 0, 20) + LATER,
    "recut": UP + do(DOWN_IKE) + b"".join(ev(RECUT, i, 1, 2) for i in range(8)) + LATER,
    "long": UP + LONG + LONG + LONG,
}
HEADS = {   # suites and options of each, then of both: configure() in fuzz_ike_peer.c
    "": bytes(8),
    "-cookie": bytes([0, 0, 0, 0, 0, 0, 3, 0]),
    "-groups": bytes([2 | 3 << 4, 3 | 3 << 4, 0, 0, 0, 0, 0, 0]),
    "-ke1": bytes([1 << 2, 1 << 2, 0, 0, 0, 0, 0, 0]),
    "-ke2": bytes([2 << 2, 2 << 2, 0, 0, 0, 0, 0, 0]),
    "-jobs": bytes([3 << 2 | 4 << 4, 3 << 2 | 4 << 4, 0, 0, 0, 0, 0x40, 0]),
    "-x448": bytes([1 | 7 << 4, 1 | 7 << 4, 0, 0, 0, 0, 0x40, 0]),
    "-fragments": bytes([1, 1, 2 << 3, 2 << 3, 0, 0, 4, 0]),
    "-ppk": bytes([0, 0, 0, 0, 0, 0, 0x30, 1 | 1 << 3]),
    "-ppk-one": bytes([0, 0, 0, 0, 0, 0, 0, 1]),
    "-certs": bytes([0, 0, 0x80, 0x80, 0, 0, 0, 0]),
    "-certs-jobs": bytes([0, 0, 0x80 | 2 << 3, 0x80, 0, 0, 0x44, 0]),
    "-cert-psk": bytes([0, 0, 0x80, 0, 0, 0, 0, 0]),
    "-life": bytes([2 << 4, 2 << 4, 2, 3, 0xfc, 0x3c, 0, 0]),
}

for name, events in SEEDS.items():
    for suffix, head in HEADS.items():
        if suffix and name not in ("up", "rekey", "rekey-ike", "crossed", "long"):
            continue
        with open(os.path.join(HERE, "corpus/ike_peer", name + suffix), "wb") as f:
            f.write(head + events)
