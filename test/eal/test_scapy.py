#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ESP against scapy's own implementation (layers/ipsec.py over python3-cryptography), both ways.

What raclette seals must be, byte for byte, what scapy seals with the same IV, and scapy must open it;
what scapy seals, raclette must open. scapy has no ESN with an HMAC and no short GCM ICVs: the first
is added here from RFC 4303 2.2.1, the second is the full ICV cut off (RFC 4106 6).

Usage: test_scapy.py ESP_TOOL. Exit 77 (skipped) without scapy.
"""

import random
import struct
import subprocess
import sys
import unittest

try:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6, in6_chksum
    from scapy.layers.ipsec import (CRYPT_ALGOS, ESP, AuthAlgo, IPSecIntegrityError,
                                    SecurityAssociation)
    from scapy.layers.l2 import GRE
    from scapy.packet import Raw, raw
    CRYPT_ALGOS["CHACHA20-POLY1305"]
except (ImportError, KeyError) as e:
    print(f"skipped: no scapy with cryptography: {e}")
    sys.exit(77)

TOOL = sys.argv.pop(1)
LOCAL, REMOTE = "2001:db8::1", "2001:db8:1::2"
HMACS = {  # raclette's name: scapy's name, key length, ICV length
    "HMAC_SHA1_96": ("HMAC-SHA1-96", 20, 12),
    "HMAC_SHA2_256_128": ("SHA2-256-128", 32, 16),
    "HMAC_SHA2_384_192": ("SHA2-384-192", 48, 24),
    "HMAC_SHA2_512_256": ("SHA2-512-256", 64, 32),
}
ALGORITHMS = (
    [f"NULL/{h}" for h in HMACS]
    + [f"AES_CBC-{bits}/{h}" for bits in (128, 192, 256) for h in HMACS]
    + [f"AES_GCM_{icv}-{bits}" for bits in (128, 192, 256) for icv in (8, 12, 16)]
    + ["CHACHA20_POLY1305"]
)
FEW_LENGTHS = (0, 1, 2, 3, 13, 14, 15, 16, 64, 511, 1362)


class EsnHmac(AuthAlgo):
    """scapy's HMAC over the packet and the high half of its sequence number."""

    def __init__(self, base, high):
        super().__init__(base.name, mac=base.mac, digestmod=base.digestmod,
                         icv_size=base.icv_size, key_size=base.key_size)
        self.high = high

    def icv(self, data, key):
        mac = self.new_mac(key)
        mac.update(data + struct.pack("!L", self.high))
        return mac.finalize()[:self.icv_size]

    def sign(self, pkt, key, **kw):
        pkt[ESP].data += self.icv(raw(pkt[ESP]), key)
        return pkt

    def verify(self, pkt, key, **kw):
        data = raw(pkt[ESP])
        if data[-self.icv_size:] != self.icv(data[:-self.icv_size], key):
            raise IPSecIntegrityError("ESN")


class Tool:
    """esp_tool, a line at a time."""

    def __init__(self):
        self.proc = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True, bufsize=1)
        while True:
            line = self.proc.stdout.readline()
            if line == "ready\n":
                break
            if not line:
                raise RuntimeError("esp_tool did not start")

    def ask(self, *words):
        self.proc.stdin.write(" ".join(str(w) for w in words) + "\n")
        answer = self.proc.stdout.readline().split()
        if not answer or answer[0] not in ("ok", "drop"):
            raise RuntimeError(f"esp_tool: {words}: {answer}")
        return answer

    def close(self):
        self.proc.stdin.close()
        self.proc.stdout.close()
        return self.proc.wait()


def hexed(data):
    return data.hex() or "-"


def unhexed(word):
    return b"" if word == "-" else bytes.fromhex(word)


class Sa:
    """One SA in both implementations."""

    def __init__(self, tool, name, esn=False, tunnel=False, udp=False, start=0, seed=0):
        rnd = random.Random(f"{name} {seed}")
        cipher, _, hmac = name.partition("/")
        bits = int(cipher.rpartition("-")[2]) if "-" in cipher else 0
        aead = not hmac
        key_len = 32 if name.startswith("CHACHA") else bits // 8
        self.tool, self.esn, self.tunnel, self.udp = tool, esn, tunnel, udp
        self.seq = start
        self.key = rnd.randbytes(key_len)
        self.salt = rnd.randbytes(4) if aead else b""
        self.auth_key = rnd.randbytes(HMACS[hmac][1]) if hmac else b""
        self.iv_len = 8 if aead else 16 if bits else 0
        self.icv_len = int(cipher.split("_")[2].split("-")[0]) if "GCM" in name else 16
        self.aead = aead
        self.scapy_cipher = ("CHACHA20-POLY1305" if name.startswith("CHACHA") else
                             "NULL" if name.startswith("NULL") else
                             "AES-GCM" if aead else "AES-CBC")
        self.scapy_auth = HMACS[hmac][0] if hmac else None
        answer = tool.ask("sa", name, int(esn), int(tunnel), int(udp), start, hexed(self.key),
                          hexed(self.salt), hexed(self.auth_key))
        self.spi = int(answer[1], 16)

    def scapy(self, seq, tunnel_header=None):
        sa = SecurityAssociation(
            ESP, spi=self.spi, seq_num=seq & 0xffffffff, crypt_algo=self.scapy_cipher,
            crypt_key=self.key + self.salt or None, auth_algo=self.scapy_auth, auth_key=self.auth_key or None,
            tunnel_header=tunnel_header if self.tunnel else None,
            nat_t_header=UDP(sport=4500, dport=61234) if self.udp else None,
            esn_en=self.esn, esn=seq >> 32)
        if self.esn and not self.aead:
            sa.auth_algo = EsnHmac(sa.auth_algo, seq >> 32)
        return sa

    def seal_with_scapy(self, gre, seq, iv=None, tc=0, fl=0x12345, hlim=64, inner=None):
        """A packet of bytes, from the outer IPv6 header on."""
        outer = IPv6(src=LOCAL, dst=REMOTE, tc=tc, fl=fl, hlim=hlim)
        if self.tunnel:
            clear = inner or IPv6(src=LOCAL, dst=REMOTE, tc=tc, hlim=64, nh=47) / Raw(gre)
        else:
            clear = IPv6(src=LOCAL, dst=REMOTE, tc=tc, fl=fl, hlim=hlim, nh=47) / Raw(gre)
        sa = self.scapy(seq, tunnel_header=outer)
        packet = bytearray(raw(sa.encrypt(clear, seq_num=seq & 0xffffffff, iv=iv)))
        if self.aead and self.icv_len < 16:
            del packet[self.icv_len - 16:]
        packet[4:6] = struct.pack("!H", len(packet) - 40)
        if self.udp:
            # scapy sends none, which RFC 8200 8.1 does not allow over IPv6
            packet[44:46] = struct.pack("!H", len(packet) - 40)
            packet[46:48] = b"\0\0"
            packet[46:48] = struct.pack("!H", in6_chksum(17, IPv6(bytes(packet[:40])),
                                                         bytes(packet[40:])) or 0xffff)
        return bytes(packet)

    def seal(self, gre, tc=0):
        self.seq += 1
        answer = self.tool.ask("out", tc, hexed(gre))
        return unhexed(answer[1]) if answer[0] == "ok" else answer[1]

    def open(self, packet):
        """(tc, GRE packet), or the reason of a drop."""
        answer = self.tool.ask("in", packet.hex())
        return (int(answer[1]), unhexed(answer[2])) if answer[0] == "ok" else answer[1]

    def open_with_scapy(self, packet, seq):
        """The payload, by scapy's ICV check and decryption; its next header is checked."""
        esp = ESP(packet[48 if self.udp else 40:])
        sa = self.scapy(seq)
        sa.auth_algo.verify(esp, self.auth_key)
        clear = sa.crypt_algo.decrypt(sa, esp, sa.crypt_key,
                                      sa.crypt_algo.icv_size or sa.auth_algo.icv_size,
                                      esn_en=sa.esn_en, esn=sa.esn)
        payload = raw(clear.data)
        assert clear.nh == (41 if self.tunnel else 47), clear.nh
        if self.tunnel:
            inner = IPv6(payload)
            assert (inner.src, inner.dst, inner.hlim, inner.nh) == (LOCAL, REMOTE, 64, 47)
            assert inner.plen == len(payload) - 40
            payload = payload[40:]
        return payload


def gre_packet(length, seed=0):
    """GRE with a key over IPv4 over UDP; below what that takes, just bytes."""
    head = GRE(key_present=1, key=42) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)
    body = random.Random(f"{length} {seed}").randbytes(length)
    if length < len(head):
        return body
    return raw(head / Raw(body[len(head):]))


class Esp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tool = Tool()

    @classmethod
    def tearDownClass(cls):
        assert cls.tool.close() == 0

    def ours_is_scapys(self, sa, gre, tc=0):
        packet = sa.seal(gre, tc)
        self.assertIsInstance(packet, bytes)
        esp_at = 48 if sa.udp else 40
        iv = packet[esp_at + 8:esp_at + 8 + sa.iv_len]
        self.assertEqual(packet.hex(), sa.seal_with_scapy(gre, sa.seq, iv or None, tc).hex())
        if not sa.aead or sa.icv_len == 16:
            self.assertEqual(sa.open_with_scapy(packet, sa.seq), gre)
        return packet

    def scapys_is_ours(self, sa, gre, seq, tc=0):
        self.assertEqual(sa.open(sa.seal_with_scapy(gre, seq, tc=tc)), (tc, gre))

    def variants(self):
        for esn in (False, True):
            for tunnel in (False, True):
                for udp in (False, True):
                    yield {"esn": esn, "tunnel": tunnel, "udp": udp}

    def test_all_algorithms(self):
        for name in ALGORITHMS:
            for variant in self.variants():
                with self.subTest(name=name, **variant):
                    # with ESN: across the end of an epoch
                    sa = Sa(self.tool, name, start=(3 << 32) - 5 if variant["esn"] else 0,
                            **variant)
                    for length in FEW_LENGTHS:
                        gre = gre_packet(length)
                        self.ours_is_scapys(sa, gre)
                        self.scapys_is_ours(sa, gre, sa.seq)

    def test_each_length(self):
        for name, top in (("AES_GCM_16-256", 1426), ("AES_CBC-128/HMAC_SHA1_96", 1422)):
            sa = Sa(self.tool, name)
            for length in range(top + 1):
                gre = gre_packet(length)
                packet = self.ours_is_scapys(sa, gre)
                self.assertLessEqual(len(packet), 1500)
                self.scapys_is_ours(sa, gre, sa.seq)
            self.assertGreater(len(sa.seal(gre_packet(top + 1))), 1500)

    def test_traffic_class(self):
        for tunnel in (False, True):
            sa = Sa(self.tool, "AES_GCM_16-128", tunnel=tunnel)
            for tc in (0, 0xb8, 0xb9, 0xba, 0xbb, 3):
                self.ours_is_scapys(sa, gre_packet(60), tc)
                self.scapys_is_ours(sa, gre_packet(60), sa.seq, tc)

    def test_encapsulation_limit(self):
        """Linux puts this in front of GRE inside a tunnel-mode SA."""
        sa = Sa(self.tool, "AES_CBC-256/HMAC_SHA2_256_128", tunnel=True)
        gre = gre_packet(200)
        limit = Raw(bytes.fromhex("2f00040104010000"))
        inner = IPv6(src=LOCAL, dst=REMOTE, nh=60, plen=8 + len(gre)) / limit / Raw(gre)
        self.assertEqual(sa.open(sa.seal_with_scapy(gre, 1, inner=inner)), (0, gre))
        other = IPv6(src=LOCAL, dst="2001:db8:1::3", nh=47) / Raw(gre)
        self.assertEqual(sa.open(sa.seal_with_scapy(gre, 2, inner=other)), "inner-ip6")

    def test_refused(self):
        for name in ("AES_GCM_16-128", "CHACHA20_POLY1305", "AES_CBC-128/HMAC_SHA1_96"):
            sa = Sa(self.tool, name)
            gre = gre_packet(100)
            packet = sa.seal_with_scapy(gre, 7)
            for at in (44, 48, 60, len(packet) - 1):
                bad = bytearray(packet)
                bad[at] ^= 1
                self.assertEqual(sa.open(bytes(bad)), "icv")
            self.assertEqual(sa.open(packet), (0, gre))
            self.assertEqual(sa.open(packet), "replay")
            self.assertEqual(sa.open(packet[:-1]), "esp-len")
            self.assertEqual(sa.open(packet[:60]), "esp-short")


if __name__ == "__main__":
    unittest.main()
