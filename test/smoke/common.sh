# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# common.sh - the smoke tests' lab: gateways A and B, a veth "out" between them, a tunnel ip6gre4.
#
#   smoke_init NAME            begin
#   pair                       namespaces, link and configuration of both; the variables below count
#   up                         start both
#   ping_ok NS ADDR [OPTIONS]  one ping that comes back
#   check WHAT COMMAND...      PASS or FAIL by its exit status; check_not the reverse
#   equal, more, changed, lacks    what may be checked: the same; more than; not what it was; no such line in a file
#   two_workers                before pair: two workers, two tunnels; owners, port, flow and value for them
#   outside_start, outside_stop, no_clear      capture the link; nothing but ESP, IKE and ICMPv6 on it
# Each script says its results and ends with `smoke_end`, which stops the gateways and judges how all of them ended.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

A6=2001:db8::a B6=2001:db8::b
A4=169.254.123.1 B4=169.254.123.2
AIN6=fd00:123::1 BIN6=fd00:123::2	# inner IPv6
SECRETS=(--secret a9fe7b01a9fe7b02 --secret a9fe7b02a9fe7b01)
: "${MTU:=1500}" "${IKE:=aes128-sha256-x25519}" "${ESP:=aes128gcm16}" "${MODE:=transport}"
: "${PSK:=MyFavouriteMealIsRaclette}" "${ACTION:=trap}" "${TUNNEL_KEYS:=}" "${CONN_KEYS:=}" "${CHILD_KEYS:=}"
: "${GATEWAY_KEYS:=}"
FAILED=0

smoke_init() {
	TEST=$1
	lab_init "$TEST"
	gw_bin
}
smoke_end() {
	local ns
	for ns in "${!GATEWAYS[@]}"; do gw_stop "$ns"; done # what is leaked is said at the end
	[ $STARTS = 0 ] || check 'every gateway ended well' equal "${ILL[*]}" ''
	check 'no sanitizer report' no_report
	[ $FAILED = 0 ] || for ns in A B; do
		[ ! -e "$LAB_DIR/$ns.log" ] || { echo "--- log of $ns"; tail -n 40 "$LAB_DIR/$ns.log"; }
	done
	exit $FAILED
}
# whatever the script has kept, which has to be the log of every start
no_report() {
	local n
	n=$(grep -rhE --exclude='*.pcap' ' raclette [^ ]+ runs: ' "$LAB_DIR" | wc -l)
	[ "$n" -ge $STARTS ] || { echo "there are logs of $n starts, there were $STARTS"; return 1; }
	lacks 'Sanitizer|runtime error' -r --exclude='*.pcap' "$LAB_DIR"
}
pass() { echo "PASS smoke/$TEST: $*"; }
fail() {
	echo "FAIL smoke/$TEST: $*"
	FAILED=1
}
check() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then pass "$what"; else
		printf '%s\n' "$out" | tail -n 20
		fail "$what"
	fi
}
not() { ! "$@"; }
check_not() { check "$1" not "${@:2}"; }
equal() { [ "$1" = "$2" ] || { echo "is \"$1\", should be \"$2\""; return 1; }; }
# these three fail when there is no answer, where `not equal "$(...)" 0` and `not grep` do not
more() { [[ $1 =~ ^[0-9]+$ && $1 -gt $2 ]] || { echo "is \"$1\", should be more than $2"; return 1; }; }
changed() { [ -n "$1" ] && [ -n "$2" ] && [ "$1" != "$2" ] || { echo "is \"$1\", was \"$2\""; return 1; }; }
lacks() { # REGEX [OPTIONS] FILE...
	local rc=0
	grep -E "${@:2}" -e "$1" || rc=$?
	[ $rc = 1 ]
}

# conf LOCAL REMOTE: connections and secrets of one side
connection() {
	cat <<-C
		connections {
		   gw-gw {
		      version = 2
		      proposals = $IKE
		      local_addrs = $1
		      remote_addrs = $2
		      $CONN_KEYS
		      local {
		         auth = psk
		         id = $1
		      }
		      remote {
		         auth = psk
		         id = $2
		      }
		      children {
		         gre {
		            local_ts = dynamic[gre]
		            remote_ts = dynamic[gre]
		            mode = $MODE
		            esp_proposals = $ESP
		            start_action = $ACTION
		            $CHILD_KEYS
		         }
		      }
		   }
		}
		secrets {
		   ike-1 {
		      id-1a = $1
		      id-1b = $2
		      secret = $PSK
		   }
		}
	C
}
tunnel() { # INNER4 INNER6
	cat <<-C
		tunnels {
		   ip6gre4 {
		      connection = gw-gw
		      child = gre
		      address = $1/30, $2/64
		      $TUNNEL_KEYS
		   }
		}
	C
}
write_conf() { # NS LOCAL6 REMOTE6 INNER4 INNER6
	{
		gw_conf "$1" out "$2/64" "$MTU" "$GATEWAY_KEYS"
		tunnel "$4" "$5"
		connection "$2" "$3"
	} >"$LAB_DIR/$1.conf"
}
write_confs() {
	write_conf A $A6 $B6 $A4 $AIN6
	write_conf B $B6 $A6 $B4 $BIN6
}
pair() {
	ns_add A B
	link_add A out B out "$MTU"
	write_confs
}
up() {
	gw_start A "$LAB_DIR/A.conf"
	gw_start B "$LAB_DIR/B.conf"
}

ping_ok() {
	local ns=$1 to=$2
	shift 2
	on "$ns" ping -c 1 -W 3 "$@" "$to"
}
# ask NS WHAT EXPRESSION: Python's value of it, where o is what `show WHAT --json` prints
ask() { gw_show "$1" "$2" --json | $PYTHON -c "import json, sys; o = json.load(sys.stdin); print($3)"; }
spis() { ask "$1" sa "' '.join(sorted(s['spi_in'] for s in o if s['state'] == 'INSTALLED'))"; } # NS: of child SAs, inbound
drops() { ask "$1" drops "next(int(d['packets']) for d in o if d['reason'] == '$2')"; } # NS REASON
# The port's own frames pass by a capture on the same interface (af_packet sends without a queueing
# discipline), so a link is captured at both ends: what each end receives. OUTSIDE are the files.
outside_start() { # [FILTER...]
	OUTSIDE=("$LAB_DIR/outside-A.pcap" "$LAB_DIR/outside-B.pcap")
	cap_start A out "${OUTSIDE[0]}" "$@"
	cap_start B out "${OUTSIDE[1]}" "$@"
}
outside_stop() {
	cap_stop "${OUTSIDE[0]}"
	cap_stop "${OUTSIDE[1]}"
}
# both ends saw some of our frames, lost none, and none was clear
no_clear() {
	local f
	for f in "${OUTSIDE[@]}"; do
		[ "$(cap_lost "$f")" = 0 ] || { echo "$f lost frames"; return 1; }
		more "$(frames '' "$f")" 0 || { echo "$f is empty"; return 1; }
	done
	$PYTHON "$TOP/scripts/wirecount.py" "${SECRETS[@]}" "${OUTSIDE[@]}"
}
# frames KIND FILE...: how many wirecount.py has of it; none and "no answer" are not the same, nor are they for seen
frames() {
	local out
	out=$($PYTHON "$TOP/scripts/wirecount.py" "${@:2}") || { [ $? = 1 ] && [ -n "$out" ]; } || return # 1: some are clear
	awk -v k="$1" '{n = $1; $1 = ""; sub(/^ /, "")} index($0, k) == 1 {s += n} END {print s + 0}' <<<"$out"
}
# seen FILE [FILTER...]: how many tcpdump has
seen() {
	local out
	out=$(tcpdump -n --count -r "$@" 2>/dev/null) && echo "${out%% *}"
}

# ends NS SECONDS: a gateway does so by itself; STATUS is how
ends() {
	STATUS=0
	wait_for "$2" gone "${PIDS[$1]}" || {
		gw_stop "$1" KILL
		STATUS=hung
		return
	}
	wait "${PIDS[$1]}" || STATUS=$?
	unset "PIDS[$1]"
}

# --- two workers, gre1 and gre2 with an SA each, told apart by identities

two_workers() {
	TOOLS=$(dirname "$RACLETTE")/../test/tools
	[ -x "$TOOLS/flow" ] || die "no $TOOLS/flow: build with tests"
	GATEWAY_KEYS='lcores = 0, 0, 1'
	[ "$(nproc)" -ge 2 ] || GATEWAY_KEYS='lcores = 0, 0'
	connection() { two_connections "$@"; }
	tunnel() { two_tunnels "$@"; }
}
side() { # local|remote IDENTITY
	cat <<-C
		      $1 {
		         auth = psk
		         id = $2
		      }
	C
}
conn() { # NAME LOCAL REMOTE LOCAL-ID REMOTE-ID
	cat <<-C
		   $1 {
		      version = 2
		      proposals = $IKE
		      local_addrs = $2
		      remote_addrs = $3
		      $CONN_KEYS
		$(side local "$4")
		$(side remote "$5")
		      children {
		         gre {
		            local_ts = dynamic[gre]
		            remote_ts = dynamic[gre]
		            mode = transport
		            esp_proposals = $ESP
		            start_action = trap
		            ${LIFE:-}
		         }
		      }
		   }
	C
}
two_connections() { # LOCAL REMOTE
	local me=A peer=B n
	[ "$1" = $A6 ] || me=B peer=A
	echo 'connections {'
	for n in 1 2; do conn gw$n "$1" "$2" $me$n.example $peer$n.example; done
	printf '}\nsecrets {\n'
	for n in 1 2; do printf 'ike-%s {\nid-1 = A%s.example\nid-2 = B%s.example\nsecret = %s\n}\n' $n $n $n "$PSK"; done
	echo '}'
}
two_tunnels() { # INNER4 INNER6
	local last=${1##*.}
	cat <<-C
		tunnels {
		   gre1 {
		      connection = gw1
		      child = gre
		      address = 169.254.121.$last/30
		   }
		   gre2 {
		      connection = gw2
		      child = gre
		      address = 169.254.122.$last/30
		   }
		}
	C
}
value() { awk -v k="$2" '{for (i = 1; i < NF; i += 2) if ($i == k) print $(i + 1)}' "$LAB_DIR/flow-$1"; } # FLOW WORD
flow() { # NS TUNNEL LOCAL REMOTE
	ip netns exec "$LAB-$1" "$TOOLS/flow" "169.254.12$2.$3" "169.254.12$2.$4" 7000 1000 "$SECS" >"$LAB_DIR/flow-$1$2" &
	PIDS[flow-$1$2]=$!
}
owners() { ask "$1" tunnels "' '.join(sorted(str(t['worker']) for t in o))"; }
port() { ask "$1" ports "next(p for p in o if p['use'] == 'outside')['$2']"; } # NS KEY
