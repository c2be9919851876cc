#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# format.sh - put every .c and .h in clang-format's shape. format.sh --check only says which are not.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.c')
mode=(-i)
[ "${1:-}" != --check ] || mode=(--dry-run -Werror)
exec clang-format "${mode[@]}" "${files[@]}"
