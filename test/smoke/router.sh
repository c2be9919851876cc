#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# router = auto: the default router and the link's MTU come from router advertisements, and go with
# them. The router is Linux; its advertisements are scapy's.
. "$(dirname "$0")/common.sh"
smoke_init router
A6=2001:db8:a::2 B6=2001:db8:b::2
ns_add A R B
link_add A out R ra
link_add R rb B out
write_confs
sed -i 's/router = none/router = auto/' "$LAB_DIR/A.conf"
sed -i 's/router = none/router = 2001:db8:b::1/' "$LAB_DIR/B.conf"
link_addr R ra 2001:db8:a::1/64
link_addr R rb 2001:db8:b::1/64
on R sysctl -qw net.ipv6.conf.all.forwarding=1

ROUTER=
has_router() { ROUTER=$(ip -n "$LAB-R" -6 -o addr show dev ra scope link | awk '{sub("/.*", "", $4); print $4}') && [ -n "$ROUTER" ]; }
wait_for 5 has_router
advertise() { # LIFETIME MTU
	on R $PYTHON - "$1" "$2" <<-P
		import sys
		from scapy.all import *
		mac = get_if_hwaddr('ra')
		sendp(Ether(src=mac, dst='33:33:00:00:00:01') / IPv6(src='$ROUTER', dst='ff02::1', hlim=255) /
			ICMPv6ND_RA(routerlifetime=int(sys.argv[1])) / ICMPv6NDOptSrcLLAddr(lladdr=mac) /
			ICMPv6NDOptMTU(mtu=int(sys.argv[2])), iface='ra', verbose=0)
	P
}
default_router() { ask A neighbours "','.join(n['address'] for n in o if n['default']) or 'none'"; }
is_default() { [ "$(default_router)" = "$1" ]; }
mtu_is() { [ "$(on A cat /sys/class/net/ip6gre4/mtu)" = "$1" ]; }
up
sleep 1
check 'no router before it says so' is_default none
check_not 'and no way to the peer' ping_ok A $B4
advertise 1800 1500
check 'the default router is the one that advertises' wait_for 5 is_default "$ROUTER"
check 'the tunnel comes up over it' wait_for 15 ping_ok A $B4
check 'MTU of the port' mtu_is 1422
advertise 1800 1400
check 'the MTU follows what the router advertises' wait_for 5 mtu_is 1322
check 'and packets of that size pass' ping_ok A $B4 -M do -s 1294
advertise 0 1400
check 'a lifetime of 0 takes the router away' wait_for 5 is_default none
smoke_end
