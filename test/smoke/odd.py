#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An IKEv2 peer of its own, written from RFC 7296 alone: odd but legal, and illegal now and then.

  odd.py --local ADDR --remote ADDR --psk TEXT initiator|responder

Knows AES_CBC_128, HMAC_SHA2_256_128, PRF_HMAC_SHA2_256 and Curve25519. Prints a line for each case.
"""
import argparse
import hashlib
import hmac
import os
import socket
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SA, KE, IDI, IDR, CERT, CERTREQ, AUTH, NONCE, N, D, V, TSI, TSR, SK, CP, EAP, SKF = *range(33, 49), 53
INIT, IKE_AUTH, CREATE, INFO = 34, 35, 36, 37
CRITICAL, INVALID_MAJOR, SYNTAX, NO_PROPOSAL, BAD_KE, AUTH_FAILED, TS_BAD, NOT_FOUND = 1, 5, 7, 14, 17, 24, 38, 44
COOKIE, TRANSPORT, REKEY_SA, FRAGMENTATION, CHILDLESS, QCD_TOKEN = 16390, 16391, 16393, 16430, 16418, 16419
ENCR, PRF, INTEG, DH, ESN = 1, 2, 3, 4, 5


class Odd(Exception):
    """What the gateway did is not what the RFC wants."""


def want(cond, what):
    if not cond:
        raise Odd(what)


# --- payloads: (type, body) or (type, body, flags)

def transform(kind, number, bits=0, extra=b'', last=False, reserved=0):
    attrs = (struct.pack('!HH', 0x800e, bits) if bits else b'') + extra
    return struct.pack('!BBHBBH', 0 if last else 3, reserved, 8 + len(attrs), kind, reserved, number) + attrs


def proposal(num, proto, spi, transforms, last=True):
    ts = b''.join(transform(*t[:2], bits=t[2] if len(t) > 2 else 0, extra=t[3] if len(t) > 3 else b'',
                            last=i == len(transforms) - 1) for i, t in enumerate(transforms))
    return struct.pack('!BBHBBBB', 0 if last else 2, 0, 8 + len(spi) + len(ts), num, proto, len(spi),
                       len(transforms)) + spi + ts


IKE_T = [(ENCR, 12, 128), (PRF, 5), (INTEG, 12), (DH, 31)]
ESP_T = [(ENCR, 20, 128), (ESN, 0)]


def notify(kind, data=b'', proto=0, spi=b''):
    return N, struct.pack('!BBH', proto, len(spi), kind) + spi + data


def ts(kind, *selectors):
    """selectors: (protocol, first port, last port, first address, last address), or bytes as they are"""
    body = b''
    for s in selectors:
        if isinstance(s, bytes):
            body += s
            continue
        proto, p1, p2, a1, a2 = s
        f = socket.AF_INET6 if ':' in a1 else socket.AF_INET
        a = socket.inet_pton(f, a1) + socket.inet_pton(f, a2)
        body += struct.pack('!BBHHH', 8 if f == socket.AF_INET6 else 7, proto, 8 + len(a), p1, p2) + a
    return kind, bytes([len(selectors), 0, 0, 0]) + body


def chain(payloads):
    out = b''
    for i, p in enumerate(payloads):
        nxt = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack('!BBH', nxt, p[2] if len(p) > 2 else 0, 4 + len(p[1])) + p[1]
    return out


def unchain(kind, data):
    out = []
    while kind:
        nxt, flags, size = struct.unpack('!BBH', data[:4])
        want(size >= 4 and size <= len(data), 'a payload whose length lies')
        want(flags == 0, 'reserved or critical bits set in a payload of RFC 7296 (3.2)')
        out.append((kind, data[4:size]))
        if kind in (SK, SKF):
            want(size == len(data), 'something behind the Encrypted payload')
            return out, nxt
        data, kind = data[size:], nxt
    want(not data, 'bytes behind the last payload')
    return out, 0


def find(payloads, kind):
    return next((b for k, b in payloads if k == kind), None)


def notifies(payloads):
    out = {}
    for k, b in payloads:
        if k == N:
            proto, size, kind = struct.unpack('!BBH', b[:4])
            want(size or not proto or kind == QCD_TOKEN, f'notify {kind} without SPI has a protocol (3.10)')
            out[kind] = b[4 + size:]
    return out


def chosen(body):
    """number, protocol, SPI and transforms of the one proposal of an answer"""
    last, _, size, num, proto, spi, n = struct.unpack('!BBHBBBB', body[:8])
    want(last == 0 and size == len(body), 'an answer with more than one proposal (3.3)')
    spi, rest, out = body[8:8 + spi], body[8 + spi:], []
    for i in range(n):
        more, _, size, kind, _, number = struct.unpack('!BBHBBH', rest[:8])
        want(more == (0 if i == n - 1 else 3), 'last substructure (3.3.2)')
        bits = struct.unpack('!HH', rest[8:12]) if size == 12 else (0x800e, 0)
        want(bits[0] == 0x800e, 'an attribute that nobody offered')
        out.append((kind, number, bits[1]) if bits[1] else (kind, number))
        rest = rest[size:]
    want(not rest, 'bytes behind the transforms')
    return num, proto, spi, out


def prf(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def prf_plus(key, seed, size):
    out, t, i = b'', b'', 1
    while len(out) < size:
        t = prf(key, t + seed + bytes([i]))
        out, i = out + t, i + 1
    return out[:size]


class Peer:
    """One IKE SA, from either end."""

    def __init__(self, args, initiator=True, port=500):
        self.a, self.initiator = args, initiator
        self.s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.s.bind((args.local, port))
        self.s.settimeout(args.timeout)
        self.spi_i, self.spi_r = os.urandom(8), bytes(8)
        self.key, self.ni, self.nr = X25519PrivateKey.generate(), os.urandom(32), b''
        self.mid, self.version, self.x_flags = 0, 0x20, 0
        self.init_req = self.init_resp = b''

    def close(self):
        self.s.close()

    # --- the wire

    def header(self, first, exchange, mid, response, size):
        flags = (8 if self.initiator else 0) | (0x20 if response else 0) | self.x_flags
        return self.spi_i + self.spi_r + struct.pack('!BBBBII', first, self.version, exchange, flags, mid, size)

    def send(self, data):
        self.s.sendto(data, (self.a.remote, 500))

    def receive(self):
        data, self.from_ = self.s.recvfrom(65535)
        want(self.from_[0] == self.a.remote and self.from_[1] == 500, 'comes from elsewhere (2.11)')
        want(len(data) >= 28 and struct.unpack('!I', data[24:28])[0] == len(data), 'the length in the header')
        want(data[17] == 0x20 and data[19] & 0xd7 == 0, 'version or reserved bits of the header (3.1)')
        return data

    def response(self):
        """the next response for us; requests get an empty answer, and what is left of other SAs none"""
        while True:
            data = self.receive()
            if data[:8] != self.spi_i or data[18] != INIT and data[8:16] != self.spi_r:
                continue
            if data[19] & 0x20:
                return data
            want(data[18] == INFO and data[19] & 8 == (0 if self.initiator else 8), 'a request out of turn')
            self.open(data)
            self.send(self.seal(INFO, [], mid=struct.unpack('!I', data[20:24])[0], response=True))

    def silent(self, data):
        self.send(data)
        try:
            self.response()
        except socket.timeout:
            return
        raise Odd('an answer where there must be none')

    def seal(self, exchange, payloads, mid=None, response=False, raw=None):
        inner = raw if raw is not None else chain(payloads)
        pad = -(len(inner) + 1) % 16 + 32       # more than needed: any length that aligns is right (3.14)
        e, a = self.out
        iv = os.urandom(16)
        enc = Cipher(algorithms.AES(e), modes.CBC(iv)).encryptor()
        body = iv + enc.update(inner + os.urandom(pad) + bytes([pad])) + enc.finalize()
        first = payloads[0][0] if payloads else 0
        head = self.header(SK, exchange, self.mid if mid is None else mid, response, 32 + len(body) + 16)
        msg = head + struct.pack('!BBH', first, 0, 4 + len(body) + 16) + body
        return msg + hmac.new(a, msg, hashlib.sha256).digest()[:16]

    def open(self, data):
        outer, first = unchain(data[16], data[28:])
        want(len(outer) == 1 and outer[0][0] == SK, 'not protected, or more than that (1.4)')
        e, a = self.in_
        want(hmac.new(a, data[:-16], hashlib.sha256).digest()[:16] == data[-16:], 'a wrong checksum')
        body = outer[0][1][:-16]
        dec = Cipher(algorithms.AES(e), modes.CBC(body[:16])).decryptor()
        clear = dec.update(body[16:]) + dec.finalize()
        return unchain(first, clear[:-1 - clear[-1]])[0]

    def ask(self, exchange, payloads, raw=None):
        """a request and its answer's payloads"""
        msg = self.seal(exchange, payloads, raw=raw)
        self.send(msg)
        return self.answer(msg)

    def answer(self, msg):
        data = self.response()
        want(data[18] == msg[18] and data[20:24] == msg[20:24] and data[:16] == self.spi_i + self.spi_r,
             f'exchange, Message ID or SPIs of an answer: {data[:28].hex()} to {msg[:28].hex()}')
        want(data[19] & 0x28 == (0x20 if self.initiator else 0x28), 'R and I bits of an answer (3.1)')
        self.mid += 1
        return self.open(data)

    # --- keys

    def pub(self):
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def derive(self, ke, old_d=None):
        shared = self.key.exchange(X25519PublicKey.from_public_bytes(ke))
        seed = prf(self.ni + self.nr, shared) if old_d is None else prf(old_d, shared + self.ni + self.nr)
        k = prf_plus(seed, self.ni + self.nr + self.spi_i + self.spi_r, 3 * 32 + 2 * 32 + 2 * 16)
        self.d, ai, ar, ei, er = k[:32], k[32:64], k[64:96], k[96:112], k[112:128]
        self.pi, self.pr = k[128:160], prf_plus(seed, self.ni + self.nr + self.spi_i + self.spi_r, 192)[160:192]
        mine, theirs = (ei, ai), (er, ar)
        self.out, self.in_ = (mine, theirs) if self.initiator else (theirs, mine)

    def auth(self, of_initiator, id_body, psk=None):
        key = prf((psk or self.a.psk).encode(), b'Key Pad for IKEv2')
        msg, nonce, p = (self.init_req, self.nr, self.pi) if of_initiator else (self.init_resp, self.ni, self.pr)
        return prf(key, msg + nonce + prf(p, id_body))

    # --- set-up

    def init(self, payloads=None, first=(), proposals=None, expect=True):
        p = payloads or [(SA, proposals or proposal(1, 1, b'', IKE_T)), (KE, struct.pack('!HH', 31, 0) + self.pub()),
                         (NONCE, self.ni)]
        p = list(first) + p
        body = chain(p)
        self.init_req = self.header(p[0][0], INIT, 0, False, 28 + len(body)) + body
        self.send(self.init_req)
        data = self.response()
        got = unchain(data[16], data[28:])[0]
        want(data[:8] == self.spi_i and data[18] == INIT and data[19] & 0x28 == 0x20, 'header of the answer')
        if not expect:
            return got
        want(find(got, SA) is not None, f'refused: {notifies(got)}')
        self.spi_r, self.init_resp, self.nr = data[8:16], data, find(got, NONCE)
        want(16 <= len(self.nr) <= 256 and self.spi_r != bytes(8), 'nonce or SPI (2.10, 3.1)')
        ke = find(got, KE)
        want(ke[:4] == b'\0\x1f\0\0' and len(ke) == 36, 'KE of the answer (3.4)')
        self.derive(ke[4:])
        self.mid = 1
        return got

    def addr_id(self, addr):
        return b'\5\0\0\0' + socket.inet_pton(socket.AF_INET6, addr)

    def child(self, spi=b'\0\1\2\3', proposals=None, tsi=None, tsr=None):
        gre = (47, 0, 65535)
        return [notify(TRANSPORT), (SA, proposals or proposal(1, 3, spi, ESP_T)),
                tsi or ts(TSI, gre + (self.a.local, self.a.local)), tsr or ts(TSR, gre + (self.a.remote, self.a.remote))]

    def auth_payloads(self, psk=None):
        me = self.addr_id(self.a.local)
        return [(IDI, me), (AUTH, b'\2\0\0\0' + self.auth(True, me, psk))]

    def check_auth(self, got):
        idr, auth = find(got, IDR), find(got, AUTH)
        want(idr is not None and auth is not None, f'no IDr or AUTH: {notifies(got)}')
        want(auth == b'\2\0\0\0' + self.auth(False, idr), 'AUTH of the gateway')

    def check_child(self, got, number=1, tsi=None):
        num, proto, spi, t = chosen(find(got, SA))
        want(num == number and proto == 3 and len(spi) == 4 and sorted(t) == sorted(ESP_T), f'proposal {num} {t}')
        want(TRANSPORT in notifies(got), 'USE_TRANSPORT_MODE is not repeated (1.3.1)')
        gre = (47, 0, 65535)
        want(find(got, TSI) == ts(TSI, gre + (self.a.local, self.a.local))[1], 'TSi')
        want(find(got, TSR) == ts(TSR, gre + (self.a.remote, self.a.remote))[1], 'TSr')
        return spi

    def up(self, **kw):
        self.init(**kw)
        got = self.ask(IKE_AUTH, self.auth_payloads() + self.child())
        self.check_auth(got)
        return self.check_child(got)

    def alive(self):
        want(self.ask(INFO, []) == [], 'the answer to an empty request is not empty (1.4)')

    def down(self):
        want(self.ask(INFO, [(D, b'\1\0\0\0')]) == [], 'the answer to the DELETE is not empty (1.4.1)')


# --- cases: the peer is the initiator

def plain(p):
    spi = p.up()
    p.alive()
    got = p.ask(INFO, [(D, struct.pack('!BBH', 3, 4, 1) + b'\0\1\2\3')])
    want(got == [(D, struct.pack('!BBH', 3, 4, 1) + spi)], f'the answer to a DELETE: {got}')
    p.down()


def offers(p):
    """unknown types, attributes and numbers, odd order; short and long nonces; Vendor IDs"""
    p.ni = os.urandom(16)
    odd = [(ENCR, 9999), (DH, 31), (INTEG, 12), (ENCR, 12, 128, struct.pack('!HH', 0x8063, 1)), (DH, 2), (PRF, 7),
           (INTEG, 0), (ENCR, 12, 128), (PRF, 5), (ENCR, 12, 77), (ENCR, 12)]
    offer = proposal(1, 1, b'', IKE_T + [(77, 1)], last=False) + proposal(2, 2, b'', IKE_T, last=False) + \
        proposal(3, 1, b'12345678', IKE_T, last=False) + proposal(4, 1, b'', odd)
    got = p.init(first=[(V, b''), (V, b'odd'), (200, b'unknown'), notify(40000, b'?'), notify(8191)], proposals=offer)
    num, proto, spi, t = chosen(find(got, SA))
    want(num == 4 and proto == 1 and spi == b'' and sorted(t) == sorted(IKE_T), f'chosen: {num} {spi} {t}')
    esp = proposal(1, 2, b'\0\1\2\3', [(INTEG, 12), (ESN, 0)], last=False) + \
        proposal(2, 3, b'\0\1\2\3\4', ESP_T, last=False) + proposal(7, 3, b'\0\1\2\3', [(ESN, 1), (DH, 31)] + ESP_T)
    got = p.ask(IKE_AUTH, p.auth_payloads() + p.child(proposals=esp))
    p.check_auth(got)
    num, proto, spi, t = chosen(find(got, SA))
    want(num == 7 and sorted(x for x in t if x[0] != DH) == sorted(ESP_T), f'chosen: {num} {t}')
    p.down()


def long_nonce(p):
    p.ni = os.urandom(256)
    p.up()
    p.down()


def order(p):
    """any order (2.5), a higher minor version, reserved bits everywhere"""
    p.version, p.x_flags = 0x2f, 0xc7 | 0x10
    p.init(payloads=[(NONCE, p.ni, 0x7f), (KE, struct.pack('!HH', 31, 0xffff) + p.pub()),
                     (SA, proposal(1, 1, b'', IKE_T), 0xff)])
    me = p.addr_id(p.a.local)[:1] + b'\xff\xff\xff' + p.addr_id(p.a.local)[4:]
    auth = (AUTH, b'\2\xff\xff\xff' + p.auth(True, me))
    got = p.ask(IKE_AUTH, list(reversed([(IDI, me), auth] + p.child())))
    p.check_auth(got)
    p.check_child(got)
    p.down()


def wrong_group(p):
    p.init_spi = p.spi_i
    got = p.init(payloads=[(SA, proposal(1, 1, b'', IKE_T + [(DH, 19)])), (KE, struct.pack('!HH', 19, 0) + os.urandom(64)),
                           (NONCE, p.ni)], expect=False)
    want(notifies(got) == {BAD_KE: b'\0\x1f'}, f'INVALID_KE_PAYLOAD for 31: {notifies(got)}')
    p.up()
    p.down()


def critical(p):
    got = p.init(first=[(200, b'', 0x80)], expect=False)
    want(notifies(got) == {CRITICAL: b'\xc8'}, f'{notifies(got)}')
    p.up()
    got = p.ask(INFO, [(D, b'\1\0\0\0'), (201, b'', 0x80)])
    want(notifies(got) == {CRITICAL: b'\xc9'} and len(got) == 1, f'{got}')
    p.alive()
    p.down()


def major(p):
    p.version = 0x35
    got = p.init(expect=False)
    want(list(notifies(got)) == [INVALID_MAJOR], f'{notifies(got)}')


def config(p):
    """who asks for an address gets the rest all the same (2.19, 3.15.4)"""
    p.init()
    got = p.ask(IKE_AUTH, p.auth_payloads() + [(CP, b'\1\0\0\0' + struct.pack('!HHHH', 8, 0, 1, 0))] + p.child())
    p.check_auth(got)
    p.check_child(got)
    want(find(got, CP) is None, 'a CFG_REPLY with an address from nowhere')
    want(p.ask(INFO, [(CP, b'\1\0\0\0' + struct.pack('!HH', 7, 0))]) == [], 'no CP if CP is not supported (2.20)')
    p.down()


def narrowing(p):
    """more than policy allows is narrowed (2.9); selectors of unknown types are not for us"""
    every6, every4 = (0, 0, 65535, '::', 'f' * 4 + ':ffff' * 7), (0, 0, 65535, '0.0.0.0', '255.255.255.255')
    p.init()
    got = p.ask(IKE_AUTH, p.auth_payloads() + p.child(
        tsi=ts(TSI, (6, 22, 22, p.a.local, p.a.local), bytes([99, 0, 0, 6, 1, 2]), every4, every6), tsr=ts(TSR, every4, every6)))
    p.check_auth(got)
    p.check_child(got)
    p.down()


def no_selectors(p):
    """TS_UNACCEPTABLE is the child's failure, not the IKE SA's (2.21.2); a second try gets it"""
    tcp = (6, 0, 65535)
    p.init()
    got = p.ask(IKE_AUTH, p.auth_payloads() + p.child(tsi=ts(TSI, tcp + (p.a.local, p.a.local))))
    p.check_auth(got)
    want(TS_BAD in notifies(got) and find(got, SA) is None, f'{notifies(got)}')
    got = p.ask(CREATE, p.child() + [(NONCE, os.urandom(32))])
    p.check_child(got)
    want(find(got, NONCE) is not None and find(got, KE) is None, 'nonce, and no KE where none was asked for')
    p.down()


def rekey_child(p):
    spi = p.up()
    got = p.ask(CREATE, [notify(REKEY_SA, proto=3, spi=b'\0\1\2\3')] + p.child(spi=b'\0\1\2\4') + [(NONCE, os.urandom(32))])
    fresh = p.check_child(got)
    want(fresh != spi, 'the same SPI again')
    got = p.ask(INFO, [(D, struct.pack('!BBH', 3, 4, 1) + b'\0\1\2\3')])
    want(got == [(D, struct.pack('!BBH', 3, 4, 1) + spi)], f'the answer to a DELETE: {got}')
    got = p.ask(CREATE, [notify(REKEY_SA, proto=3, spi=b'\0\1\2\3')] + p.child(spi=b'\0\1\2\5') + [(NONCE, os.urandom(32))])
    want(NOT_FOUND in notifies(got), f'{notifies(got)}')
    p.alive()
    p.down()


def rekey_ike(p):
    p.up()
    spi, key, ni = os.urandom(8), X25519PrivateKey.generate(), os.urandom(32)
    pub = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    got = p.ask(CREATE, [(NONCE, ni), (KE, struct.pack('!HH', 31, 0) + pub), (SA, proposal(1, 1, spi, IKE_T))])
    num, proto, new, t = chosen(find(got, SA))
    want(num == 1 and proto == 1 and len(new) == 8 and sorted(t) == sorted(IKE_T), f'{num} {proto} {new} {t}')
    want(p.ask(INFO, [(D, b'\1\0\0\0')]) == [], 'the old one is deleted')
    p.spi_i, p.spi_r, p.key, p.ni, p.nr, p.mid = spi, new, key, ni, find(got, NONCE), 0
    p.derive(find(got, KE)[4:], old_d=p.d)
    p.alive()
    # the child lives on under the new SA
    got = p.ask(INFO, [(D, struct.pack('!BBH', 3, 4, 1) + b'\0\1\2\3')])
    want(len(got) == 1 and got[0][0] == D, f'{got}')
    p.down()


def again(p):
    """the same request brings the same bytes, another one with its number nothing (2.1)"""
    p.init()
    p.send(p.init_req)
    want(p.response() == p.init_resp, 'another answer to the same IKE_SA_INIT')
    msg = p.seal(IKE_AUTH, p.auth_payloads() + p.child())
    p.send(msg)
    first = p.response()
    for _ in range(3):
        p.send(msg)
        want(p.response() == first, 'another answer to the same request')
    p.silent(p.seal(INFO, [], mid=1))
    p.silent(p.seal(INFO, [], mid=3))
    p.silent(p.seal(INFO, [], mid=0))
    p.silent(p.seal(INFO, [], mid=2)[:-1] + b'?')
    p.mid = 2
    p.alive()
    p.down()


def wrong_psk(p):
    p.init()
    got = p.ask(IKE_AUTH, p.auth_payloads(psk='not that one') + p.child())
    want(notifies(got) == {AUTH_FAILED: b''} and len(got) == 1, f'{got}')


def eap(p):
    p.init()
    got = p.ask(IKE_AUTH, p.auth_payloads()[:1] + p.child())
    want(notifies(got) == {AUTH_FAILED: b''} and len(got) == 1, f'{got}')


def childless(p):
    want(CHILDLESS in notifies(p.init()), 'CHILDLESS_IKEV2_SUPPORTED (RFC 6023)')
    p.check_auth(p.ask(IKE_AUTH, p.auth_payloads()))
    p.alive()
    p.check_child(p.ask(CREATE, p.child() + [(NONCE, os.urandom(16))]))
    p.down()


def malformed(p):
    """INVALID_SYNTAX ends the IKE SA (2.21.3)"""
    p.up()
    got = p.ask(INFO, [(N, b'\0')])
    want(notifies(got) == {SYNTAX: b''} and len(got) == 1, f'{got}')
    msg = p.seal(INFO, [])
    p.send(msg)
    try:
        data = p.response()
    except socket.timeout:
        return
    want(data[16] != SK, 'the SA answers still')


def other_port(p):
    """answers go to where requests come from (2.11)"""
    q = Peer(p.a, port=40000)
    try:
        q.up()
        q.alive()
        q.down()
    finally:
        q.close()


def fragments(p):
    """RFC 7383, the last one first"""
    p.init(first=[notify(FRAGMENTATION)])
    pl = p.auth_payloads() + p.child()
    inner = chain(pl)
    parts = [inner[i:i + 70] for i in range(0, len(inner), 70)]
    e, a = p.out
    for i in reversed(range(len(parts))):
        pad = -(len(parts[i]) + 1) % 16
        iv = os.urandom(16)
        enc = Cipher(algorithms.AES(e), modes.CBC(iv)).encryptor()
        body = struct.pack('!HH', i + 1, len(parts)) + iv + enc.update(parts[i] + bytes(pad) + bytes([pad])) + enc.finalize()
        msg = p.header(SKF, IKE_AUTH, 1, False, 32 + len(body) + 16) + \
            struct.pack('!BBH', pl[0][0] if i == 0 else 0, 0, 4 + len(body) + 16) + body
        msg += hmac.new(a, msg, hashlib.sha256).digest()[:16]
        p.send(msg)
    got = p.answer(msg)
    p.check_auth(got)
    p.check_child(got)
    p.down()


INITIATOR = [plain, offers, long_nonce, order, wrong_group, critical, major, config, narrowing, no_selectors, rekey_child,
             rekey_ike, again, wrong_psk, eap, childless, malformed, other_port, fragments]


# --- the peer is the responder; the gateway wants a child, and comes again when it gets none

def hear_init(p):
    """the gateway's IKE_SA_INIT, whatever else is under way"""
    while True:
        data = p.receive()
        if data[18] == INIT and not data[19] & 0x20:
            break
    want(data[8:16] == bytes(8) and data[19] == 8 and data[20:24] == bytes(4), 'header of the first request (3.1)')
    p.spi_i, p.spi_r, p.init_req = data[:8], bytes(8), data
    return unchain(data[16], data[28:])[0]


def answer_init(p, got, payloads, spi=True):
    if spi:
        p.spi_r, p.ni, p.nr = os.urandom(8), find(got, NONCE), os.urandom(32)
    body = chain(payloads)
    p.init_resp = p.header(payloads[0][0], INIT, 0, True, 28 + len(body)) + body
    p.send(p.init_resp)


def regular(p, got, extra=()):
    p.spi_r, p.ni, p.nr = os.urandom(8), find(got, NONCE), os.urandom(16)
    answer = [(NONCE, p.nr), *extra, (KE, struct.pack('!HH', 31, 0) + p.pub()), (SA, proposal(1, 1, b'', IKE_T))]
    answer_init(p, got, answer, spi=False)
    p.derive(find(got, KE)[4:])


def hear(p, exchange):
    while True:
        data = p.receive()
        if data[18] == exchange and data[:16] == p.spi_i + p.spi_r:
            break
    want(data[19] == 8, 'flags of a request')
    return data, p.open(data)


def respond(p, data, payloads, **kw):
    msg = p.seal(data[18], payloads, mid=struct.unpack('!I', data[20:24])[0], response=True, **kw)
    p.send(msg)
    return msg


def responder_up(p):
    """a cookie, the other group, any order, what nobody knows; then a narrow answer, in tunnel mode"""
    first = hear_init(p)
    want({SA, KE, NONCE} <= {k for k, _ in first}, 'SA, KE, Ni')
    answer_init(p, first, [notify(COOKIE, b'c' * 64)], spi=False)
    second = hear_init(p)
    want(second[0] == notify(COOKIE, b'c' * 64), 'the cookie is the first payload (2.6)')
    want([x for x in second[1:] if x[0] != N] == [x for x in first if x[0] != N], 'the other payloads are unchanged (2.6)')
    regular(p, second, extra=[(V, b'x'), notify(40000), (210, b'?')])
    data, got = hear(p, IKE_AUTH)
    idi, auth = find(got, IDI), find(got, AUTH)
    want(auth == b'\2\0\0\0' + p.auth(True, idi), 'AUTH of the gateway')
    me = p.addr_id(p.a.local)
    answer = [find_ts(got, TSI), (211, b'?'), (SA, proposal(1, 3, b'\0\0\1\1', ESP_T)), notify(40001, b'?'),
              find_ts(got, TSR), (AUTH, b'\2\0\0\0' + p.auth(False, me)), (IDR, me)]
    reply = respond(p, data, answer)
    p.send(reply)
    p.mid = 0
    p.alive()
    got = p.ask(INFO, [(D, struct.pack('!BBH', 3, 4, 1) + b'\0\0\1\1')])
    want(len(got) == 1 and got[0][0] == D, f'the answer to a DELETE: {got}')
    p.down()


def find_ts(got, kind):
    return kind, find(got, kind)


def responder_eap(p):
    regular(p, hear_init(p))
    data, _ = hear(p, IKE_AUTH)
    respond(p, data, [(IDR, p.addr_id(p.a.local)), (EAP, b'\1\0\0\5\1')])


def responder_fatal(p):
    """AUTH and INVALID_SYNTAX together: no IKE SA (2.21.2)"""
    regular(p, hear_init(p))
    data, _ = hear(p, IKE_AUTH)
    me = p.addr_id(p.a.local)
    respond(p, data, [(IDR, me), (AUTH, b'\2\0\0\0' + p.auth(False, me)), notify(SYNTAX)])


def responder_liar(p):
    """a wrong AUTH: the gateway says AUTHENTICATION_FAILED in a request of its own (2.21.2)"""
    regular(p, hear_init(p))
    data, got = hear(p, IKE_AUTH)
    respond(p, data, [(IDR, p.addr_id(p.a.local)), (AUTH, b'\2\0\0\0' + bytes(32)), find_ts(got, TSI), find_ts(got, TSR),
                      (SA, proposal(1, 3, b'\0\0\1\2', ESP_T))])
    data, got = hear(p, INFO)
    want(AUTH_FAILED in notifies(got), f'{got}')
    respond(p, data, [])


def responder_child_error(p):
    """the child is refused, the IKE SA stays: the gateway answers over it"""
    regular(p, hear_init(p))
    data, _ = hear(p, IKE_AUTH)
    me = p.addr_id(p.a.local)
    respond(p, data, [(IDR, me), (AUTH, b'\2\0\0\0' + p.auth(False, me)), notify(8191), notify(TS_BAD)])
    p.mid = 0
    p.alive()
    p.down()


RESPONDER = [responder_eap, responder_fatal, responder_liar, responder_child_error, responder_up]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('role', choices=('initiator', 'responder'))
    a.add_argument('--local', required=True)
    a.add_argument('--remote', required=True)
    a.add_argument('--psk', required=True)
    a.add_argument('--start', help='responder: what makes the gateway connect, before each case')
    a = a.parse_args()
    a.timeout = 2 if a.role == 'initiator' else 20
    bad = 0
    for case in INITIATOR if a.role == 'initiator' else RESPONDER:
        p = Peer(a, a.role == 'initiator')
        try:
            if a.start:
                os.system(a.start)
            case(p)
            print(f'PASS smoke/odd: {case.__name__.replace("_", "-")}', flush=True)
        except (Odd, socket.timeout, struct.error, TypeError) as e:
            print(f'FAIL smoke/odd: {case.__name__.replace("_", "-")}: {e or type(e).__name__}', flush=True)
            bad = 1
        finally:
            p.close()
    return bad


if __name__ == '__main__':
    sys.exit(main())
