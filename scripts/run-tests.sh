#!/usr/bin/env bash
# All tests of Seep: sets the machine up, builds, runs ctest, then the sanitizer builds.
#
# Format, layers, exports and shell scripts are checked by ctest as well (the `contract` tests), so that
# one list holds everything that must be true. Each step is named before it starts; the last line but one
# says what failed, the last one holds the counts and nothing else: "N passed, M failed, K skipped".
#
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Under AddressSanitizer and UBSan: what runs in our own processes. libseep.so is never sanitized,
# so tests that preload it (host, real, golden runs) stay with the release build.
ASAN_LABELS='^(unit|fuzz|server)$'
# Under ThreadSanitizer: what shares memory between threads of ours.
TSAN_LABELS='^(server|threads)$'
# Four steps must fit into 15 minutes on two cores; the lists above are what fits.
JOBS=${SEEP_TEST_JOBS:-$(nproc)}

QUICK=no
TIDY=no
FILTER=
BUILD_ROOT=build

usage() {
    cat <<'TEXT'
usage: scripts/run-tests.sh [--quick] [--filter REGEX] [--tidy] [--build-root DIR]
  Runs all tests of Seep.
  --quick           the release build only: no sanitizer builds
  --filter REGEX    only tests whose name matches (implies --quick); names: ctest -N in build/release
  --tidy            clang-tidy over all sources as well (some minutes)
  --build-root DIR  where the build trees go (default: build)
Exit status: 0 all passed, 1 a test failed, 2 could not set up or build.
TEXT
}

say() { printf '\n== %s\n' "$*"; }
die() { printf 'run-tests: %s\n' "$*" >&2; exit 2; }

PASSED=0
FAILED=0
SKIPPED=0
FAILED_NAMES=()
SKIPPED_NAMES=()
INNER_NAMES=() # tests that passed, but skipped some of their cases

# Adds one ctest run's results to the counts. $1: ctest's JUnit file, $2: name of the build.
count_results() {
    local status name inner
    [[ -s $1 ]] || die "ctest left no results in $1"
    # A test whose program is missing is "notrun": a failure, except when it skipped itself.
    while IFS=$'\t' read -r status name inner; do
        ((inner == 0)) || INNER_NAMES+=("$2/$name: $inner")
        case $status in
        passed) PASSED=$((PASSED + 1)) ;;
        skipped) SKIPPED=$((SKIPPED + 1)) SKIPPED_NAMES+=("$2/$name") ;;
        *) FAILED=$((FAILED + 1)) FAILED_NAMES+=("$2/$name") ;;
        esac
    done < <(/usr/bin/python3 - "$1" <<'PYTHON'
import re
import sys
import xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    skipped = case.find("skipped")
    if case.get("status") == "run":
        status = "passed"
    elif skipped is not None and "SKIP_" in skipped.get("message", ""):
        status = "skipped"
    elif case.get("status") == "disabled":
        status = "skipped"
    else:
        status = "failed"
    # As unittest and cmocka say it.
    inner = re.findall(r"skipped=(\d+)|SKIPPED \] (\d+) test", case.findtext("system-out") or "")
    inner = sum(int(a or b) for a, b in inner) if status == "passed" else 0
    print(status, case.get("name"), inner, sep="\t")
PYTHON
    )
}

# Without a release build there is nothing to test; another build that fails is a failed test.
does_not_build() {
    [[ $1 != release ]] || die "preset release does not build"
    FAILED=$((FAILED + 1)) FAILED_NAMES+=("$1: the build")
}

# build_and_test PRESET [ctest options...]: one build tree, one ctest run.
build_and_test() {
    local preset=$1 results
    shift
    local -a wrapper=()
    # gcc 12's ThreadSanitizer gives up on kernels with 32 bits of mmap randomness.
    [[ $preset != tsan ]] || wrapper=(setarch --addr-no-randomize)
    local build=$BUILD_ROOT/$preset
    say "$preset: configure"
    cmake --preset "$preset" -B "$build" -Wno-dev >"$BUILD_ROOT/$preset-configure.log" 2>&1 || {
        cat "$BUILD_ROOT/$preset-configure.log"
        does_not_build "$preset"
        return
    }
    say "$preset: build"
    cmake --build "$build" -j "$JOBS" || {
        does_not_build "$preset"
        return
    }
    say "$preset: test"
    results=$PWD/$build/results.xml
    [[ $build != /* ]] || results=$build/results.xml
    rm -f "$results"
    # The counts decide, not ctest's own status: it calls a run without tests a success.
    "${wrapper[@]}" ctest --test-dir "$build" -j "$JOBS" --output-on-failure \
        --output-junit "$results" --test-output-size-passed 1000000 --timeout 300 "$@" || true
    count_results "$results" "$preset"
}

# clang-tidy over every source that the release build compiles; counts as one test.
tidy() {
    local build=$BUILD_ROOT/release
    say "clang-tidy"
    if jq -r '.[].file | select(test("[.]c$"))' "$build/compile_commands.json" | sort -u |
        xargs -P "$JOBS" -n 4 clang-tidy --quiet -p "$build"; then
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1)) FAILED_NAMES+=(clang-tidy)
    fi
}

summary() {
    local name
    say "results ($((SECONDS / 60)) min $((SECONDS % 60)) s)"
    for name in "${SKIPPED_NAMES[@]}"; do printf 'skipped: %s\n' "$name"; done
    for name in "${INNER_NAMES[@]}"; do printf 'skipped inside %s\n' "$name"; done
    for name in "${FAILED_NAMES[@]}"; do printf 'FAILED: %s\n' "$name"; done
    if ((PASSED + FAILED == 0)); then
        printf 'no test was run\n'
    elif ((FAILED)); then
        printf 'some tests failed; output above, logs in %s/*/Testing/Temporary\n' "$BUILD_ROOT"
    else
        printf 'all tests passed\n'
    fi
    printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
    ((FAILED == 0 && PASSED > 0))
}

main() {
    while (($#)); do
        case $1 in
        --quick) QUICK=yes ;;
        --tidy) TIDY=yes ;;
        --filter | --build-root)
            (($# > 1)) || die "$1 needs a value (see --help)"
            if [[ $1 == --filter ]]; then FILTER=$2 QUICK=yes; else BUILD_ROOT=$2; fi
            shift
            ;;
        -h | --help) usage; exit 0 ;;
        *) die "unknown option '$1' (see --help)" ;;
        esac
        shift
    done
    say "set up"
    scripts/setup.sh || die "the machine is not set up"
    # A machine that cannot have a browser can run all other tests.
    scripts/setup.sh --browser || say "no Chromium: golden.html_browser and serve.page will be skipped"
    scripts/setup.sh --with-integration || say "no Prometheus and others: the tests that need them will be skipped"
    mkdir -p "$BUILD_ROOT"
    if [[ -n $FILTER ]]; then
        build_and_test release -R "$FILTER"
    else
        build_and_test release
    fi
    [[ $TIDY == no ]] || tidy
    if [[ $QUICK == no ]]; then
        build_and_test asan -L "$ASAN_LABELS"
        build_and_test tsan -L "$TSAN_LABELS"
    fi
    summary || exit 1
}

main "$@"
