#!/usr/bin/env bash
# Every C and C++ file is as clang-format 14 and .clang-format would write it.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mapfile -d '' -t files < <(find include shim analyzer server bench tests -type f \
    \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.cc' -o -name '*.hpp' \) -print0)
((${#files[@]})) || { echo "check_format: found no files" >&2; exit 1; }
clang-format --style=file --dry-run -Werror "${files[@]}"
