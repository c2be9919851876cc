#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# flood.sh - IKE_SA_INIT from random addresses, FLOOD_RATE a second (20000) for FLOOD_SECONDS (10; 30 with SOAK=1),
# against A: its peer B rekeys child and IKE SA, connects anew and passes traffic meanwhile, and A's memory stays as it
# is. Once more with a cookie_threshold that is never reached: strangers' full ring alone makes A ask for cookies.
# alone: 20 000 messages a second
. "$(dirname "$0")/common.sh"
: "${START_SECONDS:=60}" # a start takes its time beside a flood
smoke_init flood
: "${SOAK:=0}" "${FLOOD_RATE:=20000}" "${FLOOD_SECONDS:=$((SOAK ? 30 : 10))}"
CHILD_KEYS='rekey_time = 2s' # rekeyed all the while
# what a sanitizer keeps of freed memory to find late uses is not the gateway's
export ASAN_OPTIONS=quarantine_size_mb=1
pair
conf_a() { # takes anybody's IKE_SA_INIT
	write_conf A $A6 %any $A4 $AIN6
	sed -i '/remote {/,/}/s/id = %any/id = '$B6'/; s/id-1b = %any/id-1b = '$B6'/' "$LAB_DIR/A.conf"
}
conf_a
write_conf B $B6 $A6 $B4 $BIN6
up
check 'B connects' wait_for 10 ping_ok B $A4
mac=$(on A cat /sys/class/net/out/address)
rss() { awk '/VmRSS/ {print $2}' "/proc/${PIDS[A]}/status"; }
before=$(rss)
echo "memory of A before: $before KiB"
logged() { grep -c -- "$1" "$LAB_DIR/A.log" || true; }
more_than() { [ "$(logged "$1")" -gt "$2" ]; }
CHILDREN='CHILD_SA [0-9]* rekeyed' IKES='IKE_SA [0-9]* rekeyed'
flood=$(dirname "$RACLETTE")/../test/tools/flood
on B "$flood" out "$mac" $A6 "$FLOOD_RATE" "$FLOOD_SECONDS" >"$LAB_DIR/flood.out" &
pid=$!
sleep 2
children=$(logged "$CHILDREN") ikes=$(logged "$IKES") # until here; what comes now comes in the flood
check 'traffic passes' ping_ok B $A4 -c 20 -i 0.1
check 'a child is rekeyed in the flood' wait_for 5 more_than "$CHILDREN" "$children"
check 'B rekeys the IKE SA' on B swanctl --rekey --ike gw-gw --uri "unix://$(gw_socket B)"
check 'and that is done in the flood' wait_for 5 more_than "$IKES" "$ikes"
check 'which goes on' kill -0 $pid
gw_stop B
gw_start B "$LAB_DIR/B.conf"
check 'B connects anew' wait_for 20 ping_ok B $A4
wait $pid
read -r sent rate <"$LAB_DIR/flood.out"
after=$(rss)
echo "flood: $sent sent, $rate a second; memory of A after: $after KiB"
check "it was a flood" test "$rate" -ge $((FLOOD_RATE * 8 / 10))
check "memory is flat (grew by $((after - before)) KiB)" test $((after - before)) -lt 16384
gw_stop A
gw_stop B

# the engine's own threshold out of the way
GATEWAY_KEYS='cookie_threshold = 65536
   block_threshold = 65536
   init_limit_half_open = 65536'
conf_a
gw_start A "$LAB_DIR/A.conf"
asked() { on A swanctl --stats --raw --uri "unix://$(gw_socket A)" 2>/dev/null | grep -o 'cookies-asked=[0-9]*' | cut -d= -f2; }
check 'nobody is asked for a cookie' equal "$(asked)" 0
on B "$flood" out "$mac" $A6 "$FLOOD_RATE" 3 >/dev/null
check "a full ring makes A ask for cookies (are $(asked))" test "$(asked)" -gt 0
smoke_end
