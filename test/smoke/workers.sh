#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers, of which one has the port's only queues: two tunnels with SAs of their own, one for each worker;
# numbered packets both ways while the SAs are rekeyed arrive once each and in order; TCP through both.
# alone: numbered packets at a rate, TCP as fast as it goes
. "$(dirname "$0")/common.sh"
SECS=${WORKERS_SECONDS:-12}
ESP=aes128gcm16-x25519
LIFE='rekey_time = 4s
		            rand_time = 0s
		            life_time = 60s'
smoke_init workers
two_workers
arrived() { # FROM TO
	equal "$(value "$2" distinct) arrived, $(value "$2" duplicated) twice, $(value "$2" late) late" \
		"$(value "$1" sent) arrived, 0 twice, 0 late"
}
pair
outside_start
up
# patient: IKE repeats after 4 s what it sent before the far end had its address
for n in 1 2; do check "tunnel $n" ping_ok A 169.254.12$n.2 -W 10; done
for ns in A B; do
	check "$ns: two workers" equal "$(port $ns workers)" 2
	check "$ns: a tunnel for each" equal "$(owners $ns)" '0 1'
	check "$ns: a queue for each" equal "$(on $ns ls /sys/class/net/gre1/queues | grep -c tx-)" 2
done
for n in 1 2; do
	flow A $n 1 2
	flow B $n 2 1
done
for f in A1 B1 A2 B2; do
	wait "${PIDS[flow-$f]}" || true
	unset "PIDS[flow-$f]"
done
cat "$LAB_DIR"/flow-*
for n in 1 2; do
	check "tunnel $n: $(value A$n sent) packets from A arrive once each, in order" arrived A$n B$n
	check "tunnel $n: $(value B$n sent) packets from B arrive once each, in order" arrived B$n A$n
done
for reason in no-sa sa-addr replay icv crypto pass-full out-pass-full out-tx-pass-full out-no-sa; do
	check "no drop as $reason" equal "$(drops A $reason) $(drops B $reason)" '0 0'
done
for n in 1 2; do
	ip netns exec "$LAB-B" iperf3 -s -1 -B 169.254.12$n.2 -p $((5200 + n)) >/dev/null 2>&1 &
	PIDS[server-$n]=$!
	at_exit "gw_stop server-$n"
done
for n in 1 2; do wait_for 10 listens B $((5200 + n)) || true; done
for n in 1 2; do
	ip netns exec "$LAB-A" iperf3 -c 169.254.12$n.2 -p $((5200 + n)) -t 2 >"$LAB_DIR/iperf-$n" 2>&1 &
	PIDS[iperf-$n]=$!
done
for n in 1 2; do
	wait "${PIDS[iperf-$n]}" || true
	unset "PIDS[iperf-$n]"
	check "TCP through tunnel $n" grep -qE ' [1-9][0-9.]* .bits/sec.* receiver' "$LAB_DIR/iperf-$n"
done
for ns in A B; do
	check "$ns: packets go from worker to worker" test "$(port $ns passed)" -gt $((SECS * 1000))
done
outside_stop
check 'nothing clear outside' no_clear
for ns in A B; do
	gw_stop $ns
	check "$ns: all packet buffers are back" grep -q 'all packet buffers are back' "$LAB_DIR/$ns.log"
done
smoke_end
