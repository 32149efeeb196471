/* Which process gets which file.
 *
 * `make test` starts thousands of processes; one file each would bury the one that
 * matters. So a child's frames are held in memory until it has lived for min_child; most
 * leave a line instead.
 *
 * Invariants
 * O1: a file is created only by seep_record_open/_release, under a name that nothing had.
 * O2: a session leaves exactly one of: the main FILE; a file (and a line that names it,
 * while the main recording is open); a line; a count in CHILDREN_FULL.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collect/proc_file.h"

enum {
    HELD_MAX_BYTES = 4 << 20,
    YOUNG_LINES_MAX_BYTES = 1 << 20,
    NAME_TRIES = 1000,
    CHILDREN_SHARE = 20, /* looking at children takes at most 5 % of the interval */
    STRIDE_MAX = 600
};

int seep_roster_init(struct seep_roster *roster, int dir_fd, const char *file,
                     const struct seep_collect_options *options)
{
    *roster = (struct seep_roster){.dir_fd = dir_fd, .options = *options, .stride = 1};
    (void)snprintf(roster->file, sizeof(roster->file), "%s", file);
    return seep_scratch_init(&roster->scratch);
}

void seep_roster_fini(struct seep_roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        seep_session_close(roster->sessions[i], true);
        free(roster->sessions[i]);
    }
    free(roster->sessions);
    seep_scratch_fini(&roster->scratch);
    seep_buf_fini(&roster->young_lines);
    close(roster->dir_fd);
}

static void note_trouble(struct seep_roster *roster, const char *what)
{
    if (roster->trouble[0] == '\0') {
        (void)snprintf(roster->trouble, sizeof(roster->trouble), "%.255s", what);
    }
}

struct seep_session *seep_roster_find(struct seep_roster *roster, uint32_t pid)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->sessions[i]->pid == pid) {
            return roster->sessions[i];
        }
    }
    return NULL;
}

/* FILE without ".seep". */
static int stem_bytes(const struct seep_roster *roster)
{
    size_t len = strlen(roster->file);

    return (int)(len > 5 && strcmp(roster->file + len - 5, ".seep") == 0 ? len - 5 : len);
}

/* STEM.PID.seep, or STEM.PID.N.seep from `first` on (1: no number): the first that
 * nothing has. */
static int free_name(const struct seep_roster *roster, uint32_t pid, uint32_t first,
                     char name[256])
{
    for (uint32_t n = first; n < first + NAME_TRIES; n++) {
        int len = n == 0 ? snprintf(name, 256, "%.*s.%u.seep", stem_bytes(roster),
                                    roster->file, pid)
                         : snprintf(name, 256, "%.*s.%u.%u.seep", stem_bytes(roster),
                                    roster->file, pid, n);

        if (len >= 256) {
            return -ENAMETOOLONG;
        }
        if (faccessat(roster->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno == ENOENT) {
            return 0;
        }
    }
    return -EEXIST;
}

static void name_after_program(struct seep_roster *roster,
                               const struct seep_session *session)
{
    const char *command = session->command;
    size_t len = strcspn(command, " ");
    size_t from = len;

    while (from > 0 && command[from - 1] != '/') {
        from--;
    }
    len -= from;
    len = len < 128 ? len : 128;
    (void)snprintf(roster->file, sizeof(roster->file), "%.*s.%u.seep",
                   (int)(len > 0 ? len : 7), len > 0 ? command + from : "program",
                   session->pid);
}

static bool is_main(const struct seep_roster *roster, uint32_t pid)
{
    return roster->main_pid != 0 && pid == roster->main_pid;
}

static int open_record(struct seep_roster *roster, struct seep_session *session,
                       struct seep_error *error)
{
    struct seep_record_options options = {.dir_fd = roster->dir_fd,
                                          .hold = !is_main(roster, session->pid),
                                          .snapshots_max = SEEP_SNAPSHOTS_MAX,
                                          .bytes_max = SEEP_RECORDING_MAX_BYTES,
                                          .held_bytes_max = HELD_MAX_BYTES};

    if (roster->file[0] == '\0') {
        name_after_program(roster, session);
    }
    return seep_record_open(&session->record, roster->file, &options,
                            &roster->scratch.coder, error);
}

/* Gives a child's held frames a file. Returns: 0; -errno (they stay held). */
static int release(struct seep_roster *roster, struct seep_session *session)
{
    struct seep_error error = {0};
    char name[256];
    int err = 0;

    if (session->record.fd >= 0) {
        return 0;
    }
    err = free_name(roster, session->pid, 0, name);
    if (err == 0) {
        err = seep_record_rename(&session->record, name);
    }
    if (err == 0) {
        err = seep_record_release(&session->record, &error);
    }
    if (err < 0) {
        note_trouble(roster,
                     error.code < 0 ? error.message : "a child's recording has no name");
    } else {
        roster->children_kept++;
    }
    return err;
}

static int put_line(struct seep_roster *roster, const struct seep_child_facts *facts)
{
    struct seep_buf *payload = &roster->scratch.payload;
    int err = 0;

    if (roster->child_lines >= SEEP_CHILD_LINES_MAX) {
        seep_roster_lose(roster, SEEP_LOSS_CHILDREN_FULL);
        return -ENOSPC;
    }
    seep_buf_reset(payload);
    seep_payload_child(payload, facts);
    err = seep_record_put(&roster->main->record, SEEP_FRAME_CHILD, payload);
    roster->child_lines += err == 0;
    if (err == 0 && roster->young_lines.len_bytes < YOUNG_LINES_MAX_BYTES) {
        seep_buf_put_varint(&roster->young_lines, payload->len_bytes);
        seep_buf_put(&roster->young_lines, payload->data, payload->len_bytes);
    }
    return err;
}

/* Repeats the lines of a main image that left no file of its own. */
static void put_young_lines(struct seep_roster *roster)
{
    struct seep_cursor in =
        seep_cursor_over(roster->young_lines.data, roster->young_lines.len_bytes);

    while (seep_cursor_left_bytes(&in) > 0 && !in.failed) {
        size_t bytes = (size_t)seep_cursor_varint(&in);
        const uint8_t *line = seep_cursor_bytes(&in, bytes);

        if (line != NULL) {
            seep_buf_reset(&roster->scratch.payload);
            seep_buf_put(&roster->scratch.payload, line, bytes);
            (void)seep_record_put(&roster->main->record, SEEP_FRAME_CHILD,
                                  &roster->scratch.payload);
        }
    }
}

static void describe(struct seep_roster *roster, struct seep_session *session,
                     const struct seep_process_end *end, struct seep_child_facts *facts)
{
    uint64_t main_start_ns =
        roster->main != NULL ? roster->main->segment.start_monotonic_ns : 0;
    uint64_t start_ns = session->segment.start_monotonic_ns;

    *facts = (struct seep_child_facts){
        .pid = session->pid,
        .command = session->command,
        .file = "",
        .started_ns = start_ns > main_start_ns ? start_ns - main_start_ns : 0,
        .duration_ns = seep_session_age_ns(session),
        .ending_kind = end->kind,
        .ending_status = end->status,
    };
    (void)seep_session_totals(session, &roster->scratch, facts);
}

static void forget(struct seep_roster *roster, struct seep_session *session, bool keep)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->sessions[i] == session) {
            roster->sessions[i] = roster->sessions[--roster->count];
            break;
        }
    }
    if (roster->main == session) {
        roster->main = NULL;
    }
    seep_session_close(session, keep);
    free(session);
}

static bool is_short(const struct seep_roster *roster, const struct seep_session *session)
{
    return seep_session_age_ns(session) < roster->options.min_child_ns;
}

static bool finish_file(struct seep_roster *roster, struct seep_session *session,
                        const struct seep_process_end *end)
{
    char text[256];
    int err = seep_session_end(session, &roster->scratch, end);

    if (err == 0) {
        err = seep_record_finish(&session->record);
    }
    if (err < 0) {
        (void)snprintf(text, sizeof(text), "'%.128s' is not complete: %s",
                       session->record.name, strerrordesc_np(-err));
        note_trouble(roster, text);
    }
    return err == 0;
}

/* Ends what is not the main recording: a child, or a main image that was replaced. */
static void end_child(struct seep_roster *roster, struct seep_session *session,
                      const struct seep_process_end *end)
{
    struct seep_child_facts facts;
    bool keep = !is_short(roster, session) || roster->main == NULL;

    describe(roster, session, end, &facts);
    if (keep && release(roster, session) == 0) {
        (void)finish_file(roster, session, end);
        facts.file = session->record.name;
    }
    if (roster->main != NULL) {
        (void)put_line(roster, &facts);
    }
    forget(roster, session, keep);
}

void seep_roster_end(struct seep_roster *roster, struct seep_session *session,
                     const struct seep_process_end *end)
{
    static const struct seep_process_end replaced = {SEEP_ENDING_EXEC, 0};

    if (session->replaced) {
        (void)seep_session_note(
            session, &roster->scratch,
            "the process replaced itself by a program that did not load "
            "libseep.so; that program is not recorded");
        end = &replaced;
    }
    if (session != roster->main) {
        end_child(roster, session, end);
        return;
    }
    roster->main_complete = finish_file(roster, session, end);
    (void)snprintf(roster->file, sizeof(roster->file), "%s",
                   session->record.name_now != NULL ? session->record.name_now
                                                    : roster->file);
    forget(roster, session, true);
}

static int reserve_session(struct seep_roster *roster, struct seep_session **session)
{
    if (roster->count == roster->capacity) {
        size_t capacity = roster->capacity > 0 ? roster->capacity * 2 : 16;
        struct seep_session **sessions =
            reallocarray(roster->sessions, capacity, sizeof(struct seep_session *));

        if (sessions == NULL) {
            return -ENOMEM;
        }
        roster->sessions = sessions;
        roster->capacity = capacity;
    }
    *session = calloc(1, sizeof(**session));
    return *session != NULL ? 0 : -ENOMEM;
}

/* The main process replaced itself: its former image makes room for the new one's FILE.
 */
static int step_aside(struct seep_roster *roster, struct seep_session *former)
{
    char name[256];
    int err = free_name(roster, former->pid, roster->images, name);

    return err < 0 ? err : seep_record_rename(&former->record, name);
}

static void begin_main(struct seep_roster *roster, struct seep_session *session,
                       struct seep_session *former)
{
    static const struct seep_process_end replaced = {SEEP_ENDING_EXEC, 0};

    roster->main = session;
    roster->main_recorded = true;
    roster->images++;
    for (size_t i = 0; i < roster->options.note_count; i++) {
        (void)seep_session_note(session, &roster->scratch, roster->options.notes[i]);
    }
    if (former != NULL) {
        if (is_short(roster, former)) {
            put_young_lines(roster);
        } else {
            roster->children_kept++;
        }
        end_child(roster, former, &replaced);
    }
    (void)seep_session_snapshot(session, &roster->scratch, SEEP_MOMENT_TICK);
}

static int begin(struct seep_roster *roster, struct seep_session *session,
                 struct seep_error *error)
{
    static const struct seep_process_end replaced = {SEEP_ENDING_EXEC, 0};
    struct seep_session *former = seep_roster_find(roster, session->pid);
    int err = 0;

    if (former != NULL && former == roster->main) {
        err = step_aside(roster, former);
    } else if (former != NULL) {
        end_child(roster, former, &replaced);
        former = NULL;
    }
    if (err == 0) {
        err = open_record(roster, session, error);
    }
    if (err < 0) {
        if (error->code == 0) {
            (void)seep_error_set(error, err, "recording of process %u: %s", session->pid,
                                 strerrordesc_np(-err));
        }
        return err;
    }
    roster->sessions[roster->count++] = session;
    roster->registered++;
    if (is_main(roster, session->pid)) {
        begin_main(roster, session, former);
    }
    return 0;
}

int seep_roster_add(struct seep_roster *roster, const struct seep_handover_peer *peer,
                    struct seep_session **session, struct seep_error *error)
{
    struct seep_session_source source = {peer->segment_fd, peer->pidfd, peer->pid};
    struct seep_session *added = NULL;
    int err = 0;

    error->code = 0;
    if (roster->count >= SEEP_SESSIONS_MAX) {
        err = seep_error_set(error, -ENOSPC,
                             "process %u: %d processes are recorded already", peer->pid,
                             (int)SEEP_SESSIONS_MAX);
    } else {
        err = reserve_session(roster, &added);
    }
    if (err == 0) {
        err = seep_session_open(added, &source, roster->options.interval_ns, error);
    }
    if (err < 0) {
        close(peer->segment_fd);
        if (peer->pidfd >= 0) {
            close(peer->pidfd);
        }
        free(added);
        goto fail;
    }
    err = begin(roster, added, error);
    if (err < 0) {
        seep_session_close(added, false);
        free(added);
        goto fail;
    }
    *session = added;
    return 0;

fail:
    note_trouble(roster, error->code < 0 ? error->message : "no memory for a session");
    seep_roster_lose(roster, SEEP_LOSS_REFUSED);
    return err;
}

void seep_roster_lose(struct seep_roster *roster, enum seep_loss reason)
{
    if (roster->main != NULL) {
        roster->main->own_lost[reason]++;
    } else if (roster->count > 0) {
        roster->sessions[0]->own_lost[reason]++;
    }
    roster->refused += reason == SEEP_LOSS_REFUSED;
}

void seep_roster_note_off(struct seep_roster *roster,
                          const struct seep_handover_peer *peer)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "process %u is not recorded: %s", peer->pid,
                   seep_session_off_text(peer->off_reason));
    note_trouble(roster, text);
    if (roster->main != NULL) {
        (void)seep_session_note(roster->main, &roster->scratch, text);
    }
    seep_roster_lose(roster, SEEP_LOSS_REFUSED);
}

/* One session's turn. An image that was replaced without a successor that registers is
 * left as it was. */
static void look_at(struct seep_roster *roster, struct seep_session *session)
{
    enum seep_snapshot_moment moment = SEEP_MOMENT_TICK;

    if (session->replaced) {
        return;
    }
    if (seep_proc_has_execed(&session->proc)) {
        session->replaced = true;
        moment = SEEP_MOMENT_AT_REST;
    }
    (void)seep_session_snapshot(session, &roster->scratch, moment);
}

void seep_roster_tick(struct seep_roster *roster)
{
    uint64_t budget_ns = roster->options.interval_ns / CHILDREN_SHARE;
    uint64_t began_ns = 0;
    uint64_t cost_ns = 0;
    uint64_t stride = 0;

    if (roster->main != NULL) {
        look_at(roster, roster->main);
    }
    if (roster->main != NULL && !is_short(roster, roster->main)) {
        seep_buf_fini(&roster->young_lines); /* it will not be discarded any more */
    }
    roster->ticks++;
    began_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < roster->count; i++) {
        struct seep_session *session = roster->sessions[i];

        if (session == roster->main || (roster->ticks + i) % roster->stride != 0) {
            continue;
        }
        if (!is_short(roster, session)) {
            (void)release(roster, session);
        }
        look_at(roster, session);
    }
    /* The cost of all children is what this tick's share took, times the stride. */
    cost_ns = (seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_ns) * roster->stride;
    stride = cost_ns / budget_ns + 1;
    roster->stride = (uint32_t)(stride < STRIDE_MAX ? stride : STRIDE_MAX);
}
