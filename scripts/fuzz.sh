#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# fuzz.sh - run libFuzzer targets on their seed corpora.
#   fuzz.sh TARGET SECONDS [libFuzzer options]   exit status 0 when nothing was found
#   fuzz.sh all SECONDS [TARGET]...              all, or these, a line each: executions, edges, features;
#                                                FUZZ_JOBS at a time, as many as there are CPUs
#   fuzz.sh --keep TARGET                        into the corpus of the tree, of what was learnt: as few as run
#                                                all edges that its seeds do not
#   fuzz.sh --build | --list
# What it finds (crash-*, timeout-*) and what it learns stay in build-fuzz/found/TARGET and
# build-fuzz/learnt/TARGET; put a crash into test/fuzz/corpus/TARGET with the change that mends it.
set -euo pipefail
TOP=$(cd "$(dirname "$0")/.." && pwd)
B=$TOP/build-fuzz
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}

build() {
	[ -e "$B/build.ninja" ] || CC=clang meson setup "$B" "$TOP" -Dfuzz=true -Dtests=false --buildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false
	# the targets alone: libFuzzer's main() is theirs
	local t targets=()
	for t in $(list); do targets+=("test/fuzz/fuzz_$t"); done
	[ ${#targets[@]} = 0 ] || ninja -C "$B" "${targets[@]}"
}
list() { (cd "$TOP/test/fuzz" && for f in fuzz_*.c; do [ ! -e "$f" ] || basename "${f#fuzz_}" .c; done); }
known() { [ -e "$TOP/test/fuzz/fuzz_$1.c" ] || { echo "fuzz: no target $1; there are: $(list | xargs)" >&2; exit 2; }; }

# options of its own and dictionary of target $1
options() {
	[ ! -e "$TOP/test/fuzz/$1.options" ] || cat "$TOP/test/fuzz/$1.options"
	[ ! -e "$TOP/test/fuzz/$1.dict" ] || echo "-dict=$TOP/test/fuzz/$1.dict"
}

# run TARGET SECONDS [options]
run() {
	local t=$1 secs=$2 opts seeds=()
	shift 2
	mapfile -t opts < <(options "$t" | tr ' ' '\n')
	mkdir -p "$B/found/$t" "$B/learnt/$t"
	[ ! -d "$TOP/test/fuzz/corpus/$t" ] || seeds=("$TOP/test/fuzz/corpus/$t")
	"$B/test/fuzz/fuzz_$t" -max_total_time="$secs" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$B/found/$t/" "${opts[@]}" "$@" "$B/learnt/$t" "${seeds[@]}"
}

# one of all: a line when it is over
report() {
	local t=$1 log=$B/$1.log rc=0
	run "$t" "$2" >"$log" 2>&1 </dev/null || rc=$?
	# the last line of progress; of a target that stopped early there is one as well
	awk -v t="$t" -v rc=$rc '
		/ cov: [0-9]+ ft: / {for (i = 1; i < NF; i++) {if ($i == "cov:") c = $(i + 1); if ($i == "ft:") f = $(i + 1)}}
		/^stat::number_of_executed_units/ {n = $2}
		END {printf "%s %-12s %11d executions %6d edges %7d features\n", rc ? "FAIL" : "PASS", t, n, c, f; exit rc != 0}' "$log"
}

run_all() {
	local secs=$1 t pids=() failed=0
	shift
	[ $# -gt 0 ] || mapfile -t targets < <(list)
	[ $# = 0 ] || targets=("$@")
	for t in "${targets[@]}"; do known "$t"; done
	for t in "${targets[@]}"; do
		while [ "$(jobs -rp | wc -l)" -ge "${FUZZ_JOBS:-$(nproc)}" ]; do sleep 1; done
		report "$t" "$secs" &
		pids+=($!)
	done
	for t in "${pids[@]}"; do wait "$t" || failed=1; done
	return $failed
}

keep() {
	local t=$1 opts
	mapfile -t opts < <(options "$t" | tr ' ' '\n')
	"$B/test/fuzz/fuzz_$t" -merge=1 -use_counters=0 -timeout=10 "${opts[@]}" "$TOP/test/fuzz/corpus/$t" "$B/learnt/$t"
	du -sh --apparent-size "$TOP/test/fuzz/corpus/$t"
}

case ${1:-} in
--build) build; exit ;;
--list) list; exit ;;
--keep) known "${2:-}"; build; keep "$2"; exit ;;
-h | --help | '') sed -n '3,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
all) build >/dev/null; shift; run_all "${1:-60}" "${@:2}"; exit ;;
esac
known "$1"
build
run "$1" "${2:-60}" "${@:3}"
