#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# format.sh - put every .c in clang-format's shape. format.sh --check only says which are not.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(find . \( -name .git -o -name 'build*' -type d -o -name .cache \) -prune -o -name '*.c' -print | sort)
mode=(-i)
[ "${1:-}" != --check ] || mode=(--dry-run -Werror)
exec clang-format "${mode[@]}" "${files[@]}"
