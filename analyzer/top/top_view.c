/* From keys to what is shown.
 *
 * A state and a function of state and key, apart from the terminal, so that each key is
 * tested without one. What is frozen is a time and not an index: thinning renumbers the
 * snapshots of a recording that grows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "top/top_view.h"

#include <stdio.h>
#include <string.h>

enum {
    ENTER = '\n',
    RETURN = '\r',
    ESCAPE = 27,
    TAB = '\t',
    DELETE = 127,
    BACKSPACE = 8
};

static const double windows_s[] = {10, 60, 600, 86400.0 * 3650};
enum { WINDOWS = sizeof(windows_s) / sizeof(windows_s[0]) };

void seep_top_view_init(struct seep_top_view *view)
{
    *view = (struct seep_top_view){
        .kind = SEEP_KIND_HEAP, .window_s = windows_s[0], .columns = 80, .rows_max = 20};
}

size_t seep_top_view_snapshot(const struct seep_top_view *view,
                              const struct seep_recording *recording)
{
    return view->frozen ? seep_top_snapshot_at(recording, view->at_ns)
                        : recording->snapshot_count - 1;
}

const char *seep_top_kind_name(enum seep_kind kind)
{
    static const char *const names[] = {"none",
#define SEEP_X(name, value, text) [value] = (text),
                                        SEEP_KINDS(SEEP_X)
#undef SEEP_X
    };

    return kind < SEEP_KIND_END ? names[kind] : names[0];
}

static void to_first_row(struct seep_top_view *view)
{
    view->selected = 0;
    view->scroll = 0;
}

static void turn_kind(struct seep_top_view *view, int step)
{
    int kinds = SEEP_KIND_END - 1;

    view->kind = (enum seep_kind)((view->kind - 1 + step + kinds) % kinds + 1);
    view->page = SEEP_TOP_SITES;
    to_first_row(view);
}

static void turn_window(struct seep_top_view *view)
{
    size_t at = 0;

    while (at < WINDOWS && windows_s[at] <= view->window_s) {
        at++;
    }
    view->window_s = windows_s[at % WINDOWS];
}

/* The next subsystem that has sites of the kind; behind the last one, all. */
static void turn_subsystem(struct seep_top_view *view,
                           const struct seep_recording *recording)
{
    bool passed = view->subsystem[0] == '\0';

    for (uint32_t id = 1; id < recording->subsystem_count; id++) {
        const char *name = recording->subsystems[id];
        bool used = false;

        for (size_t i = 1; passed && !used && i < recording->site_count; i++) {
            used = recording->sites[i].subsystem == id &&
                   recording->sites[i].kind == (uint8_t)view->kind;
        }
        if (used && name[0] != '\0') {
            (void)snprintf(view->subsystem, sizeof(view->subsystem), "%s", name);
            to_first_row(view);
            return;
        }
        passed = passed || strcmp(name, view->subsystem) == 0;
    }
    view->subsystem[0] = '\0';
    to_first_row(view);
}

static void freeze_at(struct seep_top_view *view, const struct seep_recording *recording,
                      size_t snapshot)
{
    view->frozen = true;
    view->at_ns = recording->snapshots[snapshot].t_ns;
}

/* Back or forth in time: one snapshot, or a fiftieth of the run where that is more. */
static void step_in_time(struct seep_top_view *view,
                         const struct seep_recording *recording, bool back)
{
    size_t count = recording->snapshot_count;

    if (count == 0) {
        return;
    }
    size_t at = seep_top_view_snapshot(view, recording);
    size_t step = count / 50 > 1 ? count / 50 : 1;

    if (back) {
        freeze_at(view, recording, at > step ? at - step : 0);
    } else if (at + step + 1 >= count) {
        view->frozen = false;
    } else {
        freeze_at(view, recording, at + step);
    }
}

static void type(struct seep_top_view *view, unsigned key)
{
    size_t length = strlen(view->subsystem);

    if (key == ENTER || key == RETURN) {
        view->typing = false;
    } else if (key == ESCAPE) {
        view->typing = false;
        view->subsystem[0] = '\0';
    } else if (key == SEEP_TOP_KEY_BACKSPACE || key == DELETE || key == BACKSPACE) {
        view->subsystem[length > 0 ? length - 1 : 0] = '\0';
    } else if (key >= ' ' && key < DELETE && length + 1 < sizeof(view->subsystem)) {
        view->subsystem[length] = (char)key;
        view->subsystem[length + 1] = '\0';
    }
    to_first_row(view);
}

static size_t moved(size_t at, unsigned key, size_t page, size_t last)
{
    switch (key) {
    case SEEP_TOP_KEY_UP:
    case 'k':
        return at > 0 ? at - 1 : 0;
    case SEEP_TOP_KEY_DOWN:
    case 'j':
        return at < last ? at + 1 : last;
    case SEEP_TOP_KEY_PAGE_UP:
        return at > page ? at - page : 0;
    case SEEP_TOP_KEY_PAGE_DOWN:
        return last - at > page ? at + page : last;
    case SEEP_TOP_KEY_HOME:
        return 0;
    default:
        return at;
    }
}

static void move(struct seep_top_view *view, const struct seep_top_model *model,
                 unsigned key)
{
    size_t page = view->lines > 10 ? view->lines - 8 : 2;

    if (view->page == SEEP_TOP_SITES) {
        view->selected =
            moved(view->selected, key, page, model->count > 0 ? model->count - 1 : 0);
    } else {
        view->scroll = moved(view->scroll, key, page, SIZE_MAX / 2);
    }
}

static void open_stack(struct seep_top_view *view, const struct seep_top_model *model)
{
    if (view->page == SEEP_TOP_SITES && view->selected < model->count) {
        view->site = model->rows[view->selected].site;
        view->page = SEEP_TOP_STACK;
        view->scroll = 0;
    }
}

static void go_back(struct seep_top_view *view)
{
    if (view->page == SEEP_TOP_SITES) {
        view->subsystem[0] = '\0';
    }
    view->page = SEEP_TOP_SITES;
    view->scroll = 0;
}

/* Keys that choose what is shown. Returns: whether it was one. */
static bool choose(struct seep_top_view *view, const struct seep_recording *recording,
                   unsigned key)
{
    switch (key) {
    case TAB:
    case SEEP_TOP_KEY_BACK_TAB:
        turn_kind(view, key == TAB ? 1 : -1);
        return true;
    case 's':
        view->sort = (enum seep_top_sort)((view->sort + 1) % SEEP_TOP_SORTS);
        to_first_row(view);
        return true;
    case 'w':
        turn_window(view);
        return true;
    case 'u':
        turn_subsystem(view, recording);
        return true;
    case '/':
        view->typing = true;
        view->page = SEEP_TOP_SITES;
        return true;
    default:
        if (key < '1' || key >= '0' + SEEP_KIND_END) {
            return false;
        }
        turn_kind(view, (int)(key - '0') - (int)view->kind);
        return true;
    }
}

void seep_top_view_key(struct seep_top_view *view, const struct seep_recording *recording,
                       const struct seep_top_model *model, unsigned key)
{
    if (view->typing) {
        type(view, key);
        return;
    }
    if (choose(view, recording, key)) {
        return;
    }
    switch (key) {
    case 'q':
        view->quit = true;
        break;
    case '?':
    case 'h':
        view->page = view->page == SEEP_TOP_HELP ? SEEP_TOP_SITES : SEEP_TOP_HELP;
        view->scroll = 0;
        break;
    case ENTER:
    case RETURN:
        open_stack(view, model);
        break;
    case ESCAPE:
    case SEEP_TOP_KEY_BACKSPACE:
    case DELETE:
    case BACKSPACE:
        go_back(view);
        break;
    case ' ':
        if (view->frozen) {
            view->frozen = false;
        } else if (recording->snapshot_count != 0) {
            freeze_at(view, recording, recording->snapshot_count - 1);
        }
        break;
    case SEEP_TOP_KEY_LEFT:
    case SEEP_TOP_KEY_RIGHT:
        step_in_time(view, recording, key == SEEP_TOP_KEY_LEFT);
        break;
    case SEEP_TOP_KEY_END:
        view->frozen = false;
        break;
    default:
        move(view, model, key);
        break;
    }
}
