# SPDX-License-Identifier: BSD-3-Clause
"""Cases with UDP around ESP, with a NAT in the wire, with an address that changes, and with IKE in fragments."""
import os
import re
import signal
import subprocess
import sys
import time

import lab as L
from lab import THEM, US, wait

OUTSIDE = '2001:db8:1::4e'      # what the NAT calls the one behind it
ELSEWHERE = '2001:db8:1::c'     # where the peer goes
MANY = ','.join(f'{c}-x25519' for c in ('aes128gcm16', 'aes256gcm16', 'aes128-sha256', 'aes256-sha256', 'aes128-sha384',
                                        'aes256-sha384', 'aes128-sha512', 'aes256-sha512', 'aes192-sha256',
                                        'aes192-sha384', 'aes192-sha512', 'aes192gcm16'))


class Nat:
    """tools/nat66.py in place of the lab's bridge."""

    def __init__(self, lab, hidden):
        self.lab = lab
        lab.on('W', 'ip link set wire nomaster; ip link set tap0 nomaster')
        links, inside = (('wire', 'tap0'), US) if hidden == 'us' else (('tap0', 'wire'), THEM)
        self.process = subprocess.Popen(
            ['ip', 'netns', 'exec', f'{L.LAB}-W', sys.executable, os.path.join(L.TOP, 'test/tools/nat66.py'), *links,
             inside, OUTSIDE], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def forget(self):
        self.process.send_signal(signal.SIGUSR1)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.lab.on('W', 'ip link set wire master br0; ip link set tap0 master br0')


def seen_on_wire(hidden, xfrm_state):
    """the peer's SAs with the addresses that they have where the capture runs, on our side of a NAT"""
    if not hidden:
        return xfrm_state
    return xfrm_state.replace(OUTSIDE, US) if hidden == 'us' else xfrm_state.replace(THEM, OUTSIDE)


def udp_only(run):
    run.lab.capture_flush()
    bare = subprocess.run(['tcpdump', '-nr', run.lab.pcap, 'ip6 proto 50'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    run.check('ESP goes in UDP only', not bare, bare[:500])
    text = subprocess.run(['tcpdump', '-vvnr', run.lab.pcap, 'udp'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    run.check('all UDP checksums are good', text and not re.search('bad udp cksum|no cksum', text))


def natted(ours):
    """Who is behind the NAT is what both ends believe."""
    def step(run):
        ike = run.lab.show('ike')[0]
        run.check('we know who is behind the NAT', (ike['nat_local'], ike['nat_remote']) == (ours, not ours), ike)
        log = run.lab.peer.check('cat /var/log/charon.log')
        run.check('and so does the peer', ('remote host is behind NAT' if ours else 'local host is behind NAT') in log)
    return step


def forgets(run):
    """Mappings are gone, as after a NAT's restart: who is behind it gets through again, with the same IKE SA."""
    hidden_is_us = run.case.nat == 'us'
    before = run.lab.show('ike')[0]['id']
    run.nat.forget()
    run.check('traffic from behind the NAT gets through again', run.ping_until(hidden_is_us, 30),
              run.lab.log_text()[-1500:])
    run.check('and so does traffic to it', run.ping_until(not hidden_is_us, 10))
    run.check('the IKE SA is the same', [i['id'] for i in run.lab.show('ike')] == [before], run.lab.show('ike'))
    run.learn()


def moves(run):
    """MOBIKE: the peer's address is replaced by another; its SAs follow, and traffic with them.

    strongSwan's dynamic selectors move with the SA, so the tunnel's end does too.
    """
    peer, ike = run.lab.peer, run.lab.show('ike')[0]
    run.learn()
    try:
        peer.check(f'''set -e
            ip addr add {ELSEWHERE}/64 dev eth0 nodad
            ip addr del {THEM}/64 dev eth0
            ip -6 tunnel change ip6gre4 local {ELSEWHERE}''')
        moved = wait(20, lambda: run.lab.show('ike')[0]['remote'].startswith(ELSEWHERE))
        run.check('the peer is followed', moved, run.lab.show('ike'))
        run.check('with the same IKE SA', run.lab.show('ike')[0]['id'] == ike['id'], run.lab.show('ike'))
        time.sleep(1)
        run.keys.add(peer.check('ip xfrm state'))
        run.check('ping to the peer', run.ping_until(True, 5), run.lab.log_text()[-1500:])
        run.check('ping from the peer', run.ping_until(False, 5))
        run.check('the CHILD_SA is the same', len(run.lab.show('sa')) == 1, run.lab.show('sa'))
    finally:
        peer.run(f'ip addr del {ELSEWHERE}/64 dev eth0; ip addr add {THEM}/64 dev eth0 nodad')


def fragments(run):
    log = run.lab.peer.check('cat /var/log/charon.log')
    # the offers are long, the answers are not
    if run.case.first == 'us':
        run.check('the peer got our fragments', re.search(r'received fragment #\d+ of \d+', log), log[-2000:])
    else:
        run.check('the peer sent fragments', 'splitting IKE message' in log, log[-2000:])
    run.lab.capture_flush()
    longest = subprocess.run(['tcpdump', '-nr', run.lab.pcap, 'udp', 'and', 'greater', '615'], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout
    # IKE_SA_INIT cannot be cut; 14 bytes of Ethernet come on top
    big = [line for line in longest.splitlines() if 'isakmp' in line and '_init' not in line and 'parent_sa' not in line]
    run.check('no IKE message is larger', not big, '\n'.join(big[:5]))


def cases(Case, rekey):
    modern = dict(ike='aes256gcm16-prfsha384-ecp384', esp='aes128gcm16-x25519', encaplimit='none')
    udp = dict(**modern, udp=True)
    frag = dict(modern, esp=MANY, charon='fragment_size = 600', gateway='fragment_size = 600')
    moving = dict(modern, first='peer', charon='interfaces_use = eth0', conn_peer='local_addrs = %any',
                  conn_us='remote_addrs = %any')
    encap = 'encap = yes'
    dpd = 'dpd_delay = 2s'
    return {
        # forced, by either side
        'encap': Case(**udp, conn=encap, steps=(rekey('us'), udp_only)),
        'encap-us': Case(**udp, conn_us=encap, steps=(rekey('peer'), udp_only)),
        'encap-peer': Case(**udp, conn_peer=encap, first='peer', steps=(rekey('us'), udp_only)),
        # a NAT66 in front of either side, which then initiates
        'nat-us': Case(**udp, nat='us', conn_peer=f'remote_addrs = {OUTSIDE}',
                       steps=(natted(True), rekey('us'), rekey('peer'), forgets, udp_only)),
        'nat-peer': Case(**udp, nat='peer', conn=f'mobike = no\n      {dpd}', conn_us=f'remote_addrs = {OUTSIDE}',
                         first='peer', steps=(natted(False), rekey('us'), rekey('peer'), forgets, udp_only)),
        'nat-peer-mobike': Case(**udp, nat='peer', conn=dpd, conn_us=f'remote_addrs = {OUTSIDE}', first='peer',
                                steps=(natted(False), forgets, udp_only)),
        # RFC 4555
        'mobike-moves': Case(**moving, steps=(moves,)),
        # RFC 7383
        'frag': Case(**frag, steps=(rekey('us'), fragments)),
        'frag-peer': Case(**frag, first='peer', steps=(rekey('peer'), fragments)),
    }
