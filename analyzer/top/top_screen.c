/* What `seep top` shows, as lines.
 *
 * Drawn as text first and put on the terminal afterwards, so that what a person sees at a
 * terminal, in a pipe and with a screen reader is one thing, and tested as text. Drawing
 * straight with ncurses was rejected for that.
 *
 * S1: names come from the program under watch: what could move a cursor or is no
 *     character never reaches a terminal (put_clean).
 *
 * SPDX-License-Identifier: MIT
 */
#include "top/top_screen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "report/text_layout.h"
#include "report/text_stack.h"
#include "verdict/findings.h"

enum {
    CURVE_MAX = 120,
    CURVE_SITE = 16,
    WIDE_COLUMNS = 112, /* from here on rows have curves */
    HEAD_LINES = 6,
    STACK_MOST = 1024,
    MINUTE_S = 60,
    HOUR_S = 3600
};

/* What is drawn with. `line` is the line that is being made. */
struct pen {
    struct seep_top_screen *screen;
    struct seep_top_view *view;
    const struct seep_top_model *model;
    struct seep_top_names *names;
    const struct seep_recording *recording;
    struct seep_buf line;
    struct seep_layout layout; /* onto `line` */
};

/* Bytes of the valid UTF-8 character at text, 0 when it is none. Source: RFC 3629. */
static size_t character_bytes(const uint8_t *text, size_t left)
{
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xc2 ? 0
               : text[0] < 0xe0 ? 2
               : text[0] < 0xf0 ? 3
               : text[0] < 0xf5 ? 4
                                : 0;

    if (n > left || (n == 1 && (text[0] < ' ' || text[0] == 0x7f)) ||
        (text[0] == 0xc2 && n <= left && text[1] < 0xa0)) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

static void put_clean(struct seep_buf *out, const uint8_t *text, size_t len_bytes,
                      size_t columns)
{
    for (size_t at = 0; at < len_bytes && columns > 0; columns--) {
        size_t n = character_bytes(text + at, len_bytes - at);

        seep_buf_put(out, n > 0 ? (const void *)(text + at) : "?", n > 0 ? n : 1);
        at += n > 0 ? n : 1;
    }
}

static void end_line_of(struct pen *pen, enum seep_top_look look, const uint8_t *text,
                        size_t len_bytes)
{
    struct seep_top_screen *screen = pen->screen;
    struct seep_top_line line = {.at = screen->text.len_bytes, .look = look};

    while (len_bytes > 0 && text[len_bytes - 1] == ' ') {
        len_bytes--;
    }
    put_clean(&screen->text, text, len_bytes, pen->view->columns);
    line.len_bytes = screen->text.len_bytes - line.at;
    seep_buf_put(&screen->lines, &line, sizeof(line));
    screen->count++;
}

static void end_line(struct pen *pen, enum seep_top_look look)
{
    end_line_of(pen, look, pen->line.data, pen->line.len_bytes);
    seep_buf_reset(&pen->line);
}

static size_t columns_left(const struct pen *pen)
{
    size_t used = 0;

    for (size_t i = 0; i < pen->line.len_bytes; i++) {
        used += (pen->line.data[i] & 0xc0) != 0x80;
    }
    return used < pen->view->columns ? pen->view->columns - used : 0;
}

static void put(struct pen *pen, const char *text)
{
    seep_layout_put(&pen->layout, SEEP_INK_PLAIN, text);
}

static void cell(struct pen *pen, const char *text, int width)
{
    seep_layout_cell(&pen->layout, SEEP_INK_PLAIN, text, width);
}

static const char *clock_text(char *out, uint64_t t_ns)
{
    uint64_t s = t_ns / 1000000000U;

    (void)snprintf(out, SEEP_FMT_MAX, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / HOUR_S,
                   s / MINUTE_S % MINUTE_S, s % MINUTE_S);
    return out;
}

static void put_state(struct pen *pen)
{
    const struct seep_recording *rec = pen->recording;

    if (!rec->ended) {
        put(pen, "running");
        return;
    }
    switch (rec->ending_kind) {
    case SEEP_ENDING_EXITED:
        seep_buf_printf(&pen->line, "exited with %" PRIu32, rec->ending_status);
        break;
    case SEEP_ENDING_SIGNALLED:
        seep_buf_printf(&pen->line, "killed by signal %" PRIu32, rec->ending_status);
        break;
    case SEEP_ENDING_RUNNING:
        put(pen, "recording stopped");
        break;
    default:
        put(pen, "ended");
        break;
    }
}

static void draw_title(struct pen *pen, size_t snapshot)
{
    const struct seep_recording *rec = pen->recording;
    const char *exe = strrchr(rec->program.exe, '/');
    char clock[SEEP_FMT_MAX];

    put(pen, "seep top  ");
    put(pen, exe != NULL ? exe + 1 : rec->program.exe);
    seep_buf_printf(&pen->line, " (pid %" PRIu32 ")  ", rec->program.pid);
    put(pen, clock_text(clock, rec->ended_ns));
    put(pen, "  ");
    put_state(pen);
    if (pen->view->frozen) {
        put(pen, "  FROZEN at ");
        put(pen, clock_text(clock, rec->snapshots[snapshot].t_ns));
    }
    end_line(pen, SEEP_TOP_LOOK_TITLE);
}

static void draw_curve(struct pen *pen, enum seep_top_curve curve, size_t snapshot)
{
    static const char *const labels[] = {"memory", "threads", "fds"};
    double values[CURVE_MAX];
    char text[SEEP_FMT_MAX];
    size_t n = 0;

    cell(pen, labels[curve], 9);
    seep_top_curve_process(pen->recording, curve, snapshot, values, 1);
    cell(pen,
         curve == SEEP_TOP_CURVE_MEMORY
             ? seep_fmt_bytes(text, sizeof(text), values[0])
             : seep_fmt_count(text, sizeof(text), (uint64_t)values[0]),
         -10);
    put(pen, "  ");
    n = columns_left(pen);
    n = n < CURVE_MAX ? n : CURVE_MAX;
    seep_top_curve_process(pen->recording, curve, snapshot, values, n);
    seep_layout_sparkline(&pen->layout, values, n, n);
    end_line(pen, SEEP_TOP_LOOK_PLAIN);
}

static const char *change_text(char *out, enum seep_kind kind,
                               const struct seep_top_row *row)
{
    char bytes[SEEP_FMT_MAX];

    if (seep_top_kind_has_bytes(kind)) {
        (void)snprintf(out, SEEP_FMT_MAX, "%s%.24s",
                       row->growth_bytes_per_s > 0 ? "+" : "",
                       seep_fmt_bytes(bytes, sizeof(bytes), row->growth_bytes_per_s));
    } else {
        (void)snprintf(out, SEEP_FMT_MAX, row->growth_per_s != 0 ? "%+.2f" : "%.0f",
                       row->growth_per_s);
    }
    return out;
}

/* "[heap] mapping ...  33 sites, 1,234 live, 61.4 KiB, +1.0 KiB/s over 10 s" */
static void draw_kinds(struct pen *pen)
{
    const struct seep_top_model *model = pen->model;
    enum seep_kind kind = pen->view->kind;
    char text[SEEP_FMT_MAX];

    for (int k = SEEP_KIND_HEAP; k < SEEP_KIND_END; k++) {
        const char *name = seep_top_kind_name((enum seep_kind)k);

        seep_buf_printf(&pen->line, k == (int)kind ? "[%s] " : "%s ", name);
    }
    seep_buf_printf(&pen->line, " %zu site%s, %s live", model->count,
                    model->count == 1 ? "" : "s",
                    seep_fmt_count(text, sizeof(text), model->total.live));
    if (seep_top_kind_has_bytes(kind)) {
        seep_buf_printf(
            &pen->line, ", %s",
            seep_fmt_bytes(text, sizeof(text), (double)model->total.live_bytes));
    }
    if (pen->view->typing || pen->view->subsystem[0] != '\0') {
        put(pen, "; subsystem ~ ");
        put(pen, pen->view->subsystem);
        put(pen, pen->view->typing ? "_" : "");
    }
    end_line(pen, SEEP_TOP_LOOK_PLAIN);
}

static void draw_head(struct pen *pen)
{
    enum seep_top_sort sort = pen->view->sort;
    bool bytes = seep_top_kind_has_bytes(pen->view->kind);
    char window[SEEP_FMT_MAX];

    if (bytes) {
        cell(pen, sort == SEEP_TOP_BY_LIVE ? "*BYTES" : "BYTES", -10);
    }
    cell(pen, sort == SEEP_TOP_BY_LIVE && !bytes ? "*LIVE" : "LIVE", -10);
    cell(pen, sort == SEEP_TOP_BY_GROWTH ? "*GROWTH/s" : "GROWTH/s", -12);
    cell(pen, sort == SEEP_TOP_BY_RATE ? "*NEW/s" : "NEW/s", -10);
    put(pen, "  ");
    if (pen->view->columns >= WIDE_COLUMNS) {
        cell(pen, "OVER TIME", CURVE_SITE + 2);
    }
    cell(pen, "SUBSYSTEM", 13);
    put(pen, "SITE");
    if (pen->model->window_s > 0) {
        seep_buf_printf(&pen->line, "  (over %s)",
                        seep_fmt_seconds(window, sizeof(window), pen->model->window_s));
    }
    end_line(pen, SEEP_TOP_LOOK_HEAD);
}

static void draw_row(struct pen *pen, size_t i, size_t snapshot)
{
    const struct seep_top_row *row = &pen->model->rows[i];
    enum seep_kind kind = pen->view->kind;
    const struct seep_finding *name =
        seep_top_names_of(pen->names, pen->recording, row->site);
    bool rated = pen->model->window_s > 0;
    bool grows = seep_top_kind_has_bytes(kind) ? row->growth_bytes_per_s > 0
                                               : row->growth_per_s > 0;
    char text[SEEP_FMT_MAX];

    if (seep_top_kind_has_bytes(kind)) {
        cell(pen, seep_fmt_bytes(text, sizeof(text), (double)row->live_bytes), -10);
    }
    cell(pen, seep_fmt_count(text, sizeof(text), row->live), -10);
    cell(pen, rated ? change_text(text, kind, row) : "-", -12);
    (void)snprintf(text, sizeof(text), "%.*f", row->acquired_per_s < 100 ? 1 : 0,
                   row->acquired_per_s);
    cell(pen, rated ? text : "-", -10);
    put(pen, "  ");
    if (pen->view->columns >= WIDE_COLUMNS) {
        double values[CURVE_SITE];

        seep_top_curve_site(pen->recording, row->site, snapshot, values, CURVE_SITE);
        seep_layout_sparkline(&pen->layout, values, CURVE_SITE, CURVE_SITE);
        put(pen, "  ");
    }
    cell(pen, pen->recording->subsystems[pen->recording->sites[row->site].subsystem], 12);
    put(pen, " ");
    cell(pen, name != NULL ? name->headline : "??", (int)columns_left(pen));
    end_line(pen, pen->view->lines != 0 && i == pen->view->selected
                      ? SEEP_TOP_LOOK_SELECTED
                  : grows ? SEEP_TOP_LOOK_GROWING
                          : SEEP_TOP_LOOK_PLAIN);
}

/* Lines between head and footer. */
static size_t room(const struct pen *pen)
{
    size_t lines = pen->view->lines;

    if (lines == 0) {
        return pen->view->page == SEEP_TOP_SITES ? pen->view->rows_max : SIZE_MAX;
    }
    return lines > HEAD_LINES + 1 ? lines - HEAD_LINES - 1 : 0;
}

static void draw_sites(struct pen *pen, size_t snapshot)
{
    struct seep_top_view *view = pen->view;
    size_t count = pen->model->count;
    size_t fit = room(pen);

    view->selected = count == 0 ? 0 : view->selected < count ? view->selected : count - 1;
    if (view->selected < view->scroll) {
        view->scroll = view->selected;
    } else if (fit > 0 && view->selected - view->scroll >= fit) {
        view->scroll = view->selected - fit + 1;
    }
    draw_head(pen);
    for (size_t i = view->scroll; i < count && i - view->scroll < fit; i++) {
        draw_row(pen, i, snapshot);
    }
    if (count == 0 && fit > 0) {
        put(pen, "nothing of this kind is live");
        end_line(pen, SEEP_TOP_LOOK_PLAIN);
    } else if (view->lines == 0 && count > fit) {
        seep_buf_printf(&pen->line, "... %zu more", count - fit);
        end_line(pen, SEEP_TOP_LOOK_PLAIN);
    }
}

/* Text of many lines, from the one that is scrolled to. */
static void draw_text(struct pen *pen, const struct seep_buf *text)
{
    size_t fit = room(pen);
    size_t count = 0;
    size_t line = 0;

    for (size_t i = 0; i < text->len_bytes; i++) {
        count += text->data[i] == '\n';
    }
    if (pen->view->scroll + fit > count) {
        pen->view->scroll = count > fit ? count - fit : 0;
    }
    for (size_t at = 0; at < text->len_bytes; line++) {
        const uint8_t *end = memchr(text->data + at, '\n', text->len_bytes - at);
        size_t n = end != NULL ? (size_t)(end - (text->data + at)) : text->len_bytes - at;

        if (line >= pen->view->scroll && line - pen->view->scroll < fit) {
            end_line_of(pen, SEEP_TOP_LOOK_PLAIN, text->data + at, n);
        }
        at += n + 1;
    }
}

static void draw_stack(struct pen *pen, size_t snapshot)
{
    uint32_t site = pen->view->site;
    const struct seep_finding *name = NULL;
    struct seep_buf text = {0};
    struct seep_layout layout = pen->layout;
    double values[CURVE_MAX];
    size_t n = 0;

    if (site >= pen->recording->site_count) {
        return;
    }
    name = seep_top_names_of(pen->names, pen->recording, site);
    put(pen, name != NULL ? name->headline : "??");
    put(pen, name != NULL && name->subsystem[0] != '\0' ? "  subsystem " : "");
    put(pen, name != NULL ? name->subsystem : "");
    put(pen, "  ");
    n = columns_left(pen) < CURVE_MAX ? columns_left(pen) : CURVE_MAX;
    seep_top_curve_site(pen->recording, site, snapshot, values, n);
    seep_layout_sparkline(&pen->layout, values, n, n);
    end_line(pen, SEEP_TOP_LOOK_HEAD);
    layout.out = &text;
    if (name != NULL) {
        seep_text_stack(&layout, &(struct seep_text_stack){.frames = name->stack,
                                                           .count = name->stack_count,
                                                           .end = name->stack_end,
                                                           .shown_most = STACK_MOST});
    }
    draw_text(pen, &text);
    pen->line.failed |= text.failed;
    seep_buf_fini(&text);
}

static void draw_help(struct pen *pen)
{
    static const char help[] =
        "Tab, Shift-Tab, 1-5  kind: heap, mapping, thread, fd, timer\n"
        "s                    sort by what is live, growth, new per second (*)\n"
        "w                    seconds that growth and rates are over: 10, 60, 600, all\n"
        "u                    next subsystem, behind the last one all\n"
        "/                    type a part of a subsystem's name; Esc: all\n"
        "up, down, PgUp, PgDn choose a row (j, k too); Home: the first\n"
        "Enter                the stack of the site; Esc: back\n"
        "Space                freeze, go on; the program and its recording go on\n"
        "left, right          back and forth in time; End: now\n"
        "q                    quit; the program notices nothing\n";
    struct seep_buf text = {0};

    put(pen, "keys");
    end_line(pen, SEEP_TOP_LOOK_HEAD);
    seep_buf_put(&text, help, sizeof(help) - 1);
    draw_text(pen, &text);
    seep_buf_fini(&text);
}

static void draw_foot(struct pen *pen)
{
    static const char *const foot[] = {
        "q quit  ? help  Tab kind  s sort  / subsystem  Enter stack  Space freeze  <- "
        "->",
        "q quit  Esc back  up/down scroll  Space freeze  <- -> in time",
        "q quit  Esc back",
    };

    while (pen->screen->count + 1 < pen->view->lines) {
        end_line(pen, SEEP_TOP_LOOK_PLAIN);
    }
    put(pen, pen->view->typing ? "type a part of a subsystem's name; Enter, or Esc: all"
                               : foot[pen->view->page]);
    end_line(pen, SEEP_TOP_LOOK_FOOT);
}

static void draw_body(struct pen *pen)
{
    if (pen->recording->snapshot_count == 0) {
        put(pen, "seep top: no snapshot yet");
        end_line(pen, SEEP_TOP_LOOK_TITLE);
        return;
    }
    size_t snapshot = seep_top_view_snapshot(pen->view, pen->recording);

    draw_title(pen, snapshot);
    draw_curve(pen, SEEP_TOP_CURVE_MEMORY, snapshot);
    draw_curve(pen, SEEP_TOP_CURVE_THREADS, snapshot);
    draw_curve(pen, SEEP_TOP_CURVE_FDS, snapshot);
    draw_kinds(pen);
    switch (pen->view->page) {
    case SEEP_TOP_STACK:
        draw_stack(pen, snapshot);
        break;
    case SEEP_TOP_HELP:
        draw_help(pen);
        break;
    default:
        draw_sites(pen, snapshot);
        break;
    }
}

int seep_top_screen_draw(struct seep_top_screen *screen, struct seep_top_view *view,
                         const struct seep_top_model *model, struct seep_top_names *names,
                         const struct seep_recording *recording)
{
    struct pen pen = {.screen = screen,
                      .view = view,
                      .model = model,
                      .names = names,
                      .recording = recording};
    bool failed = false;

    pen.layout = (struct seep_layout){.out = &pen.line,
                                      .columns = view->columns > SEEP_LAYOUT_COLUMNS_MIN
                                                     ? view->columns
                                                     : SEEP_LAYOUT_COLUMNS_MIN,
                                      .utf8 = view->utf8};
    seep_buf_reset(&screen->text);
    seep_buf_reset(&screen->lines);
    screen->count = 0;
    draw_body(&pen);
    if (view->lines != 0) {
        draw_foot(&pen);
        screen->count = screen->count < view->lines ? screen->count : view->lines;
    }
    failed = pen.line.failed || screen->text.failed || screen->lines.failed;
    seep_buf_fini(&pen.line);
    if (failed) {
        screen->count = 0;
    }
    return failed ? -ENOMEM : 0;
}

struct seep_top_line seep_top_screen_line(const struct seep_top_screen *screen, size_t i)
{
    struct seep_top_line line;

    memcpy(&line, screen->lines.data + i * sizeof(line), sizeof(line));
    return line;
}

void seep_top_screen_fini(struct seep_top_screen *screen)
{
    seep_buf_fini(&screen->text);
    seep_buf_fini(&screen->lines);
    screen->count = 0;
}
