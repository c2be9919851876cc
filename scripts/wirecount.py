#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Count what is on a capture of an outside link, and judge it.

  wirecount.py [-q] [--secret HEX]... FILE...   count by kind; exit status 1 when anything is clear, 2 when a
                                                file cannot be read
  wirecount.py --send IFACE [--mac M] [--src A] [--dst A]
                                                put known bad and known good frames on a link

Allowed on the outside: ESP (also behind extension headers, in fragments, or in UDP 4500), IKE and
ICMPv6. All else is "clear": GRE, inner packets, whatever came out that should not have. --secret
names bytes that must be nowhere in a frame, such as a pair of inner addresses: what bears the label
ESP is searched too. --send proves a capture and this counter on a real link; it prints how many of
its frames must be counted as clear. Standard library only.
"""
import argparse
import collections
import socket
import struct
import sys

ALLOWED = ('esp', 'esp-udp', 'ike', 'natt-keepalive', 'icmp6')
EXTENSION = {0: 'hop-by-hop', 43: 'routing', 60: 'destination options'}
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
IP6, IP4, ARP, VLAN = 0x86dd, 0x0800, 0x0806, 0x8100


def frames(path):
    """Each frame of a classic pcap file with Ethernet (or raw IP) link type, as captured bytes."""
    with open(path, 'rb') as f:
        head = f.read(24)
        if len(head) < 24:
            raise ValueError(f'{path}: not a capture')
        order = {b'\xd4\xc3\xb2\xa1': '<', b'\xa1\xb2\xc3\xd4': '>',
                 b'\x4d\x3c\xb2\xa1': '<', b'\xa1\xb2\x3c\x4d': '>'}.get(head[:4])
        if order is None:
            raise ValueError(f'{path}: not a classic pcap file')
        if struct.unpack(order + 'I', head[20:24])[0] & 0xffff != 1:
            raise ValueError(f'{path}: link type is not Ethernet')
        while True:
            rec = f.read(16)
            if len(rec) < 16:
                return
            n = struct.unpack(order + 'I', rec[8:12])[0]
            data = f.read(n)
            if len(data) < n:
                return          # the writer was stopped inside a record
            yield data


def udp_kind(p):
    if len(p) < 8:
        return 'udp truncated'
    sport, dport = struct.unpack('!HH', p[:4])
    if 500 in (sport, dport):
        return 'ike'
    if 4500 in (sport, dport):
        if p[8:12] == b'\0\0\0\0':
            return 'ike'
        return 'natt-keepalive' if len(p) == 9 else 'esp-udp'
    return f'udp {sport}>{dport}'


def ip6_kind(p):
    """-> kind, extension headers passed on the way to it"""
    if len(p) < 40:
        return 'ip6 truncated', ()
    nh, at, ext = p[6], 40, []
    while nh in EXTENSION or nh == 44:
        if len(p) < at + 8:
            return 'ip6 truncated', ext
        if nh == 44:
            ext.append('fragment')
            later = struct.unpack('!H', p[at + 2:at + 4])[0] & 0xfff8
            nh, at = p[at], at + 8
            if later:           # no header to look at: the first fragment's protocol is named here
                return {50: 'esp', 17: 'esp-udp', 58: 'icmp6'}.get(nh, f'fragment of proto {nh}'), ext
        else:
            ext.append(EXTENSION[nh])
            nh, at = p[at], at + (p[at + 1] + 1) * 8
    if nh == 17:
        return udp_kind(p[at:]), ext
    return {50: 'esp', 58: 'icmp6', 47: 'clear gre', 4: 'clear ip4 in ip6', 41: 'clear ip6 in ip6',
            59: 'no next header'}.get(nh, f'ip6 proto {nh}'), ext


def kind(frame):
    if len(frame) < 14:
        return 'frame truncated', ()
    etype, at = struct.unpack('!H', frame[12:14])[0], 14
    if etype == VLAN and len(frame) >= 18:
        etype, at = struct.unpack('!H', frame[16:18])[0], 18
    if etype == IP6:
        return ip6_kind(frame[at:])
    return {IP4: 'clear ip4', ARP: 'arp'}.get(etype, f'ethertype {etype:04x}'), ()


def count(paths, secrets=()):
    """-> Counter of kinds. A secret seen in a frame of an allowed kind makes it 'secret in KIND'."""
    n = collections.Counter()
    for path in paths:
        for frame in frames(path):
            k, ext = kind(frame)
            if k in ALLOWED and any(s in frame for s in secrets):
                k = 'secret in ' + k
            n[' behind '.join([k, *reversed(ext)])] += 1
    return n


def allowed(k):
    return k.split(' behind ')[0] in ALLOWED


# --- proof

def ip4(payload=b'inner'):
    return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), 1, 0, 64, 1, 0,
                       bytes([169, 254, 123, 1]), bytes([169, 254, 123, 2])) + payload


def samples(mac, src, dst):
    """-> frames to be counted as clear, frames to be let pass"""
    def eth(etype, payload):
        return bytes.fromhex(mac.replace(':', '') + '020000000001') + struct.pack('!H', etype) + payload

    def ip6(nh, payload):
        return struct.pack('!IHBB', 6 << 28, len(payload), nh, 64) + \
            socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + payload

    gre = struct.pack('!HH', 0, IP4) + ip4()
    options = lambda nh: bytes([nh, 0, 4, 1, 4, 1, 1, 0])       # encapsulation limit, as Linux sends it
    frag = lambda nh, off, more: struct.pack('!BBHI', nh, 0, off << 3 | more, 7)
    esp = struct.pack('!II', 0x1000, 1) + bytes(range(32))
    udp = lambda s, d, data: struct.pack('!HHHH', s, d, 8 + len(data), 0) + data
    bad = [eth(IP6, ip6(47, gre)),
           eth(IP6, ip6(60, options(47) + gre)),
           eth(IP6, ip6(0, options(60) + options(47) + gre)),
           eth(IP6, ip6(44, frag(47, 0, 1) + gre)),
           eth(IP6, ip6(44, frag(47, 8, 0) + b'the rest')),
           eth(IP6, ip6(4, ip4())),
           eth(IP6, ip6(41, ip6(47, gre))),
           eth(IP6, ip6(17, udp(4754, 4754, gre))),
           eth(IP6, ip6(6, bytes(20))),
           eth(IP4, ip4()),
           eth(VLAN, struct.pack('!HH', 7, IP4) + ip4())]
    good = [eth(IP6, ip6(50, esp)),
            eth(IP6, ip6(60, options(50) + esp)),
            eth(IP6, ip6(17, udp(500, 500, bytes(28)))),
            eth(IP6, ip6(17, udp(4500, 4500, bytes(32)))),
            eth(IP6, ip6(17, udp(4500, 4500, esp))),
            eth(IP6, ip6(58, bytes([135, 0, 0, 0]) + bytes(20)))]
    return bad, good


def send(iface, *addresses):
    bad, good = samples(*addresses)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        # as DPDK's af_packet sends: not seen by a capture on the interface itself
        s.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        s.bind((iface, 0))
        for f in bad + good:
            s.send(f)
    print(len(bad))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('-q', action='store_true', help='print the number of clear frames only')
    ap.add_argument('--secret', action='append', default=[], type=bytes.fromhex, metavar='HEX')
    ap.add_argument('--send', metavar='IFACE')
    ap.add_argument('--mac', default='02:00:00:00:00:02', help='where --send sends to')
    ap.add_argument('--src', default='2001:db8::1')
    ap.add_argument('--dst', default='2001:db8::2')
    ap.add_argument('file', nargs='*')
    a = ap.parse_args()
    if a.send:
        send(a.send, a.mac, a.src, a.dst)
        return 0
    try:
        n = count(a.file, a.secret)
    except (OSError, ValueError) as e:
        print(f'wirecount.py: {e}', file=sys.stderr)
        return 2
    clear = sum(v for k, v in n.items() if not allowed(k))
    if a.q:
        print(clear)
    else:
        for k, v in sorted(n.items()):
            print(f'{v:9} {k}{"" if allowed(k) else "   <-- clear"}')
    return 1 if clear else 0


if __name__ == '__main__':
    sys.exit(main())
