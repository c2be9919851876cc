#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# selftest.sh BENCH_PATH - that the benchmark runs and its figures can be compared and drawn; their
# values are not looked at.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

"$1" --json --rounds 2 --no-huge --sas 1 --pool hot --burst 64 >"$T/64.json"
"$1" --json --rounds 2 --no-huge --sas 1 --pool hot --size 64 >"$T/old.json"
"$1" --json --rounds 2 --no-huge --sas 1 --pool hot --size 64 >"$T/new.json"
"$HERE/compare" "$T/old.json" "$T/new.json" | tee "$T/compared" | tail -n 1
grep -q '^30 rows' "$T/compared" # 5 algorithms, 3 bursts, 2 directions
! "$HERE/compare" "$T/old.json" /dev/null 2>/dev/null
"$HERE/plot" --note selftest "$T/figures" "$T/64.json" "$T/new.json"
for f in path-aes-gcm-16-128 path-chacha20-poly1305 burst; do
	grep -q '</svg>' "$T/figures/$f.svg"
done
