#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# carrier = sa: the interface has its carrier while there is an SA, which is asked for without a packet.
. "$(dirname "$0")/common.sh"
smoke_init carrier
ACTION=none pair # B does not begin
TUNNEL_KEYS='carrier = sa' write_conf A $A6 $B6 $A4 $AIN6
carrier() { equal "$(on A cat /sys/class/net/ip6gre4/carrier)" "$1"; }
asked() { grep -c 'IKE_SA [0-9]*: connecting' "$LAB_DIR/A.log"; }

gw_start A "$LAB_DIR/A.conf"
check 'it asks without traffic' wait_for 20 asked
check 'without a peer there is no carrier' carrier 0
gw_start B "$LAB_DIR/B.conf"
check 'with an SA there is' wait_for 40 carrier 1
check 'and packets pass' ping_ok A $B4
gw_stop B
check 'the SA has gone, and with it the carrier' wait_for 10 carrier 0
gw_start B "$LAB_DIR/B.conf"
check 'it comes back by itself' wait_for 60 carrier 1
check 'and packets pass again' wait_for 5 ping_ok A $B4
smoke_end
