#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""raclette's `handoff = virtio-user` on a kernel that has vhost-net.

  vhost.py [--keep]

Hardly a test machine's own kernel can be counted on for it, so two gateways run in the QEMU machine that
is the peer elsewhere (peer.py): namespaces A and B of it, a veth between. A lives in normal memory, with offload, B
in huge pages, without. Prints PASS and FAIL lines. RACLETTE names the program (default build-asan/app/raclette); it and
what it loads are taken along. --keep leaves the machine's console and the logs.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import lab as L
from peer import Peer, PeerError

PMDS = 'net_virtio net_af_packet mempool_ring bus_vdev bus_pci'.split()
LIBS = '/usr/lib/x86_64-linux-gnu'
ADDR = {'A': '2001:db8::a', 'B': '2001:db8::b'}
IN4 = {'A': '169.254.123.1', 'B': '169.254.123.2'}
IN6 = {'A': 'fd00:123::1', 'B': 'fd00:123::2'}
OTHER = {'A': 'B', 'B': 'A'}
MEMORY = {'A': 'hugepages = no', 'B': ''}
OFFLOAD = {'A': 'yes', 'B': 'no'}
IF = 'ip6gre4'
MTU = 1422              # transport mode, AES-GCM-16 on a path of 1500
BYTES = 3000001
# drops that the test itself makes; the other's neighbour discovery
EXPECTED = {'out-too-big', 'wire-frame', 'not-ours'}


def libraries(path):
    """what a program or library is linked with, as the loader finds it"""
    out = subprocess.run(['ldd', path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r'^\s*(?:\S+ => )?(/\S+) \(', out, re.M)


def pack(program, folder, archive):
    """An archive for the machine's kernel, behind the peer's own: the program, its libraries, DPDK's drivers."""
    pmds = os.path.dirname(sorted(p for p in (os.path.join(d, f'librte_{PMDS[0]}.so')
                                              for d, _, _ in os.walk(f'{LIBS}/dpdk')) if os.path.exists(p))[-1])
    for d in ('bin', 'lib64', 'usr/lib', pmds[1:]):
        os.makedirs(os.path.join(folder, d), exist_ok=True)
    shutil.copy(program, os.path.join(folder, 'bin/raclette.bin'))
    # a search for leaks takes seconds here at the end of each process; test_vuser has one
    with open(os.path.join(folder, 'bin/raclette'), 'w') as f:
        f.write('#!/bin/sh\nexport ASAN_OPTIONS=abort_on_error=1:detect_leaks=0\nexec raclette.bin "$@"\n')
    os.chmod(os.path.join(folder, 'bin/raclette'), 0o755)
    needed = libraries(program)
    for name in PMDS:
        real = os.path.realpath(f'{pmds}/librte_{name}.so')
        soname = re.sub(r'(\.so\.\d+).*', r'\1', os.path.basename(real))
        needed += [f'{LIBS}/{soname}'] + libraries(real)
        # under a name that EAL looks for; one file, or its constructors would run twice
        os.symlink(f'/usr/lib/{soname}', os.path.join(folder, pmds[1:], os.path.basename(real)))
    for lib in sorted(set(needed)):
        shutil.copy(lib, os.path.join(folder, 'lib64' if lib.startswith('/lib64/') else 'usr/lib'))
    with open(archive, 'wb') as f:
        files = subprocess.run(['find', '.', '-print0'], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(['cpio', '--quiet', '--null', '-o', '-H', 'newc', '--owner', '0:0'], cwd=folder, input=files,
                       stdout=f, check=True)


class Test:
    def __init__(self, program):
        self.dir = tempfile.mkdtemp(prefix=f'{L.LAB}.')
        self.peer = Peer(os.path.join(self.dir, 'machine'))
        self.failed = False
        self.program = program

    def check(self, what, good, detail=''):
        print(f'{"PASS" if good else "FAIL"} interop/vhost: {what}', flush=True)
        if not good:
            self.failed = True
            print('   | ' + str(detail).strip()[-3000:].replace('\n', '\n   | '), flush=True)
        return good

    def on(self, ns, command, timeout=60):
        """-> (exit status, output)"""
        return self.peer.run(f'ip netns exec {ns} sh -c \'{command}\'', timeout)

    def good(self, what, ns, command, timeout=60):
        status, out = self.on(ns, command, timeout)
        return self.check(what, status == 0, out)

    # --- gateways

    def configure(self, ns):
        self.peer.put(f'''gateway {{
   outside {{
      port = net_af_packet0,iface=out
      address = {ADDR[ns]}/64
      router = none
      mtu = 1500
   }}
   vici = unix:///run/{ns}.vici
   qcd_secret = /run/{ns}.qcd
   {MEMORY[ns]}
}}
tunnels {{
   {IF} {{
      address = {IN4[ns]}/30, {IN6[ns]}/64
      handoff = virtio-user
      offload = {OFFLOAD[ns]}
   }}
}}
''' + L.connection(ADDR[ns], ADDR[OTHER[ns]], ike='aes128-sha256-x25519', esp='aes128gcm16', mode='transport',
                   action='trap'), f'/root/{ns}.conf')

    def start(self, ns):
        self.peer.check(f'ip netns exec {ns} setsid raclette run -c /root/{ns}.conf >>/root/{ns}.log 2>&1 </dev/null &\n'
                        f'echo $! >/run/{ns}.pid')

    def started(self, ns):
        up = L.wait(40, lambda: self.show(ns, 'ports') or not self.alive(ns))
        if not up or not self.alive(ns):
            raise PeerError(f'{ns} does not start:\n' + self.log(ns)[-3000:])

    def alive(self, ns):
        return self.peer.run(f'kill -0 $(cat /run/{ns}.pid)')[0] == 0

    def stop(self, ns):
        self.peer.run(f'kill $(cat /run/{ns}.pid)')
        return L.wait(20, lambda: not self.alive(ns))

    def show(self, ns, what):
        status, out = self.peer.run(f'raclette show {what} --json --socket /run/{ns}.vici 2>/dev/null')
        return json.loads(out) if status == 0 else None

    def log(self, ns):
        return self.peer.run(f'cat /root/{ns}.log')[1]

    def drops(self, ns):
        return {d['reason']: int(d['packets']) for d in self.show(ns, 'drops') if int(d['packets'])}

    # --- steps

    def boot(self):
        archive = os.path.join(self.dir, 'gateway.cpio')
        pack(self.program, os.path.join(self.dir, 'root'), archive)
        self.peer.boot(None, None, extra=archive, memory=2048, cpus=2)

    def lay(self):
        self.peer.check('set -e\n'
                        'for n in A B; do ip netns add $n; ip -n $n link set lo up; done\n'
                        'ip link add out netns A type veth peer name out netns B\n'
                        'for n in A B; do\n'
                        '  ip netns exec $n ethtool -K out tx off rx off tso off gso off gro off >/dev/null\n'
                        '  ip netns exec $n sh -c "echo 1 >/proc/sys/net/ipv6/conf/out/disable_ipv6"\n'
                        '  ip -n $n link set out up\n'
                        'done\n'
                        'echo 160 >/proc/sys/vm/nr_hugepages\n'
                        'for n in A B; do ip netns exec $n httpd -p 8000 -h /root; done\n'
                        f'head -c {BYTES} /dev/urandom >/root/file')
        self.hash = self.peer.check('sha256sum </root/file')

    def refusals(self):
        """What cannot be is said, with what would be right."""
        status, out = self.on('A', 'raclette check -c /root/A.conf')
        line = 1 + self.peer.check('cat /root/A.conf').split('\n').index('      handoff = virtio-user')
        self.check('check: no vhost-net here, with file and line',
                   status == 0 and re.search(rf'A\.conf:{line}: .*handoff.*modprobe vhost_net', out), out)
        status, out = self.on('A', 'raclette run -c /root/A.conf')
        self.check('run: says that it needs vhost_net', status != 0 and re.search('error port: .*module vhost_net', out), out)
        self.peer.check('modprobe vhost_net')
        self.peer.check(f'ip netns exec A ip tuntap add {IF} mode tap')
        status, out = self.on('A', 'raclette run -c /root/A.conf')
        self.check('run: an interface of the name is not taken over', status != 0 and 'has this name already' in out, out)
        self.peer.check(f'ip -n A link del {IF}; ip -n A route flush proto 82; ip -n A -6 route flush proto 82')

    def interface(self):
        for ns, memory in (('A', 'normal memory'), ('B', 'huge pages')):
            self.check(f'{ns} runs in {memory}', f' MB of {memory}' in self.log(ns), self.log(ns))
        out = self.peer.check(f'ip -n A -d addr show dev {IF}')
        self.check('a TAP without ARP, up', re.search(r'<[^>]*NOARP[^>]*\bUP\b.*tap', out, re.S), out)
        self.check(f'its MTU is {MTU}', f'mtu {MTU} ' in out, out)
        self.check('it has its addresses', f'{IN4["A"]}/30' in out and f'{IN6["A"]}/64' in out, out)
        self.check('and none of its own making', 'fe80' not in out and 'tentative' not in out, out)
        ports = {p['use']: p for p in self.show('A', 'ports')}
        self.check('the port is shown', ports.get(IF, {}).get('driver') == 'net_virtio_user', ports)

    def pings(self):
        self.good('the first packet is held, not lost', 'A', f'ping -c 1 -W 25 {IN4["B"]}')
        self.good('IPv6', 'A', f'ping -c 1 -W 3 {IN6["B"]}')
        self.good('from the other end', 'B', f'ping -c 1 -W 3 {IN4["A"]}')
        self.good('IPv6 from there', 'B', f'ping -c 1 -W 3 {IN6["A"]}')
        self.good('a hundred in a row', 'A', f'ping -c 100 -i 0.01 -W 3 -q {IN4["B"]} | grep " 100 received"')
        self.good('largest packet with DF', 'A', f'ping -c 1 -W 3 -M do -s {MTU - 28} {IN4["B"]}')
        self.good('and of IPv6', 'A', f'ping -c 1 -W 3 -M do -s {MTU - 48} {IN6["B"]}')
        self.good('larger without DF', 'A', f'ping -c 1 -W 3 -M dont -s 3000 {IN4["B"]}')
        # the kernel's own MTU would answer: this is raclette's
        self.peer.check(f'ip -n A link set {IF} mtu 1500')
        out = self.on('A', f'ping -c 1 -W 1 -M do -s {MTU - 27} {IN4["B"]}')[1]
        self.check('one byte more gets ICMP with the MTU', re.search(f'mtu *= *{MTU}', out), out)
        self.peer.check(f'ip -n A link set {IF} mtu {MTU}; ip -n A route flush cache')

    def copy(self, what, to, at):
        """The file, fetched by one end from an HTTP server at the other; hashes must be equal."""
        at = f'[{at}]' if ':' in at else at
        status, out = self.on(to, f'wget -q -O - http://{at}:8000/file | sha256sum')
        self.check(what, status == 0 and out == self.hash, out)

    def copies(self):
        for ns in 'AB':
            self.peer.check(f'ip netns exec {ns} tcpdump -Z root -U -n -i {IF} -s 100 -w /root/{ns}.pcap tcp >/dev/null 2>&1 &')
        for to in 'AB':
            self.copy(f'a file to {to}', to, IN4[OTHER[to]])
            self.copy(f'a file to {to} over IPv6', to, IN6[OTHER[to]])
        self.peer.check('killall tcpdump; while pidof tcpdump; do sleep 0.1; done')
        status, out = self.peer.run('ip netns exec B iperf3 -s -1 -D; sleep 0.5\n'
                                    f'ip netns exec A iperf3 -c {IN4["B"]} -u -l 777 -n 7770 -b 1M')
        self.check('UDP has its checksum', re.search(r' 0/\d+ \(0%\) +receiver', out), out)
        # what a kernel sent: what it gets, its own GRO may have put together. A slow machine paces TCP down to two
        # segments at a time
        supers = {ns: int(self.peer.check(f'tcpdump -Z root -n -r /root/{ns}.pcap "greater 2000 and '
                                          f'(src host {IN4[ns]} or src host {IN6[ns]})" 2>/dev/null | wc -l'))
                  for ns in 'AB'}
        self.check('super-packets come from the kernel of A, none from that of B',
                   supers['A'] > 0 and supers['B'] == 0, supers)
        for ns in 'AB':
            packets = int(self.show(ns, 'tunnels')[0]['rx_packets'])
            frames = next(int(p['tx_packets']) for p in self.show(ns, 'ports') if p['use'] == IF)
            self.check(f'{ns} gives its kernel {"more than a packet a frame" if ns == "A" else "packet by packet"}',
                       frames + 100 < packets if ns == 'A' else frames >= packets, f'{packets} packets, {frames} frames')

    def not_ip(self):
        """With ARP on again the kernel asks, and nobody is there to answer: counted."""
        self.peer.check(f'ip -n A link set {IF} arp on; ip -n A neigh flush dev {IF}')
        self.on('A', f'ping -c 1 -W 1 {IN4["B"]}')
        self.peer.check(f'ip -n A link set {IF} arp off; ip -n A neigh flush dev {IF}')
        self.check('frames that are no IP are counted', self.drops('A').get('wire-frame', 0) > 0, self.drops('A'))
        self.good('and it goes on without', 'A', f'ping -c 1 -W 3 {IN4["B"]}')

    def dropped_nothing(self, ns):
        drops = self.drops(ns)
        self.check(f'{ns} has dropped nothing', not set(drops) - EXPECTED, drops)

    def stopped(self, ns):
        self.check(f'{ns} stops', self.stop(ns), self.log(ns))
        self.check(f'the interface of {ns} is gone', self.peer.run(f'ip -n {ns} link show {IF}')[0] != 0)
        routes = self.peer.check(f'ip -n {ns} route show proto 82')
        self.check(f'the guard of {ns} stays', 'unreachable 169.254.123.0/30' in routes, routes)
        log = self.log(ns)
        self.check(f'{ns} has every buffer back', 'all packet buffers are back' in log, log)
        self.check(f'no sanitizer report of {ns}', not re.search('Sanitizer|runtime error', log), log)

    def run(self):
        self.boot()
        self.lay()
        for ns in 'AB':
            self.configure(ns)
        self.refusals()
        for ns in 'AB':
            self.start(ns)
        for ns in 'AB':
            self.started(ns)
        self.interface()
        self.pings()
        self.copies()
        self.not_ip()
        for ns in 'AB':
            self.dropped_nothing(ns)
        for ns in 'AB':
            self.stopped(ns)

    def down(self, keep):
        for ns in 'AB' if self.failed else '':
            try:
                print(f'--- log of {ns}\n' + self.log(ns)[-3000:])
            except (PeerError, OSError):
                break
        self.peer.stop()
        if keep:
            print(f'vhost: logs are in {self.dir}')
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def main(args):
    if os.geteuid() != 0:
        sys.exit('vhost.py: must be root')
    L.end_on_signals()
    test = Test(os.environ.get('RACLETTE', os.path.join(L.TOP, 'build-asan/app/raclette')))
    try:
        test.run()
    except PeerError as e:
        test.check('ran to its end', False, e)
    finally:
        test.down('--keep' in args)
    sys.exit(test.failed)


if __name__ == '__main__':
    main(sys.argv[1:])
