#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Many tunnels. A file of 10 000 is checked; MANY (100) of them run between two gateways, each with a
# connection, identities and a secret of its own. Times and memory are printed, not judged. Thousands may
# take longer to start than START_SECONDS (20) and to stop than STOP_SECONDS (10): 10 000 need 120.
# alone: hundreds of tunnels in a time
. "$(dirname "$0")/common.sh"
: "${MANY:=100}" "${CHECKED:=10000}"
GATEWAY_KEYS='block_threshold = 30000
   init_limit_half_open = 30000'
smoke_init many
ns_add A B
link_add A out B out "$MTU"
many_conf() { # N NS LOCAL6 REMOTE6 ACTION
	gw_conf "$2" out "$3/64" "$MTU" "$GATEWAY_KEYS"
	"$PYTHON" "$TOP/test/tools/manyconf.py" "$1" "$2" "$3" "$4" "$5"
}

cost() { # COMMAND...
	"$PYTHON" -c 'import resource, subprocess, sys
rc = subprocess.call(sys.argv[1:])
r = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{r.ru_utime + r.ru_stime:.1f} s of CPU, {r.ru_maxrss} KB", file=sys.stderr)
sys.exit(rc)' "$@"
}

many_conf "$CHECKED" A $A6 $B6 trap >"$LAB_DIR/big.conf"
rc=0
cost "$RACLETTE" check -c "$LAB_DIR/big.conf" >"$LAB_DIR/big.out" 2>"$LAB_DIR/big.err" || rc=$?
check "a file of $CHECKED connections and tunnels is good" equal $rc 0
check 'it is read whole' equal "$(grep -cE '^tunnel t[0-9]+' "$LAB_DIR/big.out") $(grep -cE '^connection c[0-9]+:' "$LAB_DIR/big.out")" "$CHECKED $CHECKED"
check 'each child has its tunnel' lacks 'belongs to no tunnel' "$LAB_DIR/big.out"
echo "   check of $CHECKED: $(tail -n 1 "$LAB_DIR/big.err")"
last=$((CHECKED - 1))
sed -E "s/connection = c$last\$/connection = c$CHECKED/" "$LAB_DIR/big.conf" >"$LAB_DIR/bad.conf"
check_not 'a connection that is not there is missed' "$RACLETTE" check -c "$LAB_DIR/bad.conf"

many_conf "$MANY" A $A6 $B6 start >"$LAB_DIR/A.conf"
many_conf "$MANY" B $B6 $A6 trap >"$LAB_DIR/B.conf"
t0=$(date +%s)
gw_start B "$LAB_DIR/B.conf"
gw_start A "$LAB_DIR/A.conf"
t1=$(date +%s)
all_sending() { [ "$(ask "$1" sa 'len({s["conn"] for s in o if s["sending"]})')" = "$MANY" ]; }
check "all $MANY are up on A" wait_for 300 all_sending A
check "and on B" wait_for 60 all_sending B
t2=$(date +%s)
rss() { awk '/^VmRSS/ {print $2, $3}' "/proc/${PIDS[$1]}/status"; }
echo "   $MANY tunnels: both started in $((t1 - t0)) s, all SAs $((t2 - t1)) s later, A has $(rss A)"
check 'as many IKE SAs' equal "$(ask A ike 'len(o)')" "$MANY"
ip_of() { echo "10.$(($1 / 16384)).$(($1 / 64 % 256)).$(($1 % 64 * 4 + $2))"; } # TUNNEL HOST
for i in 0 1 $((MANY / 2)) $((MANY - 1)); do
	check "ping through tunnel $i" ping_ok A "$(ip_of "$i" 2)"
	check "and back" ping_ok B "$(ip_of "$i" 1)"
done
check "the identities chose the connections" equal \
	"$(ask B sa 'len(o) > 0 and all(s["name"][1:] == s["conn"][1:] for s in o)')" True
gw_ctl() { on A swanctl "$@" --uri "unix://$(gw_socket A)"; }
check 'one is ended' gw_ctl --terminate --ike c1
check 'the others stay' wait_for 10 equal "$(ask B ike 'len(o)')" $((MANY - 1))
check 'traffic brings it back' wait_for 10 ping_ok B "$(ip_of 1 1)"
t0=$(date +%s)
gw_stop A
echo "   A stopped in $(($(date +%s) - t0)) s"
check 'all packet buffers are back' grep 'all packet buffers are back' "$LAB_DIR/A.log"
none_left() { [ "$(ask B ike 'len(o)')" = 0 ]; }
# a DELETE at the end is said once, and B's ring holds 1024
((MANY > 1000)) || check 'B was told of each' wait_for 20 none_left
smoke_end
