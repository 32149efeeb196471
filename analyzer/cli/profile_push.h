/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_PROFILE_PUSH_H
#define SEEP_ANALYZER_CLI_PROFILE_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "verdict/findings.h"

/* Heap profiles to a server that takes what Pyroscope's clients send: POST /ingest, one
 * profile for each subsystem, named APP{host=HOST,subsystem=SUBSYSTEM}. A profile says
 * what is live at its end, so that one that was not taken is not missed when the next one
 * is. */
struct seep_push;

enum {
    SEEP_PUSH_NAMES_MOST = 32,
    SEEP_PUSH_NAME_BYTES = 512,
    SEEP_PUSH_URL_BYTES = 1024
};

/* Whether a text is an address to push to. Returns: 0; -EINVAL with *error. Pure. */
int seep_push_check(const char *url, struct seep_error *error);

/* One body and where it goes. */
struct seep_push_profile {
    char name[SEEP_PUSH_NAME_BYTES]; /* "app{host=h,subsystem=s}" */
    uint64_t from_s, until_s;        /* since 1970 */
    struct seep_buf pprof;           /* owned; gzip */
};

/* Makes the profiles of one moment, the subsystem with most live bytes first; what is
 * beyond SEEP_PUSH_NAMES_MOST is one, of the subsystem "others".
 *
 * findings: with a profile. profiles: out; room for SEEP_PUSH_NAMES_MOST; owned
 * (seep_push_profiles_fini).
 * Returns: how many; -ENOMEM. Thread-safety: any. */
int seep_push_profiles_make(const struct seep_findings *findings, uint64_t from_s,
                            uint64_t until_s, struct seep_push_profile *profiles);
void seep_push_profiles_fini(struct seep_push_profile *profiles, size_t n);

/* Sends one and waits. url: as given. Returns: 0; -EIO and others of seep_http_do. */
int seep_push_send(const char *url, const struct seep_push_profile *profile,
                   struct seep_error *error);

struct seep_push_counts {
    uint64_t sent;    /* profiles */
    uint64_t failed;  /* attempts */
    uint64_t dropped; /* a newer one of the name came first, or there was no room */
    bool away;        /* the last attempt failed */
    char why[512];    /* of that */
};

/* A thread that sends. Returns: 0; -ENOMEM, -EAGAIN with *error. */
int seep_push_new(const char *url, struct seep_push **push, struct seep_error *error);
/* Queues profiles (their memory is taken, *profiles are all-zero after). Never waits. */
void seep_push_put(struct seep_push *push, struct seep_push_profile *profiles, size_t n);
struct seep_push_counts seep_push_counts(struct seep_push *push);
/* Sends what waits, unless nobody answers or `grace_ms` are over, and ends the thread. */
void seep_push_finish(struct seep_push *push, int grace_ms);
/* NULL is ignored. */
void seep_push_free(struct seep_push *push);

#endif
