/* Energy and patterns from entities and their histories.
 *
 * Pure functions of JSON, so that the tools' answers can be checked against figures
 * worked out by hand. Shares of time are weighted by how long a state lasted, not by how
 * often it was entered: a door that opens ten times for a second is not "half open". The
 * last entry of a history has no length yet and weighs nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_insight.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOURS    24
#define MS_PER_H 3600000.0

/* One entry of a history. */
struct sample {
    const char *state; /* borrowed */
    int64_t at_ms;
};

/* Sums over a history. */
struct sums {
    size_t samples;
    size_t changes;
    int64_t first_ms, last_ms;
    uint32_t by_hour[HOURS];
    size_t numbers;
    double least, most, sum;
    double time_h_sum, time_h_squares, product; /* of the line of least squares */
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* A member of the entity itself or of its attributes. */
static const json_t *member_of(const json_t *entity, const char *key)
{
    const json_t *member = json_object_get(entity, key);
    return member != NULL ? member
                          : json_object_get(json_object_get(entity, "attributes"), key);
}

static bool number_of(const json_t *entity, double *number)
{
    const json_t *value = member_of(entity, "numeric_value");
    if (json_is_number(value)) {
        *number = json_number_value(value);
        return true;
    }
    const char *state = text_of(entity, "state");
    char *end = NULL;
    const double parsed = state != NULL ? strtod(state, &end) : 0;
    if (state == NULL || end == state || *end != '\0' || !isfinite(parsed)) {
        return false;
    }
    *number = parsed;
    return true;
}

/* Whether the entity measures power (*factor: to W) or energy (to kWh). */
static bool is_meter(const json_t *entity, bool *is_power, double *factor)
{
    static const struct {
        const char *unit;
        bool is_power;
        double factor;
    } units[] = {
        {"W", true, 1}, {"kW", true, 1000}, {"Wh", false, 0.001}, {"kWh", false, 1}};
    const char *unit = json_string_value(member_of(entity, "unit"));
    if (unit == NULL) {
        unit = json_string_value(member_of(entity, "unit_of_measurement"));
    }
    for (size_t i = 0; unit != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].unit, unit) == 0) {
            *is_power = units[i].is_power;
            *factor = units[i].factor;
            return true;
        }
    }
    const char *class = json_string_value(member_of(entity, "device_class"));
    *factor = 1;
    *is_power = class != NULL && strcmp(class, "power") == 0;
    return *is_power || (class != NULL && strcmp(class, "energy") == 0);
}

static bool belongs_to(const json_t *entity, const char *device_id)
{
    const char *id = text_of(entity, "id");
    const char *device = text_of(entity, "device_id");
    return device_id == NULL || (id != NULL && strcmp(id, device_id) == 0) ||
           (device != NULL && strcmp(device, device_id) == 0);
}

json_t *pma_mcp_energy(const json_t *entities, const char *device_id)
{
    double power_w = 0;
    double energy_kwh = 0;
    json_t *devices = json_array();
    size_t at = 0;
    const json_t *entity = NULL;
    json_array_foreach(entities, at, entity)
    {
        bool is_power = false;
        double factor = 1;
        double number = 0;
        if (!belongs_to(entity, device_id) || !is_meter(entity, &is_power, &factor) ||
            !number_of(entity, &number)) {
            continue;
        }
        power_w += is_power ? number * factor : 0;
        energy_kwh += is_power ? 0 : number * factor;
        json_array_append_new(
            devices,
            json_pack("{s:s*, s:s*, s:s*, s:f}", "entity_id", text_of(entity, "id"),
                      "name", text_of(entity, "friendly_name"), "device_id",
                      text_of(entity, "device_id"), is_power ? "power_w" : "energy_kwh",
                      number * factor));
    }
    const size_t count = json_array_size(devices);
    return json_pack("{s:f, s:f, s:o, s:I}", "power_w", power_w, "energy_kwh", energy_kwh,
                     "devices", devices, "count", (json_int_t)count);
}

int pma_mcp_time_parse(const char *text, int64_t *unix_ms)
{
    struct tm utc = {0};
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    if (at == NULL) {
        return -EINVAL;
    }
    int64_t ms = 0;
    if (*at == '.') {
        const size_t digits = strspn(at + 1, "0123456789");
        if (digits == 0) {
            return -EINVAL;
        }
        for (size_t i = 0; i < 3; i++) {
            ms = ms * 10 + (i < digits ? at[1 + i] - '0' : 0);
        }
        at += 1 + digits;
    }
    int64_t offset_s = 0;
    if (*at == '+' || *at == '-') {
        if (strspn(at + 1, "0123456789") != 2 || at[3] != ':' ||
            strspn(at + 4, "0123456789") != 2 || at[6] != '\0') {
            return -EINVAL;
        }
        offset_s = strtol(at + 1, NULL, 10) * 3600 + strtol(at + 4, NULL, 10) * 60;
        offset_s = *at == '-' ? -offset_s : offset_s;
    } else if (strcmp(at, "Z") != 0) {
        return -EINVAL;
    }
    *unix_ms = ((int64_t)timegm(&utc) - offset_s) * 1000 + ms;
    return 0;
}

/* When an entry was made: its first member that is a time. */
static bool read_sample(const json_t *entry, struct sample *sample)
{
    static const char *const names[] = {"timestamp", "at", "last_updated", "time",
                                        "changed_at"};
    sample->state = text_of(entry, "state");
    if (sample->state == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *value = json_object_get(entry, names[i]);
        if (json_is_integer(value)) {
            sample->at_ms = json_integer_value(value);
            return true;
        }
        if (json_is_string(value)) {
            return pma_mcp_time_parse(json_string_value(value), &sample->at_ms) == 0;
        }
    }
    return false;
}

static void add_number(struct sums *sums, const struct sample *sample)
{
    char *end = NULL;
    const double number = strtod(sample->state, &end);
    if (end == sample->state || *end != '\0' || !isfinite(number)) {
        return;
    }
    const double time_h = (double)(sample->at_ms - sums->first_ms) / MS_PER_H;
    sums->least = sums->numbers == 0 || number < sums->least ? number : sums->least;
    sums->most = sums->numbers == 0 || number > sums->most ? number : sums->most;
    sums->sum += number;
    sums->time_h_sum += time_h;
    sums->time_h_squares += time_h * time_h;
    sums->product += time_h * number;
    sums->numbers++;
}

static void add_duration(json_t *states, const char *state, int64_t ms)
{
    const json_int_t so_far = json_integer_value(json_object_get(states, state));
    json_object_set_new(states, state, json_integer(so_far + (ms > 0 ? ms : 0)));
}

/* Adds all samples; states gets the milliseconds per state. */
static void add_history(const json_t *history, int64_t since_ms, struct sums *sums,
                        json_t *states)
{
    size_t at = 0;
    const json_t *entry = NULL;
    struct sample last = {NULL, 0};
    json_array_foreach(history, at, entry)
    {
        struct sample sample;
        if (!read_sample(entry, &sample) || sample.at_ms < since_ms) {
            continue;
        }
        sums->first_ms = sums->samples == 0 ? sample.at_ms : sums->first_ms;
        sums->last_ms = sample.at_ms;
        sums->samples++;
        if (last.state != NULL) {
            add_duration(states, last.state, sample.at_ms - last.at_ms);
            if (strcmp(last.state, sample.state) != 0) {
                sums->changes++;
                sums->by_hour[((sample.at_ms / 3600000) % HOURS + HOURS) % HOURS]++;
            }
        } else {
            add_duration(states, sample.state, 0);
        }
        add_number(sums, &sample);
        last = sample;
    }
}

/* Milliseconds to percent of the whole; in place. */
static void to_shares(json_t *states, int64_t whole_ms)
{
    const char *state = NULL;
    json_t *ms = NULL;
    void *next = NULL;
    json_object_foreach_safe(states, next, state, ms)
    {
        const double share =
            whole_ms > 0 ? 100.0 * (double)json_integer_value(ms) / (double)whole_ms : 0;
        json_object_set_new(states, state, json_real(share));
    }
}

static json_t *numeric_json(const struct sums *sums)
{
    const double n = (double)sums->numbers;
    const double spread = n * sums->time_h_squares - sums->time_h_sum * sums->time_h_sum;
    const double slope =
        spread > 0 ? (n * sums->product - sums->time_h_sum * sums->sum) / spread : 0;
    return json_pack("{s:f, s:f, s:f, s:f}", "min", sums->least, "max", sums->most,
                     "mean", sums->sum / n, "trend_per_h", slope);
}

json_t *pma_mcp_patterns(const json_t *history, int64_t since_unix_ms)
{
    struct sums sums = {0};
    json_t *states = json_object();
    add_history(history, since_unix_ms, &sums, states);
    to_shares(states, sums.last_ms - sums.first_ms);
    const double whole_s = (double)(sums.last_ms - sums.first_ms) / 1000;
    json_t *patterns =
        json_pack("{s:I, s:I, s:o, s:f}", "samples", (json_int_t)sums.samples, "changes",
                  (json_int_t)sums.changes, "states", states, "mean_interval_s",
                  sums.samples > 1 ? whole_s / (double)(sums.samples - 1) : 0.0);
    if (patterns == NULL) {
        return NULL;
    }
    if (sums.changes > 0) {
        size_t best = 0;
        for (size_t hour = 1; hour < HOURS; hour++) {
            best = sums.by_hour[hour] > sums.by_hour[best] ? hour : best;
        }
        json_object_set_new(patterns, "most_active_hour_utc",
                            json_integer((json_int_t)best));
    }
    if (sums.numbers > 0) {
        json_object_set_new(patterns, "numeric", numeric_json(&sums));
    }
    return patterns;
}
