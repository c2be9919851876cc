# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks of the raclette program share: a folder, processes, huge pages, the name of the machine. All
that is made here goes away when the benchmark ends through main()."""
import datetime
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
BUILD = os.path.join(TOP, 'build-perf')
NAME = os.path.basename(sys.argv[0])
LAB = f'racp{os.getpid()}'
A6, B6 = '2001:db8:1::a', '2001:db8:1::b'
CLEANUP = []  # called last one first


def give_up(text):
    sys.exit(f'{NAME}: {text}')


def check(ok, text):
    """A benchmark of packets that are dropped is worth nothing."""
    if not ok:
        give_up(f'NOT A VALID MEASUREMENT: {text}')


def run(*args, **kwargs):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kwargs)
    if done.returncode != 0:
        give_up(f'{" ".join(args)}: {done.stdout.strip()}')
    return done.stdout


def wait_for(seconds, condition):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def clean_up():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    while CLEANUP:
        call, args = CLEANUP.pop()
        try:
            call(*args)
        except Exception as error:  # pylint: disable=broad-except # the rest has to go, too
            print(f'{NAME}: while clearing up: {error}', file=sys.stderr)


def at_exit(call, *args):
    CLEANUP.append((call, args))


class Folder:
    """Files of a run, in memory"""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix=f'{LAB}.', dir='/dev/shm')
        at_exit(shutil.rmtree, self.dir)

    def file(self, name, text=None):
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(path, 'w', encoding='ascii') as f:
                f.write(text)
        return path


class Pair(Folder):
    """Two namespaces with a veth pair"""

    def __init__(self):
        super().__init__()
        for n in 'AB':
            run('ip', 'netns', 'add', f'{LAB}-{n}')
            at_exit(run, 'ip', 'netns', 'del', f'{LAB}-{n}')
        run('ip', 'link', 'add', 'out', 'netns', f'{LAB}-A', 'type', 'veth', 'peer', 'name', 'out', 'netns', f'{LAB}-B')
        for n in 'AB':
            self.on(n, 'ip', 'link', 'set', 'lo', 'up')
            self.on(n, 'sysctl', '-qw', 'net.ipv6.conf.out.disable_ipv6=1')
            self.on(n, 'ip', 'link', 'set', 'out', 'up')

    @staticmethod
    def on(n, *args):
        return run('ip', 'netns', 'exec', f'{LAB}-{n}', *args)


def reserve_hugepages(n):
    """n pages of 2 MB for the run, of what the kernel has"""
    path = '/proc/sys/vm/nr_hugepages'
    with open(path, encoding='ascii') as f:
        before = int(f.read())
    if before >= n:
        return

    def put(pages):
        with open(path, 'w', encoding='ascii') as f:
            f.write(str(pages))
    at_exit(put, before)
    put(n)
    with open(path, encoding='ascii') as f:
        if int(f.read()) < n:
            give_up(f'{n} huge pages of 2 MB cannot be reserved')


class Program:
    """A process and its log; gone when the bench ends"""

    def __init__(self, name, args, lab, namespace=None, env=None):
        self.name = name
        self.log = os.path.join(lab.dir, f'{name}.log')
        words = ['ip', 'netns', 'exec', namespace] if namespace else []
        words += ['env'] + [f'{k}={v}' for k, v in (env or {}).items()] + args
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        at_exit(self.stop)

    def alive(self):
        return self.process.poll() is None

    def logged(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def tail(self):
        return '\n'.join(self.logged().splitlines()[-25:])

    def need(self, seconds, what, condition):
        value = wait_for(seconds, lambda: not self.alive() or condition())
        if not value or not self.alive():
            give_up(f'{self.name}: no {what}; the end of its log:\n{self.tail()}')
        return value

    def poller(self):
        """-> its thread on CPU 1"""
        folder = f'/proc/{self.process.pid}/task'
        threads = [int(t) for t in os.listdir(folder) if os.sched_getaffinity(int(t)) == {1}]
        check(len(threads) == 1, f'{self.name}: threads on CPU 1: {threads}')
        return threads[0]

    def stop(self):
        if not self.alive():
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def gateway(lab, n, port, address, mtu, keys):
    return f'''
gateway {{
   outside {{
      port = "{port}"
      address = {address}/64
      router = none
      mtu = {mtu}
   }}
   {keys}
   vici = unix://{lab.file(n + '.vici')}
   qcd_secret = no
}}
'''


def one_tunnel(lab, n, port, mtu, esp, keys, tunnel, child):
    """of gateway A or B: the link, one connection, one tunnel"""
    local, remote = (A6, B6) if n == 'A' else (B6, A6)
    return gateway(lab, n, port, local, mtu, keys) + f'''
tunnels {{
   gre1 {{
      connection = peer
      child = gre
      {tunnel}
   }}
}}
''' + connection(local, remote, esp, child)


def connection(local, remote, esp, child):
    return f'''
connections {{
   peer {{
      version = 2
      proposals = aes128-sha256-x25519
      local_addrs = {local}
      remote_addrs = {remote}
      rekey_time = 0
      local {{
         auth = psk
         id = {local}
      }}
      remote {{
         auth = psk
         id = {remote}
      }}
      children {{
         gre {{
            local_ts = dynamic[gre]
            remote_ts = dynamic[gre]
            mode = transport
            esp_proposals = {esp}
            rekey_time = 0
            replay_window = 0
            {child}
         }}
      }}
   }}
}}
secrets {{
   ike-peer {{
      id-1 = {A6}
      id-2 = {B6}
      secret = MyFavouriteMealIsRaclette
   }}
}}
'''


class Raclette(Program):
    def __init__(self, lab, n, conf, env=None, namespace=None, args=(), program=None):
        self.program = program or os.path.join(BUILD, 'app/raclette')
        self.socket = lab.file(n + '.vici')
        path = lab.file(n + '.conf', conf)
        self.drops_before = {}
        super().__init__(n, [self.program, 'run', '-c', path, *args], lab, namespace, env)
        self.need(120, 'sign that it runs', lambda: ' runs: ' in self.logged())

    def show(self, what):
        done = subprocess.run([self.program, 'show', what, '--json', '--socket', self.socket],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def sa(self):
        return self.need(60, 'SA', lambda: self.show('sa'))[0]

    def drops(self):
        return {o['reason']: int(o['packets']) for o in self.show('drops')}

    def new_drops(self):
        now = self.drops()
        new = {k: v - self.drops_before.get(k, 0) for k, v in now.items() if v != self.drops_before.get(k, 0)}
        self.drops_before = now
        return new

    def close(self):
        self.stop()
        if os.path.exists(self.socket):
            os.unlink(self.socket)


class Vici:
    """A client of the control socket that does not wait for what it asks for"""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def ask(self, command, **values):
        text = bytes([0, len(command)]) + command.encode()
        for key, value in values.items():
            text += bytes([3, len(key)]) + key.encode() + struct.pack('>H', len(value)) + value.encode()
        self.socket.sendall(struct.pack('>I', len(text)) + text)
        size = struct.unpack('>I', self.socket.recv(4, socket.MSG_WAITALL))[0]
        answer = self.socket.recv(size, socket.MSG_WAITALL)
        check(b'yes' in answer, f'{command}: {answer}')

    def initiate(self, ike, child):
        self.ask('initiate', ike=ike, child=child, timeout='-1')


def machine():
    with open('/proc/cpuinfo', encoding='ascii') as f:
        info = dict(line.split(':', 1) for line in f.read().split('\n\n')[0].splitlines() if ':' in line)
    info = {k.strip(): v.strip() for k, v in info.items()}
    flags = info['flags'].split()
    best = next((f for f in ('avx512f', 'avx2', 'avx') if f in flags), 'sse')
    name = info['model name']
    if 'cpu family' in info:
        name += f' family {info["cpu family"]} model {info["model"]}'
    package = run('dpkg-query', '-W', '-f', '${Package} ${Version}, ', 'libdpdk-dev', 'libipsec-mb-dev')
    return f'{name}, {best}{", vaes" if "vaes" in flags else ""}, {os.cpu_count()} CPUs, Linux {os.uname().release}, ' + \
        package.rstrip(', ')


def commit():
    done = subprocess.run(['git', '-C', TOP, 'describe', '--always', '--dirty', '--exclude=*'],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() or 'unknown'


def build(*targets):
    if not os.path.exists(os.path.join(BUILD, 'build.ninja')):
        run('meson', 'setup', BUILD, TOP, '--buildtype=release', '-Dtests=false', '-Dperf=true')
    run('nice', '-n', '10', 'ninja', '-C', BUILD, *targets)


def whereabouts():
    """What each row says beside its figures"""
    words = [NAME] + sys.argv[1:]
    if '--json' in words:  # where to is not how
        at = words.index('--json')
        del words[at:at + 2]
    return {'machine': machine(), 'date': datetime.date.today().isoformat(), 'commit': commit(),
            'command': ' '.join(words)}


def main(function):
    """The program: function() between the signals that end it and clean_up()"""
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda number, frame: sys.exit(128 + number))
    try:
        function()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        clean_up()
