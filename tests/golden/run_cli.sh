#!/bin/sh
# What `seep` says and answers to wrong and right command lines: exit status, one line on stderr,
# nothing overwritten.
#
# usage: run_cli.sh SEEP GOLDEN_WRITE PROGRAM
#
# SPDX-License-Identifier: MIT
set -u

seep=$1 write=$2 program=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2
"$write" "$program" "$scratch" || exit 2
failed=0

# expect STATUS PATTERN ARG...: runs seep; stderr must be one line that contains PATTERN ("" : empty).
expect() {
    want=$1 pattern=$2
    shift 2
    "$seep" "$@" >out 2>err
    got=$?
    lines=$(wc -l <err)
    if [ "$got" -ne "$want" ] || { [ -n "$pattern" ] && [ "$lines" -ne 1 ]; } ||
        { [ -z "$pattern" ] && [ "$lines" -ne 0 ]; } ||
        { [ -n "$pattern" ] && ! grep -qF -e "$pattern" err; }; then
        echo "FAILED: seep $* : status $got (want $want), stderr:" >&2
        cat err >&2
        failed=1
    fi
}

says() { # PATTERN: the last command's stdout contains it
    grep -qF -e "$1" out || { echo "FAILED: not said: $1" >&2; failed=1; }
}

expect 0 "" --version
says "seep "
expect 0 "" --help
says "seep run --duration 60"
expect 0 "" help report
says "usage: seep report FILE"
expect 0 "" report --help
expect 2 "did you mean report?" reprot
expect 2 "not in this version" check
expect 0 "" top thread_leak.seep --once --width 60 --rows 1 --kind fd --sort rate
expect 2 "records no such process" top 1
expect 2 "use one of" top thread_leak.seep --kind socket
expect 2 "use one of" top thread_leak.seep --sort name
expect 2 "whole number from 40" top thread_leak.seep --width 39
expect 2 "seconds, from 0.1" top thread_leak.seep --interval 0
expect 2 "which PID or FILE?" threads
expect 2 "use one of: text, json, folded, pprof" threads 1 --format html
expect 2 "a whole number from 1 on" threads 1 --top 0
expect 2 "--recording goes with a PID" threads heap_leak.seep --recording healthy.seep
expect 2 "no process id" threads 99999999999
expect 2 "missing.seep" threads missing.seep
expect 0 "" threads thread_leak.seep --top 1
says "12 threads: blocked in futex"
expect 2 "--good, --bad and --run are needed" bisect --good a
expect 2 "only options" bisect a
expect 2 "which two recordings?" diff heap_leak.seep
expect 2 "too many" diff a b c
expect 2 "missing.seep" diff heap_leak.seep missing.seep
expect 0 "" diff heap_leak.seep heap_leak.seep --fail-on suspect
says "nothing has changed"
expect 0 "" diff healthy.seep healthy.seep
says "nothing has changed"
expect 0 "" diff heap_leak.seep heap_leak.seep --format json
says '"changes": []'
expect 0 "" diff heap_leak.seep heap_leak.seep --format markdown
expect 0 "" diff short_run.seep healthy.seep
says "inconclusive: a run is too short to tell"
expect 2 "use text, json, markdown, html, junit or sarif" diff heap_leak.seep heap_leak.seep --format folded
expect 2 "use time, operation or both" diff heap_leak.seep heap_leak.seep --per hour
expect 2 "unknown option --frobnicate" --frobnicate

expect 2 "which FILE?" report
expect 2 "too many" report heap_leak.seep healthy.seep
expect 2 "did you mean --format?" report heap_leak.seep --fromat json
expect 2 "unknown option --zzz" report heap_leak.seep --zzz=1
expect 2 "needs a value" report heap_leak.seep --top
expect 2 "whole number" report heap_leak.seep --top 0
expect 2 "whole number" report heap_leak.seep --top 2.5
expect 2 "use one of: text, json" report heap_leak.seep --format xml
expect 2 "use suspect, probable or definite" report heap_leak.seep --fail-on bounded
expect 2 "use heap, mapping" report heap_leak.seep --kind pile
expect 2 "use live-bytes, live" report heap_leak.seep --format folded --value size
expect 2 "add --format folded or pprof" report heap_leak.seep --value live
if ! script -qec "'$seep' report heap_leak.seep --format pprof" /dev/null </dev/null |
    grep -q "not for a terminal"; then
    echo "FAILED: a binary report went to a terminal" >&2
    failed=1
fi
expect 2 "seconds since the start" report heap_leak.seep --since soon
expect 2 "seconds since the start" report heap_leak.seep --until -3
expect 2 "is not before" report heap_leak.seep --since 9 --until 8
expect 2 "no subsystem" report heap_leak.seep --subsystem nothing
expect 2 "missing.seep" report missing.seep
echo "not a recording at all" >foreign.seep
expect 2 "foreign.seep" report foreign.seep
expect 2 "overwrite the recording" report heap_leak.seep -o heap_leak.seep

expect 0 "" report heap_leak.seep
says "signalled 9"
expect 1 "" report thread_leak.seep --fail-on definite
expect 1 "" report heap_leak.seep --fail-on probable
expect 0 "" report healthy.seep --fail-on suspect
expect 0 "" report heap_leak.seep --fail-on suspect --kind thread
expect 0 "" report thread_leak.seep --subsystem=auth --top=1 --format=json
says '"seep_report": 1'

# Suppressions: what report suggests takes all findings away, and fails no run.
expect 0 "" report heap_leak.seep --suggest-suppressions -o rules.supp
expect 0 "" report heap_leak.seep --suppress rules.supp --fail-on suspect
says "suppressed"
says "by 1 of 1 rule"
sed 's/ reason:/ expires:2025-12-31 reason:/' rules.supp >expired.supp
expect 1 "" report heap_leak.seep --suppress expired.supp --fail-on suspect
says "expired 2025-12-31"
echo "leek:x" >wrong.supp
expect 2 "wrong.supp:1: \"leek:x\": write leak:PATTERN" report heap_leak.seep --suppress wrong.supp
expect 2 "wrong.supp:1:" run --suppress wrong.supp -- true
expect 2 "missing.supp" report heap_leak.seep --suppress missing.supp
expect 2 "takes no value" report heap_leak.seep --suggest-suppressions=yes

# Subsystems by rules.
printf '# rules\nnamed module:pma-backend\n' >names.rules
expect 0 "" report heap_leak.seep --subsystems names.rules --format json
echo wrong >>names.rules
expect 2 "names.rules:3: wrong: no condition" report heap_leak.seep --subsystems names.rules
expect 2 "names.rules:3:" run --subsystems names.rules -- true

# An output file is replaced as a whole, keeps its permissions, and survives a failure.
echo old >report.txt
chmod 640 report.txt
expect 0 "" report heap_leak.seep -o report.txt
grep -q "^LEAK" report.txt || { echo "FAILED: -o wrote nothing" >&2; failed=1; }
[ "$(stat -c %a report.txt)" = 640 ] || { echo "FAILED: -o changed the mode" >&2; failed=1; }
cp report.txt before.txt
expect 2 "foreign.seep" report foreign.seep -o report.txt
cmp -s before.txt report.txt || { echo "FAILED: a failure changed OUT" >&2; failed=1; }
expect 3 "no/such/folder" report heap_leak.seep -o no/such/folder/out.txt
set -- report.txt.*
[ ! -e "$1" ] || { echo "FAILED: a temporary file was left: $1" >&2; failed=1; }

exit $failed
