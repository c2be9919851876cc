#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# SIGTERM: it ends by itself, the far end told, nothing kept of the pool; and up again after it. So it is after the far end
# was killed, which tells nobody.
. "$(dirname "$0")/common.sh"
CONN_KEYS='dpd_delay = 2s' GATEWAY_KEYS='qcd_secret = no
		   retransmit_timeout = 1s
		   retransmit_tries = 2' # without tokens, which are faster (crash.sh)
smoke_init stop
pair
up
check 'comes up' ping_ok A $B4
n_sa() { ask "$1" ike 'len(o)'; }
check 'B has an IKE SA' more "$(n_sa B)" 0
kill -TERM "${PIDS[A]}"
ends A "${STOP_SECONDS:-10}"
check 'exit status 0 after SIGTERM' equal "$STATUS" 0
check 'all packet buffers are back' grep 'all packet buffers are back' "$LAB_DIR/A.log"
sas_gone() { [ "$(n_sa B)" = 0 ]; }
check 'B was told: its IKE SA is gone' wait_for 3 sas_gone
check_not 'the control socket is gone' test -e "$(gw_socket A)"
gw_start A "$LAB_DIR/A.conf"
check 'up again after a restart' wait_for 15 ping_ok A $B4
# ended: how many IKE SAs of A's were by INITIAL_CONTACT (a young one is asked first), and by our DPD
ended() {
	echo "$(grep -cE 'IKE_SA [0-9]+ down: the peer (started anew|has forgotten it)' "$LAB_DIR/A.log")" \
		"$(grep -cE 'IKE_SA [0-9]+ down: the peer does not answer' "$LAB_DIR/A.log")"
}
ended_is() { [ "$(ended)" = "$1" ]; }
gw_stop B KILL
gw_start B "$LAB_DIR/B.conf"
check 'up again after the far end was killed' wait_for 15 ping_ok B $A4
check 'by its INITIAL_CONTACT' wait_for 15 ended_is '1 0'
gw_stop B KILL
gw_start B "$LAB_DIR/B.conf"
check 'and again, though it says nothing' wait_for 60 ping_ok A $B4
check 'by our DPD' equal "$(ended)" '1 1'
smoke_end
