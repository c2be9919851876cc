#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""raclette against other IKE daemons: libreswan and OpenIKED, on Debian's kernel.

  others.py [--keep] [DAEMON...]      libreswan, openiked

Each begins once and lets us begin once; then, under pings of which none may be lost, either end rekeys child and IKE SA.
Who let us begin ends the SAs, who began is killed and begins anew; in the end we stop. Prints PASS and FAIL lines. RACLETTE names the program (default build-asan/app/raclette).
--keep leaves logs and captures.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import traceback

import lab as L
import pki
import wire
import wirecount
from lab import IN_THEM, IN_US, PSK, THEM, US, wait
from peer import Peer

SUITE = 'bookworm'
SECRETS = [bytes([169, 254, 123, a, 169, 254, 123, b]) for a, b in ((1, 2), (2, 1))]


class Libreswan:
    """pluto, by whack. Its trap is the kernel's."""
    packages = ('libreswan', 'libnss3-tools')
    log = '/var/log/pluto.log'
    commanded = True        # rekeys when it is told to
    gaps = 0                # pings that the rekeying of a child may cost
    esp, mtu = 'aes128gcm16-ecp384', 1422       # ours, and what then fits on a path of 1500

    def __init__(self, peer):
        self.peer = peer

    def whack(self, what):
        return self.peer.run(f'/usr/libexec/ipsec/whack {what}')

    def start(self, active):
        self.peer.put(f'''config setup
	logfile={self.log}
	nssdir=/var/lib/ipsec/nss
conn gre
	type=transport
	left={THEM}
	right={US}
	leftprotoport=gre
	rightprotoport=gre
	authby=secret
	ikev2=insist
	ike=aes_gcm256-sha2_384;dh20
	esp=aes_gcm128
	initial-contact=yes
	auto={"ondemand" if active else "add"}
''', '/etc/ipsec.conf')
        self.peer.put(f'{THEM} {US} : PSK "{PSK}"\n', '/etc/ipsec.secrets')
        self.peer.check(f'''set -e
            mkdir -p /var/lib/ipsec/nss /etc/ipsec.d /run/pluto
            [ -e /var/lib/ipsec/nss/key4.db ] || certutil -N -d sql:/var/lib/ipsec/nss --empty-password
            rm -f {self.log}
            cd /usr/libexec/ipsec
            PATH=$PATH:. setsid pluto --nofork --config /etc/ipsec.conf </dev/null >/var/log/pluto.out 2>&1 &
            n=0
            until /usr/libexec/ipsec/whack --status >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 60 ]; sleep 0.5; done
            /usr/libexec/ipsec/whack --listen
            /usr/libexec/ipsec/addconn --config /etc/ipsec.conf {"--autoall" if active else "gre"}''')

    def kill(self):
        self.peer.run('kill -9 $(pidof pluto); sleep 0.2; rm -f /run/pluto/*; ip xfrm state flush; ip xfrm policy flush', timeout=10)

    def rekey(self, what):
        return self.whack(f'--rekey-{"ipsec" if what == "child" else "ike"} --name gre --asynchronous')

    def end(self):
        return self.whack('--terminate --name gre')


class Openiked:
    """iked. What is active it starts at once; it rekeys by the clock alone, and ends all SAs or none. Over PF_KEY no AEAD."""
    packages = ('openiked',)
    log = '/var/log/iked.log'
    commanded = False
    gaps = 2                # it loads a child after it has answered for it, and after it has deleted the old one
    esp, mtu = 'aes128-sha1-ecp384', 1418
    # of a child, in seconds; of the IKE SA twice that. It rekeys at 85 to 95 percent; ours must be over by then: see README.md
    LIFE = 30

    def __init__(self, peer):
        self.peer = peer

    def start(self, active):
        key = pki.new_key('p256')
        self.peer.check('mkdir -p /etc/iked/private /etc/iked/pubkeys/ipv6 /etc/iked/ca /etc/iked/certs /etc/iked/crls /var/empty')
        self.peer.put(pki.pem(key), '/etc/iked/private/local.key')
        self.peer.put(pki.public_pem(key), '/etc/iked/local.pub')
        self.peer.put(f'''ikev2 "gre" {"active" if active else "passive"} transport esp proto gre \\
	from {THEM} to {US} local {THEM} peer {US} \\
	ikesa enc aes-256-gcm prf hmac-sha2-384 group ecp384 \\
	childsa enc aes-128 auth hmac-sha1 group ecp384 noesn \\
	srcid {THEM} dstid {US} \\
	ikelifetime {2 * self.LIFE} lifetime {self.LIFE} bytes 0 \\
	psk "{PSK}"
''', '/etc/iked.conf')
        self.peer.check(f'''set -e
            grep -q _iked /etc/passwd || echo '_iked:x:101:101::/var/empty:/bin/false' >>/etc/passwd
            grep -q _iked /etc/group || echo '_iked:x:101:' >>/etc/group
            chmod 600 /etc/iked.conf /etc/iked/private/local.key
            setsid iked -d -v -f /etc/iked.conf </dev/null >{self.log} 2>&1 &
            n=0
            until ikectl show sa >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 60 ]; sleep 0.5; done''')

    def kill(self):
        self.peer.run('kill -9 $(pidof iked); sleep 0.2; rm -f /run/iked.sock /var/run/iked.sock; ip xfrm state flush; ip xfrm policy flush', timeout=10)

    def end(self):
        return self.peer.run('ikectl reset sa')


DAEMONS = {'libreswan': Libreswan, 'openiked': Openiked}


class Test:
    def __init__(self, lab, name, active):
        self.lab, self.name, self.active = lab, name + (' begins' if active else ''), active
        self.daemon = DAEMONS[name](lab.peer)
        self.keys = wire.Keys()
        self.failed = False

    def check(self, what, good, detail=''):
        print(f'{"PASS" if good else "FAIL"} interop/{self.name}: {what}', flush=True)
        if not good:
            self.failed = True
            print('   | ' + str(detail).strip()[-3000:].replace('\n', '\n   | '), flush=True)
        return good

    # --- what both ends say

    def states(self):
        """the peer's kernel's SAs"""
        text = self.lab.peer.check('ip xfrm state')
        self.keys.add(text)
        return text

    def spis(self):
        return set(re.findall(r'spi (0x[0-9a-f]+)', self.states())) - {'0x00000000'}    # what its trap waits for

    def ike(self):
        return {s['id'] for s in self.lab.show('ike') or [] if s['state'] == 'ESTABLISHED'}

    def ping(self, ours, options=''):
        command = f'ping -c 1 -W 2 {options} {IN_THEM if ours else IN_US}'
        status, out = self.lab.on('A', command) if ours else self.lab.peer.run(command)
        return status == 0, out

    def comes_up(self, ours, seconds=20):
        return wait(seconds, lambda: self.ping(ours)[0])

    # --- steps

    def begin(self):
        self.lab.log_clear()
        self.lab.peer.check(f'''ip link del ip6gre4 2>/dev/null
            ip -6 tunnel add ip6gre4 mode ip6gre local {THEM} remote {US} encaplimit none &&
            ip addr add {IN_THEM}/30 dev ip6gre4 && ip link set ip6gre4 up''')
        self.lab.capture_start(self.name.replace(' ', '-'))
        gateway = L.connection(US, THEM, ike='aes256gcm16-prfsha384-ecp384', esp=self.daemon.esp, mode='transport',
                               action='none' if self.active else 'trap', conn='dpd_delay = 3s')
        if not self.active:
            self.daemon.start(False)
        self.lab.start(gateway, 'retransmit_timeout = 1s\n   retransmit_tries = 3')
        if self.active:
            wait(10, lambda: self.lab.peer.run(f'ping -c 1 -W 1 {US}')[0] == 0)
            self.daemon.start(True)
        self.check('it comes up', self.comes_up(not self.active), self.logs())
        sas = self.lab.show('ike')
        self.check('who began', sas and sas[0]['initiator'] != self.active, sas)
        self.check('transport mode', ' mode transport' in self.states(), self.states())

    def traffic(self, when=''):
        for ours in (True, False):
            way = ('to the peer' if ours else 'from the peer') + when
            self.check(f'ping {way}', *self.ping(ours))
            self.check(f'ping of {self.daemon.mtu} bytes with DF {way}', *self.ping(ours, f'-M do -s {self.daemon.mtu - 28}'))
        self.states()

    def pings(self, seconds, meanwhile, gaps=0):
        """pings, of which no more than that are lost, while something happens"""
        n = int(seconds / 0.04)
        ping = subprocess.Popen(['ip', 'netns', 'exec', f'{L.LAB}-A', 'ping', '-q', '-c', str(n), '-i', '0.04', '-W', '2',
                                 IN_THEM], stdout=subprocess.PIPE, text=True)
        meanwhile()
        while ping.poll() is None:
            self.states()       # keys may live for seconds
            time.sleep(0.3)
        out = ping.communicate()[0]
        lost = n - int(re.search(r' (\d+) received', out).group(1))
        self.check(f'{gaps or "none"} of {n} pings lost at most', lost <= gaps, out[-300:])

    def rekey(self, by, what):
        before, ike = self.spis(), self.ike()

        def do():
            time.sleep(0.5)
            status, out = self.lab.swanctl('--rekey --' + ('child gre' if what == 'child' else 'ike gw-gw')) if by == 'us' else \
                self.daemon.rekey(what)
            self.check(f'{what} SA: rekeyed by {by}', status == 0, out)
            new = wait(8, lambda: len(self.spis() - before) >= 2 if what == 'child' else self.ike() - ike)
            self.check('there is a new one', new, f'{before} {self.spis()} {ike} {self.ike()}\n{self.logs()}')
        self.pings(4, do, self.daemon.gaps if what == 'child' else 0)
        self.traffic(f' after the {what} SA was rekeyed by {by}')

    def rekeyed_by_its_clock(self):
        seen, ike = self.spis(), self.ike()
        n = len(seen) + 4       # two children

        def rekeyed():
            seen.update(self.spis())
            return len(seen) >= n and self.ike() - ike

        def do():
            self.check('children and IKE SA rekeyed by the peer', wait(2.2 * self.daemon.LIFE, rekeyed),
                       f'{seen} {ike} {self.ike()}\n{self.logs()}')
        self.pings(2.2 * self.daemon.LIFE, do, 3 * self.daemon.gaps)
        self.traffic(' after that')

    def ended_by_peer(self):
        ike = self.ike()
        status, out = self.daemon.end()
        self.check('the peer ends it', status == 0, out)
        self.check('that IKE SA is gone here', ike and wait(8, lambda: not self.ike() & ike), self.lab.show('ike'))
        self.check('the next packet brings it up', self.comes_up(True), self.logs())
        self.traffic(' afterwards')

    def killed(self):
        """The peer loses all and begins anew: ours goes by INITIAL_CONTACT, or as the peer does not answer for it."""
        before = self.ike()
        # younger than 10 seconds ours could have crossed the peer's, and is asked before it is dropped
        wait(15, lambda: min(s['age'] for s in self.lab.show('ike')) > 10)
        self.daemon.kill()
        self.daemon.start(True)
        self.check('up again after it was killed', self.comes_up(False, 30), self.logs())
        self.check('what was there before is gone', wait(30, lambda: not self.ike() & before), self.lab.show('ike'))
        self.traffic(' afterwards')

    def end(self):
        self.states()
        self.lab.stop()
        self.check('the peer was told that we stop', wait(8, lambda: not self.spis()), self.states())
        text = self.lab.log_text()
        self.check('no sanitizer report', not re.search('Sanitizer|runtime error', text), text)
        lost = self.lab.capture_stop()
        ours = self.lab.pcap + '.ours'      # iked takes its flows away with the SAs, and its kernel then answers in the clear
        subprocess.run(['tcpdump', '-r', self.lab.pcap, '-w', ours, f'not ip6 src host {THEM}'], check=True, stderr=subprocess.DEVNULL)
        n = wirecount.count([ours], SECRETS)
        clear = {k: v for k, v in n.items() if not wirecount.allowed(k)}
        self.check('only ESP, IKE and ICMPv6 come from us', n and not clear and not lost, f'{n}, {lost} lost')
        n_esp, bad = wire.faults(self.lab.pcap, self.keys)
        self.check('ESP was seen, all ICVs good, no IV or number twice', n_esp and not bad, '\n'.join(bad[:5]))

    def logs(self):
        return self.lab.log_text()[-1500:] + '\n--- the peer:\n' + self.lab.peer.run(f'tail -n 40 {self.daemon.log}')[1]

    def run(self):
        self.begin()
        self.traffic()
        for by, what in (('us', 'child'), ('us', 'ike'), *([('peer', 'child'), ('peer', 'ike')] if self.daemon.commanded else ())):
            self.rekey(by, what)
        if not self.daemon.commanded:
            self.rekeyed_by_its_clock()
        if self.active:
            self.killed()
        else:
            self.ended_by_peer()
        self.end()


def one(lab, name, active):
    test = Test(lab, name, active)
    begin = time.monotonic()
    try:
        test.run()
    except Exception as e:      # noqa: BLE001 - what breaks must not end the others
        traceback.print_exc(file=sys.stdout)
        test.check('ran to its end', False, e)
    finally:
        if test.failed:
            print(test.logs(), flush=True)
        lab.stop()
        lab.capture_stop()
        test.daemon.kill()
    print(f'   {test.name}: {time.monotonic() - begin:.1f} s', flush=True)
    return not test.failed


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--keep', action='store_true')
    ap.add_argument('daemon', nargs='*', choices=[[], *DAEMONS])
    a = ap.parse_args()
    program = os.environ.get('RACLETTE') or os.path.join(L.TOP, 'build-asan/app/raclette')
    L.end_on_signals()
    lab = L.Lab(program)
    lab.peer = Peer(lab.peer.folder, SUITE, [p for d in DAEMONS.values() for p in d.packages])
    try:
        lab.up()
        good = [one(lab, n, active) for n in a.daemon or DAEMONS for active in (False, True)]
    finally:
        if a.keep:
            kept = lab.dir + '.kept'
            shutil.copytree(lab.dir, kept, ignore=shutil.ignore_patterns('*.sock', 'vici'))
            print('kept in ' + kept)
        lab.down()
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
