#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Strangers on the outside link: clear GRE, inner packets, ESP of an unknown SPI, junk. Each is counted
# under its reason, none reaches the inside, and established traffic goes on.
. "$(dirname "$0")/common.sh"
smoke_init hostile
pair
on A ip link set out address 02:00:00:00:00:02
up
check 'comes up' ping_ok A $B4
cap_start A ip6gre4 "$LAB_DIR/inside.pcap"
on B $PYTHON "$TOP/scripts/wirecount.py" --send out --src $B6 --dst $A6 >/dev/null
on B $PYTHON "$TOP/scripts/wirecount.py" --send out --src 2001:db8::bad --dst $A6 >/dev/null
sleep 0.5
for reason in clear-gre no-sa proto not-ip6; do
	check_not "counted: $reason" equal "$(drops A $reason)" 0
done
check 'established traffic goes on' ping_ok A $B4
cap_stop "$LAB_DIR/inside.pcap"
check 'no stranger reached the inside' equal "$(tcpdump -n -r "$LAB_DIR/inside.pcap" 2>/dev/null | grep -vc 'ICMP echo' || true)" 0
check_not 'no sanitizer report' grep -E 'AddressSanitizer|runtime error' "$LAB_DIR/A.log"
smoke_end
