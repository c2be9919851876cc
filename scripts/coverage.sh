#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# coverage.sh - how many lines of ike/ the unit and peer tests run.
#   coverage.sh [MINIMUM]     percent of all lines, default 90
#   coverage.sh --missed FILE the lines of ike/FILE that nothing ran, after a run
# Prints a line for each file and the total; exit status 1 when the total is below the minimum or a
# test failed. Corpora of the fuzzers do not count: they run much and assert little.
set -euo pipefail
TOP=$(cd "$(dirname "$0")/.." && pwd)
B=$TOP/build-cov
PROF=$B/ike.profdata
export LLVM_PROFILE_FILE=/dev/null # of what meson and ninja run

usage() { sed -n '3,7s/^# \{0,1\}//p' "$0"; }

# the tests of suites unit and peer that are about ike/: a command line each
tests() {
	meson introspect --tests "$B" | /usr/bin/python3 -c '
import json, sys
for t in json.load(sys.stdin):
    if t["name"].startswith(("ike/", "peer/")):
        print(*t["cmd"])'
}
programs() { tests | awk '{print $1}' | sort -u; }
objects() { programs | sed '2,$s/^/-object=/'; }

missed() {
	local objs
	mapfile -t objs < <(objects)
	# its own filter by name does not know the paths that the compiler saw
	llvm-cov show -instr-profile="$PROF" "${objs[@]}" |
		awk -v want="/ike/$1:" '/^\// {on = substr($0, length($0) - length(want) + 1) == want} on && /^ *[0-9]+\| +0\|/'
}

MIN=90
case ${1:-} in
--missed) missed "${2:?a file of ike/}"; exit ;;
-h | --help) usage; exit 0 ;;
'') ;;
*[!0-9]*) usage >&2; exit 2 ;;
*) MIN=$1 ;;
esac

if [ ! -e "$B/build.ninja" ]; then
	mkdir -p "$B"
	CC=clang meson setup "$B" "$TOP" --buildtype=debug -Doptimization=1 -Dc_link_args=-fprofile-instr-generate \
		-Dc_args='-fprofile-instr-generate -fcoverage-mapping' >"$B/setup.log" || { cat "$B/setup.log" >&2; exit 1; }
fi
ninja -C "$B" build.ninja >/dev/null # a changed meson.build has other tests
mapfile -t progs < <(programs)
ninja -C "$B" "${progs[@]#"$B/"}" | tail -n 1

rm -rf "$B/prof"
mkdir "$B/prof"
failed=0
while read -ra cmd; do
	if ! LLVM_PROFILE_FILE=$B/prof/%p.profraw "${cmd[@]}" >"$B/prof/log" 2>&1 </dev/null; then
		echo "FAIL coverage: ${cmd[*]} failed:"
		tail -n 20 "$B/prof/log"
		failed=1
	fi
done < <(tests)
llvm-profdata merge -sparse -o "$PROF" "$B"/prof/*.profraw
rm -f "$B"/prof/*.profraw

mapfile -t objs < <(objects)
llvm-cov export -summary-only -instr-profile="$PROF" "${objs[@]}" | /usr/bin/python3 -c '
import glob, json, os, sys
top, least = sys.argv[1], int(sys.argv[2])
rows = {os.path.relpath(f["filename"], top): f["summary"]["lines"]
        for f in json.load(sys.stdin)["data"][0]["files"] if f["summary"]["lines"]["count"] > 0}
rows = {name: r for name, r in rows.items() if name.startswith("ike/")}
for c in glob.glob(top + "/ike/*.c"):   # one that no test even links
    rows.setdefault(os.path.relpath(c, top), {"count": sum(1 for _ in open(c)), "covered": 0})
for name, r in sorted(rows.items()):
    print("%-22s %5d of %5d lines  %5.1f %%" % (name, r["covered"], r["count"], 100 * r["covered"] / r["count"]))
count, covered = (sum(r[k] for r in rows.values()) for k in ("count", "covered"))
share = 100 * covered / count
print("%-22s %5d of %5d lines  %5.1f %%" % ("total", covered, count, share))
if share < least:
    print("FAIL coverage: %.1f %% of the lines of ike/ are run by tests, at least %d %% is wanted" % (share, least))
    sys.exit(1)
print("PASS coverage: %.1f %% of the lines of ike/" % share)' "$TOP" "$MIN" || failed=1
exit $failed
