/* Heap profiles to a server of profiles.
 *
 * They are made by the caller, who has the findings, and sent by a thread: the newest of
 * each name waits, for it says all that the older one did and more.
 *
 * Of the profile's six values the server is told to keep the two that are of a moment
 * (inuse_*): what was allocated since the start would have to be subtracted from the
 * profile before, which may never have arrived.
 *
 * Source: grafana.com/docs/pyroscope, "Server HTTP API", /ingest; the parts are those of
 * github.com/grafana/pyroscope-go.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/profile_push.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "net/http_client.h"
#include "net/url_show.h"
#include "report/renderer.h"

enum {
    PENDING_MOST = 256,
    REPLY_MS = 10000,
    REPLY_MOST_BYTES = 65536,
    BOUNDARY_BYTES = 48,
    VALUE_BYTES = 128,
    BACKOFF_LEAST_S = 5,
    BACKOFF_MOST_S = 60
};
static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const char *const others = "others";

static const char sample_types[] =
    "{\"inuse_objects\":{\"units\":\"objects\",\"aggregation\":\"average\"},"
    "\"inuse_space\":{\"units\":\"bytes\",\"aggregation\":\"average\"}}";

struct seep_push {
    char url[SEEP_PUSH_URL_BYTES];
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t news;
    /* Under the lock. */
    struct seep_push_profile pending[PENDING_MOST];
    size_t count;
    bool ending;
    uint64_t give_up_ns, next_try_ns;
    unsigned backoff_s;
    struct seep_push_counts counts;
};

int seep_push_check(const char *url, struct seep_error *error)
{
    const char *host = seep_url_after_scheme(url);

    if (host == NULL || strcspn(host, "/?#") == 0 || strpbrk(url, " \t\r\n?#") != NULL ||
        strlen(url) > SEEP_PUSH_URL_BYTES - 2) {
        return seep_error_set(error, -EINVAL,
                              "\"%s\": the address of a server that takes profiles is "
                              "expected, as in http://localhost:4040",
                              url);
    }
    return 0;
}

/* ---- profiles ---- */

/* Copies a text as a label's value: what the server's names cannot hold becomes '_'. */
static const char *as_value(const char *text, char *out, size_t out_bytes)
{
    size_t n = 0;

    for (; text != NULL && *text != '\0' && n < out_bytes - 1; text++) {
        bool fits = isalnum((unsigned char)*text) || strchr("._-/:", *text) != NULL;

        out[n++] = (char)(fits ? *text : '_');
    }
    out[n] = '\0';
    return out;
}

static void make_name(const struct seep_findings *findings, const char *subsystem,
                      char *name)
{
    const char *slash = findings->exe != NULL ? strrchr(findings->exe, '/') : NULL;
    char app[VALUE_BYTES];
    char host[VALUE_BYTES];
    char of[VALUE_BYTES];

    (void)as_value(slash != NULL ? slash + 1 : findings->exe, app, sizeof(app));
    (void)as_value(findings->host, host, sizeof(host));
    (void)as_value(subsystem, of, sizeof(of));
    (void)snprintf(name, SEEP_PUSH_NAME_BYTES, "%s{host=%s%s%s}",
                   app[0] != '\0' ? app : "unknown", host,
                   of[0] != '\0' ? ",subsystem=" : "", of);
}

/* Which profile a site is in: that of its subsystem, or the last one. */
static size_t place_of(const struct seep_findings *findings, size_t named,
                       const struct seep_view_site *site)
{
    for (size_t i = 0; i < named; i++) {
        if (strcmp(findings->subsystems[i].name, site->subsystem) == 0) {
            return i;
        }
    }
    return named;
}

/* Renders the heap sites of one place. Returns: 1; 0 there are none; -ENOMEM. */
static int render_one(const struct seep_findings *findings, const size_t *places,
                      size_t place, struct seep_view_site *room, struct seep_buf *out)
{
    const struct seep_render_options options = {.kind = SEEP_KIND_HEAP,
                                                .value = SEEP_VALUE_LIVE_BYTES};
    struct seep_findings part = *findings;
    size_t count = 0;

    for (size_t i = 0; i < findings->profile.site_count; i++) {
        const struct seep_view_site *site = &findings->profile.sites[i];

        if (places[i] == place && site->kind == SEEP_KIND_HEAP && site->live > 0) {
            room[count++] = *site;
        }
    }
    part.profile.sites = room;
    part.profile.site_count = count;
    return count == 0                                             ? 0
           : SEEP_RENDERER_PPROF.render(&part, &options, out) < 0 ? -ENOMEM
                                                                  : 1;
}

void seep_push_profiles_fini(struct seep_push_profile *profiles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        seep_buf_fini(&profiles[i].pprof);
    }
}

int seep_push_profiles_make(const struct seep_findings *findings, uint64_t from_s,
                            uint64_t until_s, struct seep_push_profile *profiles)
{
    size_t sites = findings->profile.site_count;
    size_t named = findings->subsystem_count < SEEP_PUSH_NAMES_MOST - 1
                       ? findings->subsystem_count
                       : SEEP_PUSH_NAMES_MOST - 1;
    struct seep_view_site *room = calloc(sites + 1, sizeof(*room));
    size_t *places = calloc(sites + 1, sizeof(*places));
    size_t n = 0;
    int status = room != NULL && places != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; status == 0 && i < sites; i++) {
        places[i] = place_of(findings, named, &findings->profile.sites[i]);
    }
    for (size_t i = 0; status >= 0 && i <= named; i++) {
        profiles[n] = (struct seep_push_profile){.from_s = from_s, .until_s = until_s};
        make_name(findings, i < named ? findings->subsystems[i].name : others,
                  profiles[n].name);
        status = render_one(findings, places, i, room, &profiles[n].pprof);
        if (status != 1) {
            seep_buf_fini(&profiles[n].pprof);
        }
        n += status == 1;
    }
    free(places);
    free(room);
    if (status < 0) {
        seep_push_profiles_fini(profiles, n);
        return -ENOMEM;
    }
    return (int)n;
}

/* ---- sending ---- */

static void put_part(struct seep_buf *out, const char *boundary, const char *name,
                     const char *file, const void *bytes, size_t len_bytes)
{
    seep_buf_printf(out,
                    "--%s\r\nContent-Disposition: form-data; name=\"%s\"; "
                    "filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n",
                    boundary, name, file);
    seep_buf_put(out, bytes, len_bytes);
    seep_buf_put(out, "\r\n", 2);
}

/* A line that does not occur in the profile. */
static void make_boundary(const struct seep_buf *pprof, char *boundary)
{
    uint64_t random[2] = {0};

    do {
        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
            random[0]++;
        }
        (void)snprintf(boundary, BOUNDARY_BYTES, "seep%016" PRIx64 "%016" PRIx64,
                       random[0], random[1]);
    } while (memmem(pprof->data, pprof->len_bytes, boundary, strlen(boundary)) != NULL);
}

static void put_escaped(struct seep_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL) {
            seep_buf_put(out, text, 1);
        } else {
            seep_buf_printf(out, "%%%02X", (unsigned char)*text);
        }
    }
}

static void make_address(const char *url, const struct seep_push_profile *profile,
                         struct seep_buf *out)
{
    size_t length = strlen(url);

    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    seep_buf_printf(out, "%.*s/ingest?name=", (int)length, url);
    put_escaped(out, profile->name);
    seep_buf_printf(out, "&from=%" PRIu64 "&until=%" PRIu64 "&format=pprof&spyName=seep",
                    profile->from_s, profile->until_s);
    seep_buf_put(out, "", 1);
}

static int post(struct seep_http_client *client, const char *address,
                const char *boundary, const struct seep_buf *body,
                struct seep_error *error)
{
    char type[BOUNDARY_BYTES + 64];
    struct seep_http_reply reply = {0};
    struct seep_http_request request = {.method = "POST",
                                        .url = address,
                                        .content_type = type,
                                        .body = body->data,
                                        .body_bytes = body->len_bytes,
                                        .timeout_ms = REPLY_MS,
                                        .reply_most_bytes = REPLY_MOST_BYTES};
    int status = 0;

    (void)snprintf(type, sizeof(type), "multipart/form-data; boundary=%s", boundary);
    status = seep_http_do(client, &request, &reply, error);
    if (status == 0 && (reply.status < 200 || reply.status >= 300)) {
        size_t shown = reply.body.len_bytes < 120 ? reply.body.len_bytes : 120;
        char where[SEEP_PUSH_URL_BYTES];

        seep_url_show(address, where, sizeof(where));
        for (size_t i = 0; i < shown; i++) {
            reply.body.data[i] = isprint(reply.body.data[i]) ? reply.body.data[i] : ' ';
        }
        status = seep_error_set(error, -EIO, "%s: HTTP %ld%s%.*s", where, reply.status,
                                shown > 0 ? ": " : "", (int)shown,
                                shown > 0 ? (const char *)reply.body.data : "");
    }
    seep_buf_fini(&reply.body);
    return status;
}

int seep_push_send(const char *url, const struct seep_push_profile *profile,
                   struct seep_error *error)
{
    struct seep_http_client *client = NULL;
    struct seep_buf body = {0};
    struct seep_buf address = {0};
    char boundary[BOUNDARY_BYTES];
    int status = -ENOMEM;

    make_boundary(&profile->pprof, boundary);
    make_address(url, profile, &address);
    put_part(&body, boundary, "profile", "profile.pprof", profile->pprof.data,
             profile->pprof.len_bytes);
    put_part(&body, boundary, "sample_type_config", "sample_type_config.json",
             sample_types, sizeof(sample_types) - 1);
    seep_buf_printf(&body, "--%s--\r\n", boundary);
    if (!body.failed && !address.failed && seep_http_client_new(&client) == 0) {
        status = post(client, (const char *)address.data, boundary, &body, error);
    } else {
        (void)seep_error_set(error, status, "out of memory");
    }
    seep_http_client_free(client);
    seep_buf_fini(&address);
    seep_buf_fini(&body);
    return status;
}

/* ---- the thread ---- */

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static struct seep_push_profile *find(struct seep_push *push, const char *name)
{
    for (size_t i = 0; i < push->count; i++) {
        if (strcmp(push->pending[i].name, name) == 0) {
            return &push->pending[i];
        }
    }
    return NULL;
}

/* Puts one that was not taken back, unless a newer one is there. */
static void put_back(struct seep_push *push, struct seep_push_profile *profile)
{
    if (find(push, profile->name) != NULL || push->count == PENDING_MOST) {
        push->counts.dropped++;
        seep_push_profiles_fini(profile, 1);
    } else {
        push->pending[push->count++] = *profile;
    }
}

/* Sends the oldest. Called with the lock, which is let go of meanwhile. */
static bool send_oldest(struct seep_push *push)
{
    struct seep_push_profile profile = push->pending[0];
    struct seep_error error = {0};
    int status = 0;

    memmove(&push->pending[0], &push->pending[1],
            --push->count * sizeof(push->pending[0]));
    (void)pthread_mutex_unlock(&push->lock);
    status = seep_push_send(push->url, &profile, &error);
    (void)pthread_mutex_lock(&push->lock);
    push->counts.away = status < 0;
    if (status == 0) {
        push->counts.sent++;
        push->backoff_s = 0;
        push->next_try_ns = 0;
        seep_push_profiles_fini(&profile, 1);
        return true;
    }
    push->counts.failed++;
    (void)snprintf(push->counts.why, sizeof(push->counts.why), "%s", error.message);
    push->backoff_s = push->backoff_s == 0 ? BACKOFF_LEAST_S : 2 * push->backoff_s;
    push->backoff_s = push->backoff_s < BACKOFF_MOST_S ? push->backoff_s : BACKOFF_MOST_S;
    push->next_try_ns = now_ns() + push->backoff_s * SECOND_NS;
    put_back(push, &profile);
    return false;
}

static void *send_all(void *arg)
{
    struct seep_push *push = arg;
    bool is_over = false;

    (void)pthread_mutex_lock(&push->lock);
    while (!is_over) {
        struct timespec until = {.tv_sec = (time_t)(push->next_try_ns / SECOND_NS),
                                 .tv_nsec = (long)(push->next_try_ns % SECOND_NS)};
        uint64_t now = now_ns();

        if (push->ending) {
            is_over = push->count == 0 || now >= push->give_up_ns || !send_oldest(push);
        } else if (push->count == 0) {
            (void)pthread_cond_wait(&push->news, &push->lock);
        } else if (now < push->next_try_ns) {
            (void)pthread_cond_timedwait(&push->news, &push->lock, &until);
        } else {
            (void)send_oldest(push);
        }
    }
    (void)pthread_mutex_unlock(&push->lock);
    return NULL;
}

int seep_push_new(const char *url, struct seep_push **push, struct seep_error *error)
{
    struct seep_push *made = calloc(1, sizeof(*made));
    pthread_condattr_t attributes;
    sigset_t all;
    sigset_t before;
    int status = 0;

    if (made == NULL) {
        return seep_error_set(error, -ENOMEM, "--push: out of memory");
    }
    (void)snprintf(made->url, sizeof(made->url), "%s", url);
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&made->news, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    status = -pthread_create(&made->thread, NULL, send_all, made);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    made->started = status == 0;
    if (status < 0) {
        seep_push_free(made);
        return seep_error_set(error, status, "--push: no thread: %s",
                              strerrordesc_np(-status));
    }
    (void)pthread_setname_np(made->thread, "seep-push");
    *push = made;
    return 0;
}

void seep_push_put(struct seep_push *push, struct seep_push_profile *profiles, size_t n)
{
    (void)pthread_mutex_lock(&push->lock);
    for (size_t i = 0; i < n; i++) {
        struct seep_push_profile *same = find(push, profiles[i].name);

        if (same != NULL) {
            push->counts.dropped++;
            seep_push_profiles_fini(same, 1);
            *same = profiles[i];
        } else if (push->count < PENDING_MOST) {
            push->pending[push->count++] = profiles[i];
        } else {
            push->counts.dropped++;
            seep_push_profiles_fini(&profiles[i], 1);
        }
        profiles[i] = (struct seep_push_profile){0};
    }
    (void)pthread_cond_signal(&push->news);
    (void)pthread_mutex_unlock(&push->lock);
}

struct seep_push_counts seep_push_counts(struct seep_push *push)
{
    struct seep_push_counts counts;

    (void)pthread_mutex_lock(&push->lock);
    counts = push->counts;
    (void)pthread_mutex_unlock(&push->lock);
    return counts;
}

void seep_push_finish(struct seep_push *push, int grace_ms)
{
    (void)pthread_mutex_lock(&push->lock);
    push->ending = true;
    push->give_up_ns = now_ns() + (uint64_t)(grace_ms > 0 ? grace_ms : 0) * 1000000;
    (void)pthread_cond_signal(&push->news);
    (void)pthread_mutex_unlock(&push->lock);
    if (push->started) {
        (void)pthread_join(push->thread, NULL);
        push->started = false;
    }
    push->counts.dropped += push->count;
    seep_push_profiles_fini(push->pending, push->count);
    push->count = 0;
}

void seep_push_free(struct seep_push *push)
{
    if (push == NULL) {
        return;
    }
    seep_push_finish(push, 0);
    (void)pthread_cond_destroy(&push->news);
    (void)pthread_mutex_destroy(&push->lock);
    free(push);
}
