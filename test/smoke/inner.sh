#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What routing protocols and hosts put into a tunnel: multicast with TTL 1, IPv6, fragments, DSCP, TCP.
. "$(dirname "$0")/common.sh"
smoke_init inner
pair
up
check 'comes up' ping_ok A $B4
cap_start B ip6gre4 "$LAB_DIR/inner.pcap"
on A ping -c 3 -i 0.2 -W 1 -t 1 -I ip6gre4 224.0.0.5 >/dev/null 2>&1 || true
check 'large IPv6 with fragments' ping_ok A $BIN6 -s 4000
check 'large IPv4 with fragments' ping_ok A $B4 -s 4000 -M dont
check 'inner DSCP is kept' ping_ok A $B4 -Q 0xb8
cap_stop "$LAB_DIR/inner.pcap"
dump() { tcpdump -n -v -r "$LAB_DIR/inner.pcap" "$@" 2>/dev/null; }
check 'multicast 224.0.0.5 arrives' equal "$(dump dst 224.0.0.5 | grep -c 'echo request')" 3
check 'with its TTL of 1 untouched' equal "$(dump dst 224.0.0.5 | grep -c 'ttl 1,')" 3
check 'DSCP 0xb8 arrives' test "$(dump 'ip[1] == 0xb8' | grep -c 'echo request')" = 1
ip netns exec "$LAB-B" iperf3 -s -1 >/dev/null 2>&1 &
PIDS[iperf]=$!
at_exit 'gw_stop iperf'
wait_for 10 listens B 5201 || true
check 'TCP passes' on A iperf3 -c $B4 -t 1 -P 4
smoke_end
