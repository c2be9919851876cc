#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A NAT66 as a bump in the wire: source address and UDP port rewritten, checksums mended.

  nat66.py INSIDE-IF OUTSIDE-IF INSIDE-ADDR OUTSIDE-ADDR

Frames pass between the two interfaces as on a bridge, but one host inside, INSIDE-ADDR, is known
outside as OUTSIDE-ADDR: its neighbour discovery is answered here, each of its UDP ports gets another
one, and nothing but UDP gets through for it (ESP does not). SIGUSR1 forgets all mappings, as a NAT
that restarts, and the next ones use other ports. Standard library only.
"""
import ipaddress
import select
import signal
import socket
import struct
import sys

IP6, UDP, ICMP6 = 0x86dd, 17, 58
NS, NA = 135, 136


def csum(data):
    if len(data) % 2:
        data += b'\0'
    s = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def with_csum(ip6, at):
    """the packet with the checksum at offset at of its payload computed anew"""
    payload = ip6[40:40 + at] + b'\0\0' + ip6[42 + at:]
    s = csum(ip6[8:40] + struct.pack('!II', len(payload), ip6[6]) + payload)
    return ip6[:40] + payload[:at] + struct.pack('!H', s or 0xffff) + payload[at + 2:]


class Nat:
    def __init__(self, inside, outside):
        self.inside, self.outside = (ipaddress.ip_address(a).packed for a in (inside, outside))
        self.generation = 0
        self.forget()

    def forget(self, *_):
        self.out, self.back = {}, {}
        self.generation += 1

    def port(self, own):
        if own not in self.out:
            self.out[own] = 20000 + 1000 * self.generation + len(self.out)
            self.back[self.out[own]] = own
        return self.out[own]

    def outward(self, ip6):
        """-> what goes out instead of it, None: nothing"""
        if ip6[8:24] != self.inside:
            return ip6
        if ip6[6] == ICMP6 and ip6[40] in (NS, NA):
            return ip6      # its own questions about hosts outside
        if ip6[6] != UDP:
            return None
        port = struct.unpack('!H', ip6[40:42])[0]
        return with_csum(ip6[:8] + self.outside + ip6[24:40] + struct.pack('!H', self.port(port)) + ip6[42:], 6)

    def inward(self, ip6):
        if ip6[24:40] != self.outside:
            return ip6
        port = struct.unpack('!H', ip6[42:44])[0] if ip6[6] == UDP else 0
        if port not in self.back:
            return None
        return with_csum(ip6[:24] + self.inside + ip6[40:42] + struct.pack('!H', self.back[port]) + ip6[44:], 6)

    def advertise(self, frame, mac):
        """the answer to a neighbour solicitation for the outside address, None: it is none"""
        ip6 = frame[14:]
        if ip6[6] != ICMP6 or ip6[40] != NS or ip6[48:64] != self.outside:
            return None
        na = struct.pack('!BBHI', NA, 0, 0, 0x60000000) + self.outside + b'\x02\x01' + mac
        head = struct.pack('!IHBB', 6 << 28, len(na), ICMP6, 255) + self.outside + ip6[8:24]
        return frame[6:12] + mac + frame[12:14] + with_csum(head + na, 2)


def opened(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 0))
    # SOL_PACKET, PACKET_ADD_MEMBERSHIP: promiscuous
    s.setsockopt(263, 1, struct.pack('iHH8s', socket.if_nametoindex(name), 1, 0, b''))
    return s


def main(inside_if, outside_if, inside, outside):
    nat = Nat(inside, outside)
    signal.signal(signal.SIGUSR1, nat.forget)
    a, b = opened(inside_if), opened(outside_if)
    mac = b.getsockname()[4]
    inside_mac = None
    print('ready', flush=True)
    while True:
        for s in select.select([a, b], [], [])[0]:
            frame, addr = s.recvfrom(65536)
            if addr[2] == socket.PACKET_OUTGOING or frame[12:14] != struct.pack('!H', IP6) or len(frame) < 14 + 48:
                continue
            ip6 = frame[14:54 + struct.unpack('!H', frame[18:20])[0]]
            if s is a:
                if ip6[8:24] == nat.inside:
                    inside_mac = frame[6:12]
                new = nat.outward(ip6)
                if new is not None:
                    b.send(frame[:14] + new)
                continue
            answer = nat.advertise(frame, mac)
            new = nat.inward(ip6) if answer is None else None
            if answer is not None:
                b.send(answer)
            elif new is not None and ip6[24:40] == nat.outside:
                if inside_mac is not None:
                    a.send(inside_mac + frame[6:14] + new)
            elif new is not None:
                a.send(frame[:14] + new)


if __name__ == '__main__':
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
