/* The simulated source: devices that change, a connection that is lost and found again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/entity/simulated_source.h"
#include "server/fault/fault.h"
#include "server/log/log.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 5000
#define DEVICES     14

static struct pma_entities *entities;
static struct pma_rooms *rooms;
static struct pma_sync *sync_;
static struct pma_simulated *simulated;
static uint64_t made_at_ns;

static void make(uint64_t change_interval_ns)
{
    const struct pma_entities_config settings = {
        .max_entities = 100, .max_entity_bytes = 4096, .history_states = 4};
    const struct pma_rooms_config room_settings = {.max_rooms = 10};
    const struct pma_sync_config sync_settings = {.interval_ns = 3600 * PMA_S_NS,
                                                  .batch = 10};
    const struct pma_simulated_config source = {
        .devices = {.devices = DEVICES, .change_interval_ns = change_interval_ns},
        .retry_ns = PMA_MS_NS};
    pma_log_set_level(PMA_LOG_ERROR);
    assert_int_equal(pma_entities_new(&settings, NULL, &entities), 0);
    assert_int_equal(pma_rooms_new(&room_settings, entities, NULL, &rooms), 0);
    assert_int_equal(pma_sync_new(&sync_settings, entities, rooms, NULL, &sync_), 0);
    assert_int_equal(pma_simulated_new(&source, entities, sync_, NULL, &simulated), 0);
    made_at_ns = pma_now_ns();
    assert_int_equal(pma_sync_start(sync_), 0);
    assert_int_equal(pma_simulated_start(simulated), 0);
}

static int unmake(void **state)
{
    (void)state;
    assert_int_equal(pma_simulated_stop(simulated, PMA_S_NS), 0);
    assert_int_equal(pma_sync_stop(sync_, PMA_S_NS), 0);
    pma_simulated_free(simulated);
    pma_sync_free(sync_);
    pma_rooms_free(rooms);
    pma_entities_free(entities);
    return 0;
}

static struct pma_source_state source_state(void)
{
    struct pma_source_state read;
    pma_simulated_state_read(simulated, &read);
    return read;
}

static uint64_t registered(void)
{
    struct pma_entities_stats stats;
    pma_entities_stats_read(entities, &stats);
    return stats.entities;
}

static uint64_t changes(void)
{
    struct pma_entities_stats stats;
    pma_entities_stats_read(entities, &stats);
    return stats.changes;
}

/* Waits until `figure` is at least that. */
static void await(uint64_t (*figure)(void), uint64_t least)
{
    for (int waits = 0; figure() < least && waits < DEADLINE_MS; waits++) {
        usleep(1000);
    }
    assert_true(figure() >= least);
}

static uint64_t reconnects(void)
{
    return source_state().reconnects;
}

static uint64_t fds(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void all_devices_are_registered_with_their_rooms(void **state)
{
    (void)state;
    make(0);
    await(registered, DEVICES);
    assert_int_equal(registered(), DEVICES);
    assert_int_equal(pma_rooms_count(rooms), 4);
    json_t *status = pma_sync_status_json(sync_);
    const json_t *row = json_array_get(status, 0);
    assert_int_equal(json_integer_value(json_object_get(row, "entities_managed")),
                     DEVICES);
    json_decref(status);
    assert_int_equal(pma_sync_request(sync_, "nobody", NULL), -ENOENT);
    assert_int_equal(pma_sync_request(sync_, PMA_SIMULATED_SOURCE, NULL), 0);
}

static void changes_come_at_their_rate(void **state)
{
    (void)state;
    make(2 * PMA_MS_NS);
    await(registered, DEVICES);
    const uint64_t dropped = source_state().events_dropped; /* before it was connected */
    await(changes, changes() + 50);
    /* Each message is due at its own instant, so there cannot be more than time allows; a
     * late worker catches up, so the time is that since the start. */
    const uint64_t events = source_state().events;
    assert_true(events <= (pma_now_ns() - made_at_ns) / (2 * PMA_MS_NS));
    assert_int_equal(source_state().events_dropped, dropped);
}

static void an_action_moves_the_device(void **state)
{
    json_t *result = NULL;
    (void)state;
    make(0);
    await(registered, DEVICES);
    assert_int_equal(
        pma_entities_action(entities, "sim_light_1", "toggle", NULL, &result), 0);
    const char *after = json_string_value(json_object_get(result, "new_state"));
    json_t *present = NULL;
    assert_int_equal(pma_entities_get(entities, "sim_light_1", &present), 0);
    assert_string_equal(pma_entity_state(present), after);
    json_decref(present);
    json_decref(result);
}

static void a_lost_connection_is_found_again_and_nothing_is_left(void **state)
{
    const struct pma_fault_setting on = {.enabled = true, .limit = 0};
    const struct pma_fault_setting off = {.enabled = false};
    (void)state;
    make(0);
    await(registered, DEVICES);
    const uint64_t before = fds();
    /* The switch makes pma_simulated_lose act; the limit of one keeps it from leaking. */
    struct pma_fault_setting once = on;
    once.limit = 1;
    assert_int_equal(pma_fault_set(PMA_FAULT_F30, &once), 0);
    const uint64_t leaked = pma_fault_total(PMA_FAULT_F30);
    for (uint64_t n = 1; n <= 5; n++) {
        pma_simulated_lose(simulated);
        await(reconnects, n);
    }
    assert_int_equal(pma_fault_total(PMA_FAULT_F30) - leaked, 1);
    assert_int_equal(fds(), before + 1); /* of the one that was forgotten */
    pma_fault_set(PMA_FAULT_F30, &off);
    assert_true(source_state().is_connected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_devices_are_registered_with_their_rooms, unmake),
        cmocka_unit_test_teardown(changes_come_at_their_rate, unmake),
        cmocka_unit_test_teardown(an_action_moves_the_device, unmake),
        cmocka_unit_test_teardown(a_lost_connection_is_found_again_and_nothing_is_left,
                                  unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
