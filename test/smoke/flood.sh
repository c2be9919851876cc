#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# flood.sh - IKE_SA_INIT from random addresses, FLOOD_RATE a second (20000) for FLOOD_SECONDS (10), against A: its
# peer B rekeys, connects anew and passes traffic meanwhile, and A's memory stays as it is.
. "$(dirname "$0")/common.sh"
smoke_init flood
: "${FLOOD_RATE:=20000}" "${FLOOD_SECONDS:=10}"
CHILD_KEYS='rekey_time = 2s' # rekeyed all the while
# what a sanitizer keeps of freed memory to find late uses is not the gateway's
export ASAN_OPTIONS=quarantine_size_mb=1
pair
write_conf A $A6 %any $A4 $AIN6
write_conf B $B6 $A6 $B4 $BIN6
sed -i '/remote {/,/}/s/id = %any/id = '$B6'/; s/id-1b = %any/id-1b = '$B6'/' "$LAB_DIR/A.conf"
up
check 'B connects' wait_for 10 ping_ok B $A4
mac=$(on A cat /sys/class/net/out/address)
rss() { awk '/VmRSS/ {print $2}' "/proc/${PIDS[A]}/status"; }
before=$(rss)
echo "memory of A before: $before KiB"
flood=$(dirname "$RACLETTE")/../test/tools/flood
on B "$flood" out "$mac" $A6 "$FLOOD_RATE" "$FLOOD_SECONDS" >"$LAB_DIR/flood.out" &
pid=$!
sleep 2
check 'traffic passes' ping_ok B $A4 -c 20 -i 0.1
check 'B is rekeyed' grep -q 'CHILD_SA [0-9]* rekeyed' "$LAB_DIR/A.log"
gw_stop B
gw_start B "$LAB_DIR/B.conf"
check 'B connects anew' wait_for 20 ping_ok B $A4
wait $pid
read -r sent rate <"$LAB_DIR/flood.out"
after=$(rss)
echo "flood: $sent sent, $rate a second; memory of A after: $after KiB"
check "it was a flood" test "$rate" -ge $((FLOOD_RATE * 8 / 10))
check "memory is flat (grew by $((after - before)) KiB)" test $((after - before)) -lt 16384
check_not 'no sanitizer report' grep -E 'AddressSanitizer|LeakSanitizer|runtime error' "$LAB_DIR/A.log" "$LAB_DIR/B.log"
gw_stop A
gw_stop B
smoke_end
