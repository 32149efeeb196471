/* Connections through hiredis' blocking interface, with socket timeouts.
 *
 * Rejected: its asynchronous interface. It needs an event loop of its own and a hand-over
 * per command, for callers that have nothing to do meanwhile; with limits of some tens of
 * milliseconds a blocking call is simpler and as bounded.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/redis_link.h"

#include "server/base/backoff.h"
#include "server/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static struct timeval time_of(uint64_t ns)
{
    return (struct timeval){.tv_sec = (time_t)(ns / PMA_S_NS),
                            .tv_usec = (suseconds_t)(ns % PMA_S_NS / 1000)};
}

/* The errno behind hiredis' error; both are set by the call before. */
static int error_of(const redisContext *link, int system_error)
{
    switch (link->err) {
    case REDIS_ERR_IO:
        if (system_error == EAGAIN || system_error == EWOULDBLOCK || system_error == 0) {
            return -ETIMEDOUT;
        }
        return -system_error;
    case REDIS_ERR_EOF:
        return -ECONNRESET;
    case REDIS_ERR_OOM:
        return -ENOMEM;
    case REDIS_ERR_PROTOCOL:
        return -EPROTO;
    default:
        return -EHOSTUNREACH; /* the name was not found */
    }
}

const char *pma_redis_link_why(const redisContext *link)
{
    /* What a socket's time-out is called by the system. */
    return strcmp(link->errstr, "Resource temporarily unavailable") == 0
               ? "no answer within the time limit"
               : link->errstr;
}

redisReply *pma_redis_link_call(redisContext *link, int argc, const char *const argv[],
                                const size_t argv_bytes[])
{
    /* hiredis only reads the texts; its prototype is older than that thought. */
    return redisCommandArgv(link, argc, (const char **)argv, argv_bytes);
}

/* One command of the greeting, whose reply has to be a status. */
static int greet(redisContext *link, const char *command, const char *argument,
                 int refused, char *why, size_t why_bytes)
{
    const char *const argv[] = {command, argument};
    const size_t bytes[] = {strlen(command), strlen(argument)};
    errno = 0;
    redisReply *reply =
        pma_redis_link_call(link, argument[0] != '\0' ? 2 : 1, argv, bytes);
    if (reply == NULL) {
        const int err = error_of(link, errno);
        snprintf(why, why_bytes, "%s: %s", command, pma_redis_link_why(link));
        return err;
    }
    int err = 0;
    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(why, why_bytes, "%s: %.120s", command, reply->str);
        err = refused;
    } else if (reply->type != REDIS_REPLY_STATUS) {
        snprintf(why, why_bytes, "%s: not an answer of Redis", command);
        err = -EPROTO;
    }
    freeReplyObject(reply);
    return err;
}

static int introduce(redisContext *link, const struct pma_redis_address *address,
                     char *why, size_t why_bytes)
{
    char db[16];
    int err = 0;
    snprintf(db, sizeof db, "%u", address->db);
    if (address->password[0] != '\0') {
        err = greet(link, "AUTH", address->password, -EACCES, why, why_bytes);
    }
    if (err == 0 && address->db != 0) {
        err = greet(link, "SELECT", db, -EPROTO, why, why_bytes);
    }
    /* An answer to this proves that commands are allowed at all. */
    return err != 0 ? err : greet(link, "PING", "", -EACCES, why, why_bytes);
}

int pma_redis_link_open(const struct pma_redis_address *address, redisContext **link,
                        char *why, size_t why_bytes)
{
    errno = 0;
    redisContext *fresh = redisConnectWithTimeout(address->host, (int)address->port,
                                                  time_of(address->connect_timeout_ns));
    if (fresh == NULL) {
        snprintf(why, why_bytes, "out of memory");
        return -ENOMEM;
    }
    if (fresh->err != 0) {
        const int err = error_of(fresh, errno);
        snprintf(why, why_bytes, "%s", pma_redis_link_why(fresh));
        redisFree(fresh);
        return err;
    }
    /* Children (MCP servers) have no use for it; hiredis 0.14 does not say so itself. */
    (void)fcntl(fresh->fd, F_SETFD, FD_CLOEXEC);
    int err = redisSetTimeout(fresh, time_of(address->command_timeout_ns)) == REDIS_OK
                  ? 0
                  : -EIO;
    if (err != 0) {
        snprintf(why, why_bytes, "%s", pma_redis_link_why(fresh));
    } else {
        err = introduce(fresh, address, why, why_bytes);
    }
    if (err != 0) {
        redisFree(fresh);
        return err;
    }
    *link = fresh;
    return 0;
}

uint64_t pma_redis_retry_at_ns(uint64_t min_ns, uint64_t max_ns, uint32_t attempts)
{
    uint32_t random = UINT32_MAX / 2;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = UINT32_MAX / 2; /* before the kernel has entropy: no jitter */
    }
    return pma_now_ns() +
           pma_backoff_ns(min_ns, max_ns, attempts > 0 ? attempts - 1 : 0, random);
}
