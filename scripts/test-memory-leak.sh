#!/usr/bin/env bash
# The soak: runs the PMA backend under Seep with load against it, then says what leaked.
#
# The order of things: set up, build, start the backend under `seep run`, wait until it is healthy,
# start the load, look at its memory at each check, stop it by SIGTERM, print Seep's report. The figures
# at each check are the backend's own (GET /api/v1/memory/stats); the verdict is Seep's alone, because
# figures of that kind cannot see a leak of 50 threads or of 20 MiB.
#
# What soaks runs in sessions of its own: a Ctrl-C reaches this script and its short helpers alone. The
# script then ends the soak as it would at the end of its time, with a report; so no helper's failure may
# end it (nap, settle), and from then on no signal disturbs it.
#
# SPDX-License-Identifier: MIT
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly GROWTH_WARN_MB=100 THREADS_WARN=1000
readonly START_TIMEOUT_S=30 STOP_TIMEOUT_S=10 REPORT_TIMEOUT_S=60
# Program and load end by themselves so long after the soak, should this script be killed.
readonly ORPHAN_S=300

DURATION=300
INTERVAL=30
PORT=3001
CLIENTS=40
SEED=1
FAULTS=()
PROGRAM=()
OUT=
BINARIES=

SEEP_PID=    # `seep run`
PROGRAM_PID= # the program under the shim
LOAD_PID=
FIRST_BYTES=
KEPT_BEFORE= # {name: value} of what is kept by design, when warm-up ended
FILLING=     # what of it has grown since then and is not full
STOP=no # yes after a signal: end the soak now, with a report
HAS_BEGUN=no # whether there is a soak to report on
IS_MEANT=no # whether the exit status is one of our own

usage() {
    cat <<'TEXT'
usage: scripts/test-memory-leak.sh [options]
  Runs the PMA backend (or another program) under Seep, drives load against it and reports its leaks.
  --duration S     length of the soak in seconds, from 10 (default 300; a verdict takes 20)
  --interval S     seconds between two checks, from 1 (default 30)
  --fault ID       switch a planted leak of the backend on: F00 to F34; may be repeated
  --program CMD    run CMD instead of the backend, without load; quotes in CMD work as in a shell
  --out DIR        where report, recording and logs go (default ./memory-leak-DATE-TIME)
  --port P         port of the backend (default 3001; 0: a free one)
  --clients N      WebSocket clients of the load (default 40)
  --seed N         seed of the load's random choices (default 1)
  --binaries DIR   build nothing, use the programs of DIR/bin
Exit status: 0 no leak, 1 a leak, 2 the soak itself failed (the last line says why).
DIR gets report.txt, report.json, program.seep (the recording), soak.log and the logs of all parts.
TEXT
}

# Who reads our output may be gone (a closed terminal, `| head`): the soak and its files are not.
say() {
    printf '%s\n' "$*" 2>/dev/null || true
    [[ -z $OUT ]] || printf '%s\n' "$*" >>"$OUT/soak.log"
}

usage_error() {
    printf 'test-memory-leak: %s (see --help)\n' "$*" >&2
    exit 2
}

# Ends what is left and the script. The reason is the last line: before the soak began, a signal is the
# reason of whatever failed, because a Ctrl-C ends the helpers (mkdir, setsid) as well.
fail() {
    if [[ $STOP == yes && $HAS_BEGUN == no ]]; then set -- "interrupted before the soak began"; fi
    end_children
    if [[ -n $OUT ]]; then printf 'failed: %s\n' "$*" >>"$OUT/soak.log"; fi
    printf 'test-memory-leak: %s\n' "$*" >&2 2>/dev/null || true
    leave 2
}

# Exits with a status that is meant.
leave() {
    IS_MEANT=yes
    exit "$1"
}

# Any other end, by a signal in the middle of a command or by `set -e`, is a failure of the soak: its
# status must not be taken for a verdict.
# shellcheck disable=SC2317 # the trap calls it
on_exit() {
    local status=$?
    settle
    if [[ $IS_MEANT == no ]]; then
        if [[ $STOP == yes ]] || ((status == 130)); then fail "interrupted before the soak began"; fi
        fail "this script failed with status $status; please report it"
    fi
    end_children
}

alive() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# Sleeps $1 seconds; a Ctrl-C, which reaches sleep as well, ends the nap and nothing else.
nap() { sleep "$1" || true; }

# After the first signal: the rest takes seconds, and a second Ctrl-C must not spoil the report.
settle() { trap '' INT TERM HUP; }

# Ends a soak that a signal came to before there was anything to report.
stop_early() {
    [[ $STOP == yes ]] || return 0
    settle
    fail "interrupted before the soak began"
}

# Waits until the process has ended, at most $2 seconds. Returns 1 when it still runs.
wait_end() {
    local deadline=$((SECONDS + $2))
    while alive "$1"; do
        ((SECONDS < deadline)) || return 1
        nap 0.1
    done
    return 0
}

end_children() {
    local pid
    # `seep run` hands a SIGTERM on; to a program that has ended, it is no news.
    for pid in $LOAD_PID ${PROGRAM_PID:-$SEEP_PID}; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in $LOAD_PID $PROGRAM_PID $SEEP_PID; do
        wait_end "$pid" "$STOP_TIMEOUT_S" || kill -KILL "$pid" 2>/dev/null || true
    done
}

# Sleeps $1 seconds, or until a signal asks for the end.
pause() {
    local sleeper
    [[ $STOP == no ]] || return 0
    sleep "$1" &
    sleeper=$!
    wait "$sleeper" 2>/dev/null || kill "$sleeper" 2>/dev/null || true
}

# --- options -------------------------------------------------------------------------------------

# whole NAME VALUE LEAST MOST
whole() {
    if ! [[ $2 =~ ^[0-9]{1,9}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
        usage_error "$1 takes a whole number from $3 to $4, not '$2'"
    fi
}

read_options() {
    local option
    while (($#)); do
        option=$1
        case $option in
        -h | --help) usage; exit 0 ;;
        --duration | --interval | --fault | --program | --out | --port | --clients | --seed | --binaries)
            (($# > 1)) || usage_error "$option needs a value"
            ;;
        *) usage_error "unknown option '$option'" ;;
        esac
        case $option in
        --duration) whole "$option" "$2" 10 31536000; DURATION=$((10#$2)) ;;
        --interval) whole "$option" "$2" 1 86400; INTERVAL=$((10#$2)) ;;
        --port) whole "$option" "$2" 0 65535; PORT=$((10#$2)) ;;
        --clients) whole "$option" "$2" 1 900; CLIENTS=$((10#$2)) ;;
        --seed) whole "$option" "$2" 0 999999999; SEED=$((10#$2)) ;;
        --fault)
            [[ $2 =~ ^F[0-9]{2}$ ]] || usage_error "--fault takes an id such as F01, not '$2'"
            FAULTS+=("$2")
            ;;
        --program)
            eval "PROGRAM=($2)" 2>/dev/null || usage_error "--program: cannot split '$2' into words"
            ((${#PROGRAM[@]})) || usage_error "--program takes a command"
            ;;
        --out) OUT=$2 ;;
        --binaries) BINARIES=$2 ;;
        esac
        shift 2
    done
    if ((${#PROGRAM[@]} && ${#FAULTS[@]})); then
        usage_error "--fault belongs to the backend, not to another program"
    fi
}

# --- set up --------------------------------------------------------------------------------------

make_out() {
    local wanted=$OUT stamp why number=1
    OUT= # until it exists, messages cannot be kept there
    if [[ -z $wanted ]]; then
        # Another soak may begin in the same second: the folder has to be new.
        stamp=memory-leak-$(date +%Y%m%d-%H%M%S)
        wanted=$stamp
        until why=$(mkdir "$wanted" 2>&1); do
            [[ -e $wanted ]] || fail "cannot make the folder: ${why#mkdir: }"
            number=$((number + 1))
            wanted=$stamp-$number
        done
    fi
    why=$(mkdir -p "$wanted" 2>&1) || fail "cannot make the folder: ${why#mkdir: }"
    [[ ! -e $wanted/program.seep ]] ||
        fail "$wanted/program.seep exists; choose another --out, nothing is overwritten"
    [[ -w $wanted ]] || fail "cannot write into the folder $wanted"
    OUT=$(cd "$wanted" && pwd)
}

build() {
    local -a targets=(seep seep_shim)
    ((${#PROGRAM[@]})) || targets+=(pma-backend pma-load)
    if [[ -n $BINARIES ]]; then
        [[ -x $BINARIES/bin/seep ]] || fail "--binaries: there is no $BINARIES/bin/seep"
        BINARIES=$(cd "$BINARIES" && pwd)
        return
    fi
    "$ROOT/scripts/setup.sh" || fail "the machine is not set up"
    BINARIES=$ROOT/build/release
    say "building ${targets[*]}"
    # One build at a time: two soaks may begin at once.
    (
        cd "$ROOT" && mkdir -p build && exec {lock}>build/soak.lock && flock "$lock" &&
            cmake --preset release -Wno-dev && cmake --build --preset release --target "${targets[@]}"
    ) >"$OUT/build.log" 2>&1 || {
        stop_early
        tail -n 30 "$OUT/build.log" >&2
        fail "the build failed; all of it is in $OUT/build.log"
    }
}

# The soak's configuration: the document's limits, with the times of the clean-up shortened, so that
# idle clients time out about once a second (at the load's half an operation per client and second, 5 %
# of the pauses are longer than 6 s) and not once in a soak.
write_config() {
    local id
    {
        printf '# Written by scripts/test-memory-leak.sh for a soak of %d s.\n' "$DURATION"
        printf 'server:\n  host: 127.0.0.1\n  port: %d\n' "$PORT"
        printf 'websocket:\n  client_timeout: 6s\n  cleanup_interval: 1s\n'
        printf 'auth:\n  cleanup_interval: 1s\n'
        # 4 devices fill their histories of 50 states within 10 s instead of 50 minutes.
        printf 'simulated:\n  devices: 4\n  change_interval: 50ms\n'
        if ((${#FAULTS[@]})); then
            printf 'faults:\n'
            for id in "${FAULTS[@]}"; do printf '  %s:\n    enabled: true\n' "$id"; done
        fi
    } >"$OUT/backend.yaml"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }

# --- the program ---------------------------------------------------------------------------------

# Finds the process that has the shim: a child of `seep run` that has the library mapped.
find_program() {
    local child
    for child in $(pgrep -P "$SEEP_PID" || true); do
        if grep -q '/libseep\.so' "/proc/$child/maps" 2>/dev/null; then
            PROGRAM_PID=$child
            return 0
        fi
    done
    return 1
}

last_line() { grep -v '^[[:space:]]*$' "$1" 2>/dev/null | tail -n 1 || true; }

start_program() {
    # A site must be seen often enough for a verdict, in a short soak as well.
    local step=1
    ((DURATION >= 120)) || step=0.5
    ((DURATION >= 30)) || step=0.2
    local -a command=("${PROGRAM[@]}")
    if ((${#PROGRAM[@]} == 0)); then
        ((PORT == 0)) || ! port_is_taken ||
            fail "port $PORT is taken by another program; choose one with --port"
        write_config
        command=("$BINARIES/bin/pma-backend" --config "$OUT/backend.yaml" --port-file "$OUT/port")
    fi
    setsid "$BINARIES/bin/seep" run --quiet --interval "$step" --duration "$((DURATION + ORPHAN_S))" \
        -o "$OUT/program.seep" -- "${command[@]}" </dev/null >"$OUT/program.log" 2>"$OUT/program.err" &
    SEEP_PID=$!
    local deadline=$((SECONDS + START_TIMEOUT_S))
    until find_program; do
        if ! alive "$SEEP_PID"; then
            # A program that ends at once is no failure of the start when it left a recording.
            [[ ${#PROGRAM[@]} -gt 0 && -s $OUT/program.seep ]] && return
            fail "the program did not start: $(last_line "$OUT/program.err")"
        fi
        ((SECONDS < deadline)) || fail "no process with the shim after $START_TIMEOUT_S s"
        stop_early
        nap 0.05
    done
}

backend_url() { printf 'http://127.0.0.1:%d%s' "$PORT" "$1"; }

wait_health() {
    local deadline=$((SECONDS + START_TIMEOUT_S))
    until [[ -s $OUT/port ]] && PORT=$(<"$OUT/port") &&
        curl -fsS -m 2 -o /dev/null "$(backend_url /health)" 2>"$OUT/curl.err"; do
        alive "$SEEP_PID" || fail "the server died at its start: $(last_line "$OUT/program.err")"
        ((SECONDS < deadline)) ||
            fail "the server is not healthy after $START_TIMEOUT_S s: $(last_line "$OUT/curl.err")"
        stop_early
        nap 0.1
    done
    rm -f "$OUT/curl.err"
}

start_load() {
    local -a options=(--port "$PORT" --clients "$CLIENTS" --seed "$SEED"
        --duration "$((DURATION + ORPHAN_S))" --rate "$(((CLIENTS + 1) / 2))")
    setsid "$BINARIES/bin/pma-load" "${options[@]}" </dev/null >"$OUT/load.log" 2>&1 &
    LOAD_PID=$!
}

# --- checks --------------------------------------------------------------------------------------

# Prints "BYTES THREADS PERCENT" now; fails when they cannot be had.
figures() {
    if ((${#PROGRAM[@]} == 0)); then
        curl -fsS -m 5 "$(backend_url /api/v1/memory/stats)" 2>/dev/null |
            jq -er '"\(.heap_alloc) \(.goroutines) \(.memory_usage_percent)"' 2>/dev/null
    else
        awk 'FILENAME == "/proc/meminfo" { if ($1 == "MemTotal:") all = $2; next }
             $1 == "VmRSS:" { rss = $2 }  $1 == "Threads:" { threads = $2 }
             END { if (!threads) exit 1; printf "%d %d %.2f\n", rss * 1024, threads, 100 * rss / all }' \
            /proc/meminfo "/proc/$PROGRAM_PID/status" 2>/dev/null
    fi
}

# Bytes as MB with one decimal, rounded; without a program that a Ctrl-C could end.
in_mb() {
    local tenths=$((($1 < 0 ? -$1 : $1) * 10 + 524288)) sign=
    tenths=$((tenths / 1048576))
    (($1 >= 0 || tenths == 0)) || sign=-
    printf '%s%d.%d' "$sign" "$((tenths / 10))" "$((tenths % 10))"
}

# One line of figures, the warnings that go with it. $1: seconds since the start of the soak.
check() {
    local line bytes threads percent growth word=goroutines
    # Not disturbed by the Ctrl-C that may have led here.
    if ! line=$(trap '' INT HUP TERM; figures); then
        say "[$1/$DURATION s] no figures: the program did not answer"
        return
    fi
    read -r bytes threads percent <<<"$line"
    [[ -n $FIRST_BYTES ]] || FIRST_BYTES=$bytes
    growth=$(in_mb $((bytes - FIRST_BYTES)))
    [[ $growth == -* ]] || growth=+$growth
    printf -v percent '%.2f' "$percent"
    ((${#PROGRAM[@]} == 0)) || word=threads # goroutines is the backend's own word for them
    say "[$1/$DURATION s] memory: $(in_mb "$bytes") MB  change: $growth MB$(
        printf '  %s: %d  usage: %s%%' "$word" "$threads" "$percent")$(load_progress)"
    if ((bytes - FIRST_BYTES > GROWTH_WARN_MB * 1048576)); then
        say "  WARNING: memory has grown by more than $GROWTH_WARN_MB MB"
    fi
    if ((threads > THREADS_WARN)); then
        say "  WARNING: more than $THREADS_WARN threads"
    fi
}

# What the backend keeps by design, up to a limit, as GET debug/resources tells it: as {name: value}, or
# as lines of what has grown since $1 and is not full. Nothing when it does not answer.
kept() {
    local filter='.data.kept | map_values(.value)'
    local -a before=()
    ((${#PROGRAM[@]} == 0)) || return 0
    if (($#)); then
        before=(--argjson before "$1")
        # shellcheck disable=SC2016 # the variables are jq's
        filter='.data.kept | to_entries[] | ($before[.key] // .value.value) as $from
            | select(.value.value > $from and .value.value < .value.limit)
            | "\(.key) \($from) -> \(.value.value) of \(.value.limit)"'
    fi
    (trap '' INT HUP TERM
        curl -fsS -m 5 "$(backend_url /api/v1/debug/resources)" 2>/dev/null |
            jq -rc "${before[@]}" "$filter" 2>/dev/null) || true
}

load_progress() {
    local line
    [[ -n $LOAD_PID ]] || return 0
    line=$(last_line "$OUT/load.log")
    [[ -z $line ]] || printf '\n  load: %s' "$line"
}

soak() {
    local start=$SECONDS next=0 now status
    while :; do
        now=$((SECONDS - start))
        alive "$PROGRAM_PID" || { say "[$now/$DURATION s] the program has ended"; return; }
        if [[ $STOP == yes ]]; then settle; fi
        if ((now >= next || now >= DURATION)) || [[ $STOP == yes ]]; then
            check "$now"
            next=$((next + INTERVAL))
        fi
        # A report judges from a third of the run on.
        if [[ -z $KEPT_BEFORE ]] && ((3 * now >= DURATION)); then KEPT_BEFORE=$(kept); fi
        if [[ $STOP == yes ]]; then say "interrupted: ending the soak at $now s"; return; fi
        ((now < DURATION)) || return 0
        if [[ -n $LOAD_PID ]] && ! alive "$LOAD_PID"; then
            # A load that ends because its server went is the server's failure: looked at first.
            pause 1
            alive "$PROGRAM_PID" || continue
            wait "$LOAD_PID" && status=0 || status=$?
            fail "the load ended with status $status: $(last_line "$OUT/load.log")"
        fi
        pause 1
    done
}

# --- the end -------------------------------------------------------------------------------------

# Load first: connections that break in the middle of a request are not what is measured.
stop_all() {
    if alive "$LOAD_PID"; then
        kill -TERM "$LOAD_PID" 2>/dev/null || true
        wait_end "$LOAD_PID" "$STOP_TIMEOUT_S" || kill -KILL "$LOAD_PID" 2>/dev/null || true
    fi
    ENDED_BY_ITSELF=yes
    if alive "$PROGRAM_PID"; then
        ENDED_BY_ITSELF=no
        kill -TERM "$PROGRAM_PID" 2>/dev/null || true
        if ! wait_end "$PROGRAM_PID" "$STOP_TIMEOUT_S"; then
            say "WARNING: the program did not end within $STOP_TIMEOUT_S s of SIGTERM; killed"
            kill -KILL "$PROGRAM_PID" 2>/dev/null || true
        fi
    fi
    # Children of the program may live on and be recorded; the soak is over all the same.
    if ! wait_end "$SEEP_PID" "$REPORT_TIMEOUT_S"; then
        kill -TERM "$SEEP_PID" 2>/dev/null || true
        wait_end "$SEEP_PID" "$STOP_TIMEOUT_S" || kill -KILL "$SEEP_PID" 2>/dev/null || true
        say "WARNING: seep run did not end by itself"
    fi
}

report() {
    local seep=$BINARIES/bin/seep
    [[ -s $OUT/program.seep ]] || fail "there is no recording: $(last_line "$OUT/program.err")"
    "$seep" report "$OUT/program.seep" --format json -o "$OUT/report.json" 2>"$OUT/report.err" ||
        fail "no report: $(last_line "$OUT/report.err")"
    NO_COLOR=1 "$seep" report "$OUT/program.seep" --format text -o "$OUT/report.txt" 2>"$OUT/report.err" ||
        fail "no report: $(last_line "$OUT/report.err")"
    rm -f "$OUT/report.err"
    # Nobody may be left to read it: then the files are what remains.
    {
        printf '\n'
        if [[ -t 1 ]]; then "$seep" report "$OUT/program.seep"; else cat "$OUT/report.txt"; fi
        printf '\n'
    } 2>/dev/null || true
}

# Says the verdict and exits with it.
conclude() {
    local verdict ending words
    verdict=$(jq -er .verdict "$OUT/report.json") || fail "report.json has no verdict"
    ending=$(jq -r '.program.ending | "\(.kind) \(.signal // .status)"' "$OUT/report.json")
    say "report, recording and logs: $OUT"
    if [[ $ENDED_BY_ITSELF == yes && ${#PROGRAM[@]} -eq 0 ]]; then
        words=$(last_line "$OUT/program.err")
        fail "the server died before the end of the soak ($ending)${words:+: $words}"
    fi
    if [[ -n $FILLING && $verdict =~ ^(leak|suspect)$ ]]; then
        say "what the backend keeps by design still filled; a finding on it is no leak, and a longer soak shows that:"
        while read -r words; do say "  $words"; done <<<"$FILLING"
        words=
    fi
    case $verdict in
    leak)
        say "LEAK: $(jq -r '[.findings[] | select(.verdict == "definite" or .verdict == "probable")]
            | "\(length) definite or probable, the worst: \(.[0].summary)"' "$OUT/report.json")"
        leave 1
        ;;
    suspect) say "no leak is shown; the report names what to look at in a longer soak" ;;
    clean) say "no leak found" ;;
    *) fail "the recording is too short for a verdict ($verdict); use a longer --duration" ;;
    esac
    leave 0
}

main() {
    read_options "$@"
    trap 'STOP=yes' INT TERM HUP
    trap : PIPE # not '': what we start would inherit that
    trap on_exit EXIT
    make_out
    build
    stop_early
    start_program
    if ((${#PROGRAM[@]} == 0)); then
        wait_health
        start_load
        say "soaking pma-backend (pid $PROGRAM_PID, port $PORT) for $DURATION s${FAULTS[*]:+, faults: ${FAULTS[*]}}"
    else
        say "soaking ${PROGRAM[0]} (pid ${PROGRAM_PID:-ended}) for $DURATION s"
    fi
    HAS_BEGUN=yes
    soak
    settle
    if [[ -n $KEPT_BEFORE ]]; then FILLING=$(kept "$KEPT_BEFORE"); fi
    stop_all
    report
    conclude
}

main "$@"
