#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# handoff = port: gateway A forwards between a LAN on its second port and the tunnel, by the kernel's routes and
# neighbours and without the kernel's forwarding. LAN hosts H and R are behind a bridge, and behind R another network.
# B is a gateway whose kernel routes. A's kernel has one more interface, z, where nothing may go.
# alone: TCP as fast as it goes
. "$(dirname "$0")/common.sh"
smoke_init forward
L4=10.1.0 L6=fd01::
ns_add A B H R S
link_add A out B out
ip -n "$LAB-S" link add name sw type bridge
ip -n "$LAB-S" link set sw up
on S sysctl -qw net.ipv6.conf.sw.disable_ipv6=1
for n in A H R; do
	link_add $n lan0 S "to$n"
	ip -n "$LAB-S" link set "to$n" master sw
done
link_addr H lan0 $L4.2/24 ${L6}2/64
link_addr R lan0 $L4.3/24 ${L6}3/64
ip -n "$LAB-R" addr add 10.3.0.1/24 dev lo
for n in H R; do
	ip -n "$LAB-$n" route add default via $L4.1
	ip -n "$LAB-$n" route add default via ${L6}1
done
ip -n "$LAB-A" link add z type veth peer name z2
ip -n "$LAB-A" link set z2 up
ip -n "$LAB-A" link set z up
ip -n "$LAB-A" addr add 10.9.0.1/24 dev z
on A sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 # the worst case: the kernel would, too
ip -n "$LAB-B" addr add 10.2.0.1/24 dev lo
ip -n "$LAB-B" addr add fd02::1/128 dev lo
on B sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

# two workers: the tunnel is the first one's, the inside port the last one's
GATEWAY_KEYS="lcores = 0, 0, $(($(nproc) > 1))
	   inside {
	      port = \"net_af_packet1,iface=lan0\"
	      interface = lan
	      address = $L4.1/24, ${L6}1/64
	      source_check = strict
	   }" TUNNEL_KEYS="handoff = port
	      source_check = strict
	      routes = 10.2.0.0/16, fd02::/48" write_conf A $A6 $B6 $A4 $AIN6
TUNNEL_KEYS="routes = $L4.0/24, 10.3.0.0/24, fd01::/64" write_conf B $B6 $A6 $B4 $BIN6
check 'raclette check says so' bash -c "'$RACLETTE' check -c '$LAB_DIR/A.conf' | grep 'forwarded to and from the inside port'"
outside_start
cap_start H lan0 "$LAB_DIR/lan.pcap"
up
inside() { ask "$1" ports "next(p for p in o if p['use'] == 'inside')['$2']"; }
fwd() { inside A "$1"; }

check 'a LAN host reaches the far network' wait_for 15 ping_ok H 10.2.0.1
check 'and by IPv6' wait_for 10 ping_ok H fd02::1
check 'the far network reaches the LAN' ping_ok B $L4.2 -I 10.2.0.1
check 'and by IPv6 back' ping_ok B ${L6}2 -I fd02::1
on H ping -c 2 -i 0.2 -W 1 $L4.1 >"$LAB_DIR/ping" || true
check 'the gateway itself is reached from the LAN, once' grep ' 2 received, 0% packet loss' "$LAB_DIR/ping" # doubles would be between
check 'and by IPv6' ping_ok H ${L6}1
check 'its tunnel address, too' ping_ok H $A4
check 'and from the far end' ping_ok B $A4
check 'it reaches the LAN itself' ping_ok A $L4.2
check 'and the far end' ping_ok A $B4
check 'forwarded, not through the kernel' test "$(fwd to_tunnels)" -ge 4 -a "$(fwd to_port)" -ge 4

# what a router owes
ttl() { on "$1" ping -n -c 1 -W 2 "${@:3}" "$2" 2>&1 || true; }
check 'TTL exceeded: from the LAN side of the gateway' bash -c "grep 'From $L4.1 .*Time to live exceeded' <<<'$(ttl H 10.2.0.1 -t 1)'"
check 'hop limit exceeded, likewise' bash -c "grep 'From ${L6}1 .*Hop limit' <<<'$(ttl H fd02::1 -t 1)'"
check 'from the far end: by its tunnel address' bash -c "grep 'From $A4 .*Time to live exceeded' <<<'$(ttl B $L4.2 -I 10.2.0.1 -t 1)'"
check 'one hop each way' bash -c "grep 'ttl=62' <<<'$(ttl R 10.2.0.1)' || grep 'ttl=63' <<<'$(ttl R 10.2.0.1)'"
check 'largest packet with DF' ping_ok H 10.2.0.1 -M do -s $((1422 - 28))
check 'one byte more: told the MTU by the gateway' bash -c "grep -E 'From $L4.1 .*mtu ?= ?1422' <<<'$(ttl H 10.2.0.1 -M do -s $((1423 - 28)))'"
check 'without DF it is fragmented' ping_ok H 10.2.0.1 -M dont -s 1700 # more in fragments af_packet cannot take, see drivers-notes
check 'and from the far end' ping_ok B $L4.2 -I 10.2.0.1 -M dont -s 1700
check 'and IPv6 by its sender, who was told' wait_for 5 ping_ok H fd02::1 -s 2500
check 'no route: told' bash -c "grep 'From $L4.1 .*Net Unreachable' <<<'$(ttl H 10.77.0.1)'"
check "a network of the kernel's other interfaces: no way there" bash -c "grep 'From $L4.1 .*Net Unreachable' <<<'$(ttl H 10.9.0.5)'"
ip -n "$LAB-A" neigh add 10.77.0.1 lladdr 02:00:00:00:00:77 dev z
ip -n "$LAB-A" route add default dev z
cap_start A z2 "$LAB_DIR/z.pcap" host 10.77.0.1
check_not 'nor by default route' ping_ok H 10.77.0.1 -W 1
cap_stop "$LAB_DIR/z.pcap"
check 'nor a leak there' equal "$(seen "$LAB_DIR/z.pcap") $(cap_lost "$LAB_DIR/z.pcap")" '0 0'
cap_start A z2 "$LAB_DIR/proof.pcap" host 10.77.0.1
on A ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1 || true
cap_stop "$LAB_DIR/proof.pcap"
check "proof: the capture sees the gateway's own" more "$(seen "$LAB_DIR/proof.pcap")" 0
check 'a host that is not there: told by the gateway' bash -c "grep 'From $A4 .*Destination Host Unreachable' <<<'$(on B ping -n -c 1 -W 6 -I 10.2.0.1 $L4.99 2>&1 || true)'"

# silent NS ADDR [OPTIONS]: two pings in a row are not answered; one may be lost on the way
silent() {
	local rc=0
	on "$1" ping -c 2 -i 0.2 -W 1 "${@:3}" "$2" || rc=$?
	[ $rc = 1 ] # 2: it could not be sent
}

# sources that are routed elsewhere
for from in "B 10.1.0.77 $L4.2" "B fd05::1 ${L6}2" "H 10.2.0.77 10.2.0.1" "H fd02::77 fd02::1"; do
	read -r n src dst <<<"$from"
	ip -n "$LAB-$n" addr add "$src" dev lo
	before=$(drops A fwd-source)
	check_not "source $src is not forwarded from $n" ping_ok "$n" "$dst" -I "$src"
	check 'and is counted' test "$(drops A fwd-source)" -gt "$before"
done
ip -n "$LAB-A" -6 route add fd05::/64 dev ip6gre4
check 'routed into the tunnel, it is' wait_for 3 ping_ok B ${L6}2 -I fd05::1

# the kernel's routes are followed
check_not 'a network behind R that A knows nothing of' ping_ok B 10.3.0.1 -I 10.2.0.1
ip -n "$LAB-A" route add 10.3.0.0/24 via $L4.3
check 'a route by gateway is followed' wait_for 3 ping_ok B 10.3.0.1 -I 10.2.0.1
ip -n "$LAB-A" route replace 10.3.0.0/24 via $L4.2
check 'replaced, it leads elsewhere' wait_for 5 silent B 10.3.0.1 -I 10.2.0.1
ip -n "$LAB-A" route replace 10.3.0.0/24 via $L4.3
check 'and back' wait_for 3 ping_ok B 10.3.0.1 -I 10.2.0.1
ip -n "$LAB-A" route add blackhole 10.2.0.1/32
check 'a longer blackhole is one' wait_for 5 silent H 10.2.0.1
check 'and is counted' test "$(drops A fwd-blackhole)" -ge 1
ip -n "$LAB-A" route del blackhole 10.2.0.1/32
check 'gone, the shorter one holds' wait_for 3 ping_ok H 10.2.0.1
ip -n "$LAB-A" link set lan down
check 'the interface down takes its routes along' wait_for 5 silent B $L4.2 -I 10.2.0.1
ip -n "$LAB-A" link set lan up
check 'up again' wait_for 5 ping_ok B $L4.2 -I 10.2.0.1

# neighbours
mac_of() { ask A neighbours "next((n.get('mac') for n in o if n['address'] == '$1'), '')"; }
has_mac() { equal "$(mac_of "$1")" "$2"; }
check 'the neighbour is the kernel'"'"'s' has_mac $L4.2 "$(on H cat /sys/class/net/lan0/address)"
ip -n "$LAB-H" link set lan0 address 02:00:00:00:77:01
on H ping -c 1 -W 2 $L4.1 >/dev/null 2>&1 || true
check 'a new MAC is followed' wait_for 10 has_mac $L4.2 02:00:00:00:77:01
check 'and packets go there' wait_for 5 ping_ok B $L4.2 -I 10.2.0.1
for i in $(seq 300); do echo "route add 10.4.$((i % 250)).$i/32 via $L4.3"; done >"$LAB_DIR/batch"
ip -n "$LAB-A" -force -batch "$LAB_DIR/batch" >/dev/null 2>&1 || true
check 'hundreds of routes at once' wait_for 5 bash -c "[ \$('$RACLETTE' show ports --json --socket '$LAB_DIR/A.vici' | $PYTHON -c 'import json,sys; print([p for p in json.load(sys.stdin) if p[\"use\"] == \"inside\"][0][\"routes\"])') -gt 250 ]"
check 'and traffic goes on' ping_ok H 10.2.0.1
check 'no route was refused' equal "$(inside A routes_refused)" 0

# more happens than the kernel keeps for who does not listen
ip -n "$LAB-R" addr add 10.3.0.201/24 dev lo
ip -n "$LAB-A" route add 10.3.0.0/25 via $L4.3
check 'a network that A knows' wait_for 3 ping_ok B 10.3.0.1 -I 10.2.0.1
check_not 'and one that it does not know yet' ping_ok B 10.3.0.201 -I 10.2.0.1
kill -STOP "${PIDS[A]}"
for i in $(seq 40000); do echo "route replace 10.4.249.249/32 via $L4.$((2 + i % 2))"; done >"$LAB_DIR/batch"
ip -n "$LAB-A" -force -batch "$LAB_DIR/batch" >/dev/null 2>&1 || true
ip -n "$LAB-A" route add 10.3.0.128/25 via $L4.3
ip -n "$LAB-A" route del 10.3.0.0/25
kill -CONT "${PIDS[A]}"
resynced() { more "$(inside A resyncs)" 0; }
check 'messages were lost' wait_for 5 resynced
check 'all is read anew: what was added' wait_for 5 ping_ok B 10.3.0.201 -I 10.2.0.1
check 'and what was deleted' wait_for 5 silent B 10.3.0.1 -I 10.2.0.1

ip netns exec "$LAB-B" iperf3 -s -1 -B 10.2.0.1 >/dev/null 2>&1 &
PIDS[iperf]=$!
at_exit 'gw_stop iperf'
wait_for 10 listens B 5201 || true
check 'TCP passes' on H iperf3 -c 10.2.0.1 -t 1
outside_stop
cap_stop "$LAB_DIR/lan.pcap"
check 'nothing clear outside' no_clear
check 'no GRE on the LAN' equal "$(seen "$LAB_DIR/lan.pcap" 'ip proto 47 or ip6 proto 47') $(cap_lost "$LAB_DIR/lan.pcap")" '0 0'
gw_stop A
check 'every mbuf came back' grep -q 'buffers are back' "$LAB_DIR/A.log"
check_not 'the twin is gone' ip -n "$LAB-A" link show lan
smoke_end
