# SPDX-License-Identifier: BSD-3-Clause
"""Certificates for the lab, made by Python's cryptography while it runs, and the folders they go to."""
import datetime
import functools
import ipaddress
import os
import shutil

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
CURVES = {'p256': ec.SECP256R1, 'p384': ec.SECP384R1, 'p521': ec.SECP521R1}
FOLDERS = ('x509', 'x509ca', 'x509crl', 'private')


def new_key(kind):
    if kind.startswith('rsa'):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ed25519.Ed25519PrivateKey.generate() if kind == 'ed25519' else ec.generate_private_key(CURVES[kind]())


def pem(obj):
    if hasattr(obj, 'private_bytes'):
        return obj.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode()
    return obj.public_bytes(serialization.Encoding.PEM).decode()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


class Cert:
    """A certificate with its key."""

    def __init__(self, name, kind, issuer=None, ca=False, san=(), begin=-1, end=30):
        self.key = new_key(kind)
        self.name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, 'CH'),
                               x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Raclette'),
                               x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = issuer or self
        b = (x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer.name)
             .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
             .not_valid_before(NOW + begin * DAY).not_valid_after(NOW + end * DAY)
             .add_extension(x509.BasicConstraints(ca, None), critical=True)
             .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
             .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False))
        if ca:
            b = b.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        if san:
            b = b.add_extension(x509.SubjectAlternativeName(san), critical=False)
        self.cert = b.sign(issuer.key, None if isinstance(issuer.key, ed25519.Ed25519PrivateKey) else hashes.SHA256())

    def crl(self, *revoked):
        b = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(NOW - DAY).next_update(NOW + DAY)
        # strongSwan finds a CRL by its issuer's key identifier
        b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        b = b.add_extension(x509.CRLNumber(1), critical=False)
        for r in revoked:
            b = b.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(r.cert.serial_number)
                                          .revocation_date(NOW - DAY).build())
        return b.sign(self.key, hashes.SHA256())


@functools.lru_cache(None)
def root(name='Root CA'):
    return Cert(name, 'p256', ca=True)


@functools.lru_cache(None)
def sub(side):
    return Cert(f'Sub CA of {side}', 'rsa4096', root(), ca=True)


@functools.lru_cache(None)
def end(side, kind, address, issuer='root', begin=-1, last=30):
    by = {'root': root, 'other': lambda: root('Other CA'), 'sub': lambda: sub(side)}[issuer]()
    return Cert(f'{side}.example.org', kind, by, begin=begin, end=last,
                san=(x509.DNSName(f'{side}.example.org'), x509.RFC822Name(f'gw@{side}.example.org'),
                     x509.IPAddress(ipaddress.ip_address(address))))


def write_ours(folder, files):
    """files: {(folder, name): text}"""
    for f in FOLDERS:
        shutil.rmtree(os.path.join(folder, f), ignore_errors=True)
        os.mkdir(os.path.join(folder, f))
    for (f, name), text in files.items():
        fd = os.open(os.path.join(folder, f, name), os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(fd, 'w') as out:
            out.write(text)


def write_theirs(peer, files):
    for f in FOLDERS:
        peer.check(f'rm -f /etc/swanctl/{f}/*')
    for (f, name), text in files.items():
        peer.put(text, f'/etc/swanctl/{f}/{name}')
