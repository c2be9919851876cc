#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two gateways that would meet on one interface, what a killed one leaves behind, and control and a busy
# worker on one CPU.
# alone: another gateway's start clears away what a killed one leaves
. "$(dirname "$0")/common.sh"
smoke_init twice
pair
up
check 'comes up' ping_ok A $B4

sed 's/2001:db8::a/2001:db8::aa/; s/A\.vici/A2.vici/; s/ip6gre4/other/; s/169\.254\.123/169.254.124/; s/fd00:123:/fd00:124:/' \
	"$LAB_DIR/A.conf" >"$LAB_DIR/A2.conf"
rc=0
on A timeout 20 "$RACLETTE" run -c "$LAB_DIR/A2.conf" >"$LAB_DIR/A2.log" 2>&1 || rc=$?
check 'a second gateway on the interface is refused' equal $rc 1
check 'and told by whom' grep -q "out: another raclette (pid ${PIDS[A]}) runs on this interface" "$LAB_DIR/A2.log"
check 'the first goes on' ping_ok A $B4

dir=/run/dpdk/raclette-${PIDS[A]}
check 'DPDK has a directory of the gateway' test -d "$dir"
gw_stop A KILL
check 'which a killed one leaves' test -d "$dir"
gw_start A "$LAB_DIR/A.conf"
check 'the interface is free again' wait_for 20 ping_ok A $B4
check_not 'and the directory is gone' test -e "$dir"
dir=/run/dpdk/raclette-${PIDS[A]}
check 'its own is there' test -d "$dir"
check 'adaptive, CPUs of their own: no warning' lacks 'share CPU' "$LAB_DIR/A.log"
gw_stop A
check_not 'and gone after a stop' test -e "$dir"

GATEWAY_KEYS='poll = busy
		   lcores = 0'
write_conf A $A6 $B6 $A4 $AIN6
gw_start A "$LAB_DIR/A.conf"
check 'busy on one CPU: the log names the cure' \
	grep -q 'share CPU 0.*: give lcores a second CPU or set poll = adaptive' "$LAB_DIR/A.log"
smoke_end
