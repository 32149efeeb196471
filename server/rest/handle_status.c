/* Is the server there, and on what machine: health and system status.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMINFO_BYTES 4096

void pma_handle_health(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    json_t *data = json_pack(
        "{s:s, s:o, s:s, s:s, s:b, s:b, s:{}, s:i, s:{s:b, s:b}}", "status", "healthy",
        "timestamp", pma_json_now(), "service", "pma-backend", "version", SEEP_VERSION,
        "connected", 1, "backendAvailable", 1, "adapters", "adapter_count", 0,
        "error_handling", "structured_errors", 1, "request_limits", 1);
    pma_reply_data(reply, data);
    /* Scripts look for .status at the top: there it is the server's, not the reply's. */
    json_object_set_new(reply->body, "status", json_string("healthy"));
}

/* The number of kB after `key` in /proc/meminfo, in bytes; 0 when it is not there. */
static uint64_t meminfo_bytes(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

static void read_meminfo(char text[MEMINFO_BYTES])
{
    text[0] = '\0';
    const int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    const ssize_t got = read(fd, text, MEMINFO_BYTES - 1);
    text[got > 0 ? got : 0] = '\0';
    close(fd);
}

void pma_handle_system_status(struct pma_request *request, struct pma_reply *reply)
{
    char meminfo[MEMINFO_BYTES];
    read_meminfo(meminfo);
    const uint64_t total = meminfo_bytes(meminfo, "MemTotal:");
    const uint64_t available = meminfo_bytes(meminfo, "MemAvailable:");
    const uint64_t used = total > available ? total - available : 0;
    const double percentage = total > 0 ? 100.0 * (double)used / (double)total : 0;
    const uint64_t uptime_s = (pma_now_ns() - request->app->started_at_ns) / PMA_S_NS;
    pma_reply_data(reply,
                   json_pack("{s:{s:s, s:s, s:o}, s:{s:I, s:I, s:f, s:I}, s:I}", "server",
                             "name", "pma-backend", "status", "running", "lastCheck",
                             pma_json_now(), "memory", "used", (json_int_t)used, "total",
                             (json_int_t)total, "percentage", percentage, "available",
                             (json_int_t)available, "uptime", (json_int_t)uptime_s));
}
