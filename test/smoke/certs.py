# SPDX-License-Identifier: BSD-3-Clause
"""certs.py DIR: what smoke/certs.sh needs. DIR/A and DIR/B become two configurations' folders; DIR/new has a CRL that lists B."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'interop'))
import pki

top = sys.argv[1]
ends = {'A': pki.end('us', 'p256', '2001:db8::a', last=3), 'B': pki.end('peer', 'p256', '2001:db8::b')}
for side, end in ends.items():
    os.makedirs(os.path.join(top, side), exist_ok=True)
    pki.write_ours(os.path.join(top, side), {
        ('x509', 'own.pem'): pki.pem(end.cert), ('private', 'own.pem'): pki.pem(end.key),
        ('x509ca', 'root.pem'): pki.pem(pki.root().cert), ('x509crl', 'root.pem'): pki.pem(pki.root().crl())})
with open(os.path.join(top, 'revoked.pem'), 'w') as f:
    f.write(pki.pem(pki.root().crl(ends['B'])))
