#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# handoff = wire: in place of A's interface a veth, and behind it a host of its own. It resolves the far
# end by ARP and neighbour discovery, is told of packets too large, and hears what comes back.
. "$(dirname "$0")/common.sh"
smoke_init wire
ns_add A B H
link_add A out B out
link_add A hand H hand
link_addr H hand $A4/30 $AIN6/64
write_conf B $B6 $A6 $B4 $BIN6
tunnel() { # the addresses are the host's; raclette has none on the wire
	cat <<-C
		tunnels {
		   ip6gre4 {
		      connection = gw-gw
		      child = gre
		      handoff = wire
		      handoff_port = "net_af_packet1,iface=hand"
		   }
		}
	C
}
write_conf A $A6 $B6 $A4 $AIN6
outside_start
up
check 'the host behind the port reaches the far end' wait_for 15 ping_ok H $B4
check 'and IPv6' wait_for 5 ping_ok H $BIN6
check 'the far end reaches the host' ping_ok B $A4
check 'and IPv6 back' ping_ok B $AIN6
check 'the host knows the port as its neighbour' bash -c "ip -n $LAB-H neigh show $B4 dev hand | grep lladdr"
check 'largest packet with DF' ping_ok H $B4 -M do -s $((1422 - 28))
on H ping -c 1 -W 1 -M do -s $((1423 - 28)) $B4 >"$LAB_DIR/icmp" 2>&1 || true
check 'one byte more gets ICMP with the MTU' grep -qi 'mtu *= *1422' "$LAB_DIR/icmp"
check 'without DF it is fragmented' ping_ok H $B4 -M dont -s 1450
check 'small packets carry no padding' ping_ok H $B4 -s 1
check 'two ports are shown' equal "$(ask A ports 'len(o)')" 2
check_not 'no interface of the name' ip -n "$LAB-A" link show ip6gre4
on H sysctl -qw net.ipv6.conf.hand.accept_dad=1 net.ipv6.conf.hand.dad_transmits=1 # ns_add has turned it off
cap_start A hand "$LAB_DIR/dad.pcap" icmp6 and src host ::
ip -n "$LAB-H" addr add fd00:123::77/64 dev hand
# what `ip` still has without the words
usable() { [ "$(ip -n "$LAB-H" -6 -o addr show dev hand to fd00:123::77 -tentative -dadfailed | wc -l)" = 1 ]; }
check 'duplicate address detection is not answered' wait_for 15 usable
cap_stop "$LAB_DIR/dad.pcap"
check 'though it has asked' more "$(seen "$LAB_DIR/dad.pcap")" 0
check 'and the address serves' wait_for 5 ping_ok H $BIN6 -I fd00:123::77
outside_stop
check 'nothing clear outside' no_clear
gw_stop A
check 'every mbuf came back' grep -q 'buffers are back' "$LAB_DIR/A.log"
smoke_end
