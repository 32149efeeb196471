# Tab completion of seep for bash; installed as share/bash-completion/completions/seep.
# The words come from seep itself (`seep help`, `seep help COMMAND`), so that they cannot fall behind it.
# SPDX-License-Identifier: MIT

# Commands named on the first page: lines like "  seep report FILE   judge ...".
_seep_commands() {
    seep help 2>/dev/null | sed -nE 's/^  seep ([a-z]+) .*/\1/p' | sort -u
}

# Options of a command: every word that starts with a dash at the head of a line of its page.
_seep_options() {
    seep help "$1" 2>/dev/null | sed -nE 's/^  (-[^ ].*)$/\1/p' | grep -oE '(^|, )--?[a-z][a-z-]*' | tr -d ', '
}

_seep() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(_seep_commands) --version --help" -- "$word")
        return
    fi
    case $command:$previous in
    store:store) mapfile -t COMPREPLY < <(compgen -W "add list show trend prune $(_seep_options store)" -- "$word") ;;
    store:--format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word") ;;
    gate:--format) mapfile -t COMPREPLY < <(compgen -W "text json junit markdown" -- "$word") ;;
    *:--when-empty) mapfile -t COMPREPLY < <(compgen -W "pass fail" -- "$word") ;;
    help:help) mapfile -t COMPREPLY < <(compgen -W "$(_seep_commands)" -- "$word") ;;
    diff:--format) mapfile -t COMPREPLY < <(compgen -W "text json markdown html junit sarif" -- "$word") ;;
    fleet:--format) mapfile -t COMPREPLY < <(compgen -W "text json markdown" -- "$word") ;;
    *:--format) mapfile -t COMPREPLY < <(compgen -W "text json markdown html folded pprof sarif junit" -- "$word") ;;
    *:--sort) mapfile -t COMPREPLY < <(compgen -W "live growth rate" -- "$word") ;;
    *:--per) mapfile -t COMPREPLY < <(compgen -W "both time operation" -- "$word") ;;
    *:--value) mapfile -t COMPREPLY < <(compgen -W "live-bytes live growth allocated" -- "$word") ;;
    *:--fail-on) mapfile -t COMPREPLY < <(compgen -W "suspect probable definite" -- "$word") ;;
    *:--alert-at) mapfile -t COMPREPLY < <(compgen -W "suspect probable definite" -- "$word") ;;
    *:--alert-to) mapfile -t COMPREPLY < <(compgen -W "alertmanager: webhook: command:" -- "$word") ;;
    *:--at-exit-threads) mapfile -t COMPREPLY < <(compgen -W "none" -- "$word") ;;
    *:--kind) mapfile -t COMPREPLY < <(compgen -W "heap mapping thread fd timer" -- "$word") ;;
    *:-o | *:--output | *:--suppress | *:--subsystems | *:--recording | *:--token-file | *:--alert-secret-file | *:--db) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    *)
        if [[ $word == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_seep_options "$command")" -- "$word")
        elif [[ $command == run ]]; then
            mapfile -t COMPREPLY < <(compgen -c -f -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -X '!*.seep' -- "$word"; compgen -d -- "$word")
        fi
        ;;
    esac
}

complete -F _seep seep
