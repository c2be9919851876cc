#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One gateway is killed and started again. It initiates: up again at once by INITIAL_CONTACT. It stays silent: the other
# one's next packet finds out, by INVALID_SPI and the token of RFC 6290; without tokens, liveness does.
. "$(dirname "$0")/common.sh"
smoke_init crash
CONN_KEYS='dpd_delay = 30s'
CHILD_KEYS='dpd_action = start'
pair
up
check 'comes up' ping_ok A $B4
check 'the secret is for nobody else' equal "$(stat -c '%a %s' "$LAB_DIR/A.qcd")" '600 32'
secret=$(sha256sum <"$LAB_DIR/B.qcd")
restart() { # NS
	gw_stop "$1" KILL
	gw_start "$1" "$LAB_DIR/$1.conf"
}
one_sa() { equal "$(ask "$1" ike "len([s for s in o if s['state'] == 'ESTABLISHED'])")" 1; }
mv "$LAB_DIR/A.log" "$LAB_DIR/A-first.log"

restart A
check 'A killed, A initiates: up within 5 s' wait_for 5 ping_ok A $B4 -W 0.5
check 'B follows' wait_for 5 ping_ok B $A4 -W 0.5
check 'B has one IKE SA' wait_for 15 one_sa B

restart B
check 'B has the same secret after a restart' equal "$(sha256sum <"$LAB_DIR/B.qcd")" "$secret"
# replies need an SA of B's, which only A brings: B itself sends nothing
check 'B killed and silent: A is up again within 5 s' wait_for 5 ping_ok A $B4 -W 0.5
check 'because of the token' grep -q 'down: the peer has lost it: its token says so' "$LAB_DIR/A.log"
check 'A has one IKE SA' wait_for 15 one_sa A

# no tokens: liveness, 30 s of silence do not pass, since INVALID_SPI makes A ask
gw_stop A
gw_stop B
for ns in A B; do mv "$LAB_DIR/$ns.log" "$LAB_DIR/$ns-tokens.log"; done
GATEWAY_KEYS='qcd_secret = no
		   retransmit_timeout = 1s
		   retransmit_tries = 2'
write_confs
up
check 'without tokens: comes up' ping_ok A $B4
restart B
check 'without tokens: A asks and finds out' wait_for 25 ping_ok A $B4
check 'by silence' grep -q 'down: the peer does not answer' "$LAB_DIR/A.log"
smoke_end
