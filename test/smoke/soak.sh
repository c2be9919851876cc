#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP both ways over many child and IKE rekeys, by the clocks of both ends, of children by command as well: no stall,
# nothing clear, no drop that says a key or a number was wrong. 20 seconds; with SOAK=1 (scripts/test.sh full) 20 minutes.
# alone: traffic at a rate
. "$(dirname "$0")/common.sh"
SECS=${SOAK_SECONDS:-20}
[ "${SOAK:-0}" = 0 ] || SECS=1200
ESP=aes128gcm16-x25519 CHILD_KEYS='rekey_time = 4s
		            life_time = 20s'
CONN_KEYS='rekey_time = 7s
		      over_time = 60s' # a tenth of the other if left out
smoke_init soak
pair
outside_start 'not ip6[6] == 50'
up
check 'comes up' ping_ok A $B4
ip netns exec "$LAB-B" iperf3 -s >/dev/null 2>&1 &
PIDS[iperf]=$!
at_exit 'gw_stop iperf'
wait_for 10 listens B 5201 || true
ip netns exec "$LAB-A" iperf3 -J --bidir -b 20M -c $B4 -t $SECS >"$LAB_DIR/iperf.json" 2>"$LAB_DIR/iperf.err" &
PIDS[client]=$!
at_exit 'gw_stop client'
end=$((SECONDS + SECS - 2))
while [ $SECONDS -lt $end ]; do
	sleep 3
	swanctl --rekey --child gre --uri "unix://$(gw_socket B)" >/dev/null 2>&1 || true
done
rc=0
wait "${PIDS[client]}" || rc=$?
unset 'PIDS[client]'
check 'TCP runs to its end' equal "$rc $(cat "$LAB_DIR/iperf.err")" '0 '
steady() {
	$PYTHON - "$LAB_DIR/iperf.json" "$SECS" <<-'P'
		import json, sys
		j, secs = json.load(open(sys.argv[1])), int(sys.argv[2])
		bad = [j['error']] if 'error' in j else []
		if len(j['intervals']) < secs - 2:
		    bad.append('%d seconds of %d' % (len(j['intervals']), secs))
		for way in ('sum', 'sum_bidir_reverse'):
		    bad += ['%s %s: no byte in this second' % (way, i[way]['start']) for i in j['intervals']
		            if i[way]['bytes'] == 0 and i[way]['seconds'] > 0.5]
		sys.exit('\n'.join(bad) or 0)
	P
}
check 'TCP never stalls for a second' steady
logged() { grep -c -- "$1" "$LAB_DIR/A.log" || true; }
n=$(logged 'CHILD_SA [0-9]* rekeyed with') m=$(logged 'takes over')
check "$n child rekeys, by clock and command" more "$n" $((SECS / 5))
check "$m IKE rekeys" more "$m" $((SECS / 15))
[ $FAILED = 0 ] || for ns in A B; do gw_show $ns drops; gw_show $ns tunnels; gw_show $ns ports; done
for reason in icv replay no-sa esp-trailer out-no-sa crypto; do
	for ns in A B; do
		check "$ns dropped nothing as $reason" equal "$(drops $ns $reason)" 0
	done
done
gw_stop A
gw_stop B
outside_stop
check 'nothing clear outside' no_clear
smoke_end
