/* The whole fleet, instance by instance.
 *
 * Each thread takes the next instance, reads its series into a slice of its own and
 * judges them, while others read; at most SEEP_FLEET_REQUESTS_MAX ask at a time, because
 * the server has other clients and judging is what takes long. One question for the whole
 * fleet was rejected: servers build such a reply in memory, and so would we; so was a
 * hash over ids: restarts show only where all series of an instance are together.
 * The first error ends the work; the others notice before their next instance.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_gather.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fleet/fleet_instance.h"

enum { THREADS_MAX = 64, TELL_MS = 100 };

struct team {
    const struct seep_fleet_question *question;
    const struct seep_fleet_names
        *instances;       /* and, after the last, those without name */
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    size_t next, finished, asking, working;
    struct seep_fleet_table table;
    struct seep_error error;
    int status;
};

/* A thread's own things. */
struct hand {
    struct seep_http_client *client;
    struct seep_fleet_slice series, ages;
    struct seep_fleet_judged judged;
};

static int fail(struct team *team, int status, const struct seep_error *error)
{
    if (team->status == 0) {
        team->status = status;
        team->error = *error;
    }
    return status;
}

static void put_selector(struct seep_buf *out, const struct seep_fleet_question *question,
                         const char *name, const char *match, const char *instance)
{
    seep_buf_printf(out, "%s{", name);
    if (match[0] != '\0') {
        seep_buf_put(out, match, strlen(match));
        seep_buf_put(out, ",", 1);
    }
    if (question->match[0] != '\0') {
        seep_buf_put(out, question->match, strlen(question->match));
        seep_buf_put(out, ",", 1);
    }
    if (instance != NULL) {
        seep_fleet_put_matcher(out, question->labels.names[SEEP_FLEET_INSTANCE],
                               instance);
    }
    seep_buf_put(out, "}", 2); /* and its end */
}

static int ask(const struct team *team, const struct hand *hand,
               const struct seep_fleet_metric *metric, const char *instance,
               struct seep_fleet_slice *slice, struct seep_error *error)
{
    const struct seep_fleet_connection connection = {&team->question->source,
                                                     hand->client};
    struct seep_buf selector = {0};
    int status = 0;

    put_selector(&selector, team->question, metric->name, metric->match, instance);
    status = selector.failed
                 ? seep_error_set(error, -ENOMEM, "out of memory")
                 : seep_fleet_source_ask(&connection, (const char *)selector.data, slice,
                                         error);
    seep_buf_fini(&selector);
    return status;
}

static int read_instance(const struct team *team, struct hand *hand, const char *instance,
                         size_t *first_count, struct seep_error *error)
{
    const struct seep_fleet_question *question = team->question;
    const struct seep_fleet_metric age = {question->age_metric, "", false};
    int status = 0;

    seep_fleet_slice_reset(&hand->series);
    seep_fleet_slice_reset(&hand->ages);
    for (size_t i = 0; i < question->metric_count && status == 0; i++) {
        status = ask(team, hand, &question->metrics[i], instance, &hand->series, error);
        if (question->metrics[i].of_bytes) { /* those of bytes come first */
            *first_count = hand->series.count;
        }
    }
    if (status == 0 && question->age_metric != NULL && hand->series.count > 0) {
        status = ask(team, hand, &age, instance, &hand->ages, error);
    }
    return status;
}

/* Under the lock. */
static int add(struct team *team, const struct hand *hand)
{
    struct seep_fleet_table *table = &team->table;
    int status = 0;

    for (size_t i = 0; i < hand->judged.count && status == 0; i++) {
        status = seep_fleet_table_add(table, &hand->series, i, &hand->judged.series[i]);
    }
    seep_fleet_losses_add(&table->losses, &hand->series.losses);
    table->restarts += hand->judged.restarts;
    table->samples += hand->judged.samples;
    table->cuts.gaps += hand->judged.cuts.gaps;
    table->cuts.missing += hand->judged.cuts.missing;
    table->cuts.left_off += hand->judged.cuts.left_off;
    return status;
}

/* Takes the next instance and the right to ask. Returns: whether there is one. */
static bool take_turn(struct team *team, const char **instance)
{
    bool taken = false;

    (void)pthread_mutex_lock(&team->lock);
    while (team->asking == SEEP_FLEET_REQUESTS_MAX && team->status == 0) {
        (void)pthread_cond_wait(&team->changed, &team->lock);
    }
    if (team->status == 0 && team->next <= team->instances->count) {
        size_t i = team->next++;

        *instance = i < team->instances->count ? team->instances->names[i] : "";
        team->asking++;
        taken = true;
    }
    (void)pthread_mutex_unlock(&team->lock);
    return taken;
}

static void give_back_turn(struct team *team)
{
    (void)pthread_mutex_lock(&team->lock);
    team->asking--;
    (void)pthread_cond_broadcast(&team->changed);
    (void)pthread_mutex_unlock(&team->lock);
}

static void work_on(struct team *team, struct hand *hand, const char *instance)
{
    struct seep_error error = {0};
    struct seep_fleet_instance read = {.series = &hand->series, .ages = &hand->ages};
    int status = read_instance(team, hand, instance, &read.first_count, &error);

    give_back_turn(team);
    if (status == 0) {
        status = seep_fleet_judge(&read, &hand->judged);
    }
    (void)pthread_mutex_lock(&team->lock);
    if (status == 0) {
        status = add(team, hand);
    }
    if (status < 0) {
        if (status == -ENOMEM) {
            (void)seep_error_set(&error, status, "out of memory");
        }
        (void)fail(team, status, &error);
    }
    team->finished++;
    (void)pthread_cond_broadcast(&team->changed);
    (void)pthread_mutex_unlock(&team->lock);
}

static void *work(void *context)
{
    struct team *team = context;
    struct hand hand = {0};
    const char *instance = NULL;
    struct seep_error error = {0};

    seep_fleet_slice_init(&hand.series, &team->question->labels, &team->question->grid);
    seep_fleet_slice_init(&hand.ages, &team->question->labels, &team->question->grid);
    hand.ages.nameless_ok = true;
    int status = seep_http_client_new(&hand.client);

    while (status == 0 && take_turn(team, &instance)) {
        work_on(team, &hand, instance);
    }
    (void)pthread_mutex_lock(&team->lock);
    if (status < 0) {
        (void)seep_error_set(&error, status, "out of memory");
        (void)fail(team, status, &error);
    }
    team->working--;
    (void)pthread_cond_broadcast(&team->changed);
    (void)pthread_mutex_unlock(&team->lock);
    seep_fleet_judged_fini(&hand.judged);
    seep_fleet_slice_fini(&hand.series);
    seep_fleet_slice_fini(&hand.ages);
    seep_http_client_free(hand.client);
    return NULL;
}

/* Tells of the progress until nobody works any more. */
static void wait_for(struct team *team)
{
    (void)pthread_mutex_lock(&team->lock);
    while (team->working > 0) {
        struct timespec until;
        size_t finished = team->finished;

        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TELL_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&team->changed, &team->lock, &until);
        (void)pthread_mutex_unlock(&team->lock);
        seep_progress_tell(team->question->progress, "instances", finished,
                           team->instances->count + 1);
        (void)pthread_mutex_lock(&team->lock);
    }
    (void)pthread_mutex_unlock(&team->lock);
}

static size_t thread_count(const struct seep_fleet_question *question, size_t instances)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = question->threads > 0                  ? question->threads
               : processors > SEEP_FLEET_REQUESTS_MAX ? (size_t)processors
                                                      : SEEP_FLEET_REQUESTS_MAX;

    n = n < instances + 1 ? n : instances + 1;
    return n < THREADS_MAX ? n : THREADS_MAX;
}

static int run_team(struct team *team, struct seep_error *error)
{
    pthread_t threads[THREADS_MAX];
    size_t wanted = thread_count(team->question, team->instances->count);
    size_t started = 0;

    (void)pthread_mutex_init(&team->lock, NULL);
    (void)pthread_cond_init(&team->changed, NULL);
    team->working = wanted;
    while (started < wanted && pthread_create(&threads[started], NULL, work, team) == 0) {
        started++;
    }
    (void)pthread_mutex_lock(&team->lock);
    team->working -= wanted - started;
    if (started == 0) {
        team->status = seep_error_set(&team->error, -ENOMEM, "no thread can be started");
    }
    (void)pthread_mutex_unlock(&team->lock);
    wait_for(team);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_mutex_destroy(&team->lock);
    (void)pthread_cond_destroy(&team->changed);
    if (team->status < 0) {
        *error = team->error;
    }
    return team->status;
}

static int list_instances(const struct seep_fleet_question *question,
                          struct seep_fleet_names *out, struct seep_error *error)
{
    struct seep_fleet_connection connection = {.source = &question->source};
    struct seep_buf texts[2] = {{0}, {0}};
    const char *selectors[3] = {NULL};
    int status = seep_http_client_new(&connection.client);

    for (size_t i = 0; i < question->metric_count; i++) {
        put_selector(&texts[i], question, question->metrics[i].name,
                     question->metrics[i].match, NULL);
        status = texts[i].failed ? -ENOMEM : status;
        selectors[i] = (const char *)texts[i].data;
    }
    status = status < 0
                 ? seep_error_set(error, status, "out of memory")
                 : seep_fleet_source_values(&connection,
                                            question->labels.names[SEEP_FLEET_INSTANCE],
                                            selectors, &question->grid, out, error);
    seep_buf_fini(&texts[0]);
    seep_buf_fini(&texts[1]);
    seep_http_client_free(connection.client);
    return status;
}

int seep_fleet_gather(const struct seep_fleet_question *question,
                      struct seep_fleet_table *out, struct seep_error *error)
{
    struct seep_fleet_names instances = {0};
    int status = 0;

    seep_progress_tell(question->progress, "the list of instances", 0, 0);
    status = list_instances(question, &instances, error);
    if (status < 0) {
        return status;
    }
    struct team team = {.question = question, .instances = &instances};

    status = run_team(&team, error);
    if (status == 0 && seep_fleet_table_settle(&team.table) < 0) {
        status = seep_error_set(error, -ENOMEM, "out of memory");
    }
    seep_fleet_names_fini(&instances);
    if (status < 0) {
        seep_fleet_table_fini(&team.table);
        return status;
    }
    *out = team.table;
    return 0;
}
