#!/usr/bin/env bash
# Tab completion offers what seep's own pages name. $1: the directory of the seep binary.
# SPDX-License-Identifier: MIT
set -euo pipefail
PATH=$1:$PATH
# shellcheck source=scripts/completion/seep.bash
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/completion/seep.bash"

# expect WANTED WORD...: the completion of these words is WANTED.
expect() {
    local wanted=$1
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _seep
    [[ ${COMPREPLY[*]} == "$wanted" ]] || {
        printf "'%s' gives '%s' instead of '%s'\n" "$*" "${COMPREPLY[*]}" "$wanted" >&2
        exit 1
    }
}

expect "report" seep repo
expect "bisect diff dump fleet gate help report run serve store threads top" seep help ""
expect "--fail-on" seep run --fa
expect "json junit" seep report --format j
expect "json" seep fleet --format j
expect "json junit" seep diff --format j
expect "" seep diff --format folded
expect "operation" seep diff --per o
expect "json junit" seep gate --format j
expect "prune" seep store p
expect "fail" seep gate --when-empty f
expect "growth" seep report --value g
expect "probable" seep run --fail-on p
for command in run report diff bisect threads top serve fleet store gate dump; do
    COMP_WORDS=(seep "$command" --)
    COMP_CWORD=2
    _seep
    ((${#COMPREPLY[@]} >= 2)) || { echo "seep $command completes no options" >&2; exit 1; }
done
