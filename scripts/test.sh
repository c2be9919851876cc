#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# test.sh - install what is missing, build with sanitizers, run the tests.
#   test.sh [unit|eal|peer|sim|coverage|smoke|interop|fuzz|lint|all|full]...    default all
#     unit eal peer   meson test: no privileges needed
#     sim             100 000 schedules of the IKE simulator, test/peer/README.md
#     coverage        lines of ike/ that unit and peer tests run: 90 % at least
#     smoke           network namespaces; needs root        interop   the strongSwan peer in QEMU; needs root
#     fuzz            each target for 4 seconds             lint      scripts/lint.sh and a clang build
#     all             but sim and coverage                  full      all, with sim, coverage, soaks and 10 minutes a fuzz target
# Prints a line for each result and last "N passed, N failed"; logs are in build-test/logs.
# FUZZ_SECONDS, SMOKE="NAME..." and INTEROP="CASE..." (vhost, others: scripts of test/interop) narrow or widen a layer;
# INTEROP_SUITE is the release of Debian that the strongSwan peer is of, when it is not this host's.
set -euo pipefail
TOP=$(cd "$(dirname "$0")/.." && pwd)
cd "$TOP"
LOGS=$TOP/build-test/logs
ASAN=$TOP/build-asan
: "${FUZZ_SECONDS:=4}"
SOAK=0

usage() { sed -n '3,13s/^# \{0,1\}//p' "$0"; }

LAYERS=()
for a in "${@:-all}"; do
	case $a in
	unit | eal | peer | sim | coverage | smoke | interop | fuzz | lint) LAYERS+=("$a") ;;
	all) LAYERS+=(lint unit eal peer smoke interop fuzz) ;;
	full) LAYERS+=(lint unit eal peer sim coverage smoke interop fuzz) FUZZ_SECONDS=600 SOAK=1 ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done

# a sanitizer's finding ends the program it is in, so that no test can pass over it
export SOAK ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:print_stacktrace=1}
[ "$SOAK" = 0 ] || export PEER_SEEDS=${PEER_SEEDS:-400}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$TOP/test/lsan.supp:print_suppressions=0}

rm -rf "$LOGS"
mkdir -p "$LOGS"
RESULTS=$LOGS/results
: >"$RESULTS"
result() { echo "$*" | tee -a "$RESULTS"; }
step() { echo "== $* ($(date +%H:%M:%S))"; }
show_tail() { sed 's/^/   | /' "$1" | tail -n "${2:-40}"; }

finish() {
	local rc=$?
	trap - EXIT
	local passed failed p
	for p in $(jobs -p); do pkill -TERM -P "$p" || true; done # cut short: scripts that still run
	wait
	passed=$(grep -c '^PASS' "$RESULTS" || true)
	failed=$(grep -c '^FAIL' "$RESULTS" || true)
	[ $rc = 0 ] || [ "$failed" != 0 ] || failed=1 # ended early
	[ "$failed" = 0 ] || { echo "== failed:"; grep '^FAIL' "$RESULTS" || echo "test.sh itself, exit status $rc"; }
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" != 0 ] || exit 1
	exit 0
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# build DIR CC [meson options...]; OBJECTS=1: without linking, where only the compiler's word is wanted
build() {
	local dir=$1 cc=$2 log=$LOGS/${1##*/}.log
	shift 2
	step "building ${dir##*/}"
	local again=()
	[ ! -e "$dir/build.ninja" ] || again=(--reconfigure)
	# shellcheck disable=SC2046 # a list of targets
	if ! { CC=$cc meson setup "${again[@]}" "$dir" "$@" &&
		ninja -C "$dir" $( ((${OBJECTS:-0})) && cd "$dir" && ninja -t targets rule c_COMPILER); } >"$log" 2>&1; then
		show_tail "$log"
		return 1
	fi
}

# the sanitizer build: once, for whichever layer comes first
build_asan() {
	[ -z "${ASAN_BUILT:-}" ] || return 0
	build "$ASAN" gcc -Db_sanitize=address,undefined --buildtype=debugoptimized -Dwerror=false -Dperf=true || {
		result "FAIL build/asan"
		exit 1
	}
	ASAN_BUILT=1
}

run_meson() { # SUITE
	build_asan
	step "$1"
	local rc=0 log=$LOGS/$1.log out=$LOGS/$1.results
	rm -f "$ASAN/meson-logs/$1.json"
	meson test -C "$ASAN" --no-rebuild --suite "$1" --logbase "$1" >"$log" 2>&1 || rc=$?
	# a binary holds many tests: count each of them, and a binary that died as one more failure
	/usr/bin/python3 test/results.py "$1" "$ASAN/meson-logs/$1.json" | tee "$out" | tee -a "$RESULTS"
	[ $rc = 0 ] || grep -q '^FAIL ' "$out" || result "FAIL $1: meson's exit status $rc"
	[ $rc = 0 ] || show_tail "$ASAN/meson-logs/$1.txt" 60
}

# run_script LAYER SECONDS NAME COMMAND...: it prints PASS and FAIL lines; in one piece, as two may run at once
run_script() {
	local layer=$1 seconds=$2 name=$3 rc=0
	shift 3
	local log=$LOGS/$layer-$name.log
	timeout -k 20 "$seconds" "$@" </dev/null >"$log" 2>&1 || rc=$?
	{
		flock 9
		grep -E '^(PASS|FAIL) ' "$log" | tee -a "$RESULTS" || true
		if [ $rc != 0 ] && ! grep -q '^FAIL ' "$log"; then
			result "FAIL $layer/$name: exit status $rc$([ $rc != 124 ] || echo ' (timeout)')"
		elif [ $rc = 0 ] && ! grep -qE '^(PASS|FAIL) ' "$log"; then
			result "FAIL $layer/$name: checked nothing"
		fi
		[ $rc = 0 ] || show_tail "$log" 60
	} 9>"$LOGS/lock"
}

run_coverage() { # at least 90 % of ike/
	step coverage
	local rc=0 log=$LOGS/coverage.log
	scripts/coverage.sh 90 >"$log" 2>&1 || rc=$?
	grep -E '^(PASS|FAIL) ' "$log" | tee -a "$RESULTS" || true
	if [ $rc != 0 ] && ! grep -q '^FAIL ' "$log"; then
		result "FAIL coverage: exit status $rc"
	fi
	[ $rc = 0 ] || show_tail "$log" 60
}

# two scripts at a time, which sleep for the most part; those that say "# alone: WHY" after them
run_smoke() {
	build_asan
	step smoke
	local s n alone=()
	for s in test/smoke/*.sh; do
		n=$(basename "$s" .sh)
		[ "$n" != common ] || continue
		[ -z "${SMOKE:-}" ] || [[ " $SMOKE " == *" $n "* ]] || continue
		if grep -q '^# alone: ' "$s"; then
			alone+=("$n")
			continue
		fi
		while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n || true; done
		smoke_script "$n" &
	done
	wait
	step "smoke, one at a time"
	for n in "${alone[@]}"; do smoke_script "$n"; done
}
smoke_script() { RACLETTE=$ASAN/app/raclette run_script smoke $((SOAK ? 1800 : 300)) "$1" bash "test/smoke/$1.sh"; }

# INTEROP names cases of run.py, or vhost or others, which are scripts of their own
run_interop() {
	build_asan
	step interop
	local names=" ${INTEROP:-vhost *$( ((!SOAK)) || echo ' others')} " own cases
	for own in vhost others; do
		[[ $names != *" $own "* ]] || interop_script 900 $own "$own.py"
		names=${names/ $own / }
	done
	read -ra cases <<<"$names"
	((${#cases[@]})) || return 0
	[ -n "${INTEROP:-}" ] || cases=()
	((!SOAK)) || cases+=(--all)
	interop_script $((SOAK ? 7200 : 1500)) run run.py ${INTEROP_SUITE:+--suite "$INTEROP_SUITE"} "${cases[@]}"
	((!SOAK)) || [ -n "${INTEROP:-}${INTEROP_SUITE:-}" ] || interop_script 7200 forky run.py --suite forky
}
interop_script() { # SECONDS NAME SCRIPT [ARGUMENT...]
	RACLETTE=$ASAN/app/raclette run_script interop "$1" "$2" /usr/bin/python3 "test/interop/$3" "${@:4}"
}

run_fuzz() {
	step "fuzz, $FUZZ_SECONDS seconds each"
	local verdict t what n=0
	[ -n "$(scripts/fuzz.sh --list)" ] || result "FAIL fuzz: no target"
	scripts/fuzz.sh --build >"$LOGS/fuzz-build.log" 2>&1 || {
		show_tail "$LOGS/fuzz-build.log"
		result "FAIL fuzz/build"
		return
	}
	while read -r verdict t what; do
		result "$verdict fuzz/$t: $what"
		cp "build-fuzz/$t.log" "$LOGS/fuzz-$t.log"
		[ "$verdict" = PASS ] || show_tail "$LOGS/fuzz-$t.log"
		n=$((n + 1))
	done < <(scripts/fuzz.sh all "$FUZZ_SECONDS" </dev/null)
	[ "$n" = "$(scripts/fuzz.sh --list | wc -l)" ] || result "FAIL fuzz: $n targets have said how it went"
}

# the simulator's schedules: 1000 of them run with sanitizers in the peer layer
run_sim() {
	local log=$LOGS/sim.log n=100000
	step "sim, $n schedules"
	build "$TOP/build-sim" gcc --buildtype=release || {
		result "FAIL build/sim"
		return
	}
	if "$TOP/build-sim/test/peer/sim" --seeds "0..$((n - 1))" --jobs "$(nproc)" >"$log" 2>&1; then
		result "PASS sim: $n schedules"
	else
		result "FAIL sim: $(grep -c '^FAIL' "$log") of $n schedules"
		show_tail "$log"
	fi
}

run_lint() {
	step lint
	run_script lint 300 lint scripts/lint.sh
	# not the sanitizer build: its instrumentation makes gcc warn of conversions that are none
	local cc
	for cc in gcc clang; do
		if OBJECTS=1 build "$TOP/build-$cc" $cc -Dwerror=true --buildtype=debugoptimized -Dperf=true; then
			result "PASS build/$cc: no warning"
		else
			result "FAIL build/$cc"
		fi
	done
}

if [[ " ${LAYERS[*]} " =~ \ (smoke|interop)\  ]] && [ "$(id -u)" != 0 ]; then
	echo "test.sh: smoke and interop need root (network namespaces)" >&2
	exit 1
fi
scripts/deps.sh
for l in "${LAYERS[@]}"; do
	case $l in
	unit | eal | peer) run_meson "$l" ;;
	*) "run_$l" ;;
	esac
done
