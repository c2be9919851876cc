#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# selftest.sh BENCH_PATH - that the benchmarks run and their figures can be compared and drawn; their
# values are not looked at.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
BUILD=$(cd "$(dirname "$1")/.." && pwd)
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

drawn() {
	local f
	for f in "$@"; do grep -q '</svg>' "$T/figures/$f.svg"; done
}

"$1" --json --rounds 2 --no-huge --sas 1 --pool hot --burst 64 >"$T/64.json"
"$1" --json --rounds 2 --no-huge --sas 1 --pool hot --size 64 >"$T/old.json"
"$1" --json --rounds 2 --no-huge --sas 1 --pool hot --size 64 >"$T/new.json"
"$HERE/compare" "$T/old.json" "$T/new.json" | tee "$T/compared" | tail -n 1
grep -q '^40 rows' "$T/compared" # 5 algorithms, 4 bursts, 2 directions
for bench in handoff gateway; do # what takes root to run is compared as it is kept
	"$HERE/compare" "$HERE/results/bench_$bench.json" "$HERE/results/bench_$bench.json" | grep -q ' rows, median 1.000'
done
if "$HERE/compare" "$T/old.json" /dev/null 2>/dev/null; then
	echo "compare finds nothing wrong with nothing" >&2
	exit 1
fi
"$HERE/plot" --note selftest "$T/figures" "$T/64.json" "$T/new.json"
drawn path-aes-gcm-16-128 path-chacha20-poly1305 burst

"$BUILD/perf/bench_workers" --json --turns 1 --cpus 0,0 >"$T/workers.json"
"$HERE/bench_growth" --build "$BUILD" --counts 1,9 --seconds 0.2 --rounds 2 --no-huge --json "$T/growth.json"
"$HERE/plot" "$T/figures" "$T/growth.json" "$T/workers.json"
drawn growth-time growth-memory growth-cycles workers
"$HERE/compare" "$T/growth.json" "$T/growth.json" | grep -q ' rows, median 1.000'

# figures say whether the code has changed since
sed 's/"commit": "[^"]*"/"commit": "0000000"/' "$HERE/results/bench_handoff.json" >"$T/unknown.json"
"$HERE/plot" "$T/figures" "$T/unknown.json"
grep -q 'NOT KNOWN HERE' "$T/figures/handoff.svg"
old=$(git -C "$HERE" rev-list HEAD -- ../ike 2>/dev/null | sed -n 2p || true)
if [ -n "$old" ]; then
	sed "s/0000000/$old/" "$T/unknown.json" >"$T/old.json"
	"$HERE/plot" "$T/figures" "$T/old.json"
	grep -q 'OLDER THAN THE CODE' "$T/figures/handoff.svg"
fi

if [ "$(nproc)" -ge 2 ]; then
	"$HERE/bench_latency" --build "$BUILD" --no-huge --poll busy,adaptive --loads 10,50 --turns 1 --events 1 --others 5 --json "$T/latency.json"
	"$HERE/plot" "$T/figures" "$T/latency.json"
	drawn latency-busy-out latency-adaptive-in latency-events
fi
