#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# fuzz.sh - run one libFuzzer target on its seed corpus.
#   fuzz.sh TARGET SECONDS [libFuzzer options]   exit status 0 when nothing was found
#   fuzz.sh --build | --list
# What it finds (crash-*, timeout-*) and what it learns stay in build-fuzz/found/TARGET and
# build-fuzz/learnt/TARGET; put a crash into test/fuzz/corpus/TARGET with the change that mends it.
set -euo pipefail
TOP=$(cd "$(dirname "$0")/.." && pwd)
B=$TOP/build-fuzz

build() {
	[ -e "$B/build.ninja" ] || CC=clang meson setup "$B" "$TOP" -Dfuzz=true -Dtests=false --buildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false
	# the targets alone: libFuzzer's main() is theirs
	local t targets=()
	for t in $(list); do targets+=("test/fuzz/fuzz_$t"); done
	[ ${#targets[@]} = 0 ] || ninja -C "$B" "${targets[@]}"
}
list() { (cd "$TOP/test/fuzz" && for f in fuzz_*.c; do [ ! -e "$f" ] || basename "${f#fuzz_}" .c; done); }

case ${1:-} in
--build) build; exit ;;
--list) list; exit ;;
-h | --help | '') sed -n '3,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
T=$1 SECS=${2:-60}
shift $(($# < 2 ? $# : 2))
[ -e "$TOP/test/fuzz/fuzz_$T.c" ] || { echo "fuzz: no target $T; there are: $(list | xargs)" >&2; exit 2; }
build
mkdir -p "$B/found/$T" "$B/learnt/$T"
seeds=()
[ ! -d "$TOP/test/fuzz/corpus/$T" ] || seeds=("$TOP/test/fuzz/corpus/$T")
dict=()
[ ! -e "$TOP/test/fuzz/$T.dict" ] || dict=("-dict=$TOP/test/fuzz/$T.dict")
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
exec "$B/test/fuzz/fuzz_$T" -max_total_time="$SECS" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	-artifact_prefix="$B/found/$T/" "${dict[@]}" "$@" "$B/learnt/$T" "${seeds[@]}"
