#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# half_open.sh - strangers of one /64 answer A's cookies and send IKE_AUTH that nobody can open, for FLOOD_SECONDS (30):
# they get as many half-open SAs as one network may have, and a ring of their own. A's peer B, which is elsewhere, rekeys
# its IKE SA and children, is found alive, and connects anew, by a group slow enough for the job thread.
# alone: messages as fast as they go
. "$(dirname "$0")/common.sh"
smoke_init half_open
: "${FLOOD_SECONDS:=30}"
CAP=64 # block_threshold
GATEWAY_KEYS='cookie_threshold = 1
		   retransmit_timeout = 1s
		   retransmit_tries = 3'
CHILD_KEYS='rekey_time = 3s'
CONN_KEYS='dpd_delay = 1s
		      rekey_time = 4s
		      rand_time = 0s
		      over_time = 60s'
export ASAN_OPTIONS=quarantine_size_mb=1
pair
IKE='aes128-sha256-x25519, aes128-sha256-modp2048' write_conf A $A6 %any $A4 $AIN6
IKE=aes128-sha256-modp2048 write_conf B $B6 $A6 $B4 $BIN6
# what strangers are told goes by B's end of the link, where they sit
sed -i "s/router = none/router = $B6/; /remote {/,/}/s/id = %any/id = $B6/; s/id-1b = %any/id-1b = $B6/" "$LAB_DIR/A.conf"
up
check 'B connects' wait_for 20 ping_ok B $A4
stats() { ip netns exec "$LAB-$1" swanctl --stats --raw --uri "unix://$(gw_socket "$1")" 2>/dev/null; }
# stat NS WORD...: the number behind these words, in this order
stat() {
	stats "$1" | $PYTHON -c '
import re, sys
m = re.search(r"\b" + r"\b.*?\b".join(map(re.escape, sys.argv[1:])) + r"=(\d+)", sys.stdin.read(), re.S)
print(m.group(1))' "${@:2}"
}
logged() { grep -c -- "$2" "$LAB_DIR/$1.log" || true; }
rekeyed() { [ "$(logged A 'IKE_SA [0-9]* rekeyed')" -ge "$1" ]; }
mac=$(on A cat /sys/class/net/out/address)
on B "$PYTHON" "$TOP/test/smoke/strangers.py" out "$mac" $A6 "$FLOOD_SECONDS" >"$LAB_DIR/strangers.out" &
pid=$!
many_half_open() { [ "$(stat A half-open)" -ge $((CAP / 2)) ]; }
check 'strangers have half-open SAs' wait_for 10 many_half_open
n=$(logged A 'IKE_SA [0-9]* rekeyed')
check 'the IKE SA is rekeyed, and again, without traffic' wait_for 20 rekeyed $((n + 2))
check 'traffic passes' ping_ok B $A4 -c 20 -i 0.1
check 'the child is rekeyed' grep -q 'CHILD_SA [0-9]* rekeyed' "$LAB_DIR/A.log"
check 'B was never taken for dead, nor A' lacks 'IKE_SA [0-9]+ down' "$LAB_DIR/A.log" "$LAB_DIR/B.log"
check "no more than $CAP of them at a time (are $(stat A half-open))" test "$(stat A half-open)" -le $((CAP + 1))
gw_stop B
gw_start B "$LAB_DIR/B.conf"
check 'B connects anew' wait_for 20 ping_ok B $A4
check "by a job (were $(stat A jobs))" test "$(stat A jobs)" -ge 4
wait $pid
read -r inits cookies spis most garbage <"$LAB_DIR/strangers.out"
echo "strangers: $inits requests, $cookies cookies answered, $spis SPIs, $most in 30 s, $garbage messages of garbage"
check 'they answered cookies' test "$cookies" -ge $((CAP / 2))
check 'they are many, and not more than they may' test "$most" -ge $((CAP / 2)) -a "$most" -le $((CAP + 1))
check 'and busy' test "$garbage" -ge $((FLOOD_SECONDS * 500))
pushed=$(stat A rings half-open pushed)
full=$(drops A excp-half-open-full)
echo "their ring took $pushed messages and refused $full; B's took $(stat A rings ike pushed)"
check 'what they sent came by their ring' test $((pushed + full)) -ge $((garbage / 2))
check "and B's is B's" test "$(stat A rings ike pushed)" -lt 2000
check "of which nothing is lost" equal "$(drops A excp-ike-full) $(drops A excp-nd-full)" '0 0'
smoke_end
