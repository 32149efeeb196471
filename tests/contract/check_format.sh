#!/usr/bin/env bash
# Every C and C++ file is as clang-format 14 and .clang-format would write it.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mapfile -d '' -t files < <(find include shim analyzer server bench tests -type f \
    \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.cc' -o -name '*.hpp' \) -print0)
((${#files[@]})) || { echo "check_format: found no files" >&2; exit 1; }
if ! said=$(clang-format --style=file --dry-run -Werror "${files[@]}" 2>&1); then
    echo "not as clang-format -i would write them (places, file):" >&2
    sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error:.*/\1/p' <<<"$said" | sort | uniq -c >&2
    exit 1
fi
