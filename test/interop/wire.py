# SPDX-License-Identifier: BSD-3-Clause
"""Judge the ESP of a capture with the peer's keys: integrity, next header, IVs, and tshark's opinion.

Keys come from `ip xfrm state` of the peer. Integrity is checked here with the `cryptography` library
for every algorithm, and by tshark for those it knows; neither shares a line with raclette.
"""
import hashlib
import hmac
import os
import re
import socket
import struct
import subprocess
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
import wirecount  # noqa: E402

AEAD_IV = 8
CBC_IV = 16
HMACS = {'hmac(sha1)': (hashlib.sha1, 'HMAC-SHA-1-96 [RFC2404]'),
         'hmac(sha256)': (hashlib.sha256, 'HMAC-SHA-256-128 [RFC4868]'),
         'hmac(sha384)': (hashlib.sha384, 'HMAC-SHA-384-192 [RFC4868]'),
         'hmac(sha512)': (hashlib.sha512, 'HMAC-SHA-512-256 [RFC4868]')}


class Key:
    """One SA of `ip xfrm state`."""

    def __init__(self, text):
        src, dst = re.match(r'src (\S+) dst (\S+)', text).groups()
        self.src, self.dst = src, dst
        self.spi = int(re.search(r'proto esp spi (0x[0-9a-f]+)', text).group(1), 16)
        self.mode = re.search(r' mode (\w+)', text).group(1)
        self.esn = bool(re.search(r'\bflag .*\besn\b', text))
        aead = re.search(r'aead (\S+) 0x([0-9a-f]+) (\d+)', text)
        self.aead = aead and aead.group(1)
        if aead:
            material = bytes.fromhex(aead.group(2))
            self.key, self.salt, self.icv_len = material[:-4], material[-4:], int(aead.group(3)) // 8
        else:
            auth = re.search(r'auth-trunc (\S+) 0x([0-9a-f]+) (\d+)', text)
            self.auth, self.auth_key = auth.group(1), bytes.fromhex(auth.group(2))
            self.icv_len = int(auth.group(3)) // 8
            self.key = bytes.fromhex(re.search(r'enc cbc\(aes\) 0x([0-9a-f]+)', text).group(1))

    def iv(self, esp):
        return esp[8:8 + (AEAD_IV if self.aead else CBC_IV)]

    def open(self, esp):
        """-> the plaintext with its trailer, or None when the integrity check fails"""
        high = bytes(4) if self.esn else b''
        if self.aead:
            cls = ChaCha20Poly1305 if 'chacha20' in self.aead else AESGCM
            try:
                return cls(self.key).decrypt(self.salt + self.iv(esp), esp[16:], esp[:4] + high + esp[4:8])
            except InvalidTag:
                return None
        body, icv = esp[:-self.icv_len], esp[-self.icv_len:]
        good = hmac.new(self.auth_key, body + high, HMACS[self.auth][0]).digest()[:self.icv_len]
        if good != icv:
            return None
        d = Cipher(algorithms.AES(self.key), modes.CBC(self.iv(esp))).decryptor()
        return d.update(body[8 + CBC_IV:]) + d.finalize()

    def tshark(self):
        """-> a line of tshark's esp_sa table, or None for what it cannot do"""
        if self.aead:
            if 'gcm' not in self.aead:
                return None
            how = [f'AES-GCM with {self.icv_len} octet ICV [RFC4106]', '0x' + (self.key + self.salt).hex(), 'NULL', '']
        else:
            how = ['AES-CBC [RFC3602]', '0x' + self.key.hex(), HMACS[self.auth][1], '0x' + self.auth_key.hex()]
        return ','.join(f'"{v}"' for v in ['IPv6', '*', self.dst, f'0x{self.spi:08x}', *how])


class Keys(dict):
    """(destination, SPI) -> Key; grows with every look at the peer."""

    def add(self, xfrm_state):
        for block in re.split(r'\n(?=src )', xfrm_state.strip()):
            if 'proto esp' in block and ('aead' in block or 'auth-trunc' in block):
                k = Key(block)
                self[k.dst, k.spi] = k


def esp_packets(path):
    """(destination, ESP from SPI to ICV) of each frame that holds it whole."""
    for frame in wirecount.frames(path):
        if frame[12:14] != b'\x86\xdd':
            continue
        p = frame[14:]
        p = p[:40 + struct.unpack('!H', p[4:6])[0]]
        nh, at = p[6], 40
        while nh in wirecount.EXTENSION:
            nh, at = p[at], at + (p[at + 1] + 1) * 8
        dst = socket.inet_ntop(socket.AF_INET6, p[24:40])
        if nh == 50:
            yield dst, p[at:]
        elif nh == 17 and wirecount.udp_kind(p[at:]) == 'esp-udp':
            yield dst, p[at + 8:]


def trailer_fault(plain):
    """What is wrong with the padding and next header of a plaintext, or None (RFC 4303 2.4)."""
    pad, nh = plain[-2], plain[-1]
    if pad + 2 > len(plain) or plain[-2 - pad:-2] != bytes(range(1, pad + 1)):
        return 'padding is not 1, 2, 3...'
    if nh not in (47, 41, 59, 60):
        return f'next header {nh}'
    return None


def faults(path, keys):
    """-> (ESP packets seen, list of what is wrong with them)"""
    n, bad, ivs, seqs = 0, [], set(), set()
    for dst, esp in esp_packets(path):
        n += 1
        spi, seq = struct.unpack('!II', esp[:8])
        what = f'ESP {spi:08x} to {dst} number {seq}'
        key = keys.get((dst, spi))
        if key is None:
            bad.append(what + ': the peer never had this SA')
            continue
        plain = key.open(esp)
        if plain is None:
            bad.append(what + ': bad ICV')
            continue
        fault = trailer_fault(plain)
        if fault:
            bad.append(f'{what}: {fault}')
        iv = (dst, spi, key.iv(esp))
        if iv in ivs:
            bad.append(what + ': IV used before')
        ivs.add(iv)
        if (dst, spi, seq) in seqs:
            bad.append(what + ': sequence number used before')
        seqs.add((dst, spi, seq))
    return n, bad


def tshark_faults(path, keys):
    """tshark's own decryption -> (ESP it was given keys for, what it disliked)"""
    options, known = [], set()
    for (dst, spi), k in keys.items():
        line = k.tshark()
        if line:
            known.add(spi)
            options += ['-o', 'uat:esp_sa:' + line]
    # what is inside is not its business, and not to be guessed at: flow.py's number 51 331 looks like RTCP, and malformed
    out = subprocess.run(['tshark', '-r', path, '--disable-protocol', 'gre', '-o', 'esp.enable_encryption_decode:TRUE',
                          '-o', 'esp.enable_authentication_check:TRUE', *options, '-Y', 'esp',
                          '-T', 'fields', '-E', 'occurrence=f', '-e', 'esp.spi', '-e', 'esp.sequence',
                          '-e', 'esp.icv_good', '-e', 'esp.protocol'],
                         check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    n, bad = 0, []
    for line in out.splitlines():
        spi, seq, good, nh = (line.split('\t') + ['', '', ''])[:4]
        if int(spi, 16) not in known:
            continue
        n += 1
        if good not in ('1', 'True'):
            bad.append(f'tshark: ESP {spi} number {seq}: ICV not good')
        if not nh or int(nh, 0) not in (47, 41, 59, 60):
            bad.append(f'tshark: ESP {spi} number {seq}: next header {nh or "not decrypted"}')
    return n, bad
