# SPDX-License-Identifier: BSD-3-Clause
"""Cases of authentication by certificate: kinds of keys, chains, identities, what is refused; both roles."""
import dataclasses
import re

import pki
from lab import PSK, THEM, US

MODERN = dict(ike='aes128gcm16-prfsha256-x25519', esp='aes128gcm16', encaplimit='none')
ANYBODY = f'ike-2 {{\n secret = {PSK}\n }}'
DN = 'C=CH, O=Raclette, CN={}.example.org'


@dataclasses.dataclass
class Certs:
    """Who has what, and what each says of itself and the other."""
    kind: str = 'p256'
    kind_us: str = ''
    issuer: str = 'root'            # of both
    issuer_us: str = ''
    issuer_peer: str = ''
    auth: str = 'pubkey'            # of both ends in both files
    auth_us: str = ''               # how we prove ourselves, in both files
    id: str = DN                    # {} is the side's name
    id_us: str = ''                 # what is in the peer's file about us
    id_peer: str = ''               # what is in ours about the peer
    revoked: str = ''               # us or peer
    peer_days: tuple = (-1, 30)
    more_remote: str = ''           # ours

    def end(self, ours):
        if ours:
            return pki.end('us', self.kind_us or self.kind, US, self.issuer_us or self.issuer)
        return pki.end('peer', self.kind, THEM, self.issuer_peer or self.issuer, *self.peer_days)

    def files(self, ours):
        end, side = self.end(ours), 'us' if ours else 'peer'
        f = {('x509', 'own.pem'): pki.pem(end.cert), ('private', 'own.pem'): pki.pem(end.key),
             ('x509ca', 'root.pem'): pki.pem(pki.root().cert)}
        if self.issuer == 'sub':
            f['x509ca', 'sub.pem'] = pki.pem(pki.sub(side).cert)
        if self.revoked and self.revoked != side:
            f['x509crl', 'root.pem'] = pki.pem(pki.root().crl(self.end(not ours)))
        return f

    def install(self, lab):
        pki.write_ours(lab.dir, self.files(True))
        pki.write_theirs(lab.peer, self.files(False))

    def sections(self, ours):
        """-> the local and remote sections of one side"""
        me, other = ('us', 'peer') if ours else ('peer', 'us')
        seen = (self.id_peer if ours else self.id_us) or self.id.format(other)
        mine, its = (self.auth_us or self.auth, self.auth) if ours else (self.auth, self.auth_us or self.auth)
        local, remote = f'auth = {mine}\n id = {self.id.format(me)}', f'auth = {its}\n id = {seen}'
        if mine != 'psk':
            local += '\n certs = own.pem'
        return local, remote + (f'\n {self.more_remote}' if ours else '')


def proved(ours, theirs):
    """What both logs say about the signatures."""
    def step(run):
        text = run.lab.log_text()
        run.check(f'we verified {ours}', f'proved its identity by {ours},' in text, text[-1500:])
        log = run.lab.peer.run('cat /var/log/charon.log')[1]
        run.check(f'the peer verified {theirs}', re.search(f'authentication of .* with {theirs} successful', log), log[-2500:])
    return step


def chain_sent(run):
    log = run.lab.peer.run('cat /var/log/charon.log')[1]
    run.check('the peer got our intermediate certificate', 'received issuer cert' in log, log[-2500:])


def cases(Case):
    """-> the table; Case is run.py's"""
    both, out = (('', 'us'), ('-peer', 'peer')), {}
    for tail, first in both:
        base = dict(**MODERN, first=first)

        def add(name, auth, *steps, **more):
            out[f'cert-{name}{tail}'] = Case(**base, auth=auth, steps=steps, **more)

        add('rsa', Certs(kind='rsa3072'), proved('RSA with SHA-256', 'RSA_EMSA_PKCS1_SHA2_256'))
        add('pss', Certs(kind='rsa2048', auth='ike:rsa/pss-sha512'),
            proved('RSASSA-PSS with SHA-512', 'RSA_EMSA_PSS_SHA2_512_SALT_64'), charon='rsa_pss = yes')
        for bits, hash_bits in ((256, 256), (384, 384), (521, 512)):
            add(f'p{bits}', Certs(kind=f'p{bits}'),
                proved(f'ECDSA with SHA-{hash_bits}', f'ECDSA_WITH_SHA{hash_bits}_DER'))
            # without RFC 7427: AUTH methods 9, 10, 11 (RFC 4754)
            add(f'p{bits}-old', Certs(kind=f'p{bits}'), proved(f'ECDSA with SHA-{hash_bits}', f'ECDSA-{bits} signature'),
                charon='signature_authentication = no')
        # and 1, whose hash is SHA-1
        add('rsa-old', Certs(kind='rsa2048'), proved('RSA with SHA-1', 'RSA signature'), charon='signature_authentication = no')
        add('ed25519', Certs(kind='ed25519'), proved('Ed25519', 'ED25519'))
        add('chain', Certs(kind='rsa4096', issuer='sub'), proved('RSA with SHA-384', 'RSA_EMSA_PKCS1_SHA2_384'), chain_sent)
        add('fqdn', Certs(id='{}.example.org', id_peer='*.example.org', id_us='*.example.org'))
        add('email', Certs(id='gw@{}.example.org', id_peer='*@peer.example.org'))
        add('dn-wildcard', Certs(id_peer='"C=CH, O=*, CN=*"', id_us='"C=CH, O=Raclette, CN=*"'))
        add('mixed', Certs(auth_us='psk', id='{}.example.org'), secrets_us=ANYBODY, secrets_peer=ANYBODY)
        add('crl', Certs(revoked='peer'), refused='certificate revoked')
        add('crl-ours', Certs(revoked='us'), refused='AUTHENTICATION_FAILED|deleted by the peer')
        add('wrong-ca', Certs(issuer_peer='other'), refused='leads to no CA')
        add('expired', Certs(peer_days=(-9, -2)), refused='certificate has expired')
    return out
