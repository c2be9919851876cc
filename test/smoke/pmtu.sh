#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A router with a smaller link in the path: its Packet Too Big is believed and the tunnel's MTU follows;
# a forged one, which quotes no packet of ours, is not: refused by what it quotes, for with that right the same one is.
. "$(dirname "$0")/common.sh"
smoke_init pmtu
A6=2001:db8:a::2 B6=2001:db8:b::2
ns_add A R B
link_add A out R ra
link_add R rb B out 1400
write_confs
sed -i 's/router = none/router = 2001:db8:a::1/' "$LAB_DIR/A.conf"
sed -i 's/router = none/router = 2001:db8:b::1/; s/mtu = 1500/mtu = 1400/' "$LAB_DIR/B.conf"
link_addr R ra 2001:db8:a::1/64
link_addr R rb 2001:db8:b::1/64
on R sysctl -qw net.ipv6.conf.all.forwarding=1
outside_start
up
check 'comes up over a router' wait_for 10 ping_ok A $B4
mtu() { on A cat /sys/class/net/ip6gre4/mtu; }
check 'starts from the port' equal "$(mtu)" 1422

forge() { # QUOTED-SPI QUOTED-NUMBER: a Packet Too Big for 1360 from the router
	on R $PYTHON - "$1" "$2" <<-P
		import sys
		from scapy.all import *
		esp = int(sys.argv[1], 16).to_bytes(4, 'big') + int(sys.argv[2]).to_bytes(4, 'big') + bytes(80)
		quote = IPv6(src='$A6', dst='$B6', nh=50, plen=1400) / Raw(esp)
		sendp(Ether(dst='ff:ff:ff:ff:ff:ff') / IPv6(src='2001:db8:a::1', dst='$A6') / ICMPv6PacketTooBig(mtu=1360) / quote, iface='ra', verbose=0)
	P
}
spi=$(ask A sa "o[0]['spi_out']")
refused() { more "$(drops A ptb-refused)" "$1"; }
forge deadbeef 1
check 'a Packet Too Big for no SA of ours is refused' wait_for 5 refused 0
check 'and not believed' equal "$(mtu)" 1422
forge "$spi" 1000000
check 'nor one for a packet that was not sent yet' wait_for 5 refused 1
check 'and the MTU stays' equal "$(mtu)" 1422
on A ping -c 1 -W 1 -s 1394 -M do $B4 >/dev/null 2>&1 || true
small() { [ "$(mtu)" = 1322 ]; }
check 'the MTU follows the path: 1400 gives 1322' wait_for 5 small
check 'and packets of that size pass' ping_ok A $B4 -M do -s 1294
forge "$spi" 1
smaller() { [ "$(mtu)" = 1282 ]; }
check 'the same router about a packet that was sent: 1360 gives 1282' wait_for 5 smaller
outside_stop
check 'nothing clear outside' no_clear
smoke_end
