#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The demo itself, short, with its own release build.
# alone: TCP as fast as it goes, and what it says
. "$(dirname "$0")/common.sh"
PROG=demo TEST=demo
out=$(mktemp)
trap 'rm -f "$out"' EXIT
env -u RACLETTE "$TOP/scripts/demo.sh" --seconds 2 >"$out" 2>&1 && rc=0 || rc=$?
check 'exit status 0' equal $rc 0
check 'last line' bash -c "tail -n 1 '$out' | grep -E '^demo: ping 5/5, tcp [0-9]+/[0-9]+ Mbit/s \(to/from\), clear packets 0$'"
lab=$(grep -oE 'rac[0-9]+-A' "$out" | head -n 1)
check 'it made a lab' test -n "$lab"
check 'and took it down' equal "$(ip netns list | grep "${lab%-A}-")" ''
[ $FAILED = 0 ] || tail -n 40 "$out"
exit $FAILED
