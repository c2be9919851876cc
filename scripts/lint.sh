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

sources() { git ls-files '*.c' '*.h' '*.sh' '*.py' '.ci/run' | sort -u; }
spdx() { sources | xargs grep -L 'SPDX-License-Identifier: BSD-3-Clause'; }
unfinished() { sources | grep -vx scripts/lint.sh | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b'; }
spaces() { git ls-files '*.c' '*.h' '*.sh' '*.py' '*.md' | xargs grep -nE '[ 	]+$'; }
format() { [ -z "$(git ls-files '*.c')" ] || scripts/format.sh --check; }
columns() { git ls-files '*.c' '*.h' | grep -v '^test/vectors/' | xargs awk 'length($0) > 140 {print FILENAME ":" FNR ": " length($0) " columns"}'; }
# app -> lib, app -> ike, and neither of these the other way; ike includes no DPDK
rooms() {
	git ls-files 'ike/*.[ch]' | xargs grep -nE '#include [<"](rte_|lib/|app/|\.\./)'
	git ls-files 'lib/*.[ch]' | xargs grep -nE '#include "(ike|app)/'
}
imb_header() { git ls-files 'lib/*.[ch]' 'app/*.[ch]' | xargs grep -ln 'intel-ipsec-mb.h' | grep -vxE 'lib/crypto_mb[a-z_]*\.[ch]'; }
shell() { git ls-files '*.sh' '.ci/run' | while read -r f; do bash -n "$f"; done; }

rule spdx spdx
rule unfinished unfinished
rule trailing-space spaces
rule clang-format format
rule long-lines columns
rule rooms rooms
rule ipsec-mb-in-one-file imb_header
rule shell-syntax shell
exit $bad
