/* Which process gets which file.
 *
 * `make test` starts thousands of processes; one file each would bury the one that
 * matters. So a child's frames are held in memory until it has lived for min_child; most
 * leave a line instead.
 *
 * Invariants
 * O1: a file is created only by seep_record_open/_release, under a name that nothing had.
 * O2: a session leaves exactly one of: the main FILE; a file (and a line that names it,
 * while another recording is open); a line; a count in CHILDREN_FULL.
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

#include "attach/proc_file.h"
#include "collect/file_name.h"
#include "collect/session_peak.h"

enum {
    HELD_MAX_BYTES = 4 << 20,
    YOUNG_LINES_MAX_BYTES = 1 << 20,
    PROGRAM_NAME_MAX_BYTES = 128,
    STEM_BYTES = PROGRAM_NAME_MAX_BYTES + 16,
    CHILDREN_SHARE = 20, /* looking at children takes at most 5 % of the interval */
    STRIDE_MAX = 600
};

int seep_roster_init(struct seep_roster *roster, int dir_fd, const char *file,
                     const struct seep_collect_options *options)
{
    *roster = (struct seep_roster){.dir_fd = dir_fd,
                                   .after_program = file[0] == '\0',
                                   .options = *options,
                                   .stride = 1};
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
    seep_ticker_free(roster->ticker);
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

/* STEM.PID.seep, or STEM.PID.N.seep from `first` on: the first that nothing has. */
static int free_name(const struct seep_roster *roster, uint32_t pid, uint32_t first,
                     char name[SEEP_FILE_NAME_BYTES])
{
    char stem[SEEP_FILE_NAME_BYTES];
    int len =
        snprintf(stem, sizeof(stem), "%.*s.%u", stem_bytes(roster), roster->file, pid);

    return len >= (int)sizeof(stem)
               ? -ENAMETOOLONG
               : seep_file_name_free(roster->dir_fd, stem, first, name);
}

/* PROGRAM.PID */
static void program_stem(const struct seep_session *session, char stem[STEM_BYTES])
{
    const char *command = session->command;
    size_t len = strcspn(command, " ");
    size_t from = len;

    while (from > 0 && command[from - 1] != '/') {
        from--;
    }
    while (command[from] == '-') {
        from++; /* a login shell; a file name that looks like an option is a nuisance */
    }
    len = len > from ? len - from : 0;
    len = len < PROGRAM_NAME_MAX_BYTES ? len : PROGRAM_NAME_MAX_BYTES;
    (void)snprintf(stem, STEM_BYTES, "%.*s.%u", (int)(len > 0 ? len : 7),
                   len > 0 ? command + from : "program", session->pid);
}

static void name_after_program(struct seep_roster *roster,
                               const struct seep_session *session)
{
    char stem[STEM_BYTES];

    program_stem(session, stem);
    if (seep_file_name_free(roster->dir_fd, stem, 0, roster->file) < 0) {
        (void)snprintf(roster->file, sizeof(roster->file), "%s.seep", stem);
    }
}

/* A process keeps its start time through every exec; another that is given its pid has
 * another. 0 is unknown. */
static bool may_be_same(uint64_t start_ticks_a, uint64_t start_ticks_b)
{
    return start_ticks_a == start_ticks_b || start_ticks_a == 0 || start_ticks_b == 0;
}

static bool is_main(const struct seep_roster *roster, const struct seep_session *session)
{
    return roster->main_pid != 0 && session->pid == roster->main_pid &&
           may_be_same(roster->main_start_ticks, session->segment.start_proc_ticks);
}

static int open_record(struct seep_roster *roster, struct seep_session *session,
                       struct seep_error *error)
{
    struct seep_record_options options = {.dir_fd = roster->dir_fd,
                                          .hold = !is_main(roster, session),
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
    char name[SEEP_FILE_NAME_BYTES];
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

/* Who keeps the line of a child: the main recording; once that is closed, the recording
 * of the oldest process that is left (ancestors are older). NULL: there is nobody. */
static struct seep_session *keeper_of(const struct seep_roster *roster,
                                      const struct seep_session *child)
{
    struct seep_session *oldest = NULL;

    if (roster->main != NULL) {
        return roster->main;
    }
    for (size_t i = 0; i < roster->count; i++) {
        struct seep_session *other = roster->sessions[i];

        if (other != child &&
            (oldest == NULL ||
             other->segment.start_monotonic_ns < oldest->segment.start_monotonic_ns)) {
            oldest = other;
        }
    }
    return oldest;
}

static void put_line(struct seep_roster *roster, struct seep_session *keeper,
                     const struct seep_child_facts *facts)
{
    const struct seep_buf *payload = &roster->scratch.payload;

    if (keeper->child_lines >= SEEP_CHILD_LINES_MAX ||
        seep_session_child(keeper, &roster->scratch, facts) < 0) {
        keeper->own_lost[SEEP_LOSS_CHILDREN_FULL]++;
        return;
    }
    keeper->child_lines++;
    if (keeper == roster->main && roster->young_lines.len_bytes < YOUNG_LINES_MAX_BYTES) {
        seep_buf_put_varint(&roster->young_lines, payload->len_bytes);
        seep_buf_put(&roster->young_lines, payload->data, payload->len_bytes);
    }
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
            roster->main->child_lines++;
        }
    }
}

static void describe(struct seep_roster *roster, struct seep_session *session,
                     const struct seep_session *keeper,
                     const struct seep_process_end *end, struct seep_child_facts *facts)
{
    uint64_t zero_ns = keeper != NULL ? keeper->segment.start_monotonic_ns : 0;
    uint64_t start_ns = session->segment.start_monotonic_ns;

    *facts = (struct seep_child_facts){
        .pid = session->pid,
        .command = session->command,
        .file = "",
        .started_ns = start_ns > zero_ns ? start_ns - zero_ns : 0,
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
    struct seep_session *keeper = keeper_of(roster, session);
    struct seep_child_facts facts;
    bool keep = !is_short(roster, session) || keeper == NULL || session->child_lines > 0;

    describe(roster, session, keeper, end, &facts);
    if (keep && release(roster, session) == 0) {
        (void)finish_file(roster, session, end);
        facts.file = session->record.name;
    }
    if (keeper != NULL) {
        put_line(roster, keeper, &facts);
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
            "the process replaced itself by a program that did not come forward here: it "
            "did not load libseep.so, or has a collector of its own");
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

/* The main process replaced itself: its former image makes room for the new one's FILE,
 * if it has that name. */
static int step_aside(struct seep_roster *roster, struct seep_session *former,
                      const struct seep_session *newest)
{
    char name[SEEP_FILE_NAME_BYTES];
    char stem[STEM_BYTES];
    int err = 0;

    if (!roster->after_program) {
        err = free_name(roster, former->pid, roster->images, name);
        return err < 0 ? err : seep_record_rename(&former->record, name);
    }
    roster->file[0] = '\0';
    program_stem(newest, stem);
    (void)snprintf(name, sizeof(name), "%s.seep", stem);
    if (strcmp(former->record.name, name) != 0) {
        return 0;
    }
    err = seep_file_name_free(roster->dir_fd, stem, roster->images, name);
    return err < 0 ? err : seep_record_rename(&former->record, name);
}

static void begin_main(struct seep_roster *roster, struct seep_session *session,
                       struct seep_session *former)
{
    static const struct seep_process_end replaced = {SEEP_ENDING_EXEC, 0};

    roster->main = session;
    roster->main_start_ticks = session->segment.start_proc_ticks;
    roster->main_recorded = true;
    roster->images++;
    for (size_t i = 0; i < roster->options.note_count; i++) {
        (void)seep_session_note(session, &roster->scratch, roster->options.notes[i]);
    }
    if (former != NULL) {
        if (is_short(roster, former)) {
            put_young_lines(roster);
            former->child_lines = 0; /* they are the new image's now */
        } else {
            roster->children_kept++;
        }
        end_child(roster, former, &replaced);
    }
    (void)seep_session_snapshot(session, &roster->scratch, SEEP_MOMENT_TICK);
}

/* Ends a process whose pid another has already: its own end waits to be seen. */
static void end_unseen(struct seep_roster *roster, struct seep_session *session)
{
    struct seep_process_end end;

    if (!seep_process_end_ask(session->pidfd, session->proc.dir_fd, &end)) {
        end = seep_session_own_word(session);
    }
    seep_roster_end(roster, session, &end);
}

static int begin(struct seep_roster *roster, struct seep_session *session,
                 struct seep_error *error)
{
    static const struct seep_process_end replaced = {SEEP_ENDING_EXEC, 0};
    struct seep_session *former = seep_roster_find(roster, session->pid);
    int err = 0;

    if (former != NULL && !may_be_same(former->segment.start_proc_ticks,
                                       session->segment.start_proc_ticks)) {
        end_unseen(roster, former);
        former = NULL;
    }
    if (former != NULL && former == roster->main) {
        err = step_aside(roster, former, session);
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
    if (is_main(roster, session)) {
        begin_main(roster, session, former);
    } else if (former != NULL) {
        end_child(roster, former,
                  &replaced); /* its line may be for the new image to keep */
    }
    return 0;
}

int seep_roster_add(struct seep_roster *roster, const struct seep_handover_peer *peer,
                    struct seep_session **session, struct seep_error *error)
{
    struct seep_session_source source = {peer->segment_fd, peer->pidfd, peer->pid,
                                         peer->by_number};
    struct seep_session *added = NULL;
    int err = 0;

    error->code = 0;
    if (roster->count >= SEEP_SESSIONS_MAX) {
        err = -ENOSPC;
        (void)seep_error_set(error, err, "process %u: %d processes are recorded already",
                             peer->pid, (int)SEEP_SESSIONS_MAX);
    } else {
        err = reserve_session(roster, &added);
    }
    if (err == 0) {
        err = seep_session_open(added, &source, &roster->options, error);
    }
    if (err != 0) {
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
    seep_session_peak_watch(added, roster->peak_watch);
    if (roster->ticker != NULL || seep_ticker_new(&roster->ticker) == 0) {
        added->ticker = roster->ticker;
        (void)seep_ticker_add(added->ticker, added->segment.fd, &added->tick);
    }
    *session = added;
    return 0;

fail:
    note_trouble(roster, error->code < 0 ? error->message : "no memory for a session");
    seep_roster_lose(roster, SEEP_LOSS_REFUSED);
    return err;
}

uint64_t seep_roster_look_at_peaks(struct seep_roster *roster)
{
    uint64_t next_ns = UINT64_MAX;

    for (size_t i = 0; i < roster->count; i++) {
        uint64_t due_ns = UINT64_MAX;

        (void)seep_session_peak_look(roster->sessions[i], &roster->scratch, &due_ns);
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    return next_ns;
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

void seep_roster_refuse(struct seep_roster *roster, const struct seep_error *error)
{
    if (error->code < 0 && error->code != -EPERM && error->code != -EPROTO) {
        note_trouble(roster, error->message);
    }
    seep_roster_lose(roster, SEEP_LOSS_REFUSED);
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
