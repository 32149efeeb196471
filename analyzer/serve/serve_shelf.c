/* The recordings that are served.
 *
 * A recording is known by its path and by its inode: one that is complete is renamed
 * (FILE.partial to FILE), one that was thinned is a new file under its old name. Both are
 * the same item, under the name that it had at first.
 *
 * Memory is for what runs: recordings that have ended are read, judged, and put away
 * again when others are wanted; what is said of them in the list is kept.
 *
 * I1: an item with a live one is RUNNING, ENDED or LOST; one without is UNREAD, REFUSED,
 *     or was put away.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_shelf.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { OPEN_MOST = 8, FOUND_MOST = 65536 };
static const uint64_t LOOK_NS = UINT64_C(2000000000);  /* between looks at folders */
static const uint64_t SPEND_NS = UINT64_C(200000000);  /* on opening, per refresh */
static const uint64_t AWAY_NS = UINT64_C(60000000000); /* unasked: may be put away */
static const double LOST_AFTER_S = 10;                 /* and three intervals */
static const char PARTIAL[] = ".partial";

struct seep_shelf {
    struct seep_shelf_options options;
    struct seep_shelf_item *items[SEEP_SHELF_MOST]; /* owned */
    size_t count, left_out;
    uint64_t looked_ns;
    bool looked;
    struct seep_live_cost past; /* of those that were closed */
};

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

const char *seep_shelf_state_name(enum seep_shelf_state state)
{
    static const char *const names[] = {"unread", "running", "ended", "lost", "refused"};

    return names[state];
}

static void add_cost(struct seep_live_cost *to, struct seep_live_cost cost)
{
    to->judgements += cost.judgements;
    to->judge_s += cost.judge_s;
    to->follow_s += cost.follow_s;
    to->last_judge_s = cost.last_judge_s;
}

static void close_live(struct seep_shelf *shelf, struct seep_shelf_item *item)
{
    if (item->live != NULL) {
        add_cost(&shelf->past, seep_live_cost(item->live));
    }
    seep_top_model_fini(&item->model);
    seep_top_names_fini(&item->names);
    seep_live_close(item->live);
    item->live = NULL;
}

static void refuse(struct seep_shelf *shelf, struct seep_shelf_item *item,
                   const struct seep_error *error)
{
    close_live(shelf, item);
    item->state = SEEP_SHELF_REFUSED;
    (void)snprintf(item->why, sizeof(item->why), "%s", error->message);
    item->generation++;
    item->changed = true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t tail = strlen(end);

    return length > tail && strcmp(text + length - tail, end) == 0;
}

struct seep_shelf_item *seep_shelf_find(const struct seep_shelf *shelf, const char *name)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->items[i]->name, name) == 0) {
            return shelf->items[i];
        }
    }
    return NULL;
}

/* The file's name without ".partial"; with it, or with a number, where that is taken. */
static void name_item(const struct seep_shelf *shelf, const char *path, char *name)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    int whole = (int)strnlen(base, SEEP_SHELF_NAME_BYTES - 8);
    int length = whole;

    if (ends_with(base, PARTIAL)) {
        length = whole - (int)(sizeof(PARTIAL) - 1);
    }
    (void)snprintf(name, SEEP_SHELF_NAME_BYTES, "%.*s", length, base);
    if (seep_shelf_find(shelf, name) != NULL) {
        (void)snprintf(name, SEEP_SHELF_NAME_BYTES, "%.*s", whole, base);
    }
    for (unsigned i = 2; seep_shelf_find(shelf, name) != NULL; i++) {
        (void)snprintf(name, SEEP_SHELF_NAME_BYTES, "%.*s~%u", whole, base, i);
    }
}

static struct seep_shelf_item *find_file(const struct seep_shelf *shelf, const char *path,
                                         const struct stat *status)
{
    for (size_t i = 0; i < shelf->count; i++) {
        struct seep_shelf_item *item = shelf->items[i];

        if (strcmp(item->path, path) == 0 ||
            (status != NULL && item->inode == status->st_ino &&
             item->device == status->st_dev)) {
            return item;
        }
    }
    return NULL;
}

static void set_path(struct seep_shelf_item *item, const char *path)
{
    char *copy = strcmp(item->path, path) != 0 ? strdup(path) : NULL;

    if (copy != NULL) {
        free(item->path);
        item->path = copy;
        item->generation++;
        item->changed = true;
    }
}

/* Puts a file on the shelf, unless it is there. status: NULL: it is not there yet.
 * Returns: 0; -ENOMEM; -E2BIG the shelf is full. */
static int put(struct seep_shelf *shelf, const char *path, const struct stat *status)
{
    struct seep_shelf_item *item = find_file(shelf, path, status);

    if (item != NULL) {
        return 0;
    }
    if (shelf->count == SEEP_SHELF_MOST) {
        return -E2BIG;
    }
    item = calloc(1, sizeof(*item));
    if (item == NULL || (item->path = strdup(path)) == NULL) {
        free(item);
        return -ENOMEM;
    }
    name_item(shelf, path, item->name);
    if (status != NULL) {
        item->device = status->st_dev;
        item->inode = status->st_ino;
    }
    shelf->items[shelf->count++] = item;
    return 0;
}

struct found {
    char *path;
    struct stat status;
};

static int newest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const struct found *)a)->status.st_mtim;
    const struct timespec *y = &((const struct found *)b)->status.st_mtim;

    if (x->tv_sec != y->tv_sec) {
        return x->tv_sec > y->tv_sec ? -1 : 1;
    }
    return x->tv_nsec > y->tv_nsec ? -1 : x->tv_nsec < y->tv_nsec;
}

static bool is_recording_name(const char *name)
{
    return name[0] != '.' &&
           (ends_with(name, ".seep") || ends_with(name, ".seep.partial"));
}

/* Takes an entry of a folder when it is a recording. Returns: 1 taken, 0 not, -ENOMEM. */
static int take_entry(const char *folder, const char *name, struct found *found)
{
    char path[PATH_MAX];

    if (!is_recording_name(name) ||
        snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) ||
        stat(path, &found->status) < 0 || !S_ISREG(found->status.st_mode)) {
        return 0;
    }
    found->path = strdup(path);
    return found->path != NULL ? 1 : -ENOMEM;
}

/* Puts a folder's recordings on the shelf, the newest ones first. */
static int look_into(struct seep_shelf *shelf, const char *folder)
{
    DIR *dir = opendir(folder);
    struct found *found = NULL;
    const struct dirent *entry = NULL;
    size_t count = 0;
    size_t room = 0;
    int status = dir != NULL ? 0 : -errno;

    while (status >= 0 && count < FOUND_MOST && (entry = readdir(dir)) != NULL) {
        if (count == room) {
            struct found *grown = reallocarray(found, room + 64, sizeof(*grown));

            status = grown == NULL ? -ENOMEM : 0;
            found = grown != NULL ? grown : found;
            room += grown != NULL ? 64 : 0;
        }
        if (status >= 0) {
            status = take_entry(folder, entry->d_name, &found[count]);
            count += status > 0;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (count > 0) {
        qsort(found, count, sizeof(*found), newest_first);
    }
    for (size_t i = 0; i < count; i++) {
        shelf->left_out += put(shelf, found[i].path, &found[i].status) == -E2BIG;
        free(found[i].path);
    }
    free(found);
    return status < 0 ? status : 0;
}

/* A named path. Returns: 0; negative errno when it is not there. */
static int look_at(struct seep_shelf *shelf, const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        int code = -errno;
        bool later = shelf->options.wait && code == -ENOENT;

        return later ? put(shelf, path, NULL) : code;
    }
    return S_ISDIR(status.st_mode) ? look_into(shelf, path) : put(shelf, path, &status);
}

int seep_shelf_new(const struct seep_shelf_options *options, struct seep_shelf **shelf,
                   struct seep_error *error)
{
    struct seep_shelf *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return seep_error_set(error, -ENOMEM, "out of memory");
    }
    made->options = *options;
    for (size_t i = 0; i < options->count; i++) {
        int status = look_at(made, options->paths[i]);

        if (status < 0 && status != -E2BIG) {
            seep_shelf_free(made);
            return seep_error_set(error, status, "cannot read %s: %s", options->paths[i],
                                  strerrordesc_np(-status));
        }
        made->left_out += status == -E2BIG;
    }
    *shelf = made;
    return 0;
}

void seep_shelf_free(struct seep_shelf *shelf)
{
    if (shelf == NULL) {
        return;
    }
    for (size_t i = 0; i < shelf->count; i++) {
        close_live(shelf, shelf->items[i]);
        free(shelf->items[i]->path);
        free(shelf->items[i]->row);
        free(shelf->items[i]);
    }
    free(shelf);
}

/* Whether the file was written a moment ago. why: of NO, in words. */
static bool is_written(const struct seep_shelf_item *item, char why[SEEP_SHELF_WHY_BYTES])
{
    const struct seep_recording *recording = seep_live_recording(item->live);
    double allowed_s = LOST_AFTER_S + 3e-9 * (double)recording->program.interval_ns;
    struct stat status;
    struct timespec now;
    double age_s = 0;

    if (recording->ended) {
        return true;
    }
    if (stat(item->path, &status) < 0) {
        (void)snprintf(why, SEEP_SHELF_WHY_BYTES, "the file is gone");
        return false;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    age_s = difftime(now.tv_sec, status.st_mtim.tv_sec);
    (void)snprintf(
        why, SEEP_SHELF_WHY_BYTES,
        "nothing was written for %.0f s, and there is no end: the collector was "
        "killed, or the machine stopped",
        age_s);
    return age_s <= allowed_s;
}

/* Running, ended or lost. */
static void set_state(struct seep_shelf_item *item, bool written, const char *why)
{
    enum seep_shelf_state state = seep_live_recording(item->live)->ended
                                      ? SEEP_SHELF_ENDED
                                  : written ? SEEP_SHELF_RUNNING
                                            : SEEP_SHELF_LOST;

    if (state != item->state) {
        item->state = state;
        item->generation++;
        item->changed = true;
        (void)snprintf(item->why, sizeof(item->why), "%s",
                       state == SEEP_SHELF_LOST ? why : "");
    }
}

static void note_file(struct seep_shelf_item *item)
{
    struct stat status;

    if (stat(item->path, &status) == 0) {
        item->device = status.st_dev;
        item->inode = status.st_ino;
    }
}

static void follow(struct seep_shelf *shelf, struct seep_shelf_item *item,
                   uint64_t now_ns)
{
    struct seep_error error = {0};
    char why[SEEP_SHELF_WHY_BYTES] = "";
    bool written = is_written(item, why);
    int news = 0;

    seep_live_set_written(item->live, written);
    news = seep_live_refresh(item->live, now_ns, &error);
    if (news < 0) {
        refuse(shelf, item, &error);
        return;
    }
    if ((news & SEEP_LIVE_ANEW) != 0) {
        seep_top_model_fini(&item->model);
        seep_top_names_fini(&item->names);
        note_file(item);
    }
    if (news != SEEP_LIVE_SAME) {
        item->generation++;
        item->changed = true;
        item->judged = item->judged || (news & SEEP_LIVE_JUDGED) != 0;
    }
    set_state(item, written, why);
}

/* Made just now, and shorter than the magic. */
static bool is_fresh(const char *path)
{
    struct stat status;
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return stat(path, &status) == 0 && status.st_size < (off_t)sizeof(uint64_t) &&
           difftime(now.tv_sec, status.st_mtim.tv_sec) <= LOST_AFTER_S;
}

static int open_item(struct seep_shelf *shelf, struct seep_shelf_item *item,
                     uint64_t now_ns, struct seep_error *error)
{
    int status = seep_live_open(item->path, &shelf->options.live, &item->live, error);

    if (status == -EPROTO && is_fresh(item->path)) {
        return status; /* made a moment ago: nothing is in it yet */
    }
    if (status < 0) {
        refuse(shelf, item, error);
        return status;
    }
    note_file(item);
    item->openings++;
    item->asked_ns = now_ns;
    follow(shelf, item, now_ns);
    return item->state == SEEP_SHELF_REFUSED
               ? seep_error_set(error, -EIO, "%s", item->why)
               : 0;
}

int seep_shelf_wake(struct seep_shelf *shelf, struct seep_shelf_item *item,
                    uint64_t now_ns, struct seep_error *error)
{
    item->asked_ns = now_ns;
    if (item->live != NULL) {
        return 0;
    }
    if (item->state == SEEP_SHELF_REFUSED) {
        return seep_error_set(error, -EIO, "%s", item->why);
    }
    return open_item(shelf, item, now_ns, error);
}

/* What lies under an item's name by now: it may have been renamed, or be another
 * program's. */
static void check_file(struct seep_shelf *shelf, struct seep_shelf_item *item)
{
    struct stat status;
    char path[PATH_MAX];

    if (stat(item->path, &status) < 0) {
        if (ends_with(item->path, PARTIAL)) {
            (void)snprintf(path, sizeof(path), "%.*s",
                           (int)(strlen(item->path) - sizeof(PARTIAL) + 1), item->path);
            if (stat(path, &status) == 0 && status.st_ino == item->inode &&
                status.st_dev == item->device) {
                set_path(item, path);
            }
        }
        return;
    }
    bool is_over = item->state == SEEP_SHELF_ENDED || item->state == SEEP_SHELF_LOST ||
                   item->state == SEEP_SHELF_REFUSED;
    bool is_other = status.st_ino != item->inode || status.st_dev != item->device;

    if (is_over && is_other) {
        close_live(shelf, item);
        item->device = status.st_dev;
        item->inode = status.st_ino;
        item->state = SEEP_SHELF_UNREAD;
    }
}

static void look_around(struct seep_shelf *shelf, uint64_t now_ns)
{
    if (shelf->looked && now_ns - shelf->looked_ns < LOOK_NS) {
        return;
    }
    shelf->looked = true;
    shelf->looked_ns = now_ns;
    for (size_t i = 0; i < shelf->count; i++) {
        check_file(shelf, shelf->items[i]);
    }
    shelf->left_out = 0;
    for (size_t i = 0; i < shelf->options.count; i++) {
        shelf->left_out += look_at(shelf, shelf->options.paths[i]) == -E2BIG;
    }
}

/* Of more than OPEN_MOST that are open, those that are over and were not asked for. */
static void put_away(struct seep_shelf *shelf, uint64_t now_ns)
{
    size_t open = 0;

    for (size_t i = 0; i < shelf->count; i++) {
        open += shelf->items[i]->live != NULL;
    }
    for (size_t i = 0; i < shelf->count && open > OPEN_MOST; i++) {
        struct seep_shelf_item *item = shelf->items[i];

        if (item->live != NULL && item->state != SEEP_SHELF_RUNNING && !item->changed &&
            item->row != NULL &&
            now_ns - item->asked_ns > AWAY_NS / (open > 2 * OPEN_MOST ? 60 : 1)) {
            close_live(shelf, item);
            open--;
        }
    }
}

void seep_shelf_refresh(struct seep_shelf *shelf, uint64_t now_ns)
{
    uint64_t from_ns = monotonic_ns();

    for (size_t i = 0; i < shelf->count; i++) {
        shelf->items[i]->changed = false;
        shelf->items[i]->judged = false;
    }
    look_around(shelf, now_ns);
    for (size_t i = 0; i < shelf->count; i++) {
        struct seep_shelf_item *item = shelf->items[i];
        struct seep_error error = {0};

        if (item->live != NULL) {
            follow(shelf, item, now_ns);
        } else if (item->state == SEEP_SHELF_UNREAD && item->inode != 0 &&
                   monotonic_ns() - from_ns < SPEND_NS) {
            (void)open_item(shelf, item, now_ns, &error);
        } else if (item->state == SEEP_SHELF_UNREAD && item->inode == 0) {
            note_file(item);
        }
    }
    put_away(shelf, now_ns);
}

const struct seep_suppressions *seep_shelf_suppressions(const struct seep_shelf *shelf)
{
    return shelf->options.live.suppressions;
}

size_t seep_shelf_count(const struct seep_shelf *shelf)
{
    return shelf->count;
}

struct seep_shelf_item *seep_shelf_at(const struct seep_shelf *shelf, size_t i)
{
    return shelf->items[i];
}

size_t seep_shelf_left_out(const struct seep_shelf *shelf)
{
    return shelf->left_out;
}

struct seep_live_cost seep_shelf_cost(const struct seep_shelf *shelf)
{
    struct seep_live_cost cost = shelf->past;

    for (size_t i = 0; i < shelf->count; i++) {
        if (shelf->items[i]->live != NULL) {
            add_cost(&cost, seep_live_cost(shelf->items[i]->live));
        }
    }
    return cost;
}
