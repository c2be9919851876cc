#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP both ways over many child and IKE rekeys, made by time and by command: no stall, nothing clear, no drop that
# says a key or a number was wrong. 20 seconds; with SOAK=1 (scripts/test.sh full) 20 minutes.
. "$(dirname "$0")/common.sh"
SECS=${SOAK_SECONDS:-20}
[ "${SOAK:-0}" = 0 ] || SECS=1200
ESP=aes128gcm16-x25519 CHILD_KEYS='rekey_time = 4s
		            life_time = 20s'
smoke_init soak
pair
outside_start 'not ip6[6] == 50'
up
check 'comes up' ping_ok A $B4
ip netns exec "$LAB-B" iperf3 -s >/dev/null 2>&1 &
PIDS[iperf]=$!
at_exit 'gw_stop iperf'
wait_for 5 on B ss -Hltn 'sport = 5201' || true
ip netns exec "$LAB-A" iperf3 -J --bidir -b 20M -c $B4 -t $SECS >"$LAB_DIR/iperf.json" 2>&1 &
PIDS[client]=$!
at_exit 'gw_stop client'
end=$((SECONDS + SECS - 2))
while [ $SECONDS -lt $end ]; do
	sleep 3
	swanctl --rekey --child gre --uri "unix://$(gw_socket B)" >/dev/null 2>&1 || true
done
wait "${PIDS[client]}" || true
unset 'PIDS[client]'
stalls() {
	$PYTHON - "$LAB_DIR/iperf.json" <<-'P'
		import json, sys
		j = json.load(open(sys.argv[1]))
		for way in ('sum', 'sum_bidir_reverse'):
		    for i in j['intervals']:
		        if i[way]['bytes'] == 0 and i[way]['seconds'] > 0.5:
		            print(way, i[way]['start'], 'no byte in this second')
		if not j['intervals']:
		    print('no traffic')
	P
}
check 'TCP never stalls for a second' equal "$(stalls)" ''
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
