#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""raclette against Debian's kernel XFRM, ip6gre and strongSwan.

One peer is booted and serves every case: a case gives both sides a fresh configuration, sends
traffic both ways, does what it is about, and judges the capture. Prints PASS and FAIL lines.
RACLETTE names the program (default build-asan/app/raclette). Some cases need a newer strongSwan than Debian 12 has.
"""
import argparse
import dataclasses
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

import cases_cert
import flow
import cases_new
import cases_nat
import cases_peers
import lab as L
import wire
import wirecount
from lab import IN_THEM, IN_US, THEM, US, wait

# both inner addresses side by side, as in an IPv4 header
SECRETS = [bytes([169, 254, 123, a, 169, 254, 123, b]) for a, b in ((1, 2), (2, 1))]
LEGACY = 'aes128-sha1-modp1024'


@dataclasses.dataclass
class Case:
    ike: str = LEGACY
    esp: str = LEGACY
    ike_peer: str = ''                  # the peer's, when they differ
    esp_peer: str = ''
    mode: str = 'transport'             # ours
    peer_mode: str = 'transport'
    first: str = 'us'                   # who has the first packet, and so initiates
    encaplimit: str = 'default'         # of the peer's tunnel
    expect: str = ''                    # mode that must come out of it
    selected: str = ''                  # regular expression for the peer's list of SAs
    steps: tuple = ()                   # what the case is about, after the first traffic
    conn: str = ''                      # more keys for both connections
    child: str = ''
    conn_us: str = ''                   # for one of them
    conn_peer: str = ''
    child_us: str = ''
    child_peer: str = ''
    gateway: str = ''                   # more keys for ours
    charon: str = ''                    # for the peer's strongswan.conf
    blind: bool = False                 # SAs come and go faster than their keys can be learned
    udp: bool = False                   # ESP goes in UDP
    nat: str = ''                       # who is behind a NAT: us, peer
    psk: str = L.PSK                    # the peer's
    secrets_us: str = ''                # more of them
    secrets_peer: str = ''
    auth: object = None                 # certificates, cases_cert.py, or identities; None: addresses and the secret
    top_us: str = ''                    # more sections before the others
    top_peer: str = ''
    refused: str = ''                   # nothing comes up; regular expression for our log
    since: tuple = ()                   # the strongSwan that can do this


class Run:
    """One case on the lab; its checks print as they are made."""

    def __init__(self, lab, name, case):
        self.lab, self.name, self.case = lab, name, case
        self.failed = False
        self.nat = None
        self.keys = wire.Keys()

    def check(self, what, good, detail=''):
        suite = self.lab.suite + '/' * bool(self.lab.suite)
        print(f'{"PASS" if good else "FAIL"} interop/{suite}{self.name}: {what}', flush=True)
        if not good:
            self.failed = True
            if detail:
                print('   | ' + str(detail).strip().replace('\n', '\n   | '), flush=True)
        return bool(good)

    # --- the two sides

    def connection(self, ours, **more):
        c = self.case
        nl = '\n      '
        args = dict(ike=c.ike if ours else c.ike_peer or c.ike, esp=c.esp if ours else c.esp_peer or c.esp, action='trap', conn=c.conn + nl + (c.conn_us if ours else c.conn_peer),
                    child=c.child + nl + (c.child_us if ours else c.child_peer),
                    secrets=c.secrets_us if ours else c.secrets_peer,
                    auth=c.auth.sections(ours) if c.auth else None)
        if ours:
            return c.top_us + L.connection(US, THEM, mode=c.mode, **args | more)
        return c.top_peer + L.connection(THEM, US, mode=c.peer_mode, psk=c.psk, **args | more)

    def start(self):
        # trap on both sides: whoever has traffic first is the initiator
        self.nat = cases_nat.Nat(self.lab, self.case.nat) if self.case.nat else None
        self.lab.seen_as = cases_nat.OUTSIDE if self.case.nat == 'us' else US
        self.lab.log_clear()
        if self.case.auth:
            self.case.auth.install(self.lab)
        self.lab.peer_setup(self.connection(False), self.case.encaplimit, self.case.charon)
        self.lab.capture_start(self.name)
        self.lab.start(self.connection(True), self.case.gateway)

    def learn(self):
        self.keys.add(cases_nat.seen_on_wire(self.case.nat, self.lab.peer.check('ip xfrm state')))

    # --- traffic

    def ping(self, ours, options='', timeout=10):
        command = f'ping -c 1 -W 2 {options} {IN_THEM if ours else IN_US}'
        status, out = self.lab.on('A', command, timeout) if ours else self.lab.peer.run(command, timeout)
        return status == 0, out

    def ping_until(self, ours, seconds):
        return wait(seconds, lambda: self.ping(ours)[0])

    def first_traffic(self):
        ours = self.case.first == 'us'
        if ours:
            good, out = self.ping(True, '-W 8')
            self.check('first packet is held, not lost', good, out)
        elif 'start_action = start' in self.case.child_peer:       # no trap: traffic would go in clear before
            self.check('the peer starts it', wait(20, lambda: 'INSTALLED' in self.lab.peer_sas()))
            self.check('comes up from the peer', self.ping_until(False, 5), self.lab.log_text()[-1500:])
        else:       # the kernel's trap drops what meets it
            self.check('comes up from the peer', self.ping_until(False, 15), self.lab.log_text()[-1500:])
        sas = self.lab.peer_sas()
        # the star is at the listing side's own SPI
        initiated = 'peer' if re.search(r'[0-9a-f]{16}_i\*', sas) else 'us'
        self.check(f'initiator is {self.case.first}', initiated == self.case.first, sas)
        mode = self.case.expect or 'transport'
        self.check(f'mode is {mode}', f'INSTALLED, {mode.upper()}' in sas, sas)
        if self.case.selected:
            self.check('selected algorithms', re.search(self.case.selected, sas, re.S), sas)

    def echoes_in(self):
        """ICMP echo requests that the peer has received"""
        names, values = re.findall(r'^Icmp: (.*)$', self.lab.peer.check('cat /proc/net/snmp'), re.M)
        return int(dict(zip(names.split(), values.split()))['InEchos'])

    def mtu(self):
        return int(self.lab.on('A', 'cat /sys/class/net/ip6gre4/mtu')[1])

    def traffic(self, when=''):
        for ours in (True, False):
            way = ('to the peer' if ours else 'from the peer') + when
            self.check(f'ping of 56 bytes {way}', *self.ping(ours))
        mtu = self.mtu()
        fits = inner_mtu(self.case)
        self.check(f'tunnel MTU is {fits}{when}', mtu == fits, mtu)
        before = self.echoes_in()
        self.ping(True, f'-W 1 -M do -s {mtu - 28}')
        self.check(f'largest with DF to the peer arrives{when}', self.echoes_in() == before + 1)
        largest = mtu if self.case.encaplimit == 'none' else inner_mtu(self.case, 8)
        for ours in (True, False):
            way = ('to the peer' if ours else 'from the peer') + when
            self.check(f'ping of {largest} bytes with DF {way}', *self.ping(ours, f'-M do -s {largest - 28}'))
        good, out = self.ping(True, f'-W 0.3 -M do -s {mtu - 27}')
        self.check(f'one byte more gets ICMP back{when}', not good and re.search(rf'mtu ?= ?{mtu}', out), out)
        self.learn()

    # --- the judgement

    def judge(self, esp=True):
        lost = self.lab.capture_stop()
        n = wirecount.count([self.lab.pcap], SECRETS)
        clear = {k: v for k, v in n.items() if not wirecount.allowed(k)}
        self.check('only ESP, IKE and ICMPv6 outside', not clear and not lost, f'{clear}, {lost} lost')
        if self.case.blind:
            return
        n_esp, bad = wire.faults(self.lab.pcap, self.keys)
        if not esp:
            # a peer that takes us sends until it hears that we do not take it
            ours = sum(dst == THEM for dst, _ in wire.esp_packets(self.lab.pcap))
            self.check('no ESP of ours', ours == 0, f'{ours} of {n_esp}')
            return
        self.check('ESP was seen, all ICVs good, no IV or number twice', n_esp > 0 and not bad,
                   '\n'.join(bad[:5]) or 'no ESP')
        if self.case.esp.endswith('-esn'):
            return              # tshark 4.0 does not know the half of the number that is not sent
        n_tshark, bad = wire.tshark_faults(self.lab.pcap, self.keys)
        if n_tshark or 'chacha' not in self.case.esp:
            self.check('tshark decrypts it', n_tshark == n_esp and not bad,
                       '\n'.join(bad[:5]) or f'{n_tshark} of {n_esp}')

    def stop(self):
        self.lab.stop()
        text = self.lab.log_text()
        self.check('no sanitizer report', not re.search('Sanitizer|runtime error', text), text[-3000:])

    def run(self):
        if self.case.refused:
            self.steps_refused()
            return
        self.start()
        self.first_traffic()
        self.traffic()
        for step in self.case.steps:
            step(self)
        self.judge()
        self.stop()

    def steps_refused(self):
        self.start()
        for ours in (True, False):
            self.check(f'no ping {"to" if ours else "from"} the peer', not self.ping(ours, '-W 1')[0])
        self.check('the peer has no SA', 'INSTALLED' not in self.lab.peer_sas())
        text = self.lab.log_text()
        self.check('the log says what is wrong', re.search(self.case.refused, text, re.I), text)
        self.check('the log does not hold the secret', L.PSK not in text)
        self.judge(esp=False)
        self.stop()


def inner_mtu(case, options=0):
    """RFC 4303: the largest inner packet for a path of 1500, from the ESP proposal's name.

    Linux's encapsulation limit takes 8 bytes of options: in tunnel mode inside ESP, else in front of it.
    """
    outside, inside = (0, options) if case.expect == 'tunnel' else (options, 0)
    outside += 8 if case.udp else 0
    if 'gcm' in case.esp or 'chacha' in case.esp:
        iv, icv, block = 8, 16, 4
    else:
        iv, icv, block = 16, 16 if 'sha256' in case.esp else 12, 16
    room = (1500 - 40 - outside - 8 - iv - icv) // block * block - 2
    return room - inside - 4 - (40 if case.expect == 'tunnel' else 0)


# --- steps

def child_spis(run):
    return sorted(re.findall(r'spi (0x[0-9a-f]+)', run.lab.peer.check('ip xfrm state')))


def rekey(by):
    """A child rekey under traffic: no packet lost, mode kept, new keys."""
    def step(run):
        run.learn()
        before = child_spis(run)
        ping = subprocess.Popen(['ip', 'netns', 'exec', f'{L.LAB}-A', 'ping', '-c', '100', '-i', '0.03', '-W', '2',
                                 IN_THEM], stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        if by == 'us':
            status, out = run.lab.swanctl('--rekey --child gre')
        else:
            status, out = run.lab.peer.run('swanctl --rekey --child gre')
        run.check(f'rekey by {by}', status == 0, out)
        # as responder the peer sends on the new SA once the old one is deleted
        new = wait(5, lambda: len(set(child_spis(run)) - set(before)) >= 2)
        run.learn()
        run.check('the SPIs are new', new, f'{before} {child_spis(run)}')
        out = ping.communicate()[0]
        run.check('no ping was lost', ' 100 received' in out, out[-200:])
        mode = run.case.expect or 'transport'
        run.check(f'mode is still {mode}', f'INSTALLED, {mode.upper()}' in run.lab.peer_sas(), run.lab.peer_sas())
        run.learn()
        run.traffic(' after the rekey')
    return step


def terminate(what):
    """The peer deletes; the next packet brings it up again."""
    def step(run):
        run.learn()
        status, out = run.lab.peer.run(f'swanctl --terminate {what}')
        run.check(f'swanctl --terminate {what} on the peer', status == 0, out)
        run.check('raclette has no SA left', wait(5, lambda: run.lab.show('sa') == []), run.lab.show('sa'))
        run.check('the next packet brings it up', run.ping_until(True, 15), run.lab.log_text()[-1500:])
        run.learn()
        run.traffic(' afterwards')
    return step


def peer_killed(run):
    """The peer loses all; its first packet sets up anew, INITIAL_CONTACT drops what we had."""
    run.learn()
    # younger than 10 seconds our SA could have crossed the peer's, and is asked before it is dropped
    wait(15, lambda: run.lab.show('ike')[0]['age'] > 10)
    run.lab.peer.check('charon-stop KILL; charon-start')
    run.check('up again by its INITIAL_CONTACT', run.ping_until(False, 5), run.lab.log_text()[-1500:])
    run.learn()
    run.check('one SA is left', wait(10, lambda: len(run.lab.show('ike')) == 1), run.lab.show('ike'))
    run.traffic(' afterwards')


def peer_killed_dpd(run):
    """The peer loses all and stays silent: our DPD notices, our next packets set up anew."""
    run.learn()
    run.lab.peer.check('charon-stop KILL; charon-start')
    # a second of silence, then 1, 1.8 and 3.2 seconds of repetitions; as long again for the machine
    run.check('up again by our DPD', run.ping_until(True, 14), run.lab.log_text()[-1500:])
    run.learn()
    run.traffic(' afterwards')


def we_killed(run):
    """kill -9 and a new start: our INITIAL_CONTACT drops what the peer had."""
    run.learn()
    run.lab.stop(signal.SIGKILL)
    run.lab.start(run.connection(True), run.case.gateway)
    run.check('up again after kill -9', run.ping_until(True, 5), run.lab.log_text()[-1500:])
    run.learn()
    sas = run.lab.peer_sas()
    run.check('the peer holds one IKE SA', sas.count('ESTABLISHED') == 1, sas)
    run.traffic(' afterwards')


def we_stop(run):
    """SIGTERM says goodbye: the peer's SAs are gone at once; a start brings it back."""
    run.learn()
    run.lab.stop()
    run.check('the peer was told', wait(3, lambda: 'ESTABLISHED' not in run.lab.peer_sas()), run.lab.peer_sas())
    run.lab.start(run.connection(True), run.case.gateway)
    run.check('up again after a restart', run.ping_until(True, 20), run.lab.log_text()[-1500:])
    run.learn()
    run.traffic(' afterwards')


def rekey_ike(by):
    """The IKE SA is replaced, the child stays."""
    def step(run):
        def spis():
            return re.findall(r'([0-9a-f]{16})_[ir]', run.lab.peer_sas())[:2]

        before, children = spis(), child_spis(run)
        status, out = run.lab.swanctl('--rekey --ike gw-gw') if by == 'us' else \
            run.lab.peer.run('swanctl --rekey --ike gw-gw')
        run.check(f'IKE SA rekeyed by {by}', status == 0, out)
        run.check('its SPIs are new', wait(5, lambda: not set(spis()) & set(before)), f'{before} {spis()}')
        # what an earlier rekeying replaced may go meanwhile
        run.check('the child is the same', set(child_spis(run)) <= set(children), f'{children} {child_spis(run)}')
        run.traffic(' after the rekey of the IKE SA')
    return step


def says(text):
    """Our log has it."""
    def step(run):
        run.check(f"the log says '{text}'", re.search(text, run.lab.log_text()), run.lab.log_text()[-1500:])
    return step


def rekeyed_by_volume(run):
    """Traffic, and no command, brings new keys; no packet is lost."""
    before = child_spis(run)
    status, out = run.lab.on('A', f'ping -c 100 -i 0.05 -W 2 {IN_THEM}')
    run.check('no ping was lost', ' 100 received' in out, out[-200:])
    # the old inbound SA may still be there
    run.check('the SPIs are new', len(set(child_spis(run)) - set(before)) >= 2, f'{before} {child_spis(run)}')


def restarts(how):
    """What is closed, or whose peer is dead, comes back without traffic or a command."""
    def step(run):
        run.learn()
        run.lab.peer.check('charon-stop KILL; charon-start' if how == 'dpd' else 'swanctl --terminate --ike gw-gw')
        run.check(f'{how}_action brings it back', wait(20, lambda: 'INSTALLED' in run.lab.peer_sas()), run.lab.log_text()[-1500:])
        run.learn()
        run.traffic(' afterwards')
    return step


def anew(n):
    """The peer starts anew without INITIAL_CONTACT: so many IKE SAs are left, and traffic is on the last."""
    def step(run):
        run.learn()
        wait(15, lambda: run.lab.show('ike')[0]['age'] > 10)
        run.lab.peer.check('charon-stop KILL; charon-start')
        run.check('up again', run.ping_until(False, 10), run.lab.log_text()[-1500:])
        run.learn()
        # a DELETE of what the peer has lost is repeated for a while
        run.check(f'{n} IKE SAs are left',
                  wait(15, lambda: sum(s['state'] == 'ESTABLISHED' for s in run.lab.show('ike')) == n), run.lab.show('ike'))
        run.traffic(' afterwards')
    return step


def uses_ppk(run):
    run.check('a PPK is mixed in', run.lab.show('ike')[0]['ppk'] is True, run.lab.show('ike'))


def no_ppk(run):
    run.check('no PPK is mixed in', run.lab.show('ike')[0]['ppk'] is False, run.lab.show('ike'))


MODERN = dict(ike='aes256gcm16-prfsha384-ecp384', esp='aes128gcm16-x25519', encaplimit='none',
              selected='AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384.*AES_GCM_16-128')
MODP2048 = dict(ike='aes128-sha256-modp2048', esp='aes128-sha256-modp2048', encaplimit='none',
                selected='AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048.*AES_CBC-128/HMAC_SHA2_256_128')
CHACHA = dict(ike='chacha20poly1305-prfsha256-x25519', esp='chacha20poly1305-x25519', encaplimit='none',
              selected='CHACHA20_POLY1305/PRF_HMAC_SHA2_256/CURVE_25519.*CHACHA20_POLY1305')
CHILD_5S = 'rekey_time = 5s\n   rand_time = 0s\n   life_time = 60s'
CONN_20S = 'rekey_time = 20s\n   rand_time = 0s\n   over_time = 60s'
# strongSwan forgets a child's soft limit that falls into its own rekeying of the IKE SA
CONN_22S = 'rekey_time = 22s\n   rand_time = 0s\n   over_time = 60s'
REAUTH_8S = 'reauth_time = 8s\n   rand_time = 0s\n   over_time = 60s'
MAKE_FIRST = 'make_before_break = yes'
PPK_MAY = 'ppk_id = quantum.example\n   '
PPK_MUST = PPK_MAY + 'ppk_required = yes\n   '
PPK = dict(ike='aes256gcm16-prfsha384-ecp384', esp='aes128gcm16-x25519', encaplimit='none',
           secrets_us='ppk-1 { id-1 = quantum.example\n secret = 0x00ff112233445566778899aabbccddeeff\n }',
           secrets_peer='ppk-1 { id-1 = quantum.example\n secret = 0x00ff112233445566778899aabbccddeeff\n }')
PPK_OTHER = 'ppk-1 { id-1 = other.example\n secret = 0x00ff112233445566778899aabbccddeeff\n }'
PPK_WRONG = 'ppk-1 { id-1 = quantum.example\n secret = wrong\n }'
FALLBACK = dict(peer_mode='tunnel', expect='tunnel')
FALLBACK_PEER = dict(mode='tunnel', expect='tunnel')

CASES = {
    # the scenario, both roles, each combination of modes
    'transport': Case(selected='AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024', steps=(rekey('us'),)),
    'transport-peer': Case(first='peer', steps=(rekey('peer'),)),
    'transport-tunnel': Case(**FALLBACK, steps=(rekey('us'),)),
    'transport-tunnel-peer': Case(**FALLBACK, first='peer', steps=(rekey('peer'),)),
    'tunnel-transport': Case(**FALLBACK_PEER, encaplimit='none', steps=(rekey('us'),)),
    'tunnel-transport-peer': Case(**FALLBACK_PEER, encaplimit='none', first='peer', steps=(rekey('peer'),)),
    'tunnel-tunnel': Case(mode='tunnel', peer_mode='tunnel', expect='tunnel', encaplimit='none'),
    'encaplimit-none': Case(encaplimit='none'),
    # other algorithms, both roles; a rekey by each side, as the group counts only from then on
    'gcm': Case(**MODERN, steps=(rekey('us'),)),
    'gcm-peer': Case(**MODERN, first='peer', steps=(rekey('peer'),)),
    'modp2048': Case(**MODP2048, steps=(rekey('us'),)),
    'modp2048-peer': Case(**MODP2048, first='peer', steps=(rekey('peer'),)),
    'chacha': Case(**CHACHA, steps=(rekey('us'),)),
    'chacha-peer': Case(**CHACHA, first='peer', steps=(rekey('peer'),)),
    # the role of IKE and the role at the rekey need not be the same
    'rekey-crossed': Case(**MODERN, steps=(rekey('peer'), rekey('us'))),
    'rekey-crossed-peer': Case(**MODERN, first='peer', steps=(rekey('us'), rekey('peer'))),
    # numbered packets both ways while children and IKE SAs are rekeyed, by either end's clock and by both
    'flow': Case(**MODERN, steps=(flow.flow(),)),
    'flow-rekey-us': Case(**MODERN, conn_us=CONN_20S, child_us=CHILD_5S, steps=(flow.flow(),)),
    'flow-rekey-peer': Case(**MODERN, conn_peer=CONN_22S, child_peer=CHILD_5S, steps=(flow.flow(),)),
    'flow-rekey-both': Case(**MODERN, conn_us=CONN_20S, conn_peer=CONN_22S, child=CHILD_5S, steps=(flow.flow(),)),
    'flow-reauth-us': Case(**MODERN, conn_us=REAUTH_8S, steps=(flow.flow(),)),
    'flow-reauth-peer': Case(**MODERN, conn_peer=REAUTH_8S, charon=MAKE_FIRST, steps=(flow.flow(),)),
    'flow-reauth-break': Case(**MODERN, conn_peer=REAUTH_8S, blind=True, steps=(flow.flow(gaps=True), flow.one_sa)),
    'mobike-off': Case(conn='mobike = no'),
    # ends and new beginnings
    'terminate': Case(steps=(terminate('--ike gw-gw'),)),
    'terminate-child': Case(steps=(terminate('--child gre'),)),
    'peer-killed': Case(**MODERN, steps=(peer_killed,)),
    'peer-killed-dpd': Case(**MODERN, conn='dpd_delay = 1s', gateway='retransmit_timeout = 1s\n   retransmit_tries = 2',
                            steps=(peer_killed_dpd,)),
    'killed': Case(**MODERN, steps=(we_killed,)),
    'stopped': Case(**MODERN, steps=(we_stop,)),
    'wrong-psk': Case(psk='SomebodyElsesMeal', refused=r'auth\w* failed|AUTHENTICATION_FAILED'),
    # additional key exchanges for a peer that knows none: its proposal is the one without (RFC 7296 3.3.6)
    'addke-unknown': Case(**MODERN | dict(ike='aes256gcm16-prfsha384-ecp384-ke1_x25519, aes256gcm16-prfsha384-ecp384'),
                          ike_peer='aes256gcm16-prfsha384-ecp384', steps=(rekey('us'),)),
    'addke-unknown-peer': Case(**MODERN | dict(ike='aes256gcm16-prfsha384-ecp384-ke1_x25519-ke1_none'),
                               ike_peer='aes256gcm16-prfsha384-ecp384', first='peer', steps=(rekey('peer'),)),
    # the group of the first proposal is a wrong guess (INVALID_KE_PAYLOAD): at IKE_SA_INIT and at the child's rekey
    'ke-guess': Case(**MODERN | dict(ike='aes256gcm16-prfsha384-ecp256-ecp384', esp='aes128gcm16-ecp256-x25519'),
                     ike_peer='aes256gcm16-prfsha384-ecp384', esp_peer='aes128gcm16-x25519',
                     steps=(says('the peer wants group'), rekey('us'), rekey_ike('us'), rekey_ike('peer'))),
    'ke-guess-peer': Case(**MODERN | dict(esp='aes128gcm16-x25519'),
                          ike_peer='aes256gcm16-prfsha384-ecp256-ecp384', esp_peer='aes128gcm16-ecp256-x25519',
                          first='peer', steps=(rekey('peer'), says('asking for'), rekey_ike('peer'))),
    'esn': Case(**MODERN | dict(esp='aes128gcm16-x25519-esn', selected='AES_GCM_16-128.*ESN'), steps=(rekey('us'),)),
    'esn-peer': Case(**MODERN | dict(esp='aes128gcm16-x25519-esn', selected='AES_GCM_16-128.*ESN'), first='peer',
                     steps=(rekey('peer'),)),
    # the peer offers more selectors than ours: what is agreed stays so when either rekeys. A trap would hold all of its
    # packets, neighbour discovery too
    'narrowing-peer': Case(**MODERN | dict(selected=r'local  \S+\[gre\]'), first='peer',
                           child_peer='local_ts = dynamic\n   remote_ts = dynamic\n   start_action = start', steps=(rekey('peer'), rekey('us'))),
    'rekey-bytes': Case(**MODERN, child_us='rekey_bytes = 8000\n   rand_bytes = 0\n   life_bytes = 1000000', blind=True,
                        steps=(rekeyed_by_volume,)),
    'rekey-packets': Case(**MODERN, child_us='rekey_packets = 50\n   rand_packets = 0\n   life_packets = 5000', blind=True,
                          steps=(rekeyed_by_volume,)),
    'dpd-start': Case(**MODERN, conn='dpd_delay = 1s', child_us='dpd_action = start',
                      gateway='retransmit_timeout = 1s\n   retransmit_tries = 2', steps=(restarts('dpd'),)),
    'close-start': Case(**MODERN, child_us='close_action = start', steps=(restarts('close'),)),
    'unique-replace': Case(**MODERN, conn_us='unique = replace', conn_peer='unique = never', steps=(anew(1),)),
    'unique-keep': Case(**MODERN, conn_us='unique = keep', conn_peer='unique = never', first='peer',
                        steps=(anew(2),)),
    'unique-never': Case(**MODERN, conn_us='unique = never', conn_peer='unique = never', first='peer',
                         steps=(anew(2),)),
    # post-quantum pre-shared keys (RFC 8784): who initiates sends NO_PPK_AUTH unless it insists
    'ppk': Case(**PPK, conn_us=PPK_MUST, conn_peer=PPK_MUST, steps=(uses_ppk, rekey('us'))),
    'ppk-peer': Case(**PPK, conn_us=PPK_MUST, conn_peer=PPK_MUST, first='peer', steps=(uses_ppk, rekey('peer'))),
    'ppk-rekeyed': Case(**PPK, conn_us=PPK_MUST + CONN_20S, conn_peer=PPK_MUST, child_us=CHILD_5S,
                        steps=(uses_ppk, flow.flow())),
    'ppk-optional': Case(**PPK, conn_us=PPK_MAY, conn_peer=PPK_MAY, steps=(uses_ppk,)),
    'ppk-optional-peer': Case(**PPK, conn_us=PPK_MAY, conn_peer=PPK_MAY, first='peer', steps=(uses_ppk,)),
    'ppk-unknown': Case(**PPK | dict(secrets_peer=PPK_OTHER), conn_us=PPK_MAY, steps=(no_ppk,)),
    'ppk-unknown-peer': Case(**PPK | dict(secrets_us=PPK_OTHER), conn_peer=PPK_MAY, first='peer', steps=(no_ppk,)),
    'ppk-none': Case(**PPK | dict(secrets_peer=''), conn_us=PPK_MAY, steps=(no_ppk,)),
    'ppk-none-peer': Case(**PPK | dict(secrets_us=''), conn_peer=PPK_MAY, first='peer', steps=(no_ppk,)),
    'ppk-required': Case(**PPK | dict(secrets_peer=''), conn_us=PPK_MUST, refused='does not support PPK'),
    'ppk-wrong': Case(**PPK | dict(secrets_peer=PPK_WRONG), conn_us=PPK_MUST, conn_peer=PPK_MUST,
                      refused='another PPK|PPKs of both ends differ'),
}
CASES |= cases_cert.cases(Case)


CASES |= cases_nat.cases(Case, rekey)
CASES |= cases_peers.cases(Case, rekey)
CASES |= cases_new.cases(Case, rekey, rekey_ike, says)


def one(lab, name):
    run = Run(lab, name, CASES[name])
    begin = time.monotonic()
    try:
        run.run()
    except Exception as e:      # noqa: BLE001 - a case that breaks must not end the others
        traceback.print_exc(file=sys.stdout)
        run.check('ran to its end', False, e)
    finally:
        lab.stop()
        lab.capture_stop()
        if run.nat:
            run.nat.stop()
    print(f'   {name}: {time.monotonic() - begin:.1f} s', flush=True)
    if run.failed:
        print('--- raclette: ' + '\n--- '.join(lab.log_text().splitlines()[-40:]))
        print('--- charon: ' + '\n--- '.join(lab.peer.run('tail -n 40 /var/log/charon.log')[1].splitlines()), flush=True)
    return not run.failed


# Left to --all and `test.sh full`: each has a case beside it that differs only in who begins, or in a size
TWINS = set("""
transport-tunnel-peer tunnel-transport modp2048 gcm-peer chacha-peer rekey-crossed-peer childless-peer
flow flow-rekey-us flow-rekey-peer flow-reauth-peer flow-reauth-break mobike-off peer-killed stopped
ke-guess-peer esn-peer rekey-packets unique-keep unique-never
addke-unknown-peer ppk-peer ppk-rekeyed ppk-optional ppk-unknown ppk-none ppk-none-peer
cert-pss cert-p256-peer cert-p384 cert-p384-peer cert-p521 cert-p521-peer cert-ed25519 cert-rsa-peer
cert-chain-peer cert-fqdn-peer cert-email cert-email-peer cert-dn-wildcard cert-mixed-peer cert-crl
cert-p384-old cert-p521-old cert-p521-old-peer cert-rsa-old-peer cert-crl-ours cert-wrong-ca-peer cert-expired
cert-expired-peer
encap-us encap-peer nat-peer frag-peer
id-keyid id-fqdn id-email-peer cert-p256-old cert-p384-old-peer
""".split())
# Also left to the full run, but for another reason: see README.md
TWINS |= {'flow-reauth-us'}
assert TWINS <= set(CASES), TWINS - set(CASES)


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--list', action='store_true', help='name all cases')
    ap.add_argument('--keep', action='store_true', help='leave logs and captures')
    ap.add_argument('--all', action='store_true', help='those that differ in a detail as well')
    ap.add_argument('--suite', default='', help="Debian's release for the peer and for raclette's libcrypto, such as trixie")
    ap.add_argument('case', nargs='*', help='* matches')
    return ap.parse_args()


def main():
    a = arguments()
    if a.list:
        print('\n'.join(CASES))
        return 0
    names = [n for n in CASES if any(fnmatch.fnmatch(n, w) for w in a.case or ['*'])]
    if not a.case and not a.all:
        names = [n for n in names if n not in TWINS]
    if not names:
        sys.exit('no such case; there are: ' + ' '.join(CASES))
    if os.geteuid() != 0:
        sys.exit('must be root (network namespaces)')
    program = os.environ.get('RACLETTE') or os.path.join(L.TOP, 'build-asan/app/raclette')
    L.end_on_signals()
    lab = L.Lab(program, a.suite)
    try:
        lab.up()
        has = lab.peer.strongswan()
        wants = [n for n in names if CASES[n].since > has]
        if a.case and wants:
            raise RuntimeError(f'a newer strongSwan than {has} is needed for {" ".join(wants)}: see --suite')
        good = [one(lab, n) for n in names if n not in wants]
    finally:
        if a.keep:
            kept = lab.dir + '.kept'
            shutil.copytree(lab.dir, kept, ignore=shutil.ignore_patterns('*.sock', 'vici'))
            print('kept in ' + kept)
        lab.down()
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
