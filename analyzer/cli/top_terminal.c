/* Lines of text and keys, at a terminal.
 *
 * ncurses sends what differs from the screen before, so nothing flickers and a slow line
 * carries little; it knows terminals, keys and resizing. Escape sequences of our own were
 * rejected for all three. Between two looks the process sleeps in one wait for a key.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/top_terminal.h"

#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "top/top_model.h"
#include "top/top_names.h"
#include "top/top_screen.h"

/* Behind our own: it has hundreds of macros, and of some names we have members. */
#include <term.h>
#undef columns
#undef lines

enum { ESCAPE_WAIT_MS = 25, PAIR_TITLE = 1, PAIR_GROWING = 2, MS_PER_S = 1000 };

/* So many waits that end at once and without a key: the terminal is gone. A signal ends
 * one or two. */
enum { GONE_AFTER = 50 };

struct shown {
    struct seep_follow *follow; /* borrowed */
    struct seep_top_view *view; /* borrowed */
    struct seep_top_model model;
    struct seep_top_names names;
    struct seep_top_screen screen;
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static attr_t attributes_of(enum seep_top_look look)
{
    switch (look) {
    case SEEP_TOP_LOOK_TITLE:
        return A_BOLD | COLOR_PAIR(PAIR_TITLE);
    case SEEP_TOP_LOOK_HEAD:
    case SEEP_TOP_LOOK_SELECTED:
        return A_REVERSE;
    case SEEP_TOP_LOOK_GROWING:
        return COLOR_PAIR(PAIR_GROWING);
    case SEEP_TOP_LOOK_FOOT:
        return A_BOLD;
    default:
        return A_NORMAL;
    }
}

static void put_screen(const struct seep_top_screen *screen)
{
    (void)erase();
    for (size_t i = 0; i < screen->count; i++) {
        struct seep_top_line line = seep_top_screen_line(screen, i);
        attr_t attributes = attributes_of(line.look);
        const char *text = (const char *)screen->text.data + line.at;

        (void)attrset((int)attributes);
        if (line.len_bytes > 0) {
            (void)mvaddnstr((int)i, 0, text, (int)line.len_bytes);
        }
        if ((attributes & A_REVERSE) != 0) {
            (void)mvchgat((int)i, 0, -1, attributes, 0, NULL);
        }
    }
    (void)refresh();
}

static int draw(struct shown *shown)
{
    const struct seep_recording *recording = seep_follow_recording(shown->follow);
    struct seep_top_view *view = shown->view;
    struct seep_top_query query = {.kind = view->kind,
                                   .sort = view->sort,
                                   .subsystem = view->subsystem,
                                   .window_s = view->window_s};
    int status = 0;

    view->columns = COLS > 0 ? (unsigned)COLS : 1;
    view->lines = LINES > 0 ? (unsigned)LINES : 1;
    if (recording->snapshot_count != 0) {
        query.snapshot = seep_top_view_snapshot(view, recording);
    }
    status = seep_top_model_update(&shown->model, recording, &query);
    if (status == 0) {
        status = seep_top_screen_draw(&shown->screen, view, &shown->model, &shown->names,
                                      recording);
    }
    if (status == 0) {
        put_screen(&shown->screen);
    }
    return status;
}

static unsigned key_of(int key)
{
    static const struct {
        int curses;
        unsigned ours;
    } keys[] = {
        {KEY_UP, SEEP_TOP_KEY_UP},
        {KEY_DOWN, SEEP_TOP_KEY_DOWN},
        {KEY_LEFT, SEEP_TOP_KEY_LEFT},
        {KEY_RIGHT, SEEP_TOP_KEY_RIGHT},
        {KEY_PPAGE, SEEP_TOP_KEY_PAGE_UP},
        {KEY_NPAGE, SEEP_TOP_KEY_PAGE_DOWN},
        {KEY_HOME, SEEP_TOP_KEY_HOME},
        {KEY_END, SEEP_TOP_KEY_END},
        {KEY_BTAB, SEEP_TOP_KEY_BACK_TAB},
        {KEY_BACKSPACE, SEEP_TOP_KEY_BACKSPACE},
        {KEY_ENTER, '\n'},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].curses == key) {
            return keys[i].ours;
        }
    }
    return key > 0 && key < KEY_MIN ? (unsigned)key : 0;
}

static int look_again(struct shown *shown, struct seep_error *error)
{
    int news = seep_follow_refresh(shown->follow, error);

    if (news == SEEP_FOLLOW_ANEW) {
        seep_top_model_fini(&shown->model);
        seep_top_names_fini(&shown->names);
    }
    return news < 0 ? news : 0;
}

static int run_loop(struct shown *shown, double interval_s, struct seep_error *error)
{
    double next_s = now_s() + interval_s;
    int status = draw(shown);
    int at_once = 0; /* waits for a key that ended at once, in a row */

    while (status == 0 && !shown->view->quit) {
        double left_s = next_s - now_s();

        if (left_s <= 0) {
            status = look_again(shown, error);
            next_s = now_s() + interval_s;
        } else {
            timeout((int)(left_s * MS_PER_S) + 1);
            int key = getch();

            at_once = key == ERR && next_s - now_s() > left_s / 2 ? at_once + 1 : 0;
            if (at_once == GONE_AFTER) {
                break;
            }
            if (key == ERR) {
                continue;
            }
            seep_top_view_key(shown->view, seep_follow_recording(shown->follow),
                              &shown->model, key_of(key));
        }
        if (status == 0 && !shown->view->quit) {
            status = draw(shown);
        }
    }
    return status;
}

static void begin_colors(bool color)
{
    if (color && has_colors() && start_color() == OK && use_default_colors() == OK) {
        (void)init_pair(PAIR_TITLE, COLOR_CYAN, -1);
        (void)init_pair(PAIR_GROWING, COLOR_YELLOW, -1);
    }
}

/* NULL: the terminal is not known. Asked before newterm, which leaks when it fails; and
 * not initscr, which ends the process then. */
static SCREEN *open_terminal(void)
{
    int known = 0;

    if (setupterm(NULL, STDOUT_FILENO, &known) != OK) {
        return NULL;
    }
    (void)del_curterm(cur_term);
    return newterm(NULL, stdout, stdin);
}

int seep_top_terminal_run(struct seep_follow *follow, struct seep_top_view *view,
                          double interval_s, bool color, struct seep_error *error)
{
    struct shown shown = {.follow = follow, .view = view};
    SCREEN *terminal = open_terminal();
    int status = 0;

    if (terminal == NULL) {
        const char *name = getenv("TERM");

        return seep_error_set(error, -ENOTTY,
                              "this terminal (TERM=%s) is not known; try --once",
                              name != NULL ? name : "");
    }
    (void)cbreak();
    (void)noecho();
    (void)keypad(stdscr, TRUE);
    (void)curs_set(0);
    (void)set_escdelay(ESCAPE_WAIT_MS);
    begin_colors(color);
    status = run_loop(&shown, interval_s, error);
    (void)endwin();
    delscreen(terminal);
    seep_top_screen_fini(&shown.screen);
    seep_top_names_fini(&shown.names);
    seep_top_model_fini(&shown.model);
    if (status == -ENOMEM) {
        (void)seep_error_set(error, -ENOMEM, "out of memory");
    }
    return status;
}
