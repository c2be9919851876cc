#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real peer (Debian's kernel XFRM and ip6gre, strongSwan) in a small QEMU machine.

  peer.py boot DIR NETNS TAP [SUITE]   boot one on a tap in a namespace; its sockets and logs go to DIR
  peer.py run DIR COMMAND...      run a command in it: its output is ours, its exit status is ours
  peer.py put DIR FROM TO         copy a file into it
  peer.py stop DIR

Plain emulation, so it runs anywhere; it is up in about five seconds. Its NIC does no offloads:
frames on the tap are complete.
"""
import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NO_OFFLOAD = ','.join(f'{k}=off' for k in (
    'csum', 'gso', 'host_tso4', 'host_tso6', 'host_ecn', 'host_ufo', 'guest_csum', 'guest_tso4',
    'guest_tso6', 'guest_ecn', 'guest_ufo', 'mrg_rxbuf'))


class PeerError(Exception):
    pass


class Peer:
    """One machine. Its folder holds agent.sock, console.log, qemu.log and pid.

    suite: the release of Debian that it is of, '' the host's; packages: what else it has of that one
    """

    def __init__(self, folder, suite='', packages=()):
        self.folder = folder
        self.suite, self.packages = suite, packages
        self.image = None       # where mkpeer.sh has put it, once booted

    def path(self, name):
        return os.path.join(self.folder, name)

    def boot(self, netns, tap, timeout=90, host_mtu=None, extra=None, memory=384, cpus=1):
        """netns, tap: where its NIC is; None: it has none. extra: an archive that is unpacked over the machine's."""
        self.image = subprocess.run([os.path.join(HERE, 'mkpeer.sh'), *filter(None, [self.suite]), *self.packages],
                                    check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        os.makedirs(self.folder, exist_ok=True)
        for f in ('agent.sock', 'console.log'):
            if os.path.exists(self.path(f)):
                os.unlink(self.path(f))
        initrd = f'{self.image}/peer.cpio'
        if extra:
            initrd = self.path('initrd')
            with open(initrd, 'wb') as whole:
                for part in (f'{self.image}/peer.cpio', extra):
                    with open(part, 'rb') as f:
                        shutil.copyfileobj(f, whole)
        mac = '52:54:00:' + ':'.join(f'{b:02x}' for b in secrets.token_bytes(3))
        nic = f'virtio-net-pci,netdev=n0,mac={mac},romfile=,{NO_OFFLOAD}'
        if host_mtu:
            nic += f',host_mtu={host_mtu}'
        place = ['ip', 'netns', 'exec', netns] if netns else []
        link = ['-netdev', f'tap,id=n0,ifname={tap},script=no,downscript=no,vnet_hdr=off', '-device', nic] if tap else []
        with open(self.path('qemu.log'), 'wb') as log:
            # a session of its own: Ctrl-C in a terminal is for the one who calls stop()
            qemu = subprocess.Popen(place + [
                'qemu-system-x86_64', '-name', os.path.basename(self.folder),
                '-M', 'pc,usb=off,vmport=off', '-accel', 'tcg,thread=multi,tb-size=128', '-cpu', 'max',
                '-smp', str(cpus), '-m', str(memory), '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
                '-kernel', f'{self.image}/vmlinuz', '-initrd', initrd,
                '-append', 'console=ttyS0 quiet panic=-1 no_timer_check tsc=reliable mitigations=off '
                           'random.trust_cpu=on net.ifnames=0',
                '-chardev', f'file,id=con,path={self.path("console.log")}', '-serial', 'chardev:con',
                '-device', 'virtio-serial-pci',
                '-chardev', f'socket,id=ag,path={self.path("agent.sock")},server=on,wait=off',
                '-device', 'virtserialport,chardev=ag,name=agent',
                '-object', 'rng-random,id=r,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=r',
            ] + link, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with open(self.path('pid'), 'w') as f:
            f.write(str(qemu.pid))
        end = time.monotonic() + timeout
        while not self._ready():
            if qemu.poll() is not None:
                raise PeerError('qemu ended: ' + open(self.path('qemu.log')).read())
            if time.monotonic() > end:
                self.stop()
                raise PeerError(f'peer not ready in {timeout} s, see {self.path("console.log")}')
            time.sleep(0.1)
        self.check('true')

    def strongswan(self):
        """its version, such as (5, 9, 8)"""
        with open(f'{self.image}/version') as f:
            return tuple(int(n) for n in f.read().split('-')[0].split('.'))

    def _ready(self):
        try:
            with open(self.path('console.log'), 'rb') as f:
                return b'PEER READY' in f.read()
        except FileNotFoundError:
            return False

    def run(self, script, timeout=60):
        """-> (exit status, output); stdout and stderr of the shell script arrive merged, as text."""
        tag = secrets.token_hex(4)
        end = time.monotonic() + timeout
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(self.path('agent.sock'))
            s.sendall(f'{tag} {base64.b64encode(script.encode()).decode()}\n'.encode())
            buf, fin = b'', f'@END {tag}\n'.encode()
            while fin not in buf[-len(fin) - 8:]:
                s.settimeout(max(0.05, end - time.monotonic()))
                try:
                    data = s.recv(65536)
                except socket.timeout:
                    raise PeerError(f'no answer in {timeout} s to: {script}') from None
                if not data:
                    raise PeerError('peer went away')
                buf += data
        head, _, rest = buf[buf.index(f'@{tag} '.encode()):].partition(b'\n')
        _, status, n_bytes = head.split()
        out = base64.b64decode(rest[:rest.index(fin)])
        if len(out) != int(n_bytes):
            raise PeerError(f'{len(out)} bytes of {int(n_bytes)}')
        return int(status), out.decode(errors='replace')

    def check(self, script, timeout=60):
        """Run it; a failure is an exception with what it said."""
        status, out = self.run(script, timeout)
        if status:
            raise PeerError(f'{script!r}: exit status {status}\n{out}')
        return out

    def put(self, text, path):
        data = base64.b64encode(text.encode()).decode()
        self.check(f'echo {data} | base64 -d > {path}')

    def stop(self):
        try:
            pid = int(open(self.path('pid')).read())
            if self.path('agent.sock').encode() not in open(f'/proc/{pid}/cmdline', 'rb').read():
                return      # the number went to somebody else
            os.kill(pid, signal.SIGTERM)
            for _ in range(60):
                try:
                    if os.waitpid(pid, os.WNOHANG)[0]:
                        return
                except ChildProcessError:
                    os.kill(pid, 0)
                time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass


def main(a):
    if len(a) < 2:
        sys.exit(__doc__)
    peer = Peer(os.path.abspath(a[1]), a[4] if a[0] == 'boot' and len(a) > 4 else '')
    if a[0] == 'boot':
        peer.boot(a[2], a[3])
    elif a[0] == 'run':
        status, out = peer.run(' '.join(a[2:]), 120)
        sys.stdout.write(out)
        sys.exit(status)
    elif a[0] == 'put':
        peer.put(open(a[2]).read(), a[3])
    elif a[0] == 'stop':
        peer.stop()
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except PeerError as e:
        sys.exit(f'peer: {e}')
