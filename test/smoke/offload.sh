#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP super-packets between the kernel and raclette: what arrives is what was sent, with `offload` on at
# both ends, at one, at none; both ends' kernels really deal in super-packets; path MTU discovery works
# for TCP whose segments are cut here.
# alone: TCP as fast as it goes
. "$(dirname "$0")/common.sh"
smoke_init offload
: "${MEGABYTES:=8}"

cat >"$LAB_DIR/copy.py" <<'P'
"""copy.py recv ADDR | send ADDR MEGABYTES: random bytes over TCP, in writes of odd sizes; prints their hash.
copy.py hear ADDR | say ADDR: one UDP datagram of an odd length, likewise."""
import hashlib, random, socket, sys

what, addr, h, rnd = sys.argv[1], (sys.argv[2], 7000), hashlib.sha256(), random.Random(4821)
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
socket.setdefaulttimeout(60)
if what == "recv":
    with socket.create_server(addr, family=family) as s:
        print("ready", flush=True)
        c, _ = s.accept()
        c.settimeout(60)
        while b := c.recv(1 << 20):
            h.update(b)
elif what == "hear":
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.bind(addr)
        print("ready", flush=True)
        h.update(s.recv(2000))
elif what == "say":
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        h.update(b := rnd.randbytes(777))
        s.sendto(b, addr)
else:
    left = int(sys.argv[3]) << 20
    with socket.create_connection(addr) as c:
        while left > 0:
            b = rnd.randbytes(min(left, rnd.choice((1, 777, 65536, 300001))))
            left -= len(b)
            h.update(b)
            c.sendall(b)
print(h.hexdigest())
P

# transfer RECV SEND FROM TO ADDR: the same hash at both ends
transfer() {
	local got=$LAB_DIR/got sent='' pid
	rm -f "$got"
	ip netns exec "$LAB-$4" $PYTHON "$LAB_DIR/copy.py" "$1" "$5" >"$got" &
	pid=$!
	wait_for 5 grep -q ready "$got" && sent=$(on "$3" $PYTHON "$LAB_DIR/copy.py" "$2" "$5" "$MEGABYTES") &&
		wait_for 60 gone $pid || stop_pid $pid
	[ -n "$sent" ] && equal "$(tail -n 1 "$got")" "$sent"
}
copy() { transfer recv send "$@"; }
datagram() { transfer hear say "$@"; }

# both ways, both families
copies() {
	check "$1: a file to B" copy A B $B4
	check "$1: a file to A" copy B A $A4
	check "$1: to B over IPv6" copy A B $BIN6
	check "$1: to A over IPv6" copy B A $AIN6
	check "$1: UDP has its checksum" datagram A B $B4
	check "$1: and over IPv6" datagram A B $BIN6
	check "$1: nothing refused, by us or by a kernel" equal "$(refused A) $(refused B)" '0 0'
}
refused() {
	ask "$1" drops "sum(int(d['packets']) for d in o if d['reason'] in ('out-inner-bad', 'inner-bad', 'tun-error', 'tun-down'))"
}
# supers FILE: packets far above the MTU that the kernel sent or got
supers() { seen "$1" 'greater 3000'; }
capture() {
	cap_start A ip6gre4 "$LAB_DIR/inside-A.pcap" tcp
	cap_start B ip6gre4 "$LAB_DIR/inside-B.pcap" tcp
}
capture_stop() {
	cap_stop "$LAB_DIR/inside-A.pcap"
	cap_stop "$LAB_DIR/inside-B.pcap"
}
both_stop() {
	local ns
	for ns in A B; do
		gw_stop $ns
		check "every mbuf came back to $ns" grep -q 'buffers are back' "$LAB_DIR/$ns.log"
		mv "$LAB_DIR/$ns.log" "$LAB_DIR/$ns.log.$1"
	done
}
# start OFFLOAD-A OFFLOAD-B [MORE-KEYS]
start() {
	TUNNEL_KEYS="offload = $1
		$3" write_conf A $A6 $B6 $A4 $AIN6
	TUNNEL_KEYS="offload = $2
		$3" write_conf B $B6 $A6 $B4 $BIN6
	up
	wait_for 15 ping_ok A $B4
}

ns_add A B
link_add A out B out

outside_start 'not ip6[6] == 50' # nor any other number of these is lost
start yes yes ''
capture
copies 'offload'
capture_stop
outside_stop
check 'the kernel of A sends super-packets' more "$(supers "$LAB_DIR/inside-A.pcap")" 10
check 'the kernel of B gets some' more "$(supers "$LAB_DIR/inside-B.pcap")" 10
check 'nothing clear outside' no_clear
both_stop on

start no yes ''
copies 'offload at one end'
both_stop one

start no no ''
capture
copies 'no offload'
capture_stop
check 'and no super-packet' equal "$(supers "$LAB_DIR/inside-A.pcap") $(supers "$LAB_DIR/inside-B.pcap")" '0 0'
both_stop off

# Both kernels are told of 1500, so that their segments are too large: raclette's ICMP corrects them.
start yes yes 'mss = off'
for ns in A B; do ip -n "$LAB-$ns" link set ip6gre4 mtu 1500; done
copies 'segments above the MTU'
check 'the kernel has learnt of the MTU' bash -c "ip -n $LAB-A route get $B4 | grep 'mtu 1422'"
check 'and for IPv6' bash -c "ip -n $LAB-A route get $BIN6 | grep 'mtu 1422'"
check 'by being told' more "$(drops A out-too-big)" 0
both_stop mtu
smoke_end
