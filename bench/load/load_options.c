/* Command line: every value is checked as a whole, and the first wrong one is named.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: pma-load [OPTION...]\n"
    "Puts a steady load on a PMA backend, so that what grows in it is a leak.\n"
    "\n"
    "N WebSocket clients subscribe, talk, idle, disconnect badly and come back, while "
    "REST\n"
    "calls run beside them. All clients are connected within 2 seconds; from then on "
    "every\n"
    "rate is constant, and so is all that a backend without leaks has to hold. The same\n"
    "seed gives the same sequence of operations.\n"
    "\n"
    "  --profile NAME   mixed (what is described here), idle, home, storm or chat: the\n"
    "                   rates below, and which REST calls; the last four take all of "
    "the\n"
    "                   API, make entities, rooms and conversations and remove them "
    "again\n"
    "  --host HOST      where the backend listens (127.0.0.1); only the loopback is "
    "allowed\n"
    "  --port PORT      its port (3001)\n"
    "  --clients N      WebSocket clients, 0 to 1000 (50)\n"
    "  --rate R         operations per second over all clients: ping, change of topics,\n"
    "                   new topic name, good-bye (20)\n"
    "  --churn R        bad disconnects per second: reset, no close frame, cut in the "
    "middle\n"
    "                   of a frame, and half-open for 2 s (2)\n"
    "  --rest R         REST calls per second: health, memory/stats, auth/pin-status,\n"
    "                   websocket/broadcast, websocket/stats, seldom memory/gc (5)\n"
    "  --changes R      state changes of entities per second, whose way to the clients "
    "is\n"
    "                   measured (0)\n"
    "  --slow N         of the clients, those that never read (0)\n"
    "  --burst N        broadcasts at once, each second, 0 to 128 (0)\n"
    "  --pin DIGITS     log in and out too; sets this PIN if the backend has none\n"
    "  --duration S     seconds; 0 runs until Ctrl-C (60)\n"
    "  --seed N         which sequence (1)\n"
    "  --dry-run        print the sequence instead of running it\n"
    "  --quiet          no progress (each second on a terminal, else each 10 s)\n"
    "  --json           the summary as one JSON object\n"
    "  --help, --version\n"
    "\n"
    "Progress goes to standard error, the summary to standard output.\n"
    "Exit status: 0; 1 when the backend went away or more than 5 % of all went wrong;\n"
    "2 for a wrong option.\n"
    "\n"
    "Examples:\n"
    "  pma-load                             a minute with 50 clients\n"
    "  pma-load --duration 300 --churn 10   five minutes of unreliable clients\n"
    "  pma-load --clients 0 --rest 50       REST alone\n";

enum option_id {
    OPTION_HOST = 256,
    OPTION_PORT,
    OPTION_CLIENTS,
    OPTION_RATE,
    OPTION_CHURN,
    OPTION_REST,
    OPTION_CHANGES,
    OPTION_SLOW,
    OPTION_BURST,
    OPTION_PROFILE,
    OPTION_PIN,
    OPTION_DURATION,
    OPTION_SEED,
    OPTION_DRY_RUN,
    OPTION_QUIET,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"clients", required_argument, NULL, OPTION_CLIENTS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"churn", required_argument, NULL, OPTION_CHURN},
    {"rest", required_argument, NULL, OPTION_REST},
    {"changes", required_argument, NULL, OPTION_CHANGES},
    {"slow", required_argument, NULL, OPTION_SLOW},
    {"burst", required_argument, NULL, OPTION_BURST},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"pin", required_argument, NULL, OPTION_PIN},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static bool wrong(const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "pma-load: --%s %s: expected %s\n", option, value, expected);
    return false;
}

static bool parse_whole(const char *option, const char *value, uint64_t least,
                        uint64_t most, uint64_t *number)
{
    char expected[80];
    char *end;
    unsigned long long parsed;

    errno = 0;
    parsed = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
        parsed < least || parsed > most) {
        snprintf(expected, sizeof(expected), "a whole number from %llu to %llu",
                 (unsigned long long)least, (unsigned long long)most);
        return wrong(option, value, expected);
    }
    *number = parsed;
    return true;
}

static bool parse_real(const char *option, const char *value, double most, double *number)
{
    char expected[80];
    char *end;
    double parsed;

    errno = 0;
    parsed = strtod(value, &end);
    if (end == value || *end != '\0' || errno != 0 || !isfinite(parsed) || parsed < 0 ||
        parsed > most) {
        snprintf(expected, sizeof(expected), "a number from 0 to %.0f", most);
        return wrong(option, value, expected);
    }
    *number = parsed;
    return true;
}

/* The profile's rates; options that are given too win, wherever they stand. */
static bool apply_profile(struct load_options *options, const char *name)
{
    const struct load_profile *profile = load_profile_find(name);

    if (profile == NULL) {
        return wrong("profile", name, "mixed, idle, home, storm or chat");
    }
    options->profile = profile;
    options->clients = profile->clients;
    options->slow_clients = profile->slow_clients;
    options->burst_calls = profile->burst_calls;
    options->operations_per_s = profile->operations_per_s;
    options->churn_per_s = profile->churn_per_s;
    options->rest_per_s = profile->rest_per_s;
    options->changes_per_s = profile->changes_per_s;
    return true;
}

static bool apply_count(uint32_t most, const char *name, const char *value,
                        uint32_t *count)
{
    uint64_t number = 0;

    if (!parse_whole(name, value, 0, most, &number)) {
        return false;
    }
    *count = (uint32_t)number;
    return true;
}

static bool apply(struct load_options *options, int id, const char *name,
                  const char *value)
{
    uint64_t number = 0;

    switch (id) {
    case OPTION_HOST:
        options->host = value;
        return true;
    case OPTION_PORT:
        if (!parse_whole(name, value, 1, 65535, &number)) {
            return false;
        }
        options->port = (uint16_t)number;
        return true;
    case OPTION_CLIENTS:
        return apply_count(LOAD_CLIENTS_MAX, name, value, &options->clients);
    case OPTION_SLOW:
        return apply_count(LOAD_CLIENTS_MAX, name, value, &options->slow_clients);
    case OPTION_BURST:
        return apply_count(LOAD_BURST_MAX, name, value, &options->burst_calls);
    case OPTION_CHANGES:
        return parse_real(name, value, LOAD_RATE_MAX, &options->changes_per_s);
    case OPTION_PIN:
        if (strspn(value, "0123456789") != strlen(value) ||
            (strlen(value) != 4 && strlen(value) != 6)) {
            return wrong(name, value, "4 or 6 digits");
        }
        options->pin = value;
        return true;
    case OPTION_PROFILE:
        return true; /* before all others */
    case OPTION_RATE:
        return parse_real(name, value, LOAD_RATE_MAX, &options->operations_per_s);
    case OPTION_CHURN:
        return parse_real(name, value, LOAD_RATE_MAX, &options->churn_per_s);
    case OPTION_REST:
        return parse_real(name, value, LOAD_RATE_MAX, &options->rest_per_s);
    case OPTION_DURATION:
        return parse_real(name, value, 1e9, &options->duration_s);
    case OPTION_SEED:
        return parse_whole(name, value, 0, UINT64_MAX, &options->seed);
    case OPTION_DRY_RUN:
        options->is_dry_run = true;
        return true;
    case OPTION_QUIET:
        options->is_quiet = true;
        return true;
    default:
        options->is_json = true;
        return true;
    }
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 =
            (const struct sockaddr_in6 *)(const void *)address;

        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
    return false;
}

/* Resolves the host. A load generator must never become a weapon: the loopback only. */
static bool resolve(struct load_options *options)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    int status;

    snprintf(port, sizeof(port), "%u", (unsigned)options->port);
    status = getaddrinfo(options->host, port, &hints, &found);
    if (status != 0) {
        fprintf(stderr, "pma-load: --host %s: %s\n", options->host, gai_strerror(status));
        return false;
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        /* The backend listens on IPv4, so that is preferred for a name with both. */
        if (is_loopback(at->ai_addr) &&
            (options->address_bytes == 0 || at->ai_family == AF_INET)) {
            memcpy(&options->address, at->ai_addr, at->ai_addrlen);
            options->address_bytes = at->ai_addrlen;
        }
    }
    freeaddrinfo(found);
    if (options->address_bytes == 0) {
        return wrong("host", options->host,
                     "an address of the loopback, such as 127.0.0.1");
    }
    return true;
}

/* The value of the last --profile. getopt_long says later what is wrong with others. */
static const char *find_profile(int argc, char **argv)
{
    static const char option[] = "--profile";
    const size_t length = sizeof(option) - 1;
    const char *name = "mixed";

    for (int at = 1; at < argc; at++) {
        if (strncmp(argv[at], option, length) != 0) {
            continue;
        }
        if (argv[at][length] == '=') {
            name = argv[at] + length + 1;
        } else if (argv[at][length] == '\0' && at + 1 < argc) {
            name = argv[++at];
        }
    }
    return name;
}

enum load_parse load_options_parse(int argc, char **argv, struct load_options *options)
{
    int index = 0;
    int id;

    *options = (struct load_options){
        .host = "127.0.0.1", .port = 3001, .pin = "", .duration_s = 60, .seed = 1};
    if (!apply_profile(options, find_profile(argc, argv))) {
        return LOAD_PARSE_WRONG;
    }
    /* Before there is a second thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((id = getopt_long(argc, argv, ":", long_options, &index)) != -1) {
        if (id == OPTION_HELP) {
            fputs(help, stdout);
            return LOAD_PARSE_DONE;
        }
        if (id == OPTION_VERSION) {
            puts("pma-load " SEEP_VERSION);
            return LOAD_PARSE_DONE;
        }
        if (id == '?' || id == ':') {
            fprintf(stderr, "pma-load: %s: %s; --help lists the options\n",
                    argv[optind - 1],
                    id == ':' ? "a value is missing" : "no such option");
            return LOAD_PARSE_WRONG;
        }
        if (!apply(options, id, long_options[index].name, optarg)) {
            return LOAD_PARSE_WRONG;
        }
    }
    if (options->slow_clients > options->clients) {
        fprintf(stderr, "pma-load: --slow %u: more than --clients\n",
                (unsigned)options->slow_clients);
        return LOAD_PARSE_WRONG;
    }
    if (optind < argc) {
        fprintf(stderr, "pma-load: %s: unexpected; --help lists the options\n",
                argv[optind]);
        return LOAD_PARSE_WRONG;
    }
    if (options->is_dry_run && options->duration_s == 0) {
        return wrong("duration", "0", "a limit with --dry-run"), LOAD_PARSE_WRONG;
    }
    return resolve(options) ? LOAD_PARSE_RUN : LOAD_PARSE_WRONG;
}
