#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Inner traffic never leaves in clear: without a peer, after SIGTERM, after kill -9, at a restart, and when a start fails.
# Namespace A has a default route over another link: what raclette does not take must meet an
# unreachable route, not that one. A capture runs on each link all along.
. "$(dirname "$0")/common.sh"
TUNNEL_KEYS='routes = 10.99.0.0/16, 0.0.0.0/0, ::/0'
BAIT4=203.0.113.7 BAIT6=2001:db8:eeee::7	# Z itself, behind that link
FAR4=198.51.100.7 FAR6=2001:db8:ffff::7	# only default routes lead there
smoke_init leak
pair
ns_add Z
link_add A dflt Z dflt
link_addr A dflt 192.0.2.1/24 2001:db8:f::1/64
link_addr Z dflt 192.0.2.2/24 2001:db8:f::2/64
on A ip route add default via 192.0.2.2
on A ip -6 route add default via 2001:db8:f::2
on Z sysctl -qw net.ipv4.ip_forward=1
ip -n "$LAB-Z" addr add $BAIT4/32 dev lo
ip -n "$LAB-Z" addr add $BAIT6/128 dev lo
cap_start Z dflt "$LAB_DIR/dflt.pcap" "net 169.254.123.0/30 or net 10.99.0.0/16 or net fd00:123::/64 or host $FAR4 or host $FAR6 or ip6 proto 47"
outside_start

# knock: inner traffic to every prefix behind the tunnel
knock() {
	local d
	for d in $B4 10.99.1.1 $FAR4 $BIN6 $FAR6; do on A ping -c 2 -i 0.2 -W 0.2 "$d" >/dev/null 2>&1 || true; done
}
check 'the default route leads there' wait_for 5 ping_ok A $BAIT4
check 'and for IPv6' wait_for 5 ping_ok A $BAIT6
gw_start A "$LAB_DIR/A.conf"
knock
check_not 'no peer: no answer' ping_ok A $B4
gw_start B "$LAB_DIR/B.conf"
check 'with the peer: passes' wait_for 15 ping_ok A $B4
knock
gw_stop A TERM
knock
check_not 'after SIGTERM: no answer' ping_ok A $B4
for d in $B4 10.99.1.1 $FAR4 $BIN6 $FAR6; do
	check "after SIGTERM: $d meets an unreachable route" bash -c "ip -n $LAB-A route get $d 2>&1 | grep 'No route to host'"
done
gw_start A "$LAB_DIR/A.conf"
check 'started again: passes' wait_for 15 ping_ok A $B4
gw_stop A KILL
knock
for d in $B4 10.99.1.1 $FAR4 $BIN6 $FAR6; do
	check "after kill -9: $d is not routed elsewhere" bash -c "! ip -n $LAB-A route get $d 2>/dev/null | grep 'dev dflt'"
done
gw_start A "$LAB_DIR/A.conf"
knock
check 'started again after kill -9: passes' wait_for 30 ping_ok A $B4
gw_stop B
knock
gw_stop A
knock
cap_stop "$LAB_DIR/dflt.pcap"
outside_stop
check 'nothing took the default route' equal "$(seen "$LAB_DIR/dflt.pcap") $(cap_lost "$LAB_DIR/dflt.pcap")" '0 0'
check 'nothing clear on the outside link' no_clear

# the captures can fail: without the guard the same packets do take the default route
cap_start Z dflt "$LAB_DIR/proof.pcap" "net 169.254.123.0/30 or net 10.99.0.0/16 or net fd00:123::/64 or host $FAR4 or host $FAR6"
on A ip link del ip6gre4 2>/dev/null || true
on A ip route flush proto 82
on A ip -6 route flush proto 82
knock
cap_stop "$LAB_DIR/proof.pcap"
for ip in ip ip6; do check "proof: without the guard the capture sees them, $ip" more "$(seen "$LAB_DIR/proof.pcap" $ip)" 0; done

# guarded NAME: what the last command has laid leads nowhere; then it goes
guarded() {
	local d
	for d in $B4 10.99.1.1 $FAR4 $BIN6 $FAR6; do
		check "$1: $d meets an unreachable route" bash -c "ip -n $LAB-A route get $d 2>&1 | grep 'No route to host'"
	done
	on A ip route flush proto 82
	on A ip -6 route flush proto 82
}
check 'guard, for the time before raclette runs' on A "$RACLETTE" guard -c "$LAB_DIR/A.conf"
guarded guard
# a device that is not bound to vfio-pci after a reboot, say
sed 's/port = .*/port = 0000:ff:1f.7/' "$LAB_DIR/A.conf" >"$LAB_DIR/unbound.conf"
: >"$LAB_DIR/journal"
check_not 'a start without its port fails' on A bash -c "JOURNAL_STREAM=$(stat -c %d:%i "$LAB_DIR/journal") \
	timeout 30 '$RACLETTE' run -c '$LAB_DIR/unbound.conf' 2>'$LAB_DIR/journal'"
check 'and journald is told that it is an error' grep '^<3>port: 0000:ff:1f.7: there is no such PCI device' "$LAB_DIR/journal"
guarded 'failed start'
on A ip route add 10.99.0.0/16 via 192.0.2.2
check 'a route of the host in the way is named' bash -c "ip netns exec $LAB-A timeout 30 '$RACLETTE' run -c '$LAB_DIR/A.conf' 2>&1 |
	grep 'ip6gre4: route 10.99.0.0/16: the host has one to elsewhere'"
smoke_end
