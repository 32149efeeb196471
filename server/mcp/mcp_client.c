/* The life of one tool server's process.
 *
 * A server may print banners, flood its error output, answer late, die, hang, ignore
 * SIGTERM, or hand its pipes to a grandchild that outlives it. So: reading is bounded per
 * turn, error output is read and only its end kept, the end of the process is learned
 * from the process and not from its pipes, the start has a deadline, and each end is
 * followed by a wait that doubles. A server that stayed up long enough begins with the
 * short wait again.
 *
 * I1: child.pid != 0 exactly in STARTING, READY and STOPPING.
 * I2: the session is initialised while there is a process, and has no waits without one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_client.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/mcp/mcp_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES     ((size_t)16 * 1024)
#define READS_PER_TURN 16
#define STDERR_BYTES   512
#define WORDS_MAX      64 /* of a command line, and of an environment */
/* Without a pidfd the process is looked at so often. */
#define LOOK_NS (50 * PMA_MS_NS)
/* A process that ends closes its pipes a moment before it can be reaped: so long is
 * waited for its exit status before closed pipes count as a mistake of one that lives. */
#define CLOSED_NS (100 * PMA_MS_NS)

struct pma_mcp_client {
    const struct pma_mcp_client_config *config;
    json_t *spec;
    const char *id; /* of the spec */
    enum pma_mcp_client_state state;
    struct pma_mcp_child child;
    struct pma_mcp_session session;
    bool is_stopping_for_restart; /* STOPPING because it misbehaved: WAITING follows */
    bool was_terminated;          /* STOPPING: SIGTERM was sent */
    uint64_t due_ns;              /* of the state: deadline, or next attempt */
    uint64_t term_ns;             /* STOPPING: when SIGTERM is sent */
    uint64_t closed_at_ns;        /* when a pipe was found closed; 0: both are open */
    uint64_t ready_at_ns;
    uint32_t failures; /* in a row, for the wait */
    uint64_t starts;
    uint64_t stderr_bytes;
    char stderr_end[STDERR_BYTES]; /* the last bytes of its error output */
    char error[PMA_MCP_ERROR_BYTES];
};

int pma_mcp_client_new(const struct pma_mcp_client_config *config, json_t *spec,
                       struct pma_mcp_client **client)
{
    struct pma_mcp_client *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = config;
    fresh->spec = json_incref(spec);
    fresh->id = json_string_value(json_object_get(spec, "id"));
    fresh->state = PMA_MCP_CLIENT_STOPPED;
    fresh->child = (struct pma_mcp_child)PMA_MCP_CHILD_NONE;
    *client = fresh;
    return 0;
}

void pma_mcp_client_free(struct pma_mcp_client *client)
{
    if (client != NULL) {
        json_decref(client->spec);
        free(client);
    }
}

static void note_error(struct pma_mcp_client *client, const char *text)
{
    snprintf(client->error, sizeof client->error, "%s", text);
    pma_log(PMA_LOG_WARN, "Tool server failed", pma_str("server", client->id),
            pma_str("error", client->error), pma_str("stderr", client->stderr_end));
}

/* Without a process: when the next attempt is due. */
static void wait_for_restart(struct pma_mcp_client *client, uint64_t now_ns)
{
    const uint64_t most_ns = client->config->restart_backoff_max_ns;
    const bool was_stable =
        client->ready_at_ns > 0 && now_ns - client->ready_at_ns >= most_ns;
    client->failures = was_stable ? 1 : client->failures + 1;
    uint64_t wait_ns = client->config->restart_backoff_ns;
    for (uint32_t i = 1; i < client->failures && wait_ns < most_ns; i++) {
        wait_ns *= 2;
    }
    client->due_ns = now_ns + (wait_ns < most_ns ? wait_ns : most_ns);
    client->ready_at_ns = 0;
    client->state = PMA_MCP_CLIENT_WAITING;
}

/* "NAME=VALUE" of our own environment, or the entry itself when it has a value. Owned. */
static char *environment_entry(const char *entry)
{
    if (strchr(entry, '=') != NULL) {
        return strdup(entry);
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes our environment. */
    const char *value = getenv(entry);
    char *pair = NULL;
    return value != NULL && asprintf(&pair, "%s=%s", entry, value) >= 0 ? pair : NULL;
}

static void free_words(char *words[])
{
    for (size_t i = 0; words[i] != NULL; i++) {
        free(words[i]);
    }
}

static int spawn(struct pma_mcp_client *client)
{
    char *argv[WORDS_MAX + 2] = {NULL};
    char *envp[WORDS_MAX + 1] = {NULL};
    size_t words = 0;
    size_t at = 0;
    const json_t *one = NULL;
    argv[words++] = strdup(json_string_value(json_object_get(client->spec, "command")));
    json_array_foreach(json_object_get(client->spec, "args"), at, one)
    {
        if (words < WORDS_MAX + 1 && argv[words - 1] != NULL) {
            argv[words++] = strdup(json_string_value(one));
        }
    }
    const bool complete = argv[words - 1] != NULL;
    words = 0;
    json_array_foreach(json_object_get(client->spec, "env"), at, one)
    {
        char *entry =
            words < WORDS_MAX ? environment_entry(json_string_value(one)) : NULL;
        if (entry != NULL) {
            envp[words++] = entry;
        }
    }
    const int err = complete ? pma_mcp_child_spawn(argv, envp, &client->child) : -ENOMEM;
    free_words(argv);
    free_words(envp);
    return err;
}

void pma_mcp_client_start(struct pma_mcp_client *client, uint64_t now_ns)
{
    SEEP_SUBSYSTEM("ai");
    char text[PMA_MCP_ERROR_BYTES];
    if (client->child.pid != 0) {
        return;
    }
    client->starts++;
    client->stderr_bytes = 0;
    client->stderr_end[0] = '\0';
    const int err = spawn(client);
    if (err != 0) {
        snprintf(text, sizeof text, "\"%.100s\" cannot be started: %s",
                 json_string_value(json_object_get(client->spec, "command")),
                 strerrordesc_np(-err));
        note_error(client, text);
        wait_for_restart(client, now_ns);
        return;
    }
    pma_mcp_session_init(&client->session, &client->config->session);
    (void)pma_mcp_session_start(&client->session, client->config->version);
    client->closed_at_ns = 0;
    client->due_ns = now_ns + client->config->start_timeout_ns;
    client->state = PMA_MCP_CLIENT_STARTING;
    pma_log(PMA_LOG_INFO, "Tool server started", pma_str("server", client->id),
            pma_i64("pid", client->child.pid));
}

static void ask_to_end(struct pma_mcp_client *client, uint64_t now_ns, uint64_t grace_ns)
{
    pma_mcp_child_close_input(&client->child);
    client->was_terminated = false;
    client->term_ns = now_ns + grace_ns / 2;
    client->due_ns = now_ns + grace_ns;
    client->state = PMA_MCP_CLIENT_STOPPING;
}

void pma_mcp_client_stop(struct pma_mcp_client *client, uint64_t now_ns,
                         uint64_t grace_ns)
{
    pma_mcp_session_fail_waits(&client->session, -ECANCELED,
                               "The tool server is being stopped");
    if (client->child.pid == 0) {
        client->state = PMA_MCP_CLIENT_STOPPED;
        return;
    }
    client->is_stopping_for_restart = false;
    ask_to_end(client, now_ns, grace_ns);
}

void pma_mcp_client_terminate(struct pma_mcp_client *client)
{
    if (client->state == PMA_MCP_CLIENT_STOPPING && !client->was_terminated) {
        pma_mcp_child_signal(&client->child, SIGTERM);
        client->was_terminated = true;
    }
}

void pma_mcp_client_forget_child(struct pma_mcp_client *client)
{
    pma_mcp_child_forget(&client->child);
    pma_mcp_session_fini(&client->session, -ECANCELED,
                         "The tool server is being stopped");
    client->state = PMA_MCP_CLIENT_STOPPED;
}

/* Ends a process that misbehaves; another will be started. */
static void give_up(struct pma_mcp_client *client, uint64_t now_ns, const char *text)
{
    note_error(client, text);
    pma_mcp_session_fail_waits(&client->session, -EPIPE, text);
    client->is_stopping_for_restart = true;
    ask_to_end(client, now_ns, client->config->stop_grace_ns);
}

size_t pma_mcp_client_poll(const struct pma_mcp_client *client, struct pollfd *polls)
{
    const char *bytes = NULL;
    size_t count = 0;
    if (client->child.pid == 0) {
        return 0;
    }
    if (client->child.pid_fd >= 0) {
        polls[count++] = (struct pollfd){.fd = client->child.pid_fd, .events = POLLIN};
    }
    if (client->child.out_fd >= 0) {
        polls[count++] = (struct pollfd){.fd = client->child.out_fd, .events = POLLIN};
    }
    if (client->child.err_fd >= 0) {
        polls[count++] = (struct pollfd){.fd = client->child.err_fd, .events = POLLIN};
    }
    if (client->child.in_fd >= 0 &&
        pma_mcp_session_output(&client->session, &bytes) > 0) {
        polls[count++] = (struct pollfd){.fd = client->child.in_fd, .events = POLLOUT};
    }
    return count;
}

uint64_t pma_mcp_client_due_ns(const struct pma_mcp_client *client)
{
    uint64_t due_ns = UINT64_MAX;
    if (client->state == PMA_MCP_CLIENT_STARTING ||
        client->state == PMA_MCP_CLIENT_WAITING) {
        due_ns = client->due_ns;
    } else if (client->state == PMA_MCP_CLIENT_STOPPING) {
        due_ns = client->was_terminated ? client->due_ns : client->term_ns;
    }
    if (client->closed_at_ns > 0 && client->state != PMA_MCP_CLIENT_STOPPING &&
        client->child.pid != 0) {
        const uint64_t closed_ns = client->closed_at_ns + CLOSED_NS;
        due_ns = closed_ns < due_ns ? closed_ns : due_ns;
    }
    if (client->child.pid != 0 && client->child.pid_fd < 0) {
        const uint64_t look_ns = pma_now_ns() + LOOK_NS;
        due_ns = look_ns < due_ns ? look_ns : due_ns;
    }
    return due_ns;
}

static void close_fd(int *fd)
{
    close(*fd);
    *fd = -1;
}

static void read_output(struct pma_mcp_client *client)
{
    char bytes[READ_BYTES];
    for (size_t turn = 0; turn < READS_PER_TURN && client->child.out_fd >= 0; turn++) {
        const ssize_t got = read(client->child.out_fd, bytes, sizeof bytes);
        if (got > 0) {
            pma_mcp_session_input(&client->session, bytes, (size_t)got);
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_fd(&client->child.out_fd);
        } else {
            return;
        }
    }
}

/* Keeps the last bytes, as printable text. */
static void keep_stderr(struct pma_mcp_client *client, const char *bytes, size_t count)
{
    char *end = client->stderr_end;
    const size_t room = sizeof client->stderr_end - 1;
    client->stderr_bytes += count;
    if (count > room) {
        bytes += count - room;
        count = room;
    }
    size_t used = strlen(end);
    if (used + count > room) {
        const size_t out = used + count - room;
        memmove(end, end + out, used - out);
        used -= out;
    }
    for (size_t i = 0; i < count; i++) {
        end[used + i] = ' ';
        if (bytes[i] >= ' ' && bytes[i] < 127) {
            end[used + i] = bytes[i];
        }
    }
    end[used + count] = '\0';
}

static void read_stderr(struct pma_mcp_client *client)
{
    char bytes[READ_BYTES];
    for (size_t turn = 0; turn < READS_PER_TURN && client->child.err_fd >= 0; turn++) {
        const ssize_t got = read(client->child.err_fd, bytes, sizeof bytes);
        if (got > 0) {
            keep_stderr(client, bytes, (size_t)got);
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_fd(&client->child.err_fd);
        } else {
            return;
        }
    }
}

static void write_input(struct pma_mcp_client *client)
{
    const char *bytes = NULL;
    size_t count = pma_mcp_session_output(&client->session, &bytes);
    while (count > 0 && client->child.in_fd >= 0) {
        const ssize_t put = write(client->child.in_fd, bytes, count);
        if (put < 0 && errno != EINTR) {
            if (errno != EAGAIN) {
                pma_mcp_child_close_input(&client->child); /* nobody reads it */
            }
            return;
        }
        pma_mcp_session_wrote(&client->session, put > 0 ? (size_t)put : 0);
        count = pma_mcp_session_output(&client->session, &bytes);
    }
}

/* The process has ended by itself, or at last. */
static void on_end(struct pma_mcp_client *client, int status, uint64_t now_ns)
{
    char how[64];
    char text[PMA_MCP_ERROR_BYTES];
    const bool expected = client->state == PMA_MCP_CLIENT_STOPPING;
    pma_mcp_child_describe(status, how, sizeof how);
    snprintf(text, sizeof text, "The tool server ended with %s", how);
    pma_mcp_session_fini(&client->session, -EPIPE, text);
    if (!expected) {
        note_error(client, text);
        wait_for_restart(client, now_ns);
    } else if (client->is_stopping_for_restart) {
        wait_for_restart(client, now_ns);
    } else {
        client->state = PMA_MCP_CLIENT_STOPPED;
        pma_log(PMA_LOG_INFO, "Tool server stopped", pma_str("server", client->id),
                pma_str("how", how));
    }
}

/* What the session's state and the time ask for. */
static void advance(struct pma_mcp_client *client, uint64_t now_ns)
{
    const enum pma_mcp_session_state session = client->session.state;
    if (client->state == PMA_MCP_CLIENT_STOPPING) {
        if (!client->was_terminated && now_ns >= client->term_ns) {
            pma_mcp_client_terminate(client);
        } else if (now_ns >= client->due_ns) {
            pma_mcp_child_signal(&client->child, SIGKILL);
            client->due_ns = now_ns + LOOK_NS; /* it is on its way; look again */
        }
    } else if (session == PMA_MCP_SESSION_BROKEN) {
        give_up(client, now_ns, client->session.error);
    } else if (client->closed_at_ns > 0 && now_ns >= client->closed_at_ns + CLOSED_NS) {
        give_up(client, now_ns,
                client->child.out_fd < 0 ? "The tool server closed its output"
                                         : "The tool server closed its input");
    } else if (client->state == PMA_MCP_CLIENT_STARTING &&
               session == PMA_MCP_SESSION_READY) {
        client->state = PMA_MCP_CLIENT_READY;
        client->ready_at_ns = now_ns;
        client->error[0] = '\0';
        pma_log(PMA_LOG_INFO, "Tool server connected", pma_str("server", client->id),
                pma_str("name", client->session.server_name),
                pma_u64("tools", json_array_size(client->session.tools)));
    } else if (client->state == PMA_MCP_CLIENT_STARTING && now_ns >= client->due_ns) {
        give_up(client, now_ns, "The tool server did not get ready in time");
    }
}

void pma_mcp_client_run(struct pma_mcp_client *client, uint64_t now_ns)
{
    SEEP_SUBSYSTEM("ai");
    int status = 0;
    if (client->child.pid == 0) {
        if (client->state == PMA_MCP_CLIENT_WAITING && now_ns >= client->due_ns) {
            pma_mcp_client_start(client, now_ns);
        }
        return;
    }
    write_input(client);
    read_output(client); /* before it is reaped: its last words may be an answer */
    read_stderr(client);
    if (pma_mcp_child_reap(&client->child, &status)) {
        on_end(client, status, now_ns);
        return;
    }
    if (client->closed_at_ns == 0 &&
        (client->child.out_fd < 0 || client->child.in_fd < 0)) {
        client->closed_at_ns = now_ns;
    }
    advance(client, now_ns);
    write_input(client); /* what the input gave rise to */
}

enum pma_mcp_client_state pma_mcp_client_state(const struct pma_mcp_client *client)
{
    return client->state;
}

const char *pma_mcp_client_id(const struct pma_mcp_client *client)
{
    return client->id;
}

uint64_t pma_mcp_client_timeout_ns(const struct pma_mcp_client *client,
                                   uint64_t otherwise)
{
    const json_t *timeout = json_object_get(client->spec, "timeout_ms");
    return json_is_integer(timeout) ? (uint64_t)json_integer_value(timeout) * PMA_MS_NS
                                    : otherwise;
}

struct pma_mcp_session *pma_mcp_client_session(struct pma_mcp_client *client)
{
    return &client->session;
}

const char *pma_mcp_client_error(const struct pma_mcp_client *client)
{
    return client->error;
}

static const char *status_text(const struct pma_mcp_client *client)
{
    switch (client->state) {
    case PMA_MCP_CLIENT_STARTING:
        return "connecting";
    case PMA_MCP_CLIENT_READY:
        return "connected";
    case PMA_MCP_CLIENT_STOPPING:
        return "stopping";
    case PMA_MCP_CLIENT_WAITING:
        return "error";
    case PMA_MCP_CLIENT_STOPPED:
    case PMA_MCP_CLIENT_NONE:
    default:
        return "stopped";
    }
}

/* The names in env: a value may be a key. */
static json_t *environment_names(const json_t *env)
{
    json_t *names = json_array();
    size_t at = 0;
    const json_t *one = NULL;
    json_array_foreach(env, at, one)
    {
        const char *entry = json_string_value(one);
        json_array_append_new(names, json_stringn(entry, strcspn(entry, "=")));
    }
    return names;
}

static json_t *or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : NULL;
}

json_t *pma_mcp_client_json(const struct pma_mcp_client *client)
{
    const struct pma_mcp_session *session = &client->session;
    const json_t *spec = client->spec;
    const json_t *name = json_object_get(spec, "name");
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:o*, s:o, s:b, s:s, s:o*, s:o*}", "id", client->id, "name",
        json_is_string(name) ? json_string_value(name) : client->id, "command",
        json_string_value(json_object_get(spec, "command")), "args",
        json_deep_copy(json_object_get(spec, "args")), "env",
        environment_names(json_object_get(spec, "env")), "enabled",
        json_is_true(json_object_get(spec, "enabled")), "status", status_text(client),
        "last_error", or_null(client->error), "stderr", or_null(client->stderr_end));
    if (json == NULL) {
        return NULL;
    }
    const bool connected = client->state == PMA_MCP_CLIENT_READY;
    json_t *more = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o*, s:o*}", "connected",
        (int)connected, "pid", (json_int_t)client->child.pid, "toolCount",
        (json_int_t)(connected ? json_array_size(session->tools) : 0), "starts",
        (json_int_t)client->starts, "messages", (json_int_t)session->messages,
        "malformed_lines", (json_int_t)session->malformed_lines, "overlong_lines",
        (json_int_t)session->overlong_lines, "unknown_answers",
        (json_int_t)session->unknown_answers, "stderr_bytes",
        (json_int_t)client->stderr_bytes, "protocol", or_null(session->protocol),
        "server_name", or_null(session->server_name));
    json_object_update(json, more);
    json_decref(more);
    return json;
}
