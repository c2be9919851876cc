#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 1000 numbered packets a second each way, a child rekey every 5 s and an IKE rekey every 20 s: by the initiator's
# clock, by the responder's, and by both at once over a wire of 5 ms, so that exchanges collide. None is lost,
# doubled, or dropped as a replay.
# 25 seconds each; REKEY_SECONDS says how long (scripts/test.sh full: 2 minutes). REKEY_BY names fewer cases.
# alone: 1000 numbered packets a second, of which none may be late
. "$(dirname "$0")/common.sh"
SECS=${REKEY_SECONDS:-25}
[ "${SOAK:-0}" = 0 ] || SECS=120
ESP=aes128gcm16-x25519
CHILD_LIFE='rekey_time = 5s
		            rand_time = 0s
		            life_time = 60s'
CONN_LIFE='rekey_time = 20s
		      rand_time = 0s
		      over_time = 60s'
smoke_init rekey_loss
TOOLS=$(dirname "$RACLETTE")/../test/tools
[ -x "$TOOLS/flow" ] || die "no $TOOLS/flow: build with tests"
ns_add A W B
link_add A out W west "$MTU"
link_add B out W east "$MTU"
ip netns exec "$LAB-W" "$TOOLS/longwire" west east 5 >"$LAB_DIR/wire" &
PIDS[wire]=$!
at_exit 'gw_stop wire'

# conf NS LOCAL6 REMOTE6 INNER4 INNER6: with short lifetimes if the case asks that of this end
conf() {
	if [[ " $1 both " == *" $BY "* ]]; then
		CHILD_KEYS=$CHILD_LIFE CONN_KEYS=$CONN_LIFE write_conf "$@"
	else
		write_conf "$@"
	fi
}
value() { awk -v k="$2" '{for (i = 1; i < NF; i += 2) if ($i == k) print $(i + 1)}' "$LAB_DIR/flow-$1"; } # NS WORD
logged() { grep -c -- "$2" "$LAB_DIR/$BY-$1.log" || true; }
# at_least N WHAT COUNT
at_least() { [ "$3" -ge "$1" ] || { echo "$2: $3, should be $1 or more"; return 1; }; }
# arrived FROM TO: what one end sent is what the other received, once each
arrived() {
	equal "$(value "$2" distinct) arrived, $(value "$2" duplicated) twice" "$(value "$1" sent) arrived, 0 twice"
}

for BY in ${REKEY_BY:-A B both}; do
	conf A $A6 $B6 $A4 $AIN6
	conf B $B6 $A6 $B4 $BIN6
	for ns in A B; do gw_start $ns "$LAB_DIR/$ns.conf" "$LAB_DIR/$BY-$ns.log"; done
	check "$BY: comes up" ping_ok A $B4
	on A "$TOOLS/flow" $A4 $B4 7000 1000 "$SECS" >"$LAB_DIR/flow-A" &
	PIDS[flow]=$!
	on B "$TOOLS/flow" $B4 $A4 7000 1000 "$SECS" >"$LAB_DIR/flow-B" || true
	wait "${PIDS[flow]}" || true
	unset 'PIDS[flow]'
	cat "$LAB_DIR/flow-A" "$LAB_DIR/flow-B"
	check "$BY: $(value A sent) packets from A arrive once each" arrived A B
	check "$BY: $(value B sent) packets from B arrive once each" arrived B A
	for reason in no-sa sa-addr replay icv crypto out-no-sa out-hold-timeout out-seq-end; do
		check "$BY: no drop as $reason" equal "$(drops A $reason) $(drops B $reason)" '0 0'
	done
	# chance decides whether any do: peer/collide makes them
	[ $BY != both ] || echo "exchanges collided: $(logged A collided) $(logged B collided)"
	n=$(logged A 'CHILD_SA [0-9]* rekeyed with') m=$(logged A 'takes over')
	check "$BY: $n child and $m IKE rekeys" at_least $((SECS / 6)) 'child rekeys' "$n"
	check "$BY: IKE rekeys" at_least $((SECS / 25)) 'IKE rekeys' "$m"
	check "$BY: nothing went down" lacks 'CHILD_SA [0-9]+ down|IKE_SA [0-9]+ down' "$LAB_DIR/$BY-A.log" "$LAB_DIR/$BY-B.log"
	[ $FAILED = 0 ] || for ns in A B; do gw_show $ns drops; gw_show $ns ports; tail -n 60 "$LAB_DIR/$BY-$ns.log"; done
	gw_stop A
	gw_stop B
done
gw_stop wire
check 'the wire lost nothing' equal "$(cat "$LAB_DIR/wire")" 'lost 0 0'
smoke_end
