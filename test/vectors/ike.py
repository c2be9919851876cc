#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write ike.h: known answers for ike/, worked out without any of our code.

HMAC and prf+ come from hashlib, ciphers from python-cryptography, MODP groups from Python's integers
(primes by the formula of RFC 2409 and RFC 3526), messages from scapy's contrib/ikev2. Values that
are printed in an RFC are checked against the RFC here, so that both sides are known to agree.

Usage: ike.py > ike.h   (needs python3-scapy, python3-cryptography)
"""
import hashlib
import hmac
import ipaddress
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

HASHES = {"SHA1": "sha1", "SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
INTEG = {"SHA1": ("HMAC_SHA1_96", 12), "SHA2_256": ("HMAC_SHA2_256_128", 16),
         "SHA2_384": ("HMAC_SHA2_384_192", 24), "SHA2_512": ("HMAC_SHA2_512_256", 32)}


def mac(h, key, data):
    return hmac.new(key, data, HASHES[h]).digest()


def prf_plus(h, key, seed, n):
    out = t = b""
    i = 1
    while len(out) < n:
        t = mac(h, key, t + seed + bytes([i]))
        out += t
        i += 1
    return out[:n]


def stream(label, n):
    """Bytes that look random and never change."""
    return hashlib.shake_256(label.encode()).digest(n)


def c_hex(data):
    return '"%s"' % data.hex()


def row(*fields):
    print("\t{" + ", ".join(c_hex(f) if isinstance(f, bytes) else str(f) for f in fields) + "},")


# ---- HMAC: RFC 2202 3 and RFC 4231 4; the inputs are the RFCs', the outputs hashlib's ----

def hmac_cases():
    rfc2202 = [
        (b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
        (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
        (bytes(range(1, 26)), b"\xcd" * 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
        (b"\x0c" * 20, b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
        (b"\xaa" * 80, b"Test Using Larger Than Block-Size Key - Hash Key First",
         "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
        (b"\xaa" * 80, b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
         "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"),
    ]
    rfc4231 = [
        (b"\x0b" * 20, b"Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (bytes(range(1, 26)), b"\xcd" * 50,
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        (b"\xaa" * 131, b"This is a test using a larger than block-size key and a larger than "
         b"block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ]
    print("static const struct hmac_vector hmac_vectors[] = {")
    for key, data, want in rfc2202:
        assert mac("SHA1", key, data).hex() == want
        row("IKE_PRF_HMAC_SHA1", key, data, mac("SHA1", key, data))
    for key, data, want in rfc4231:
        assert mac("SHA2_256", key, data).hex() == want
        for h in ("SHA2_256", "SHA2_384", "SHA2_512"):
            row("IKE_PRF_HMAC_" + h, key, data, mac(h, key, data))
    print("};\n")


def prf_plus_cases():
    print("static const struct prf_plus_vector prf_plus_vectors[] = {")
    for h in HASHES:
        for n in (1, 20, 64, 65, 300, 255 * hashlib.new(HASHES[h]).digest_size):
            key, seed = stream("key" + h, 32), stream("seed%d" % n, 80)
            out = prf_plus(h, key, seed, n)
            # the longest is long: its digest will do
            row("IKE_PRF_HMAC_" + h, key, seed, n, hashlib.sha256(out).digest())
    print("};\n")


# ---- MODP: primes from pi ----

def arctan_inverse(x, unity):
    term = total = unity // x
    n, sign = 3, -1
    while term:
        term //= x * x
        total += sign * (term // n)
        sign, n = -sign, n + 2
    return total


def pi_bits(n):
    """floor(2^n * pi), Machin's formula"""
    unity = 1 << (n + 64)
    return (4 * (4 * arctan_inverse(5, unity) - arctan_inverse(239, unity))) >> 64


def modp(bits, c):
    return 2**bits - 2**(bits - 64) - 1 + 2**64 * (pi_bits(bits - 130) + c)


MODP = {1024: 129093, 1536: 741804, 2048: 124476, 3072: 1690314, 4096: 240904, 6144: 929484,
        8192: 4743158}


def dh_cases():
    print("static const struct dh_vector dh_vectors[] = {")
    for bits, c in MODP.items():
        p = modp(bits, c)
        a, b = stream("a%d" % bits, 32), stream("b%d" % bits, 40)
        ia, ib = int.from_bytes(a, "big"), int.from_bytes(b, "big")
        assert pow(2, p - 1, p) == 1

        def wire(v):
            return v.to_bytes(bits // 8, "big")
        row("IKE_DH_MODP_%d" % bits, a, wire(pow(2, ia, p)), b, wire(pow(2, ib, p)),
            wire(pow(2, ia * ib, p)))
    for name, *values in (
            # RFC 5903 8.1, 8.2, 8.3: i, gi, r, gr, girx
            ("ECP_256", "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
             "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
             "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
             "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
             "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
             "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
             "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"),
            ("ECP_384", "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
             "e35b538041e649ee3faef896783ab194",
             "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6"
             "de3ac808acb4bdb4c88732aee95f41aa"
             "9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38e"
             "eb9fcff3c2c947dae69b4c634573a81c",
             "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942"
             "e0308312916b8ed2960e4bd55a7448fc",
             "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
             "0d1ac43a0336def96fda41d0774a3571"
             "dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1ff"
             "f83fa40142209dff5eaad96db9e6386c",
             "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
             "d603135569b9e9d09cf5d4a270f59746"),
            ("ECP_521", "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0"
             "95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52",
             "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbe"
             "e1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176ced3e"
             "017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10a"
             "d8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
             "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e"
             "9c677d600b343757a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb151685eb9",
             "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
             "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9460f"
             "015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87"
             "220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
             "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
             "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea"),
            # RFC 7748 6.1, 6.2
            ("CURVE25519", "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
             "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
             "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
             "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
             "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
            ("CURVE448", "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf5"
             "74a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
             "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bb"
             "c836647241d953d40c5b12da88120d53177f80e532c41fa0",
             "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120"
             "bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
             "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972"
             "fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
             "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56"
             "fd2464c335543936521c24403085d59a449a5037514a879d")):
        row("IKE_DH_" + name, *[bytes.fromhex(v) for v in values])
    print("};\n")


# ---- keys: RFC 7296 2.13-2.18 ----

ENCR = {"AES_CBC": 0, "AES_GCM_8": 8, "AES_GCM_12": 12, "AES_GCM_16": 16, "CHACHA20_POLY1305": 16}


def encr_len(encr, bits):
    if encr == "CHACHA20_POLY1305":
        return 36
    return bits // 8 + (4 if ENCR[encr] else 0)


def integ_len(integ):
    return hashlib.new(HASHES[integ]).digest_size if integ else 0


def suite(encr, bits, integ, prf):
    return "{.encr = IKE_ENCR_%s, .encr_key_bits = %d, .integ = IKE_INTEG_%s, .prf = %s}" % (
        encr, bits, INTEG[integ][0] if integ else "NONE", "IKE_PRF_HMAC_" + prf if prf else "0")


class Keys:
    """SK_* of an IKE SA, from its SKEYSEED."""

    def __init__(self, encr, bits, integ, prf, skeyseed, ni, nr, spis):
        p, a, e = hashlib.new(HASHES[prf]).digest_size, integ_len(integ), encr_len(encr, bits)
        self.suite = (encr, bits, integ, prf)
        self.all = prf_plus(prf, skeyseed, ni + nr + spis, 3 * p + 2 * a + 2 * e)
        cut = [0]
        for n in (p, a, a, e, e, p, p):
            cut.append(cut[-1] + n)
        (self.d, self.ai, self.ar, self.ei, self.er, self.pi, self.pr) = (
            self.all[x:y] for x, y in zip(cut, cut[1:]))


SUITES = [
    ("AES_CBC", 128, "SHA1", "SHA1"),
    ("AES_CBC", 192, "SHA2_256", "SHA2_256"),
    ("AES_CBC", 256, "SHA2_384", "SHA2_384"),
    ("AES_CBC", 256, "SHA2_512", "SHA2_512"),
    ("AES_GCM_8", 128, None, "SHA2_256"),
    ("AES_GCM_12", 192, None, "SHA2_512"),
    ("AES_GCM_16", 256, None, "SHA2_384"),
    ("CHACHA20_POLY1305", 0, None, "SHA2_256"),
]


def key_cases():
    """SK_* of each suite, then of an SA that rekeys it with the next suite, a child, two AUTHs."""
    print("static const struct key_vector key_vectors[] = {")
    for i, s in enumerate(SUITES):
        ni, nr = stream("ni%d" % i, 16 + 8 * i), stream("nr%d" % i, 32)
        shared, spis = stream("gir%d" % i, 128), stream("spi%d" % i, 16)
        prf = s[3]
        k = Keys(*s, mac(prf, ni + nr, shared), ni, nr, spis)

        nxt = SUITES[(i + 1) % len(SUITES)]
        ni2, nr2 = stream("ni2%d" % i, 32), stream("nr2%d" % i, 32)
        shared2, spis2 = stream("gir2%d" % i, 256), stream("spi2%d" % i, 16)
        k2 = Keys(*nxt, mac(prf, k.d, shared2 + ni2 + nr2), ni2, nr2, spis2)

        child = SUITES[(i + 3) % len(SUITES)]
        e, a = encr_len(child[0], child[1]), integ_len(child[2])
        keymat = prf_plus(prf, k.d, ni2 + nr2, 2 * (e + a))
        keymat_dh = prf_plus(prf, k.d, shared2 + ni2 + nr2, 2 * (e + a))

        psk, msg, idb = stream("psk%d" % i, 3 + 30 * i), stream("msg%d" % i, 300), stream("id%d" % i, 20)
        pad = mac(prf, psk, b"Key Pad for IKEv2")
        auth_i = mac(prf, pad, msg + nr + mac(prf, k.pi, idb))
        auth_r = mac(prf, pad, msg + ni + mac(prf, k.pr, idb))
        row(suite(*s), ni, nr, shared, spis, k.all, suite(*nxt), ni2, nr2, shared2, spis2, k2.all,
            suite(*child[:3], None), keymat, keymat_dh, psk, msg, idb, auth_i, auth_r)
    print("};\n")


def mixed_cases():
    """Over the SA of each key case: a PPK mixed in (RFC 8784 3); a second key exchange (RFC 9370 2.2.2);
    an SA that rekeys it and a child, each with two secrets (2.2.4); IntAuth of two exchanges (RFC 9242 3.3.2)."""
    print("static const struct mixed_vector mixed_vectors[] = {")
    for i, s in enumerate(SUITES):
        ni, nr = stream("ni%d" % i, 16 + 8 * i), stream("nr%d" % i, 32)
        spis, prf = stream("spi%d" % i, 16), s[3]
        k = Keys(*s, mac(prf, ni + nr, stream("gir%d" % i, 128)), ni, nr, spis)
        ppk = stream("ppk%d" % i, 7 + 20 * i)
        mixed = b"".join(prf_plus(prf, ppk, x, len(x)) for x in (k.d, k.pi, k.pr))

        more = stream("more%d" % i, 48)
        added = Keys(*s, mac(prf, k.d, more + ni + nr), ni, nr, spis)
        ni2, nr2 = stream("ni2%d" % i, 32), stream("nr2%d" % i, 32)
        shared2, spis2 = stream("gir2%d" % i, 256), stream("spi2%d" % i, 16)
        rekeyed = Keys(*s, mac(prf, k.d, shared2 + ni2 + nr2 + more), ni2, nr2, spis2)
        child = SUITES[(i + 3) % len(SUITES)]
        e, a = encr_len(child[0], child[1]), integ_len(child[2])
        keymat = prf_plus(prf, k.d, shared2 + ni2 + nr2 + more, 2 * (e + a))

        # the header as if nothing were encrypted: 28, 4 of the SK payload, the inner payloads
        inner1, inner2 = stream("p1%d" % i, 56), stream("p2%d" % i, 3000)
        chunk = [spis + bytes([46, 0x20, 43, 0x08]) + n.to_bytes(4, "big") + (32 + len(p)).to_bytes(4, "big") +
                 bytes([34, 0]) + (4 + len(p)).to_bytes(2, "big") for n, p in ((1, inner1), (2, inner2))]
        one = mac(prf, k.pi, chunk[0] + inner1)
        two = mac(prf, added.pi, one + chunk[1] + inner2)
        psk, msg, idb = stream("psk%d" % i, 3 + 30 * i), stream("msg%d" % i, 300), stream("id%d" % i, 20)
        tail = two + one + (3).to_bytes(4, "big")
        auth = mac(prf, mac(prf, psk, b"Key Pad for IKEv2"), msg + nr + mac(prf, added.pi, idb) + tail)
        row(ppk, mixed, more, added.all, rekeyed.all, keymat, inner1, inner2, one, two, auth)
    print("};\n")


# ---- protected messages ----

def seal(s, ekey, akey, iv, header, first, inner, pad):
    """A whole SK message as RFC 7296 3.14 and RFC 5282 say."""
    encr, bits, integ, _ = s
    icv = ENCR[encr] or INTEG[integ][1]
    plain = inner + bytes(pad) + bytes([pad])
    total = 28 + 4 + len(iv) + len(plain) + icv
    head = header + total.to_bytes(4, "big") + bytes([first, 0]) + (total - 28).to_bytes(2, "big")
    if encr == "AES_CBC":
        c = Cipher(algorithms.AES(ekey), modes.CBC(iv)).encryptor()
        msg = head + iv + c.update(plain) + c.finalize()
        return msg + mac(integ, akey, msg)[:icv]
    if encr == "CHACHA20_POLY1305":
        return head + iv + ChaCha20Poly1305(ekey[:32]).encrypt(ekey[32:] + iv, plain, head)
    # a shorter ICV is the full one cut (RFC 4106 6)
    sealed = AESGCM(ekey[:-4]).encrypt(ekey[-4:] + iv, plain, head)
    return head + iv + sealed[:len(sealed) - 16 + icv]


def seal_cases():
    print("static const struct seal_vector seal_vectors[] = {")
    for i, s in enumerate(SUITES):
        for n, extra in ((0, 0), (8, 0), (8, 16), (100, 240 if s[0] == "AES_CBC" else 7)):
            e, a = stream("e%d" % i, encr_len(*s[:2])), stream("a%d" % i, integ_len(s[2]))
            iv = stream("iv%d%d" % (i, n), 16 if s[0] == "AES_CBC" else 8)
            inner = (bytes([0, 0]) + n.to_bytes(2, "big") + stream("inner", n - 4)) if n else b""
            pad = (-(len(inner) + 1)) % 16 + extra // 16 * 16 if s[0] == "AES_CBC" else extra
            header = stream("hdr", 16) + bytes([46, 0x20, 37, 0x08]) + (7).to_bytes(4, "big")
            msg = seal(s, e, a, iv, header, 43 if n else 0, inner, pad)
            row(suite(*s[:3], None), e, a, inner, msg)
    # RFC 7634 appendix B
    key, salt = bytes(range(0x80, 0xa0)), bytes.fromhex("a0a1a2a3")
    inner = bytes.fromhex("0000000c00004001" "0000000a")
    msg = bytes.fromhex("c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e2025000000000900000045" "29000029"
                        "1011121314151617" "610394701f8d017f7c12924889" "6b71bfe25236efd7cdc67066906315b2")
    assert seal(("CHACHA20_POLY1305", 0, None, None), key + salt, b"", msg[32:40], msg[:24], 41, inner,
                0) == msg
    row(suite("CHACHA20_POLY1305", 0, None, None), key + salt, b"", inner, msg)
    print("};\n")


# ---- messages as scapy builds them ----

def messages():
    from scapy.contrib import ikev2 as s

    def transform(last, kind, number, bits=None):
        more = {} if last else {"next_payload": "Transform"}
        if bits:
            more.update(length=12, key_length=bits)
        return s.IKEv2_payload_Transform(transform_type=kind, transform_id=number, **more)

    def transforms(*ts):
        chain = None
        for i, t in enumerate(ts):
            one = transform(i + 1 == len(ts), *t)
            chain = one if chain is None else chain / one
        return chain

    def proposal(number, proto, spi, *ts, last):
        more = {} if last else {"next_payload": "Proposal"}
        return s.IKEv2_payload_Proposal(proposal=number, proto=proto, SPIsize=len(spi), SPI=spi,
                                        trans_nb=len(ts), trans=transforms(*ts), **more)

    hdr = dict(init_SPI=bytes(range(8)), version=0x20)
    init = s.IKEv2(**hdr, resp_SPI=bytes(8), next_payload="SA", exch_type="IKE_SA_INIT",
                   flags="Initiator", id=0)
    init /= s.IKEv2_payload_SA(next_payload="KE", prop=(
        proposal(1, "IKEv2", b"", (1, 12, 128), (2, 2), (3, 2), (4, 2), last=False) /
        proposal(2, "IKEv2", b"", (1, 20, 256), (2, 6), (4, 20), last=True)))
    init /= s.IKEv2_payload_KE(next_payload="Nonce", group=2, load=stream("ke", 128))
    init /= s.IKEv2_payload_Nonce(next_payload="Notify", load=stream("nonce", 32))
    init /= s.IKEv2_payload_Notify(next_payload="Notify", type=16388, load=stream("src", 20))
    init /= s.IKEv2_payload_Notify(next_payload="Notify", type=16389, load=stream("dst", 20))
    init /= s.IKEv2_payload_Notify(type=16430)

    def ts(host):
        addr = str(ipaddress.IPv6Address(host))
        # scapy 2.5 has the length of an IPv4 one as its default
        return s.IPv6TrafficSelector(IP_protocol_ID=47, length=40, starting_address_v6=addr,
                                     ending_address_v6=addr)

    me, you = "2001:db8::1", "2001:db8::2"
    auth = s.IKEv2_payload_IDi(next_payload="AUTH", IDtype="FQDN", length=20,
                                ID=b"left.example")
    auth /= s.IKEv2_payload_AUTH(next_payload="SA", auth_type=2, load=stream("auth", 20))
    auth /= s.IKEv2_payload_SA(next_payload="TSi", prop=proposal(
        1, "ESP", bytes.fromhex("c0ffee01"), (1, 12, 256), (3, 12), (5, 0), last=True))
    auth /= s.IKEv2_payload_TSi(next_payload="TSr", number_of_TSs=1, traffic_selector=[ts(me)])
    auth /= s.IKEv2_payload_TSr(next_payload="Notify", number_of_TSs=1, traffic_selector=[ts(you)])
    # scapy 2.5 forgets the SPI in the length of a Notify (and cannot reckon that of an ID)
    auth /= s.IKEv2_payload_Notify(next_payload="Delete", length=12, proto=3, type=16393,
                                   SPI=bytes.fromhex("0badcafe"))
    auth /= s.IKEv2_payload_Delete(vendorID=bytes.fromhex("03040002" "00000102" "00000103"))
    print("static const char scapy_init[] = %s;" % c_hex(bytes(init)))
    print("static const char scapy_inner[] = %s;" % c_hex(bytes(auth)))


print("/* SPDX-License-Identifier: BSD-3-Clause */")
print("/* Made by ike.py: do not edit. */\n/* clang-format off */")
hmac_cases()
prf_plus_cases()
dh_cases()
key_cases()
mixed_cases()
seal_cases()
messages()
sys.stdout.flush()
