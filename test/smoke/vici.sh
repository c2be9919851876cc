#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The control socket: strongSwan's rules of exchange, and clients that break them.
. "$(dirname "$0")/common.sh"
smoke_init vici
pair
up
S=$(gw_socket A)
check 'mode 0660' equal "$(stat -c %a "$S")" 660
check 'comes up' ping_ok A $B4
cat >"$LAB_DIR/vici.py" <<'P'
import random, socket, struct, sys, time
PATH = sys.argv[1]
REQ, RESP, UNKNOWN, REG, UNREG, CONFIRM, EV_UNKNOWN, EVENT = range(8)
failed = 0

def check(what, ok):
    global failed
    failed |= not ok
    print('%s smoke/vici: %s' % ('PASS' if ok else 'FAIL', what))

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(PATH)
    s.settimeout(5)
    return s

def seg(body):
    return struct.pack('>I', len(body)) + body

def named(kind, name, msg=b''):
    return seg(bytes([kind, len(name)]) + name.encode() + msg)

def kv(k, v):
    return bytes([3, len(k)]) + k.encode() + struct.pack('>H', len(v)) + v.encode()

def read(s):
    head = b''
    while len(head) < 4:
        part = s.recv(4 - len(head))
        if not part:
            raise EOFError
        head += part
    n, body = struct.unpack('>I', head)[0], b''
    while len(body) < n:
        body += s.recv(n - len(body))
    return body[0], body[1:]

def ask(s, data):
    s.sendall(data)
    return read(s)

def closed(s):
    try:
        while s.recv(65536):
            pass
        return True
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False

s = connect()
check('version', b'raclette' in ask(s, named(REQ, 'version'))[1])
check('an unknown command is said to be one', ask(s, named(REQ, 'nosuch'))[0] == UNKNOWN)
check('an unknown event is said to be one', ask(s, named(REG, 'nosuch'))[0] == EV_UNKNOWN)
check('unregistering what is not registered', ask(s, named(UNREG, 'show-sa'))[0] == EV_UNKNOWN)
check('a stream without its event is just its end', ask(s, named(REQ, 'show-sa')) == (RESP, b''))
check('registering', ask(s, named(REG, 'show-sa'))[0] == CONFIRM)
kind, body = ask(s, named(REQ, 'show-sa'))
check('an event for the SA', kind == EVENT and body[1:8] == b'show-sa' and b'spi_in' in body)
check('then the end', read(s) == (RESP, b''))
check('unregistering', ask(s, named(UNREG, 'show-sa'))[0] == CONFIRM)
check('malformed request', b'no' in ask(s, named(REQ, 'rekey', b'\x02'))[1])
check('nothing to rekey is success=no', b'no matching SAs' in ask(s, named(REQ, 'rekey', kv('child', 'zz')))[1])
check('no selector', b'missing' in ask(s, named(REQ, 'terminate'))[1])
check('initiate an unknown child', b'not found' in ask(s, named(REQ, 'initiate', kv('child', 'zz')))[1])
check('initiate what is up', b'yes' in ask(s, named(REQ, 'initiate', kv('child', 'gre') + kv('timeout', '2000')))[1])
check('its IKE SA, too', b'yes' in ask(s, named(REQ, 'initiate', kv('ike', 'gw-gw') + kv('timeout', '2000')))[1])
s.sendall(named(REQ, 'version') * 50)
check('pipelined requests are answered in order', all(b'raclette' in read(s)[1] for i in range(50)))
data = named(REQ, 'version')
for b in data:
    s.sendall(bytes([b]))
check('byte by byte', b'raclette' in read(s)[1])
s.sendall(seg(b''))
check('an empty segment is ignored', b'raclette' in ask(s, named(REQ, 'version'))[1])
s.sendall(struct.pack('>I', 512 * 1024 + 1))
check('a segment too long ends the connection', closed(s))
s = connect()
s.sendall(seg(bytes([RESP])))
check("a server's word from a client ends it", closed(s))
many = [connect() for i in range(40)]
alive = 0
for c in many:
    try:
        alive += b'raclette' in ask(c, named(REQ, 'version'))[1]
    except (EOFError, ConnectionError, BrokenPipeError):
        pass
check('40 clients: 32 are served', alive == 32)
for c in many:
    c.close()
rnd = random.Random(1)
for i in range(300):
    c = connect()
    n = rnd.randrange(1, 200)
    body = bytes(rnd.randrange(256) for k in range(n))
    if i % 2:
        body = named(rnd.choice([REQ, REG, UNREG]), rnd.choice(['show-sa', 'initiate', 'stats', 'rekey']), body)
    try:
        c.sendall(body)
    except (ConnectionError, BrokenPipeError):
        pass
    c.close()
deaf = connect()
deaf.sendall(named(REG, 'show-drops'))
deaf.settimeout(0.2)
try:
    for i in range(100000):
        deaf.sendall(named(REQ, 'show-drops') * 50)
    check('a client that does not read is not waited for', False)
except socket.timeout:
    check('a client that does not read is stopped', True)
except (ConnectionError, BrokenPipeError):
    check('a client that does not read is dropped', True)
s = connect()
check('and the others are served', b'raclette' in ask(s, named(REQ, 'version'))[1])
deaf.settimeout(20)
time.sleep(11)
check('and is dropped in the end', closed(deaf))
s = connect()
s.sendall(named(REQ, 'show-drops') * 2000 + named(REG, 'show-drops') + named(REQ, 'show-drops') * 300)
time.sleep(0.5)
got = [read(s)[0] for i in range(2001)]
events = 0
while got.count(RESP) < 2300:
    kind = read(s)[0]
    got.append(kind)
    events += kind == EVENT
check('late reading loses nothing', got[:2000].count(RESP) == 2000 and got[2000] == CONFIRM and events % 300 == 0 and events > 0)
s = connect()
s.sendall(named(REQ, 'version') * 5000) # the answers are longer than a socket's buffer
s.shutdown(socket.SHUT_WR)
time.sleep(0.5)
n = 0
try:
    while read(s)[0] == RESP:
        n += 1
except EOFError:
    pass
check('a client that shuts down its half gets all its answers, then the end (%d)' % n, n == 5000)
sys.exit(failed)
P
$PYTHON "$LAB_DIR/vici.py" "$S" || FAILED=1
if command -v swanctl >/dev/null; then
	swanctl --stats --uri "unix://$S" >"$LAB_DIR/stats"
	check 'swanctl --stats: workers' grep -q '^worker threads: 1 total, 0 idle, working: 1/0/0/0$' "$LAB_DIR/stats"
	check 'swanctl --stats: queues' grep -q '^job queues: 0/0/0/0$' "$LAB_DIR/stats"
	check 'swanctl --stats: deadlines' grep -q '^jobs scheduled: [1-9][0-9]*$' "$LAB_DIR/stats"
	check 'swanctl --stats: IKE_SAs' grep -q '^IKE_SAs: [1-9][0-9]* total, 0 half-open$' "$LAB_DIR/stats"
	check 'swanctl --stats: nothing is missing' lacks '\(null\)' "$LAB_DIR/stats"
else
	echo 'SKIP smoke/vici: no swanctl'
fi
check 'traffic still passes' ping_ok A $B4
check 'the far end has an SA or gets one' wait_for 10 ping_ok B $A4
smoke_end
