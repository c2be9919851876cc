#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# lint.sh - the small rules that a compiler does not check. A PASS or FAIL line for each.
set -uo pipefail
cd "$(dirname "$0")/.."
bad=0

# rule NAME COMMAND...: what it prints are the offenders
rule() {
	local name=$1 out
	shift
	out=$("$@" 2>&1)
	if [ -z "$out" ]; then
		echo "PASS lint/$name"
	else
		printf '%s\n' "$out" | head -n 40
		echo "FAIL lint/$name"
		bad=1
	fi
}

# not by git: it may not be there, or refuse a checkout of another owner
FILES=$(find . \( -name .git -o -name "build*" -type d -o -name .cache \) -prune -o -type f -printf "%P\n" | sort)
files() { grep -E "$1" <<<"$FILES"; }

spdx() { files '\.([ch]|sh|py)$|^\.ci/run$' | xargs grep -L 'SPDX-License-Identifier: BSD-3-Clause'; }
unfinished() { files '\.([ch]|sh|py)$' | grep -vx scripts/lint.sh | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b'; }
spaces() { files '\.([ch]|sh|py|md)$' | xargs grep -nE '[ 	]+$'; }
columns() {
	files '\.[ch]$' | grep -v '^test/vectors/' |
		xargs awk 'length($0) > 140 {print FILENAME ":" FNR ": " length($0) " columns"}'
}
# app -> lib, app -> ike, and neither of these the other way; ike includes no DPDK
rooms() {
	files '^ike/.*\.[ch]$' | xargs grep -nE '#include [<"](rte_|lib/|app/|\.\./)'
	files '^lib/.*\.[ch]$' | xargs grep -nE '#include "(ike|app)/'
}
imb_header() { files '^(lib|app)/.*\.[ch]$' | xargs grep -ln 'intel-ipsec-mb.h' | grep -vxE 'lib/crypto_mb[a-z_]*\.[ch]'; }
shell() { files '\.sh$|^\.ci/run$' | while read -r f; do bash -n "$f"; done; }

rule spdx spdx
rule unfinished unfinished
rule trailing-space spaces
rule clang-format scripts/format.sh --check
rule long-lines columns
rule rooms rooms
rule ipsec-mb-in-one-file imb_header
rule shell-syntax shell
exit $bad
