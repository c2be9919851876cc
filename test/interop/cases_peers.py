# SPDX-License-Identifier: BSD-3-Clause
"""Cases of who the peer is: kinds of identities, the choice of a connection by them, children by the half-dozen."""
import dataclasses
import re

import lab as L
from lab import THEM, wait


@dataclasses.dataclass
class Ids:
    """Identities with a secret of their own in place of addresses."""
    us: str
    peer: str
    seen: str = ''                  # what our file says of the peer, when that differs
    secret: str = 'TheCheeseMeltsSlowly'

    def install(self, lab):
        pass

    def sections(self, ours):
        """-> the local and remote sections of one side"""
        mine, its = (self.us, self.seen or self.peer) if ours else (self.peer, self.us)
        return f'auth = psk\n id = "{mine}"', f'auth = psk\n id = "{its}"'

    def secrets(self):
        return f'ike-ids {{\n id-1 = "{self.us}"\n id-2 = "{self.peer}"\n secret = {self.secret}\n }}'


FQDN = Ids('gw.example.org', 'branch-7.example.org')
EMAIL = Ids('gate@example.org', 'branch-7@sites.example.org')
KEYID = Ids('keyid:gate-1', '@#00ff10a7')


def decoy(name, addrs, identity):
    """A connection of ours that has all that gw-gw has, but is another peer's."""
    return f'''connections {{ {name} {{
   remote_addrs = {addrs}
   proposals = aes256gcm16-prfsha384-ecp384
   local {{ auth = psk
      id = {FQDN.us}
   }}
   remote {{ auth = psk
      id = {identity}
   }}
   children {{ gre {{
      mode = transport
      local_ts = dynamic[gre]
      remote_ts = dynamic[gre]
      esp_proposals = aes128gcm16-x25519
   }} }}
}} }}
secrets {{ ike-{name} {{
   id-1 = {FQDN.us}
   id-2 = {identity}
   secret = OnlyFor{name}
}} }}
'''


# the first one fits the address best: what IKE_SA_INIT shows leads to it, and IKE_AUTH must lead away
DECOYS = ''.join(decoy(*d) for d in (('host', THEM, 'branch-8.example.org'), ('any', '%any', 'branch-9.example.org'),
                                     ('pattern', '%any', '*.example.org'), ('net', '2001:db8:1::/64', 'b@example.org')))

MORE = '''connections { gw-gw { children {
   %s
} } }
'''


def more(n):
    """Children beside gre; no two share a selector."""
    return MORE % '\n'.join(f'''more{i} {{
      mode = transport
      local_ts = dynamic[udp/{7000 + i}]
      remote_ts = dynamic[udp/{7000 + i}]
      esp_proposals = aes128gcm16-x25519
   }}''' for i in range(n))


def chosen(run):
    names = [i['name'] for i in run.lab.show('ike')]
    run.check('the identity chose the connection', names == ['gw-gw'], names)


def proved(run):
    """Each end calls the other by its identity."""
    ids = run.case.auth
    for identity in (ids.us, ids.peer):
        text = re.sub('^keyid:|^@#', '', identity)
        # charon prints a key id as text when it is printable, else in hex with colons
        text = text if identity[:2] != '@#' else ':'.join(re.findall('..', text))
        sas = run.lab.peer_sas()
        run.check(f'the peer knows {identity}', text in sas, sas)


def childless(ours):
    """IKE_AUTH bore no child; one came after it."""
    def step(run):
        log = run.lab.peer.check('cat /var/log/charon.log')
        verb = 'parsed' if ours else 'generating'
        auth = re.findall(rf'{verb} IKE_AUTH request \d+ \[(.*)\]', log)
        run.check('IKE_AUTH asks for no child', auth and not any('TSi' in a for a in auth), auth)
        run.check('CREATE_CHILD_SA does', re.search(rf'{verb} CREATE_CHILD_SA request \d+ \[.*TSi', log), log[-2500:])
    return step


def installed(run):
    return sorted(set(re.findall(r'^ +(\w+): #\d+.*INSTALLED', run.lab.peer_sas(), re.M)))


def several(n):
    """More children over the IKE SA that is there: by us, by the peer; each rekeyed, some ended."""
    names = [f'more{i}' for i in range(n)]

    def step(run):
        for i, name in enumerate(names):
            command = f'--initiate --child {name} --timeout 10'
            status, out = run.lab.swanctl(command) if i % 2 == 0 else run.lab.peer.run(f'swanctl {command}')
            run.check(f'{name} comes up by {"the peer" if i % 2 else "us"}', status == 0, out)
        run.check('all are there', wait(5, lambda: installed(run) == ['gre'] + names), run.lab.peer_sas())
        run.check('over one IKE SA', len(run.lab.show('ike')) == 1, run.lab.show('ike'))
        run.check('of which we know as many', len(run.lab.show('sa')) == n + 1, run.lab.show('sa'))
        before = {s['id'] for s in run.lab.show('sa')}
        for i, name in enumerate(names):
            command = f'--rekey --child {name}'
            run.lab.peer.check(f'swanctl {command}') if i % 2 == 0 else run.lab.swanctl(command)

        def new():
            return len({s['id'] for s in run.lab.show('sa')} - before)
        run.check('each is rekeyed', wait(10, lambda: new() == n), run.lab.show('sa'))
        run.lab.peer.check(f'swanctl --rekey --ike gw-gw; swanctl --terminate --child {names[0]}')
        run.check('all but one outlive a rekey of the IKE SA', wait(10, lambda: installed(run) == ['gre'] + names[1:]),
                  run.lab.peer_sas())
        run.check('there is one IKE SA', wait(5, lambda: len(run.lab.show('ike')) == 1), run.lab.show('ike'))
        run.learn()
        run.traffic(' beside them')
    return step


def cases(Case, rekey):
    base = dict(ike='aes256gcm16-prfsha384-ecp384', esp='aes128gcm16-x25519', encaplimit='none')
    out = {}

    def ids(name, auth, *steps):
        for tail, first in (('', 'us'), ('-peer', 'peer')):
            out[name + tail] = Case(**base, first=first, auth=auth, secrets_us=auth.secrets(),
                                    secrets_peer=auth.secrets(), steps=steps)

    ids('id-fqdn', FQDN, proved)
    ids('id-email', EMAIL, proved)
    ids('id-keyid', KEYID, proved)
    # a responder for anybody: of five connections the one whose identity is the peer's
    out['choice'] = Case(**base, first='peer', auth=FQDN, secrets_us=FQDN.secrets(), secrets_peer=FQDN.secrets(),
                         conn_us='remote_addrs = %any', top_us=DECOYS, steps=(chosen, rekey('us')))
    # an address beside %any is somebody to connect to
    out['any-and-host'] = Case(**base, conn_us=f'remote_addrs = %any, {THEM}', steps=(chosen,))
    out['childless'] = Case(**base, conn_us='childless = force', steps=(childless(True), rekey('us')))
    out['childless-peer'] = Case(**base, conn_peer='childless = force', first='peer',
                                 steps=(childless(False), rekey('peer')))
    out['several'] = Case(**base, top_us=more(6), top_peer=more(6), steps=(several(6),))
    return out
