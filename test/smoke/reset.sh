#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The device of the outside port fails (tools/reset_shim.c, preloaded into A) under traffic of two workers: it is reset and
# nothing else is, though the first attempts fail; where it cannot be had any more raclette ends, for a supervisor. Then
# those of an inside port and of a hand-off port.
# alone: an outage is bounded in seconds, packets numbered
. "$(dirname "$0")/common.sh"
SECS=${RESET_SECONDS:-12}
CONN_KEYS='dpd_delay = 1s'	# so that requests meet the outage
smoke_init reset
two_workers
SHIM=$TOOLS/libreset_shim.so
[ -e "$SHIM" ] || die "no $SHIM: build with tests"
DEV=$LAB_DIR/device
mkdir "$DEV"
PLAIN=$RACLETTE
# device PORT: A's raclette from now on; a sanitizer's library wants to be the first one
device() {
	cat >"$LAB_DIR/raclette" <<-C
		#!/bin/sh
		export RESET_DIR='$DEV' RESET_PORT=$1 RESET_ENA=1
		export LD_PRELOAD='$(ldd "$PLAIN" | awk '/libasan/ {print $3}') $SHIM'
		exec '$PLAIN' "\$@"
	C
	chmod +x "$LAB_DIR/raclette"
}
start_A() {
	rm -f "$DEV"/*
	RACLETTE=$LAB_DIR/raclette
	gw_start A "$LAB_DIR/A.conf"
	RACLETTE=$PLAIN
}
befalls() { (cd "$DEV" && touch "$@"); }
both() { ping_ok A 169.254.121.2 -W "${1:-3}" && ping_ok A 169.254.122.2 -W "${1:-3}"; }
either() { ping_ok A 169.254.121.2 -W 0.3 || ping_ok A 169.254.122.2 -W 0.3; }
spis() { ask "$1" ike "sorted([i['spi_i'] + i['spi_r'] for i in o])"; ask "$1" sa "sorted([s['spi_in'] + s['spi_out'] for s in o])"; }
state() { echo "$(port A mac) $(port A mtu) $(port A multicast) $(owners A)"; }
resets() { equal "$(port A resets)" "$1"; }
guards() { # an unreachable route each, and no interface
	local n
	for n in 1 2; do
		grep -E 'unreachable|No route to host' <<<"$(ip -n "$LAB-A" route get 169.254.12$n.2 2>&1 || true)" || return 1
	done
	not ip -n "$LAB-A" link show gre1
}
is_down() { equal "$(port A link)" down; }

device net_af_packet0
pair
outside_start
start_A
gw_start B "$LAB_DIR/B.conf"
for n in 1 2; do check "tunnel $n" ping_ok A 169.254.12$n.2 -W 10; done
check 'two workers, a tunnel for each' equal "$(owners A)" '0 1'
before=$(spis A) before_B=$(spis B) state=$(state)
for n in 1 2; do
	flow A $n 1 2
	flow B $n 2 1
done
sleep 1

befalls dead
check_not 'a dead device: no answer' either
check_not 'and it stays so' either
check 'for nobody has said anything' resets 0
befalls timer
check 'its watchdog says so: passes again' wait_for 5 both
check 'one reset' resets 1

# a second apart, so that there is time to look even where this machine has none
echo 3 >"$DEV/fail"
befalls dead burst
sleep 0.3
check 'the first attempt fails: show is answered' equal "$(port A link) $(port A resets)" 'down 1'
check_not 'and there is no answer' either
check 'the fourth goes well: passes again' wait_for 10 both
check 'two resets' resets 2
check 'three attempts have failed' equal "$(grep -c 'net_af_packet0: reset: ' "$LAB_DIR/A.log")" 3

befalls dead counted
check "a bad descriptor, which ENA's driver only counts: passes again" wait_for 5 both
check 'three resets' resets 3

for f in A1 B1 A2 B2; do
	wait "${PIDS[flow-$f]}" || true
	unset "PIDS[flow-$f]"
done
cat "$LAB_DIR"/flow-*
for f in A1:B1 B1:A1 A2:B2 B2:A2; do
	check "from ${f%:*}: most of $(value "${f%:*}" sent) packets arrive" test "$(value "${f#*:}" distinct)" -gt $((SECS * 200))
	check "from ${f%:*}: none twice" equal "$(value "${f#*:}" duplicated)" 0
	# a TUN with several queues forgets a flow's after 3 s of silence
	check "from ${f%:*}: hardly one late" test "$(value "${f#*:}" late)" -le 100
	check "from ${f%:*}: up to the last ones" test "$(value "${f#*:}" last)" -ge $(($(value "${f%:*}" sent) - 10))
done
check 'A: the same SAs' equal "$(spis A)" "$before"
check 'B: the same SAs' equal "$(spis B)" "$before_B"
check 'A: the same MAC, MTU, multicast and owners' equal "$(state)" "$state"
for reason in no-sa replay icv crypto; do
	check "no drop as $reason" equal "$(drops A $reason) $(drops B $reason)" '0 0'
done
outside_stop
check 'nothing clear outside' no_clear

# the end of it
echo 99 >"$DEV/fail"
befalls dead timer
ends A 15
check 'no attempt goes well: ends with a failure' equal "$STATUS" 1
check 'five attempts' equal "$(grep -c 'net_af_packet0: reset: ' "$LAB_DIR/A.log")" 8
check 'the guard routes are there' guards
start_A
check 'started again: passes' wait_for 15 both 1
befalls gone
ends A 10
check 'the device is pulled out: ends with a failure' equal "$STATUS" 1
check 'without an attempt' equal "$(grep -c 'net_af_packet0: reset: ' "$LAB_DIR/A.log")" 8
check 'the guard routes are there' guards
start_A
check 'started again: passes' wait_for 15 both 1
echo 99 >"$DEV/fail"
befalls dead burst
check 'a reset that does not go well' wait_for 3 is_down
kill -TERM "${PIDS[A]}"
ends A 10
check 'SIGTERM meanwhile: ends, and well' equal "$STATUS" 0
gw_stop B

# others than the outside port: a LAN host H behind each
ns_add H
link_add A hand H hand
link_addr H hand 10.1.0.2/24
ip -n "$LAB-H" route add default via 10.1.0.1
other() { ask A ports "next(p for p in o if p['use'] == '$1')['$2']"; } # USE KEY
one_tunnel() { # KEYS...
	printf 'tunnels {\n gre1 {\n connection = gw1\n child = gre\n'
	printf ' %s\n' "$@"
	printf ' }\n}\n'
}
fails_and_is_reset() { # USE
	local before mcast
	check "$1: passes" wait_for 15 ping_ok H 10.2.0.1
	before=$(spis A) mcast=$(other "$1" multicast)
	befalls dead
	check_not "$1: a dead device: no answer" ping_ok H 10.2.0.1 -W 0.3
	befalls timer
	check "$1: passes again" wait_for 5 ping_ok H 10.2.0.1 -W 1
	check "$1: its reset, and no other" equal "$(other "$1" resets) $(port A resets)" '1 0'
	check "$1: multicast as before" equal "$(other "$1" multicast)" "$mcast"
	check "$1: nobody connected anew" equal "$(spis A)" "$before"
	gw_stop A
	gw_stop B
}
device net_af_packet1
{
	gw_conf A out $A6/64 1500 "lcores = 0, 0, $(($(nproc) > 1))
		   inside {
		      port = \"net_af_packet1,iface=hand\"
		      interface = lan
		      address = 10.1.0.1/24
		   }"
	one_tunnel "address = $A4/30" 'routes = 10.2.0.0/24' 'handoff = port'
	two_connections $A6 $B6
} >"$LAB_DIR/A.conf"
{
	gw_conf B out $B6/64 1500
	one_tunnel 'address = 10.2.0.1/24' 'routes = 10.1.0.0/24'
	two_connections $B6 $A6
} >"$LAB_DIR/B.conf"
start_A
gw_start B "$LAB_DIR/B.conf"
fails_and_is_reset inside
{
	gw_conf A out $A6/64 1500
	one_tunnel 'handoff = wire' 'handoff_port = "net_af_packet1,iface=hand"'
	two_connections $A6 $B6
} >"$LAB_DIR/A.conf"
ip -n "$LAB-H" route replace default dev hand
start_A
gw_start B "$LAB_DIR/B.conf"
fails_and_is_reset gre1

for ns in A B; do
	check "$ns: all packet buffers are back each time" equal "$(grep -c 'raclette .* runs' "$LAB_DIR/$ns.log")" \
		"$(grep -c 'all packet buffers are back' "$LAB_DIR/$ns.log")"
	check "$ns: no word of the loader's about the shim" lacks reset_shim "$LAB_DIR/$ns.log"
done
smoke_end
