/* The switches of faults and fixes; for clients on the same machine only.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config.h"
#include "server/fault/fault_driver.h"
#include "server/fault/fixes.h"
#include "server/log/log.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <stdio.h>
#include <string.h>

static json_t *fault_json(const struct pma_fault_row *row)
{
    struct pma_fault_setting setting = {0};
    pma_fault_get(row->fault, &setting);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:f, s:I, s:I}", "id", row->id,
                     "name", row->name, "subsystem", row->subsystem, "kind", row->kind,
                     "what", row->what, "enabled", (int)setting.enabled, "rate",
                     setting.rate_per_s, "limit", (json_int_t)setting.limit,
                     "occurrences", (json_int_t)pma_fault_total(row->fault));
}

void pma_handle_debug_faults(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    size_t count = 0;
    const struct pma_fault_row *rows = pma_fault_rows(&count);
    json_t *faults = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(faults, fault_json(&rows[i]));
    }
    pma_reply_data(reply,
                   json_pack("{s:o, s:I}", "faults", faults, "count", (json_int_t)count));
}

/* Reads {enabled, rate, limit} over *setting; what is not given stays. Returns: NULL, or
 * what is wrong. */
static const char *read_setting(json_t *body, struct pma_fault_setting *setting)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "enabled") == 0) {
            if (!json_is_boolean(value)) {
                return "enabled must be true or false";
            }
            setting->enabled = json_is_true(value);
        } else if (strcmp(key, "rate") == 0) {
            if (!json_is_number(value)) {
                return "rate must be a number (events per second)";
            }
            setting->rate_per_s = json_number_value(value);
        } else if (strcmp(key, "limit") == 0) {
            if (!json_is_integer(value) || json_integer_value(value) < 0) {
                return "limit must be a whole number from 0 (none)";
            }
            setting->limit = (uint64_t)json_integer_value(value);
        } else {
            return "a fault has enabled, rate and limit, nothing else";
        }
    }
    return NULL;
}

void pma_handle_debug_fault_set(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_fault_row *row = pma_fault_find(request->param);
    if (row == NULL) {
        pma_reply_error(
            reply, request, 404,
            "There is no fault \"%.40s\"; GET /api/v1/debug/faults lists them",
            request->param);
        return;
    }
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    struct pma_fault_setting setting = {0};
    pma_fault_get(row->fault, &setting);
    const char *wrong = read_setting(body, &setting);
    json_decref(body);
    if (wrong != NULL) {
        pma_reply_error(reply, request, 400, "%s", wrong);
    } else if (pma_fault_set(row->fault, &setting) != 0) {
        pma_reply_error(reply, request, 400, "rate must be from 0 to 10000 per second");
    } else {
        pma_log(PMA_LOG_WARN, "Fault switched", pma_str("fault", row->id),
                pma_bool("enabled", setting.enabled), pma_f64("rate", setting.rate_per_s),
                pma_u64("limit", setting.limit));
        pma_fault_driver_wake(request->app->fault_driver);
        pma_reply_data(reply, fault_json(row));
    }
}

static void add_fault(void *arg, const char *word, size_t word_bytes)
{
    json_array_append_new(arg, json_stringn(word, word_bytes));
}

/* word: "key=value". */
static void add_limit(void *arg, const char *word, size_t word_bytes)
{
    char key[96];
    const size_t key_bytes = strcspn(word, "=");
    snprintf(key, sizeof key, "%.*s", (int)key_bytes, word);
    json_object_set_new(arg, key,
                        json_stringn(word + key_bytes + 1, word_bytes - key_bytes - 1));
}

void pma_handle_debug_fixes(struct pma_request *request, struct pma_reply *reply)
{
    size_t count = 0;
    const struct pma_fix *rows = pma_fixes(&count);
    const uint64_t off = request->app->config->fixes_off;
    json_t *fixes = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *faults = json_array();
        json_t *limits = json_object();
        pma_fix_each_word(rows[i].faults, add_fault, faults);
        pma_fix_each_word(rows[i].limits, add_limit, limits);
        json_array_append_new(
            fixes, json_pack("{s:s, s:s, s:b, s:s, s:o, s:o}", "name", rows[i].name,
                             "subsystem", rows[i].subsystem, "enabled",
                             (int)((off >> rows[i].bit & 1) == 0), "what", rows[i].what,
                             "faults_when_off", faults, "settings_when_off", limits));
    }
    pma_reply_data(reply,
                   json_pack("{s:o, s:I}", "fixes", fixes, "count", (json_int_t)count));
}
