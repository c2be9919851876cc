# SPDX-License-Identifier: BSD-3-Clause
"""The interop lab: raclette in one namespace, the peer's tap and a bridge in another, a capture between."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from peer import Peer

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
US, THEM = '2001:db8:1::a', '2001:db8:1::b'
IN_US, IN_THEM = '169.254.123.1', '169.254.123.2'
PSK = 'MyFavouriteMealIsRaclette'
LAB = f'raci{os.getpid()}'


def wait(seconds, condition):
    """-> the first true value of condition() within so many seconds, or its last"""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.1)


def end_on_signals():
    """The machine and the namespaces go, too; timeout(1) says it twice."""
    def ended(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(143)
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, ended)


def connection(local, remote, *, ike, esp, mode, action='none', psk=PSK, conn='', child='', secrets='', auth=None):
    """connections and secrets of one side, in swanctl.conf's grammar"""
    auth = auth or (f'auth = psk\n id = {local}', f'auth = psk\n id = {remote}')
    return f'''connections {{
   gw-gw {{
      version = 2
      proposals = {ike}
      local_addrs = {local}
      remote_addrs = {remote}
      {conn}
      local {{
         {auth[0]}
      }}
      remote {{
         {auth[1]}
      }}
      children {{
         gre {{
            local_ts = dynamic[gre]
            remote_ts = dynamic[gre]
            mode = {mode}
            esp_proposals = {esp}
            start_action = {action}
            {child}
         }}
      }}
   }}
}}
secrets {{
   ike-1 {{
      id-1a = {local}
      id-1b = {remote}
      secret = {psk}
   }}
   {secrets}
}}
'''


class Lab:
    """suite: the release of Debian that the peer is of, and raclette's libcrypto; '' the host's"""

    def __init__(self, program, suite=''):
        self.program = program
        self.suite = suite
        self.dir = tempfile.mkdtemp(prefix=LAB + '.')
        self.gateway = self.capture = None
        self.seen_as = US           # what the peer calls us
        self.link = 'wire'          # where the capture runs
        self.peer = Peer(os.path.join(self.dir, 'peer'), suite)
        self.log = os.path.join(self.dir, 'raclette.log')

    # --- building and clearing up

    def up(self):
        for ns in 'AW':
            self.sh(f'ip netns add {LAB}-{ns} && ip -n {LAB}-{ns} link set lo up')
        self.sh(f'ip link add out netns {LAB}-A type veth peer name wire netns {LAB}-W')
        self.on('W', 'ip link add br0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0')
        self.on('W', 'ip tuntap add tap0 mode tap')
        for ns, link in (('A', 'out'), ('W', 'wire'), ('W', 'tap0'), ('W', 'br0')):
            self.on(ns, f'sysctl -qw net.ipv6.conf.{link}.disable_ipv6=1')
            self.on(ns, f'ethtool -K {link} tx off rx off tso off gso off gro off >/dev/null 2>&1 || true')
            self.on(ns, f'ip link set {link} up')
        self.on('W', 'ip link set wire master br0; ip link set tap0 master br0')
        self.peer.boot(f'{LAB}-W', 'tap0')
        self.peer.check(f'ip link set eth0 up; ip addr add {THEM}/64 dev eth0 nodad')

    def down(self):
        self.stop()
        self.capture_stop()
        self.peer.stop()
        for ns in 'AW':
            subprocess.run(['ip', 'netns', 'del', f'{LAB}-{ns}'], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    # --- commands

    @staticmethod
    def sh(script):
        subprocess.run(['bash', '-ec', script], check=True)

    def on(self, ns, script, timeout=60):
        """-> (exit status, output) of a shell script in a namespace"""
        r = subprocess.run(['ip', 'netns', 'exec', f'{LAB}-{ns}', 'bash', '-c', script], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=timeout)
        return r.returncode, r.stdout

    # --- raclette

    def command(self):
        if not self.suite:
            return [self.program]
        libs = f'{self.peer.image}/libs'
        # this host's leak detection takes what a newer libc's loader holds for leaks
        asan = os.environ.get('ASAN_OPTIONS', 'abort_on_error=1') + ':detect_leaks=0'
        return ['env', f'ASAN_OPTIONS={asan}', f'{libs}/ld-linux-x86-64.so.2', '--library-path', libs, self.program]

    def start(self, connections, gateway=''):
        conf = self.path('raclette.conf')
        with open(conf, 'w') as f:
            f.write(f'''gateway {{
   outside {{
      port = net_af_packet0,iface=out
      address = {US}/64
      router = none
      mtu = 1500
   }}
   lcores = auto
   poll = adaptive
   vici = unix://{self.path('vici')}
   qcd_secret = {self.path('qcd')}
   {gateway}
}}
tunnels {{
   ip6gre4 {{
      connection = gw-gw
      child = gre
      address = {IN_US}/30
   }}
}}
{connections}''')
        with open(self.log, 'ab') as log:
            self.gateway = subprocess.Popen(['ip', 'netns', 'exec', f'{LAB}-A', *self.command(), 'run', '-c', conf],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not wait(20, lambda: self.gateway.poll() is not None or self.show('ports') is not None) or \
                self.gateway.poll() is not None:
            raise RuntimeError('raclette does not start:\n' + self.log_text()[-2000:])

    def stop(self, sig=signal.SIGTERM):
        if self.gateway is None:
            return
        self.gateway.send_signal(sig)
        try:
            self.gateway.wait(10)
        except subprocess.TimeoutExpired:
            self.gateway.kill()
            self.gateway.wait()
        self.gateway = None

    def show(self, what):
        """-> the parsed JSON of `raclette show`, None when it fails"""
        r = subprocess.run([self.program, 'show', what, '--json', '--socket', self.path('vici')],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return json.loads(r.stdout) if r.returncode == 0 else None

    def log_text(self):
        with open(self.log, errors='replace') as f:
            return f.read()

    def log_clear(self):
        open(self.log, 'w').close()

    def swanctl(self, args):
        """Debian's swanctl against raclette's socket -> (exit status, output)"""
        return self.on('A', f'swanctl {args} --uri unix://{self.path("vici")}')

    # --- the peer

    def peer_setup(self, connections, encaplimit, charon=''):
        """charon: more keys for that section of its strongswan.conf"""
        self.peer.check('''charon-stop KILL; : > /var/log/charon.log
            ip link del ip6gre4 2>/dev/null; ip neigh flush all; ip -6 route flush cache; true''')
        limit = '' if encaplimit == 'default' else f'encaplimit {encaplimit}'
        self.peer.put(connections, '/etc/swanctl/swanctl.conf')
        self.peer.put(f'charon {{\n{charon}\n}}\n', '/etc/strongswan.d/case.conf')
        self.peer.check(f'''set -e
            ip -6 tunnel add ip6gre4 mode ip6gre local {THEM} remote {self.seen_as} {limit}
            ip addr add {IN_THEM}/30 dev ip6gre4
            ip link set ip6gre4 up
            charon-start''')

    def peer_sas(self):
        return self.peer.run('swanctl --list-sas')[1]

    # --- capture

    def capture_start(self, name):
        self.pcap = self.path(name + '.pcap')
        err = open(self.pcap + '.log', 'wb')
        self.capture = subprocess.Popen(['ip', 'netns', 'exec', f'{LAB}-W', 'tcpdump', '-n', '-i', self.link,
                                         '--immediate-mode', '-s', '1522', '-B', '65536', '-w', self.pcap],
                                        stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        if not wait(10, lambda: b'listening on' in open(self.pcap + '.log', 'rb').read()):
            raise RuntimeError('tcpdump does not start')

    def capture_drain(self):
        """tcpdump has read all there was: what is in its ring when it ends is lost and not counted"""
        def waits():
            with open(f'/proc/{self.capture.pid}/stat') as f:
                return f.read().rsplit(')', 1)[1].split()[0] == 'S'

        time.sleep(0.3)
        wait(10, waits)

    def capture_flush(self):
        """What was captured is in the file, and the capture goes on."""
        self.capture_drain()
        self.capture.send_signal(signal.SIGUSR2)
        time.sleep(0.3)

    def capture_stop(self):
        """-> frames lost, -1 when tcpdump did not say"""
        if self.capture is None:
            return 0
        self.capture_drain()
        self.capture.terminate()
        self.capture.wait()
        self.capture = None
        lost = [int(line.split()[0]) for line in open(self.pcap + '.log') if 'dropped by' in line]
        return sum(lost) if lost else -1
