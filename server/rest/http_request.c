/* Handlers know no HTTP library: they look headers and arguments up by three functions.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/http_request.h"

#include "server/rest/gate.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The values of one header, being joined. */
struct joined {
    const char *name;
    char *text;
    size_t used, capacity; /* used reaches capacity when something did not fit */
};

static const char *find_header(const struct pma_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static const char *find_argument(const struct pma_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* The peer's address; all zero when it is unknown. */
static struct pma_address peer_address(struct MHD_Connection *connection)
{
    struct pma_address address = {{0}};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info != NULL && info->client_addr != NULL) {
        pma_address_of_peer(info->client_addr, &address);
    }
    return address;
}

static enum MHD_Result join_value(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct joined *joined = arg;
    (void)kind;
    if (value == NULL || strcasecmp(name, joined->name) != 0) {
        return MHD_YES;
    }
    const int wrote =
        snprintf(joined->text + joined->used, joined->capacity - joined->used, "%s%s",
                 joined->used > 0 ? ", " : "", value);
    joined->used += (size_t)wrote;
    return joined->used < joined->capacity ? MHD_YES : MHD_NO;
}

static int join_headers(const struct pma_request *request, const char *name, char *text,
                        size_t text_bytes)
{
    struct joined joined = {.name = name, .text = text, .capacity = text_bytes};
    text[0] = '\0';
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, join_value, &joined);
    return joined.used < joined.capacity ? 0 : -E2BIG;
}

void pma_http_request_fill(struct pma_request *request, struct MHD_Connection *connection,
                           const struct pma_gate *gate, char client[PMA_ADDRESS_BYTES])
{
    request->client = client;
    request->address = peer_address(connection);
    request->header = find_header;
    request->argument = find_argument;
    request->headers = join_headers;
    request->connection = connection;
    if (gate != NULL) {
        pma_gate_identify(gate, request);
    } else {
        request->loopback = pma_address_is_loopback(&request->address);
    }
    pma_address_format(&request->address, client);
}
