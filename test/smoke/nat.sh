#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A behind a NAT66 that changes address and ports and lets no ESP through: transport mode in UDP, rekeys from both
# sides, keepalives, a NAT that forgets its mappings. Then no NAT, and UDP forced on either side.
. "$(dirname "$0")/common.sh"
smoke_init nat
ESP=aes128gcm16-x25519
N6=2001:db8::4e
GATEWAY_KEYS='keep_alive = 1s'
ns_add A N B
link_add A out N inside "$MTU"
link_add N outside B out "$MTU"
write_confs
sed -i "s/remote_addrs = $A6/remote_addrs = $N6/" "$LAB_DIR/B.conf"
ip netns exec "$LAB-N" $PYTHON "$TOP/test/tools/nat66.py" inside outside $A6 $N6 >"$LAB_DIR/nat" 2>&1 &
PIDS[nat]=$!
at_exit 'gw_stop nat'
wait_for 10 grep -q ready "$LAB_DIR/nat"

mode() { ask "$1" sa "' '.join(s['mode'].lower() + (' udp' if s['encap'] else '') for s in o if s['state'] == 'INSTALLED')"; }
natted() { ask "$1" ike "' '.join(str(s['$2']) for s in o)"; }
both_ways() { ping_ok A $B4 && ping_ok B $A4; }
udp_only() { # on the links of both: no ESP but in UDP, and no wrong UDP checksum
	local f n
	for f in "${OUTSIDE[@]}"; do
		n=$(frames esp-udp "$f")
		more "$n" 0 && equal "$(frames esp "$f")" "$n" || return 1 # the latter is what begins with esp
		tcpdump -vv -n -r "$f" udp >"$f.txt" 2>/dev/null || return 1
		more "$(grep -c 'udp sum ok' "$f.txt")" 0 && lacks 'bad udp cksum|no cksum' "$f.txt" || return 1
	done
}

outside_start
up
check 'the first packet comes through' ping_ok A $B4
check 'both ways' both_ways
for ns in A B; do check "$ns: transport mode in UDP" equal "$(mode $ns)" 'transport udp'; done
check 'A knows that it is behind a NAT' equal "$(natted A nat_local)" True
check 'B knows that A is' equal "$(natted B nat_remote)" True
check 'and only A' equal "$(natted A nat_remote) $(natted B nat_local)" 'False False'
for ns in A B; do
	before=$(spis A)
	check "$ns rekeys the child" swanctl --rekey --child gre --uri "unix://$(gw_socket $ns)"
	sleep 1
	check "$ns: the SPIs are new" changed "$(spis A)" "$before"
	check "$ns: still transport mode" equal "$(mode $ns)" 'transport udp'
	check "$ns: both ways after it" both_ways
done
kept=$(drops B natt-keepalive)
kept_more() { [ "$(drops B natt-keepalive)" -ge $((kept + 3)) ]; }
check 'keepalives while nothing else is sent' wait_for 10 kept_more
check 'none from B' equal "$(drops A natt-keepalive)" 0

kill -USR1 "${PIDS[nat]}"
check 'a NAT that forgot: A gets through again' wait_for 20 ping_ok A $B4
check 'and so does B' wait_for 5 ping_ok B $A4
check 'the IKE SA is the same' equal "$(ask B ike 'len(o)')" 1
check 'nothing was set up anew' equal "$(grep -c 'up: ' "$LAB_DIR/B.log")" 1
gw_stop A
gw_stop B
outside_stop
check 'nothing clear outside' no_clear
check 'nothing but UDP, with good checksums' udp_only

# tunnel mode: the inner header has A's own address, which B has to name
MODE=tunnel
write_confs
sed -i "s/remote_addrs = $A6/remote_addrs = %any/; s/remote_ts = dynamic/remote_ts = $A6/" "$LAB_DIR/B.conf"
outside_start
up
check 'tunnel mode: the first packet comes through' ping_ok A $B4
check 'tunnel mode: both ways' both_ways
check 'tunnel mode in UDP' equal "$(mode A) $(mode B)" 'tunnel udp tunnel udp'
gw_stop A
gw_stop B
outside_stop
check 'tunnel mode: nothing clear outside' no_clear
check 'tunnel mode: nothing but UDP, with good checksums' udp_only
gw_stop nat
MODE=transport

for forced in A B; do
	ns_del A
	ns_del B
	ns_add A B
	link_add A out B out "$MTU"
	for ns in A B; do
		CONN_KEYS=
		[ $ns != $forced ] || CONN_KEYS='encap = yes'
		if [ $ns = A ]; then write_conf A $A6 $B6 $A4 $AIN6; else write_conf B $B6 $A6 $B4 $BIN6; fi
	done
	outside_start
	up
	check "forced by $forced: comes up" ping_ok A $B4
	check "forced by $forced: both ways" both_ways
	check "forced by $forced: transport mode in UDP" equal "$(mode A) $(mode B)" 'transport udp transport udp'
	check "forced by $forced: the MTU counts UDP" equal "$(on A cat /sys/class/net/ip6gre4/mtu)" 1414
	sleep 2
	check "forced by $forced: no keepalives" equal "$(drops A natt-keepalive) $(drops B natt-keepalive)" '0 0'
	gw_stop A
	gw_stop B
	outside_stop
	check "forced by $forced: nothing clear outside" no_clear
	check "forced by $forced: nothing but UDP, with good checksums" udp_only
done
smoke_end
