#!/usr/bin/env bash
# Installs the Debian packages that building and testing Seep need; does nothing when all are there.
#
# Both commands of the README call this first, so the usual case (nothing missing) is one dpkg-query
# and no network. Missing packages are installed as root or through `sudo -n`; when neither is possible
# the exact command to type is printed. Packages that bring a service (redis-server, nginx) do not get
# it started: for the length of the installation a policy-rc.d answers "not allowed" (Debian policy
# 9.3.3.1), unless the machine has a policy of its own.
#
# SPDX-License-Identifier: MIT
set -euo pipefail

# To build: compiler, tools of the checks, libraries. Debian 12 names; the one list of this repository.
BUILD_PACKAGES=(
    build-essential cmake ninja-build pkg-config binutils git
    libunwind-dev libjemalloc-dev libmicrohttpd-dev libwebsockets-dev libjansson-dev
    libdw-dev libelf-dev zlib1g-dev libzstd-dev libxxhash-dev libyaml-dev libcmocka-dev
    libncurses-dev libsqlite3-dev libpq-dev libhiredis-dev libcurl4-openssl-dev libjwt-dev
)
# To run the scripts and the tests: the checks, the real programs that are run under the shim, valgrind, which counts
# instructions for bench.quick, tmux, in which `seep top` is driven, and google-pprof, which reads the backend's profiles.
TEST_PACKAGES=(
    clang-format clang-tidy shellcheck
    python3 python3-websockets curl jq procps util-linux
    libtcmalloc-minimal4 redis-server redis-tools nginx-light sqlite3 perl tar xz-utils elfutils valgrind
    google-perftools tmux
)
# Only with --bench: the peers and the programs that bench/run.py measures.
BENCH_PACKAGES=(
    heaptrack liblsan0 libjemalloc2 libgoogle-perftools4 libxml2-utils memcached wrk
)
# Only with --browser: what opens the HTML pages in golden.html_browser. They are apart for their size, which nobody
# should pay who wants to build and to look for a leak; continuous integration does (scripts/run-tests.sh).
BROWSER_PACKAGES=(chromium chromium-driver)
# Only with --with-integration: the servers that alerts, history and fleets are tested against. Tests that need them are
# skipped where they are not.
INTEGRATION_PACKAGES=(prometheus prometheus-alertmanager victoria-metrics postgresql)
WITH_BENCH=no WITH_BROWSER=no WITH_INTEGRATION=no

usage() {
    cat <<'TEXT'
usage: scripts/setup.sh [--check] [--list] [--bench] [--browser] [--with-integration]
  Installs the Debian packages that Seep needs and this machine lacks.
  --check   install nothing; name what is missing and exit 1 when something is
  --list    print all packages, one a line
  --bench   with the peers that bench/run.py measures against; give it before --list
  --browser with Chromium, in which the HTML reports are tested; give it before --list
  --with-integration
            with Prometheus, Alertmanager, VictoriaMetrics and PostgreSQL, which alerts,
            history and fleets are tested with; give it before --list
Exit status: 0 all there, 1 (--check) something is missing, 2 cannot install.
TEXT
}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

wanted_packages() {
    printf '%s\n' "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    [[ $WITH_BENCH == no ]] || printf '%s\n' "${BENCH_PACKAGES[@]}"
    [[ $WITH_INTEGRATION == no ]] || printf '%s\n' "${INTEGRATION_PACKAGES[@]}"
    [[ $WITH_BROWSER == no ]] || printf '%s\n' "${BROWSER_PACKAGES[@]}"
    # A node from elsewhere (its packages conflict with Debian's) serves as well as Debian's.
    command -v node >/dev/null || printf 'nodejs\n'
}

# Prints the packages of stdin that are not installed.
missing_packages() {
    local -A installed=()
    local -a wanted=()
    local name status
    mapfile -t wanted
    # dpkg-query fails when it does not know a name; what it does not list is missing.
    while read -r status name; do
        [[ $status == ii* || $status == hi* ]] && installed[$name]=1
    done < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
    for name in "${wanted[@]}"; do
        [[ -n ${installed[$name]:-} ]] || printf '%s\n' "$name"
    done
}

AS_ROOT=()
POLICY=/usr/sbin/policy-rc.d
POLICY_IS_OURS=no

remove_policy() {
    [[ $POLICY_IS_OURS == no ]] || "${AS_ROOT[@]}" rm -f "$POLICY"
}

install_packages() {
    local command="apt-get update && apt-get install -y --no-install-recommends $*"
    if [[ $(id -u) == 0 ]]; then
        AS_ROOT=(env)
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        AS_ROOT=(sudo -n env)
    else
        die "$# packages are missing and need root; type: sudo sh -c '$command'"
    fi
    trap remove_policy EXIT
    if [[ ! -e $POLICY ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${AS_ROOT[@]}" tee "$POLICY" >/dev/null
        POLICY_IS_OURS=yes
        "${AS_ROOT[@]}" chmod 755 "$POLICY"
    fi
    local -a apt=("${AS_ROOT[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    say "installing $# packages: $*"
    "${apt[@]}" update >&2 || die "apt-get update failed (network? sources?); then type: $command"
    "${apt[@]}" install -y --no-install-recommends "$@" >&2 ||
        die "apt-get install failed; see above, then type: $command"
}

main() {
    local check=no
    while (($#)); do
        case $1 in
        --check) check=yes ;;
        --bench) WITH_BENCH=yes ;;
        --browser) WITH_BROWSER=yes ;;
        --with-integration) WITH_INTEGRATION=yes ;;
        --list) wanted_packages; exit 0 ;;
        -h | --help) usage; exit 0 ;;
        *) die "unknown option '$1' (see scripts/setup.sh --help)" ;;
        esac
        shift
    done
    [[ $(uname -sm) == 'Linux x86_64' ]] || die "Seep runs on Linux x86_64, this is $(uname -sm)"
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "this is no Debian system; install by hand what scripts/setup.sh --list names"
    fi
    local -a missing=()
    mapfile -t missing < <(wanted_packages | missing_packages)
    ((${#missing[@]})) || exit 0
    if [[ $check == yes ]]; then
        say "missing: ${missing[*]}"
        exit 1
    fi
    install_packages "${missing[@]}"
    mapfile -t missing < <(wanted_packages | missing_packages)
    ((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]}"
}

main "$@"
