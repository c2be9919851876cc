#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# SIGTERM: gone within a second, the far end told, nothing kept of the pool; and up again after it.
. "$(dirname "$0")/common.sh"
CONN_KEYS='dpd_delay = 2s' GATEWAY_KEYS='retransmit_timeout = 1s
		   retransmit_tries = 2'
smoke_init stop
pair
up
check 'comes up' ping_ok A $B4
n_sa() { ask "$1" ike 'len(o)'; }
check 'B has an IKE SA' more "$(n_sa B)" 0
t0=$(date +%s%N)
pid=${PIDS[A]}
kill -TERM "$pid"
rc=0
wait "$pid" || rc=$?
ms=$((($(date +%s%N) - t0) / 1000000))
unset 'PIDS[A]'
check "exit status 0 after SIGTERM" equal $rc 0
check "gone within a second (took $ms ms)" test $ms -lt 1000
check 'all packet buffers are back' grep 'all packet buffers are back' "$LAB_DIR/A.log"
sas_gone() { [ "$(n_sa B)" = 0 ]; }
check 'B was told: its IKE SA is gone' wait_for 3 sas_gone
check_not 'the control socket is gone' test -e "$(gw_socket A)"
gw_start A "$LAB_DIR/A.conf"
check 'up again after a restart' wait_for 15 ping_ok A $B4
gw_stop B KILL
gw_start B "$LAB_DIR/B.conf"
check "up again after the far end was killed, by its INITIAL_CONTACT" wait_for 15 ping_ok B $A4
gw_stop B KILL
gw_start B "$LAB_DIR/B.conf"
check 'and by our DPD' wait_for 60 ping_ok A $B4
smoke_end
