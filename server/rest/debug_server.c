/* An acceptor and an HTTP server of its own, with the profiles' routes and one thread:
 * when the main port's threads all hang, this is where one looks why.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/debug_server.h"

#include "server/acceptor.h"
#include "server/base/clock.h"
#include "server/rest/app.h"
#include "server/rest/http_server.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <stdlib.h>

#define HEADERS_MAX     100
#define CONNECTIONS_MAX 16
#define HEAD_BYTES      4096
#define TIMEOUT_NS      (10 * PMA_S_NS)

struct pma_debug_server {
    struct pma_acceptor *acceptor;
    struct pma_http *http;
};

static const struct pma_route routes[] = {
#define PMA_ROUTE_ROW(method, pattern, handler, loopback_only)                           \
    {pattern, pma_handle_##handler, PMA_METHOD_##method, loopback_only},
    PMA_ROUTES_PROFILE(PMA_ROUTE_ROW)
#undef PMA_ROUTE_ROW
};

static int to_http(void *arg, int fd, const struct sockaddr *peer, socklen_t peer_bytes)
{
    const struct pma_debug_server *server = arg;
    return pma_http_adopt(server->http, fd, peer, peer_bytes);
}

static int to_hub(void *arg, int fd, const struct sockaddr *peer, socklen_t peer_bytes)
{
    (void)arg;
    (void)fd;
    (void)peer;
    (void)peer_bytes;
    return -EBUSY;
}

static bool is_http_full(void *arg)
{
    const struct pma_debug_server *server = arg;
    return pma_http_is_full(server->http);
}

/* There is no hub here: an upgrade is refused as by a full one. */
static bool is_hub_full(void *arg)
{
    (void)arg;
    return true;
}

static void note_hub_rejected(void *arg)
{
    (void)arg;
}

static int start_http(struct pma_debug_server *server, struct pma_app *app)
{
    const struct pma_http_config config = {
        .threads = 1,
        .max_connections = CONNECTIONS_MAX,
        .max_head_bytes = HEAD_BYTES,
        .max_url_bytes = HEAD_BYTES / 2,
        .max_body_bytes = HEAD_BYTES,
        .idle_timeout_ns = TIMEOUT_NS,
        .read_timeout_ns = TIMEOUT_NS,
        .max_headers = HEADERS_MAX,
        .max_per_address = CONNECTIONS_MAX,
        .head_timeout_ns = TIMEOUT_NS,
        .write_timeout_ns = TIMEOUT_NS,
        .gate = app->gate,
        .routes = routes,
        .routes_count = sizeof routes / sizeof routes[0],
        .app = app,
    };
    return pma_http_start(&config, &server->http);
}

int pma_debug_server_start(uint16_t port, struct pma_app *app,
                           struct pma_debug_server **server)
{
    const struct pma_acceptor_config config = {
        .host = "127.0.0.1",
        .port = port,
        .max_head_bytes = HEAD_BYTES,
        .head_timeout_ns = TIMEOUT_NS,
        .max_pending = CONNECTIONS_MAX,
        .max_pending_per_address = CONNECTIONS_MAX,
    };
    struct pma_debug_server *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    const struct pma_acceptor_hooks hooks = {
        .to_http = to_http,
        .to_hub = to_hub,
        .is_http_full = is_http_full,
        .is_hub_full = is_hub_full,
        .note_hub_rejected = note_hub_rejected,
        .arg = fresh,
    };
    int err = pma_acceptor_new(&config, &hooks, &fresh->acceptor);
    if (err != 0) {
        goto fail_acceptor;
    }
    err = start_http(fresh, app);
    if (err != 0) {
        goto fail_http;
    }
    err = pma_acceptor_start(fresh->acceptor);
    if (err != 0) {
        goto fail_start;
    }
    *server = fresh;
    return 0;

fail_start:
    pma_http_stop(fresh->http, 0);
fail_http:
    pma_acceptor_free(fresh->acceptor);
fail_acceptor:
    free(fresh);
    return err;
}

int pma_debug_server_stop(struct pma_debug_server *server, uint64_t timeout_ns)
{
    if (server == NULL) {
        return 0;
    }
    const int err = pma_acceptor_stop(server->acceptor, timeout_ns);
    if (err != 0) {
        return err;
    }
    pma_http_stop(server->http, timeout_ns);
    pma_acceptor_free(server->acceptor);
    free(server);
    return 0;
}
