/* Configuration from YAML, environment and command line, all problems at once.
 *
 * A server that stops at the first wrong key makes its operator fix a file by trial and
 * error, and one that ignores unknown keys runs for weeks with a limit that was never
 * set. So everything unknown or out of range is a problem with its line, and all are
 * collected. libyaml's document tree is walked instead of its events: it holds the line
 * of each node, and the file is small (1 MiB at most).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config.h"

#include "server/base/clock.h"
#include "server/config/config_keys.h"
#include "server/config/config_mcp.h"
#include "server/config/config_value.h"
#include "server/fault/fixes.h"
#include "server/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define FILE_BYTES_MAX ((size_t)1024 * 1024)
#define PATH_BYTES     96
#define DEPTH_MAX      4

/* One pass over a document. */
struct reading {
    yaml_document_t *document; /* borrowed */
    struct pma_config *config;
    struct pma_config_problems *problems;
};

void pma_config_defaults(struct pma_config *config)
{
    memset(config, 0, sizeof *config);
    snprintf(config->server.host, sizeof config->server.host, "0.0.0.0");
    config->server.port = 3001;
    config->server.shutdown_timeout_ns = 1800 * PMA_MS_NS;
    config->acceptor.max_head_bytes = 16 * 1024;
    config->acceptor.head_timeout_ns = 5 * PMA_S_NS;
    config->acceptor.max_pending = 256;
    config->http.threads = 4;
    config->http.max_connections = 512;
    config->http.max_url_bytes = 4096;
    config->http.max_body_bytes = (uint64_t)10 * 1024 * 1024;
    config->http.idle_timeout_ns = 60 * PMA_S_NS;
    config->http.read_timeout_ns = 15 * PMA_S_NS;
    config->http.max_headers = 100;
    config->http.later_threads = 4;
    config->http.later_queue = 64;
    pma_ai_config_defaults(&config->ai);
    config->http.max_connections_per_address = 64;
    config->http.write_timeout_ns = 15 * PMA_S_NS;
    config->acceptor.max_pending_per_address = 32;
    config->logging.access_batch = 100;
    config->logging.access_batch_age_ns = 60 * PMA_S_NS;
    config->logging.level = PMA_LOG_INFO;
    config->logging.max_log_entries = 1000;
    config->websocket.max_clients = 1000;
    config->websocket.client_timeout_ns = 300 * PMA_S_NS;
    config->websocket.cleanup_interval_ns = 30 * PMA_S_NS;
    config->websocket.send_queue_messages = 256;
    config->websocket.max_queue_messages = 1000;
    config->websocket.ping_interval_ns = 54 * PMA_S_NS;
    config->websocket.pong_timeout_ns = 60 * PMA_S_NS;
    config->websocket.heartbeat_interval_ns = 30 * PMA_S_NS;
    config->websocket.max_message_bytes = 16 * 1024;
    pma_config_storage_defaults(config);
    config->debug.port = 6060;
    config->metrics.max_series = 200;
    pma_config_mcp_defaults(config);
    pma_config_access_defaults(&config->auth, &config->security);
    pma_config_monitor_defaults(&config->memory_monitor);
    pma_config_pools_defaults(&config->memory_pools);
    pma_config_events_defaults(&config->events);
    pma_config_house_defaults(&config->entities, &config->simulated);
}

__attribute__((format(printf, 3, 4))) static void
add_problem(struct pma_config_problems *problems, unsigned line, const char *format, ...)
{
    const size_t at = problems->count++;
    if (at >= PMA_CONFIG_PROBLEMS_MAX) {
        return;
    }
    problems->items[at].line = line;
    va_list arguments;
    va_start(arguments, format);
    /* clang-tidy 14 takes the list for uninitialised although va_start is above. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(problems->items[at].text, sizeof problems->items[at].text, format,
              arguments);
    va_end(arguments);
}

static void describe_faults(const char *id, char *why, size_t why_bytes)
{
    size_t count = 0;
    const struct pma_fault_row *rows = pma_fault_rows(&count);
    int used = snprintf(why, why_bytes, "there is no fault \"%s\"; known:", id);
    for (size_t i = 0; i < count && used > 0 && (size_t)used < why_bytes; i++) {
        used += snprintf(why + used, why_bytes - (size_t)used, " %s", rows[i].id);
    }
}

/* Takes faults.ID.FIELD. Returns: 0, or -EINVAL with why[] filled. */
static int set_fault(struct pma_config *config, const char *path, const char *value,
                     char *why, size_t why_bytes)
{
    char id[40];
    const char *dot = strchr(path, '.');
    const size_t id_length = dot != NULL ? (size_t)(dot - path) : strlen(path);
    snprintf(id, sizeof id, "%.*s", (int)(id_length < 39 ? id_length : 39), path);
    const struct pma_fault_row *row = pma_fault_find(id);
    if (row == NULL) {
        describe_faults(id, why, why_bytes);
        return -EINVAL;
    }
    struct pma_fault_setting *setting = &config->faults[row->fault];
    const char *field = dot != NULL ? dot + 1 : "";
    int err = -EINVAL;
    if (strcmp(field, "enabled") == 0) {
        err = pma_parse_bool(value, &setting->enabled);
        snprintf(why, why_bytes, "\"%.40s\" is not true or false", value);
    } else if (strcmp(field, "limit") == 0) {
        err = pma_parse_count(value, &setting->limit);
        snprintf(why, why_bytes, "\"%.40s\" is not a whole number", value);
    } else if (strcmp(field, "rate") == 0) {
        double rate = 0;
        err = pma_parse_real(value, &rate);
        if (err == 0 && rate > PMA_FAULT_RATE_MAX_PER_S) {
            err = -ERANGE;
        }
        if (err == 0) {
            setting->rate_per_s = rate;
        }
        snprintf(why, why_bytes, "\"%.40s\" is not a number from 0 to 10000 (per second)",
                 value);
    } else {
        snprintf(why, why_bytes, "unknown key; a fault has enabled, rate and limit");
    }
    return err;
}

/* Takes one scalar. Returns: 0, or -EINVAL with why[] filled. */
static int set_scalar(struct pma_config *config, const char *path, const char *value,
                      char *why, size_t why_bytes)
{
    if (strncmp(path, "faults.", 7) == 0) {
        return set_fault(config, path + 7, value, why, why_bytes);
    }
    if (strncmp(path, PMA_CONFIG_MCP_PREFIX, strlen(PMA_CONFIG_MCP_PREFIX)) == 0) {
        return pma_config_mcp_set(config, path + strlen(PMA_CONFIG_MCP_PREFIX), value,
                                  why, why_bytes);
    }
    if (strcmp(path, "fixes") == 0) {
        return pma_fixes_parse(value, &config->fixes_off, why, why_bytes);
    }
    const struct pma_config_key *key = pma_config_key_find(path);
    if (key != NULL) {
        return pma_config_key_store(key, value, config, why, why_bytes);
    }
    const char *meant = pma_config_key_suggest(path);
    if (pma_config_is_section(path) || strcmp(path, "faults") == 0) {
        snprintf(why, why_bytes, "is a section, not a value");
    } else if (meant != NULL) {
        snprintf(why, why_bytes, "unknown key; did you mean %s?", meant);
    } else {
        snprintf(why, why_bytes, "unknown key");
    }
    return -EINVAL;
}

static bool is_section(const char *path)
{
    const bool is_fault = strncmp(path, "faults.", 7) == 0 &&
                          strchr(path + 7, '.') == NULL &&
                          pma_fault_find(path + 7) != NULL;
    return is_fault || strcmp(path, "faults") == 0 || pma_config_mcp_is_section(path) ||
           pma_config_is_section(path);
}

static bool is_repeated(const struct reading *reading, const yaml_node_t *mapping,
                        const yaml_node_pair_t *pair, const char *name)
{
    for (const yaml_node_pair_t *at = mapping->data.mapping.pairs.start; at < pair;
         at++) {
        const yaml_node_t *key = yaml_document_get_node(reading->document, at->key);
        if (key->type == YAML_SCALAR_NODE &&
            strcmp((const char *)key->data.scalar.value, name) == 0) {
            return true;
        }
    }
    return false;
}

static void read_mapping(const struct reading *reading, const yaml_node_t *mapping,
                         const char *prefix, unsigned depth);

/* A list of plain words as the text of a JSON array; owned. NULL: it is something else.
 */
static char *list_text(const struct reading *reading, const yaml_node_t *list)
{
    json_t *words = json_array();
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        const yaml_node_t *word = yaml_document_get_node(reading->document, *item);
        if (word->type != YAML_SCALAR_NODE ||
            json_array_append_new(
                words, json_string((const char *)word->data.scalar.value)) != 0) {
            json_decref(words);
            return NULL;
        }
    }
    char *text = json_dumps(words, JSON_COMPACT);
    json_decref(words);
    return text;
}

/* A list: the words of a tool server's command line, or a mistake. */
static void read_list(const struct reading *reading, const yaml_node_t *value,
                      const char *path, unsigned line)
{
    char why[200];
    char *text = strncmp(path, PMA_CONFIG_MCP_PREFIX, strlen(PMA_CONFIG_MCP_PREFIX)) == 0
                     ? list_text(reading, value)
                     : NULL;
    if (set_scalar(reading->config, path, text != NULL ? text : "", why, sizeof why) !=
        0) {
        add_problem(reading->problems, line, "%s: %s", path, why);
    }
    free(text);
}

/* Returns: borrowed; NULL when the item is not a section with a type. */
static const char *type_of_item(const struct reading *reading, const yaml_node_t *item)
{
    if (item->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = item->data.mapping.pairs.start;
         pair < item->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reading->document, pair->value);
        if (key->type == YAML_SCALAR_NODE && value->type == YAML_SCALAR_NODE &&
            strcmp((const char *)key->data.scalar.value, "type") == 0) {
            return (const char *)value->data.scalar.value;
        }
    }
    return NULL;
}

/* A list in the place of a section: each item is a section that its type names. */
static void read_sections(const struct reading *reading, const yaml_node_t *list,
                          const char *path, unsigned depth)
{
    for (const yaml_node_item_t *at = list->data.sequence.items.start;
         at < list->data.sequence.items.top; at++) {
        const yaml_node_t *item = yaml_document_get_node(reading->document, *at);
        const unsigned line = (unsigned)item->start_mark.line + 1;
        const char *type = type_of_item(reading, item);
        char section[PATH_BYTES];
        snprintf(section, sizeof section, "%.60s.%.30s", path, type != NULL ? type : "");
        if (type == NULL) {
            add_problem(reading->problems, line, "%s: each item needs a type", path);
        } else if (!is_section(section)) {
            add_problem(reading->problems, line, "%s: there is no type %.40s", path,
                        type);
        } else {
            read_mapping(reading, item, section, depth + 1);
        }
    }
}

/* Whether a value says again what its section is named by: type, in read_sections. */
static bool names_its_section(const char *path, const char *text)
{
    const size_t length = strlen(path);
    const size_t text_length = strlen(text);
    return length > text_length + 6 && strcmp(path + length - 5, ".type") == 0 &&
           strncmp(path + length - 5 - text_length, text, text_length) == 0 &&
           path[length - 6 - text_length] == '.';
}

/* `path` names the value; `line` is where its key stands. */
static void read_value(const struct reading *reading, const yaml_node_t *value,
                       const char *path, unsigned line, unsigned depth)
{
    char why[200];
    if (value->type == YAML_SCALAR_NODE) {
        const char *text = (const char *)value->data.scalar.value;
        /* A section with nothing in it ("faults:") is a way to write the defaults. */
        if ((text[0] == '\0' && is_section(path)) || names_its_section(path, text)) {
            return;
        }
        if (set_scalar(reading->config, path, text, why, sizeof why) != 0) {
            add_problem(reading->problems, line, "%s: %s", path, why);
        }
    } else if (value->type == YAML_MAPPING_NODE && is_section(path) &&
               depth < DEPTH_MAX) {
        read_mapping(reading, value, path, depth + 1);
    } else if (pma_config_key_find(path) != NULL) {
        add_problem(reading->problems, line, "%s: is a value, not a %s", path,
                    value->type == YAML_MAPPING_NODE ? "section" : "list");
    } else if (value->type == YAML_SEQUENCE_NODE && strcmp(path, "ai.providers") == 0) {
        read_sections(reading, value, path, depth);
    } else if (value->type == YAML_SEQUENCE_NODE) {
        read_list(reading, value, path, line);
    } else if (set_scalar(reading->config, path, "", why, sizeof why) != 0) {
        add_problem(reading->problems, line, "%s: %s", path, why);
    }
}

static void read_mapping(const struct reading *reading, const yaml_node_t *mapping,
                         const char *prefix, unsigned depth)
{
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reading->document, pair->value);
        const unsigned line = (unsigned)key->start_mark.line + 1;
        if (key->type != YAML_SCALAR_NODE) {
            add_problem(reading->problems, line, "%s: a key must be a plain word",
                        prefix[0] != '\0' ? prefix : "(top)");
            continue;
        }
        const char *name = (const char *)key->data.scalar.value;
        char path[PATH_BYTES];
        const int length = snprintf(path, sizeof path, "%s%s%s", prefix,
                                    prefix[0] != '\0' ? "." : "", name);
        if (length >= (int)sizeof path) {
            add_problem(reading->problems, line, "%.60s...: unknown key", path);
        } else if (is_repeated(reading, mapping, pair, name)) {
            add_problem(reading->problems, line, "%s: given twice", path);
        } else {
            read_value(reading, value, path, line, depth);
        }
    }
}

int pma_config_read_text(const char *text, size_t text_bytes, struct pma_config *config,
                         struct pma_config_problems *problems)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser)) {
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_bytes);
    int err = 0;
    if (!yaml_parser_load(&parser, &document)) {
        add_problem(problems, (unsigned)parser.problem_mark.line + 1, "not YAML: %s%s%s",
                    parser.problem != NULL ? parser.problem : "unreadable",
                    parser.context != NULL ? ", " : "",
                    parser.context != NULL ? parser.context : "");
        err = -EINVAL;
        goto fail_load;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    const struct reading reading = {&document, config, problems};
    if (root != NULL && root->type == YAML_MAPPING_NODE) {
        read_mapping(&reading, root, "", 0);
    } else if (root != NULL) {
        add_problem(problems, (unsigned)root->start_mark.line + 1,
                    "expected sections (server:, websocket:, ...)");
    }
    yaml_document_delete(&document);
fail_load:
    yaml_parser_delete(&parser);
    return err;
}

static int read_whole(int fd, char *text, size_t *text_bytes)
{
    size_t used = 0;
    for (;;) {
        const ssize_t got = read(fd, text + used, FILE_BYTES_MAX + 1 - used);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        if (got == 0) {
            *text_bytes = used;
            return 0;
        }
        used += got > 0 ? (size_t)got : 0;
        if (used > FILE_BYTES_MAX) {
            return -EFBIG;
        }
    }
}

int pma_config_read_file(const char *path, struct pma_config *config,
                         struct pma_config_problems *problems)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int err = -ENOMEM;
    size_t text_bytes = 0;
    char *text = malloc(FILE_BYTES_MAX + 1);
    if (text == NULL) {
        goto fail_text;
    }
    err = read_whole(fd, text, &text_bytes);
    if (err == 0) {
        err = pma_config_read_text(text, text_bytes, config, problems);
    }
    free(text);
fail_text:
    close(fd);
    return err;
}

void pma_config_set(struct pma_config *config, const char *key, const char *value,
                    const char *origin, struct pma_config_problems *problems)
{
    char why[200];
    if (set_scalar(config, key, value, why, sizeof why) != 0) {
        add_problem(problems, 0, "%s: %.80s: %s", origin, key, why);
    }
}

/* Sets one field of the fault whose id is text[0, id_length). */
static void set_fault_field(struct pma_config *config, const char *id, const char *field,
                            const char *value, struct pma_config_problems *problems)
{
    char key[64];
    snprintf(key, sizeof key, "faults.%.40s.%s", id, field);
    pma_config_set(config, key, value, "PMA_FAULTS", problems);
}

/* Takes ID, ID@RATE or ID@RATE/LIMIT. */
static void read_fault(const char *text, size_t text_bytes, struct pma_config *config,
                       struct pma_config_problems *problems)
{
    char item[80];
    snprintf(item, sizeof item, "%.*s", (int)(text_bytes < 79 ? text_bytes : 79), text);
    char *rest = item;
    const char *id = strsep(&rest, "@");
    const char *rate = strsep(&rest, "/");
    set_fault_field(config, id, "enabled", "true", problems);
    if (rate != NULL) {
        set_fault_field(config, id, "rate", rate, problems);
    }
    if (rest != NULL) {
        set_fault_field(config, id, "limit", rest, problems);
    }
}

static void read_faults(const char *list, struct pma_config *config,
                        struct pma_config_problems *problems)
{
    for (const char *at = list; *at != '\0';) {
        const size_t length = strcspn(at, ", ");
        if (length > 0) {
            read_fault(at, length, config, problems);
        }
        at += length;
        at += strspn(at, ", ");
    }
}

void pma_config_read_environment(struct pma_config *config,
                                 struct pma_config_problems *problems)
{
    static const struct {
        const char *variable;
        const char *key;
    } rows[] = {
        {"PORT", "server.port"},
        {"LOG_LEVEL", "logging.level"},
        {"DATABASE_PATH", "database.path"},
        {"JWT_SECRET", "auth.jwt_secret"},
        {"PMA_API_SECRET", "auth.api_secret"},
        {"PMA_RATE_LIMITING_ENABLED", "security.rate_limiting.enabled"},
        {"REDIS_HOST", "redis.host"},
        {"REDIS_PORT", "redis.port"},
        {"REDIS_PASSWORD", "redis.password"},
        {"OPENAI_API_KEY", "ai.providers.openai.api_key"},
        {"CLAUDE_API_KEY", "ai.providers.claude.api_key"},
        {"GEMINI_API_KEY", "ai.providers.gemini.api_key"},
    };
    /* NOLINTBEGIN(concurrency-mt-unsafe): the header asks callers for a quiet
     * environment. */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *value = getenv(rows[i].variable);
        if (value != NULL && value[0] != '\0') {
            pma_config_set(config, rows[i].key, value, rows[i].variable, problems);
        }
    }
    const char *faults = getenv("PMA_FAULTS");
    const char *fixes = getenv("PMA_FIXES");
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (faults != NULL) {
        read_faults(faults, config, problems);
    }
    if (fixes != NULL && fixes[0] != '\0') {
        pma_config_set(config, "fixes", fixes, "PMA_FIXES", problems);
    }
}

void pma_config_check(const struct pma_config *config,
                      struct pma_config_problems *problems)
{
    if (config->http.max_url_bytes >= config->acceptor.max_head_bytes) {
        add_problem(problems, 0,
                    "http.max_url_bytes: %u does not fit into a head of "
                    "acceptor.max_head_bytes, %u",
                    config->http.max_url_bytes, config->acceptor.max_head_bytes);
    }
    char why[160];
    const char *key = pma_config_access_check(&config->auth, why, sizeof why);
    if (key != NULL) {
        add_problem(problems, 0, "%s: %s", key, why);
    }
    if (config->redis.min_idle_conns > config->redis.pool_size) {
        add_problem(problems, 0,
                    "redis.min_idle_conns: %u is more than redis.pool_size, %u",
                    config->redis.min_idle_conns, config->redis.pool_size);
    }
    if (config->redis.backoff_min_ns > config->redis.backoff_max_ns) {
        add_problem(problems, 0, "redis.backoff_min: is longer than redis.backoff_max");
    }
    for (uint32_t i = 0; i < config->mcp.servers_count; i++) {
        if (config->mcp.servers[i].command[0] == '\0') {
            add_problem(problems, 0, "mcp.servers.%s.command: is missing",
                        config->mcp.servers[i].id);
        }
    }
}
