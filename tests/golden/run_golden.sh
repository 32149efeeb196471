#!/bin/sh
# Compares the reports of forged recordings with the committed ones, byte for byte.
# UPDATE=1 in the environment writes the committed ones anew.
#
# usage: run_golden.sh SEEP GOLDEN_WRITE PROGRAM EXPECTED_FOLDER
#
# SPDX-License-Identifier: MIT
set -eu

seep=$1 write=$2 program=$3 expected=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C.UTF-8 COLUMNS=80
unset NO_COLOR

"$write" "$program" "$scratch"
failed=0

check() { # NAME: compares $scratch/NAME with the committed one
    if [ -n "${UPDATE:-}" ]; then
        cp "$scratch/$1" "$expected/$1"
    elif ! diff -u "$expected/$1" "$scratch/$1"; then
        failed=1
    fi
}

for recording in "$scratch"/*.seep; do
    name=$(basename "$recording" .seep)
    "$seep" report "$recording" >"$scratch/$name.txt"
    "$seep" report "$recording" --format json >"$scratch/$name.json"
    "$seep" report "$recording" --format json -o "$scratch/again.json"
    cmp "$scratch/$name.json" "$scratch/again.json"
    check "$name.txt"
    check "$name.json"
    "$seep" report "$recording" --format sarif >"$scratch/$name.sarif"
    "$seep" report "$recording" --format junit >"$scratch/$name.xml"
done

# Formats for other programs, of a few recordings each.
for name in thread_leak fd_leak healthy; do
    "$seep" report "$scratch/$name.seep" --format markdown >"$scratch/$name.md"
    check "$name.md"
    for value in live-bytes live growth allocated; do
        echo "# $value"
        "$seep" report "$scratch/$name.seep" --format folded --value "$value"
    done >"$scratch/$name.folded"
    check "$name.folded"
    check "$name.sarif"
    check "$name.xml"
    # zlib's versions differ in their bytes: what is compared is what they hold.
    "$seep" report "$scratch/$name.seep" --format pprof -o "$scratch/$name.pb.gz"
    "$expected/pprof_text.py" "$scratch/$name.pb.gz" >"$scratch/$name.pprof"
    check "$name.pprof"
    if command -v go >/dev/null; then
        go tool pprof -top "$scratch/$name.pb.gz" >/dev/null || failed=1
    else
        echo "go is not installed: $name.pb.gz was not given to 'go tool pprof'"
    fi
done

# Two runs compared: what each format is held against, and what it must say.
compare() { # BASE NEW
    "$seep" diff "$scratch/$1.seep" "$scratch/$2.seep" --format sarif >"$scratch/$1-$2.sarif"
    "$seep" diff "$scratch/$1.seep" "$scratch/$2.seep" --format junit >"$scratch/$1-$2.xml"
}
says() { # FILE PATTERN
    grep -q -e "$2" "$scratch/$1" || { echo "FAILED: $1 does not say $2" >&2; failed=1; }
}
compare healthy thread_leak
compare thread_leak healthy
compare thread_leak thread_leak
compare short_run thread_leak
says healthy-thread_leak.sarif '"baselineState": "new"'
says thread_leak-healthy.sarif '"baselineState": "absent"'
says thread_leak-thread_leak.sarif '"baselineState": "unchanged"'
says healthy-thread_leak.xml '<failure type="regression"'
says short_run-thread_leak.xml '<skipped message='
for same in thread_leak-healthy thread_leak-thread_leak; do
    if grep -q '<failure' "$scratch/$same.xml"; then
        echo "FAILED: $same.xml fails what did not get worse" >&2
        failed=1
    fi
done

# The last state of threads: where they were made, and what they do.
for name in thread_leak unjoined; do
    "$seep" threads "$scratch/$name.seep" >"$scratch/$name.threads.txt"
    check "$name.threads.txt"
done
{
    "$seep" threads "$scratch/thread_leak.seep" --format folded
    "$seep" threads "$scratch/thread_leak.seep" --format json
} >"$scratch/thread_leak.threads"
check thread_leak.threads

# One screen of the live view: at the end, in each order and width, without UTF-8.
{
    "$seep" top "$scratch/heap_leak.seep"
    "$seep" top "$scratch/heap_leak.seep" --once --width 120 --sort growth
    "$seep" top "$scratch/thread_leak.seep" --once --kind thread --subsystem au
    "$seep" top "$scratch/fd_leak.seep" --once --kind fd --sort rate --window 30
    LC_ALL=C "$seep" top "$scratch/heap_leak.seep" --once --rows 1 --width 60
} >"$scratch/top.txt"
check top.txt

"$expected/check_sarif.py" "$scratch"/*.sarif
"$seep" report "$scratch/thread_leak.seep" --format junit --kind heap --subsystem auth --top 1 >"$scratch/filtered.xml"
check filtered.xml
"$expected/check_junit.py" "$scratch"/*.xml

# Narrow, without UTF-8.
LC_ALL=C COLUMNS=50 "$seep" report "$scratch/thread_leak.seep" >"$scratch/thread_leak_narrow.txt"
check thread_leak_narrow.txt

exit $failed
