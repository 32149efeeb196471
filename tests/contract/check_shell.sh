#!/usr/bin/env bash
# The shell scripts of this repository pass shellcheck.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mapfile -d '' -t files < <(find .ci scripts bench tests -type f \( -name '*.sh' -o -name '*.bash' -o -path '.ci/run' \) -print0)
((${#files[@]})) || { echo "check_shell: found no scripts" >&2; exit 1; }
shellcheck -x "${files[@]}"
