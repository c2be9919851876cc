#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Strangers on the outside link: clear GRE, inner packets, ESP of an unknown SPI, junk; then everything
# that abuse.py knows, while traffic flows. Each is counted under its reason, none reaches the inside,
# nothing breaks, and established traffic goes on. SEED repeats a run.
. "$(dirname "$0")/common.sh"
: "${SEED:=$RANDOM}" "${COUNT:=4000}"
smoke_init hostile
pair
on A ip link set out address 02:00:00:00:00:02
up
# inside is what went between the two ends, each packet once, and nothing else
only_pings() {
	local f=$LAB_DIR/inside.pcap
	local echo="^IP ($A4 > $B4|$B4 > $A4): ICMP echo (request|reply), "
	equal "$(cap_lost "$f")" 0 && tcpdump -n -t -r "$f" >"$f.txt" 2>/dev/null || return 1
	more "$(grep -cE "$echo" "$f.txt")" 100 && lacks "$echo" -v "$f.txt" && equal "$(sort "$f.txt" | uniq -d)" ''
}
check 'comes up' ping_ok A $B4
cap_start A ip6gre4 "$LAB_DIR/inside.pcap"
on B $PYTHON "$TOP/scripts/wirecount.py" --send out --src $B6 --dst $A6 >/dev/null
on B $PYTHON "$TOP/scripts/wirecount.py" --send out --src 2001:db8::bad --dst $A6 >/dev/null
sleep 0.5
for reason in clear-gre no-sa proto not-ip6; do
	check "counted: $reason" more "$(drops A $reason)" 0
done
check 'established traffic goes on' ping_ok A $B4

# live frames to change, forge and repeat; each port sends past its own end's capture
cap_start A out "$LAB_DIR/liveA.pcap" ip6 and src $B6
cap_start B out "$LAB_DIR/liveB.pcap" ip6 and src $A6
on B ping -q -c 100 -i 0.01 $A4 >/dev/null
cap_stop "$LAB_DIR/liveA.pcap"
cap_stop "$LAB_DIR/liveB.pcap"
mtu=$(ask A tunnels "o[0]['mtu']")
for what in forge replay icmp random mutate chains fragments ike; do
	on B $PYTHON "$TOP/test/smoke/abuse.py" out $what --seed "$SEED" --count "$COUNT" --mac 02:00:00:00:00:02 \
		--src $B6 --dst $A6 --live "$LAB_DIR/liveA.pcap" --live "$LAB_DIR/liveB.pcap" >/dev/null
	check "traffic goes on after: $what (seed $SEED)" wait_for 6 ping_ok A $B4
done
for reason in ip6-truncated ip6-version ext-hdr frag-bad frag-limit udp-bad udp-port icmp-bad ptb-refused \
	esp-short esp-len sa-addr replay icv; do
	check "counted: $reason" more "$(drops A $reason)" 0
done
check 'no forged Packet Too Big is believed' equal "$(ask A tunnels "o[0]['mtu']")" "$mtu"
cap_stop "$LAB_DIR/inside.pcap"
check 'no stranger reached the inside' only_pings
gw_stop A
check 'all packet buffers come back' grep 'all packet buffers are back' "$LAB_DIR/A.log"
smoke_end
