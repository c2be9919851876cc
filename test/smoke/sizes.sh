#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Sizes on paths of 9001, 1500, 1492 and 1280: the interface's MTU is what fits, a packet of it passes
# with DF set, one byte more gets ICMP back with the right MTU, and without DF it is fragmented before ESP.
# IPv6 of 1280 bytes passes on each, if need be in fragments of ESP (RFC 7676 3).
# Jumbo frames of ESP pass in fragments as well.
. "$(dirname "$0")/common.sh"
smoke_init sizes

# inner MTU by RFC 4303 for a path: outer IPv6 40, ESP 8, IV, ICV, pad to BLOCK, trailer 2, GRE 4
fits() { # PATH IV ICV BLOCK
	local room=$(($1 - 40 - 8 - $2 - $3))
	echo $((room / $4 * $4 - 2 - 4))
}
mtu_of() { on "$1" cat /sys/class/net/ip6gre4/mtu; }

# case PATH ESP INNER-MTU
run_case() {
	local inner=$3 what="path $1 $2"
	MTU=$1 ESP=$2
	pair
	outside_start
	up
	check "$what: comes up" ping_ok A $B4
	check "$what: tunnel MTU $inner" equal "$(ask A tunnels "o[0]['mtu']")" "$inner"
	# with inner IPv6 the interface stays at 1280 or Linux takes its IPv6 addresses away
	check "$what: interface MTU" equal "$(mtu_of A)" "$((inner > 1280 ? inner : 1280))"
	check "$what: largest packet with DF" ping_ok A $B4 -M do -s $((inner - 28))
	check "$what: the same the other way" ping_ok B $A4 -M do -s $((inner - 28))
	# past the kernel's own check of the interface's MTU: a route that claims more, so raclette must answer
	on A ip link set ip6gre4 mtu $((inner + 100))
	on A ping -c 1 -W 1 -M do -s $((inner - 27)) $B4 >"$LAB_DIR/icmp" 2>&1 || true
	check "$what: one byte more gets ICMP with the MTU" grep -qiE "(mtu ?= ?$inner)" "$LAB_DIR/icmp"
	on A ip route flush cache
	check "$what: without DF it is fragmented inside" ping_ok A $B4 -M dont -s $((inner + 60))
	outside_stop
	check "$what: nothing clear outside" no_clear
	check "$what: no fragment outside" equal "$(frames 'esp behind fragment' "${OUTSIDE[@]}")" 0
	check "$what: IPv6 of 1280 bytes passes" ping_ok A $BIN6 -M do -s 1232
	gw_stop A
	gw_stop B
	ns_del A
	ns_del B
}
run_case 1500 aes128gcm16 "$(fits 1500 8 16 4)"
run_case 1492 aes128-sha1 "$(fits 1492 16 12 16)"
run_case 1280 aes128-sha256 "$(fits 1280 16 16 16)"
run_case 9001 aes256gcm16 "$(fits 9001 8 16 4)"

# What comes in fragments may be as long as the port's own frames: a bridge between the two cuts ESP of
# more than 5000 bytes in pieces of 3000, as no router may but a far end with another path MTU does.
cat >"$LAB_DIR/cut.py" <<'P'
import select, socket, struct
ports = []
for name in 'west', 'east':
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 0))
    ports.append(s)

def cut(f, ident):
    link, ip, body = f[:14], f[14:54], f[54:]
    if len(f) <= 5000 or f[12:14] != b'\x86\xdd' or ip[6] != 50:
        return [f]
    out = []
    for off in range(0, len(body), 3000):
        part = body[off:off + 3000]
        more = off + 3000 < len(body)
        out.append(link + ip[:4] + struct.pack('>H', 8 + len(part)) + b'\x2c' + ip[7:] +
                   struct.pack('>BBHI', 50, 0, off | more, ident) + part)
    return out

ident = 0
while True:
    for s in select.select(ports, [], [])[0]:
        f, addr = s.recvfrom(65536)
        if addr[2] == socket.PACKET_OUTGOING:
            continue
        ident += 1
        for part in cut(f, ident):
            ports[s is ports[0]].send(part)
P
MTU=9001 ESP=aes256gcm16
ns_add A B M
link_add A out M west $MTU
link_add M east B out $MTU
ip netns exec "$LAB-M" $PYTHON "$LAB_DIR/cut.py" &
CUT=$!
at_exit 'stop_pid $CUT'
on M ip link set west promisc on
on M ip link set east promisc on
write_confs
cap_start A out "$LAB_DIR/cut.pcap"
up
check 'in fragments: comes up' wait_for 15 ping_ok A $B4
check 'in fragments: the largest packet, both ways' ping_ok A $B4 -M do -s $(($(fits 9001 8 16 4) - 28))
cap_stop "$LAB_DIR/cut.pcap"
check 'in fragments: they were' more "$(frames 'esp behind fragment' "$LAB_DIR/cut.pcap")" 2
check 'in fragments: none was refused' equal "$(drops A frag-bad) $(drops A frag-limit)" '0 0'
smoke_end
