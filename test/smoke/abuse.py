#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a hostile link can throw at a gateway, sent from its peer's side.

  abuse.py IFACE --mac GATEWAY-MAC --src PEER --dst GATEWAY [--live FILE]... [--seed N] [--count N] WHAT...

WHAT: random    frames of random bytes, and random bytes behind the right addresses
      mutate    frames of the live link (ESP, IKE, neighbour discovery), bits flipped, cut, stretched
      chains    extension headers: long chains, lengths and options that lie
      fragments incomplete, overlapping, tiny, beyond 64 KiB, nested; many sources
      forge     ESP with the SPI of a live SA: no key, odd lengths, other hosts, in UDP
      replay    ESP of the live link once more
      icmp      Packet Too Big, router and neighbour advertisements that must not be believed
      ike       IKE headers of strangers, lengths that lie, the marker and without
Live frames come from captures of both ends of the link (--live): what a port sends past the queueing
discipline, its own end does not see. Standard library only.
"""
import argparse
import collections
import os
import random
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
import wirecount

IP6 = 0x86dd
ND = (133, 134, 135, 136, 137)


def csum(data):
    if len(data) % 2:
        data += b'\0'
    s = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


class Abuse:
    def __init__(self, args):
        self.a = args
        self.r = random.Random(args.seed)
        self.src = socket.inet_pton(socket.AF_INET6, args.src)
        self.dst = socket.inet_pton(socket.AF_INET6, args.dst)
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.s.bind((args.iface, 0))
        self.mac = bytes.fromhex(args.mac.replace(':', ''))
        self.own = self.s.getsockname()[4][:6]
        self.sent = 0

    # --- building

    def eth(self, payload, etype=IP6):
        return self.mac + self.own + struct.pack('!H', etype) + payload

    def ip6(self, nh, payload, src=None, dst=None, hop=64, plen=None):
        return struct.pack('!IHBB', 6 << 28, len(payload) if plen is None else plen, nh, hop) + \
            (src or self.src) + (dst or self.dst) + payload

    def send(self, frame):
        if not 14 <= len(frame) <= 1514:
            frame = (frame + bytes(14))[:1514]
        try:
            self.s.send(frame)
        except OSError:         # its queue is full
            time.sleep(0.001)
        self.sent += 1
        if self.sent % 64 == 0:
            time.sleep(0.002)   # the gateway shares the CPU

    def noise(self, n):
        return self.r.randbytes(n)

    def stranger(self):
        return bytes.fromhex('20010db8') + self.noise(12)

    def live(self, src):
        """captured frames of one end, oldest first"""
        return [f for path in self.a.live for f in wirecount.frames(path)
                if f[12:14] == b'\x86\xdd' and f[22:38] == src]

    def live_esp(self, src):
        """those of one SA; what was thrown before is in the captures too"""
        esp = [f for f in self.live(src) if f[20] == 50]
        spis = collections.Counter(f[54:58] for f in esp).most_common(1)
        if not spis:
            raise SystemExit('abuse: no ESP in the captures')
        return [f for f in esp if f[54:58] == spis[0][0]]

    # --- what there is

    def random(self):
        r = self.r
        for _ in range(self.a.count):
            k = r.randrange(4)
            if k == 0:
                self.send(self.mac + self.noise(r.randrange(2, 1500)))
            elif k == 1:
                self.send(self.eth(self.noise(r.randrange(0, 200))))
            elif k == 2:
                self.send(self.eth(self.ip6(r.randrange(256), self.noise(r.randrange(0, 300)))))
            else:
                self.send(self.eth(self.ip6(r.choice((0, 17, 43, 44, 47, 50, 51, 58, 59, 60, 135)),
                                            self.noise(r.randrange(0, 300)),
                                            plen=r.choice((None, 0, 1, 7, 8, 65535, r.randrange(65536))))))

    def mutate(self):
        r, seeds = self.r, self.live(self.src)
        if not seeds:
            raise SystemExit('abuse: nothing in the captures')
        for _ in range(self.a.count):
            f = bytearray(r.choice(seeds))
            k = r.randrange(4)
            if k == 0:
                del f[r.randrange(14, len(f)):]
            elif k == 1:
                f += self.noise(r.randrange(1, 64))
            for _ in range(r.randrange(0 if k < 2 else 1, 4)):
                if len(f) > 14:
                    f[r.randrange(14, len(f))] ^= 1 << r.randrange(8)
            if k == 3 and len(f) >= 20:         # an IPv6 length that lies
                struct.pack_into('!H', f, 18, r.randrange(0, 2000))
            self.send(bytes(f))

    def chains(self):
        r = self.r
        for _ in range(self.a.count):
            kinds = [r.choice((0, 43, 60, 60, 60)) for _ in range(r.randrange(1, 20))]
            nh, body = r.choice((50, 17, 58, 47, 44)), self.noise(r.randrange(0, 80))
            for i in range(len(kinds) - 1, -1, -1):
                n = r.choice((0, 0, 0, 1, 3, 31, 255))
                opts = r.choice((b'\x01\x04' + bytes(4), b'\x04\x01\x04\x01\x01\x00', self.noise(6), b'\xc2\x04' + bytes(4)))
                body = bytes([nh, n if r.randrange(4) == 0 else 0]) + opts + body
                nh = kinds[i]
            self.send(self.eth(self.ip6(nh, body)))

    def fragments(self):
        r = self.r

        def frag(nh, off, more, ident, data, **kw):
            self.send(self.eth(self.ip6(44, struct.pack('!BBHI', nh, 0, off & 0xfff8 | more, ident) + data, **kw)))
        for i in range(self.a.count // 4):
            ident = r.getrandbits(32)
            src = self.src if r.randrange(2) else self.stranger()
            k = r.randrange(6)
            if k == 0:          # never completed
                frag(50, 0, 1, ident, self.noise(r.randrange(1, 60) * 8), src=src)
            elif k == 1:        # overlaps
                frag(50, 0, 1, ident, self.noise(64), src=src)
                frag(50, 32, 0, ident, self.noise(64), src=src)
                frag(50, 64, 0, ident, self.noise(8), src=src)
            elif k == 2:        # tiny, in any order, some twice
                parts = list(range(0, 96, 8)) * 2
                r.shuffle(parts)
                for off in parts:
                    frag(r.choice((50, 17, 58)), off, off != 88, ident, self.noise(8), src=src)
            elif k == 3:        # beyond the end of any packet
                frag(50, 65528, r.randrange(2), ident, self.noise(r.randrange(1, 1400)), src=src)
            elif k == 4:        # a fragment in a fragment, and an atomic one of it
                inner = struct.pack('!BBHI', 44, 0, 0, ident) + struct.pack('!BBHI', 50, 0, 1, 7) + self.noise(32)
                frag(44, 0, r.randrange(2), ident, inner, src=src)
                frag(58, 0, 0, ident, struct.pack('!BBHI', 136, 0, 0, 0) + self.noise(20), src=src)
            else:               # whole, larger than any buffer: 8 of 1400
                n = r.randrange(2, 9)
                for j in range(n):
                    frag(50, j * 1400, j < n - 1, ident, self.noise(1400), src=src)

    def forge(self):
        spi, seq = struct.unpack('!II', self.live_esp(self.src)[-1][54:62])
        for i in range(self.a.count):
            k = i % 5
            n = i // 5 % 200
            if k == 0:          # each length; numbers that would move the window far if believed
                self.send(self.eth(self.ip6(50, struct.pack('!II', spi, seq + 1000 + i) + self.noise(n))))
            elif k == 1:
                self.send(self.eth(self.ip6(50, struct.pack('!II', spi, 0xffffffff) + self.noise(n))))
            elif k == 2:
                self.send(self.eth(self.ip6(50, struct.pack('!II', spi, seq + 5) + self.noise(80), src=self.stranger())))
            elif k == 3:        # SPIs around it
                self.send(self.eth(self.ip6(50, struct.pack('!II', spi ^ 1 << self.r.randrange(32), seq) + self.noise(80))))
            else:
                body = struct.pack('!HHHH', 4500, 4500, 8 + 8 + n, 0) + struct.pack('!II', spi, seq + 5) + self.noise(n)
                c = csum(self.src + self.dst + struct.pack('!II', len(body), 17) + body) or 0xffff
                self.send(self.eth(self.ip6(17, body[:6] + struct.pack('!H', c) + body[8:])))

    def replay(self):
        for f in self.live_esp(self.src)[-200:] * 10:
            self.send(f)

    def icmp6(self, body, hop=255, **kw):
        src, dst = kw.get('src') or self.src, kw.get('dst') or self.dst
        c = csum(src + dst + struct.pack('!II', len(body), 58) + body[:2] + b'\0\0' + body[4:])
        self.send(self.eth(self.ip6(58, body[:2] + struct.pack('!H', c) + body[4:], hop=hop, **kw)))

    def icmp(self):
        spi, seq = struct.unpack('!II', self.live_esp(self.dst)[-1][54:62])

        def quote(spi, seq):    # as the gateway would have sent it
            return struct.pack('!IHBB', 6 << 28, 200, 50, 64) + self.dst + self.src + struct.pack('!II', spi, seq) + self.noise(64)
        other = socket.inet_pton(socket.AF_INET6, 'fe80::bad')
        lladdr = bytes([2, 1]) + bytes.fromhex('02bad0bad0ba')
        for _ in range(self.a.count // 16):
            for mtu in (0, 68, 1279, 1280, 1400, 1499, 9000, 2 ** 32 - 1):
                self.icmp6(struct.pack('!BBHI', 2, 0, 0, mtu) + quote(spi, seq + 100000))   # not sent yet
                self.icmp6(struct.pack('!BBHI', 2, 0, 0, mtu) + quote(spi, 0))
                self.icmp6(struct.pack('!BBHI', 2, 0, 0, mtu) + quote(self.r.getrandbits(32), seq))
                self.icmp6(struct.pack('!BBHI', 2, 0, 0, mtu) + self.noise(self.r.randrange(0, 60)))
            ra = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + bytes([5, 1, 0, 0]) + struct.pack('!I', 1280)
            self.icmp6(ra, hop=254, src=other)          # from beyond the link
            self.icmp6(ra)                              # not from a link-local address
            self.icmp6(ra[:-1], src=other)
            na = struct.pack('!BBHI', 136, 0, 0, 0x60000000)
            self.icmp6(na + self.src + lladdr, hop=254)         # the peer's address, from beyond the link
            self.icmp6(na + self.src + lladdr[:1] + b'\0' + lladdr[2:])
            self.icmp6(na + self.dst + lladdr)                  # the gateway's own address
            self.icmp6(struct.pack('!BBHI', 135, 0, 0, 0) + self.dst + bytes([1, 1]) + b'\xff' * 6)
            self.icmp6(bytes([self.r.choice(ND), 0]) + self.noise(self.r.randrange(2, 60)))

    def ike(self):
        r = self.r
        for _ in range(self.a.count):
            msg = self.noise(8) + r.choice((bytes(8), self.noise(8))) + \
                bytes([r.randrange(60), 0x20, r.choice((34, 35, 36, 37, r.randrange(256))), r.choice((8, 0, 0x20, 0x28))]) + \
                struct.pack('!II', r.randrange(3), r.choice((28, 27, 0, 2 ** 32 - 1, r.randrange(400)))) + \
                self.noise(r.randrange(0, 300))
            port = r.choice((500, 4500))
            msg = (b'' if port == 500 else r.choice((bytes(4), b'\xff'))) + msg[:r.choice((len(msg), r.randrange(40)))]
            body = struct.pack('!HHHH', r.choice((500, 4500, 1)), port, 8 + len(msg), 0) + msg
            src = r.choice((self.src, self.stranger()))
            c = csum(src + self.dst + struct.pack('!II', len(body), 17) + body) or 0xffff
            self.send(self.eth(self.ip6(17, body[:6] + struct.pack('!H', c) + body[8:], src=src)))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('iface')
    p.add_argument('what', nargs='+')
    p.add_argument('--mac', required=True)
    p.add_argument('--src', required=True)
    p.add_argument('--dst', required=True)
    p.add_argument('--live', action='append', default=[])
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--count', type=int, default=2000)
    a = Abuse(p.parse_args())
    for what in a.a.what:
        getattr(a, what)()
    print(a.sent)


if __name__ == '__main__':
    main()
