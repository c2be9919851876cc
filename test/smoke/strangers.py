#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Strangers of one /64 who get what is sent to them, but have no secret.

  strangers.py IFACE MAC GATEWAY SECONDS [--inits N] [--garbage N]

INITS times a second (200) an IKE_SA_INIT request from 2001:db8:bad:1::/64, always from another address; a cookie is
answered. Whoever has an SPI of the gateway's sends IKE_AUTH that nobody can open, GARBAGE times a second (4000) in all.
At the end it prints: requests, cookies answered, SPIs got, the most of them within one SA's 30 s, garbage sent.
Standard library only.
"""
import argparse
import collections
import os
import random
import select
import socket
import struct
import time

from abuse import csum

# ENCR AES-CBC-128, PRF HMAC-SHA2-256, INTEG HMAC-SHA2-256-128, group 31
SA = bytes.fromhex('0000002c010100040300000c0100000c800e0080030000080200000503000008030000'
                   '0c000000080400001f')
NET = bytes.fromhex('20010db80bad0001')
SA_INIT, IKE_AUTH, COOKIE = 34, 35, 16390
HALF_OPEN_S = 30


def payloads(first, items):
    """@return (first type, bytes)"""
    kinds = [k for k, _ in items] + [0]
    return kinds[0] if items else first, b''.join(
        struct.pack('!BBH', kinds[i + 1], 0, 4 + len(b)) + b for i, (_, b) in enumerate(items))


class Strangers:
    def __init__(self, a):
        self.gateway = socket.inet_pton(socket.AF_INET6, a.gateway)
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
        self.s.bind((a.iface, 0))
        self.s.setblocking(False)
        self.link = bytes.fromhex(a.mac.replace(':', '')) + b'\x02\0\0\0\0\xf1\x86\xdd'
        self.asked = {}                         # SPI of ours: source, payloads
        self.live = collections.deque()         # when, frames of garbage
        self.n = collections.Counter()

    def frame(self, src, msg):
        udp = struct.pack('!HHHH', 500, 500, 8 + len(msg), 0)
        pseudo = src + self.gateway + struct.pack('!II', len(udp) + len(msg), 17)
        udp = udp[:6] + struct.pack('!H', csum(pseudo + udp + msg) or 0xffff)
        return self.link + struct.pack('!IHBB', 6 << 28, len(udp) + len(msg), 17, 64) + src + self.gateway + udp + msg

    def send(self, frame, what):
        try:
            self.s.send(frame)
            self.n[what] += 1
        except OSError:         # its queue is full
            time.sleep(0.001)

    def init(self, spi, cookie=b''):
        src, items = self.asked[spi]
        if cookie:
            items = [(41, struct.pack('!BBH', 0, 0, COOKIE) + cookie), *items]
        first, body = payloads(0, items)
        msg = spi + bytes(8) + struct.pack('!BBBBII', first, 0x20, SA_INIT, 8, 0, 28 + len(body)) + body
        self.send(self.frame(src, msg), 'cookies' if cookie else 'inits')

    def knock(self):
        ke = struct.pack('!HH', 31, 0) + os.urandom(31) + b'\x11'
        spi = os.urandom(8)
        self.asked[spi] = NET + os.urandom(8), [(33, SA), (34, ke), (40, os.urandom(32))]
        self.init(spi)
        if len(self.asked) > 4096:
            del self.asked[next(iter(self.asked))]

    def garbage(self, src, spis):
        body = struct.pack('!BBH', 35, 0, 4 + 96) + os.urandom(96)
        return self.frame(src, spis + struct.pack('!BBBBII', 46, 0x20, IKE_AUTH, 8, 1, 28 + len(body)) + body)

    def hear(self):
        while True:
            try:
                f, link = self.s.recvfrom(2048)
            except BlockingIOError:
                return
            m = f[62:]
            if link[2] == socket.PACKET_OUTGOING or f[20:21] != b'\x11' or f[38:46] != NET or len(m) < 28 or \
                    m[18] != SA_INIT or m[:8] not in self.asked:
                continue
            if m[16] == 41 and m[8:16] == bytes(8):
                if struct.unpack_from('!H', m, 34)[0] == COOKIE:
                    self.init(m[:8], m[36:28 + struct.unpack_from('!H', m, 30)[0]])
            elif m[8:16] != bytes(8):
                src, _ = self.asked.pop(m[:8])
                self.live.append((time.monotonic(), [self.garbage(src, m[:16]) for _ in range(4)]))
                self.n['spis'] += 1

    def run(self, seconds, inits, garbage):
        most, start = 0, time.monotonic()
        while (t := time.monotonic() - start) < seconds:
            self.hear()
            while self.live and time.monotonic() - self.live[0][0] > HALF_OPEN_S:
                self.live.popleft()
            most = max(most, len(self.live))
            for _ in range(min(50, int(t * inits) - self.n['inits'])):
                self.knock()
            for _ in range(min(200, int(t * garbage) - self.n['garbage']) if self.live else 0):
                self.send(random.choice(random.choice(self.live)[1]), 'garbage')
            select.select([self.s], [], [], 0.002)
        print(self.n['inits'], self.n['cookies'], self.n['spis'], most, self.n['garbage'])


def main():
    p = argparse.ArgumentParser()
    p.add_argument('iface')
    p.add_argument('mac')
    p.add_argument('gateway')
    p.add_argument('seconds', type=int)
    p.add_argument('--inits', type=int, default=200)
    p.add_argument('--garbage', type=int, default=4000)
    a = p.parse_args()
    Strangers(a).run(a.seconds, a.inits, a.garbage)


main()
