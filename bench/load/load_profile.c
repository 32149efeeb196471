/* The table of profiles. `mixed`, the default, needs nothing of the backend but its hub
 * and its memory API; the others take it as a whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_profile.h"

#include <string.h>

static const struct load_share mixed[] = {
    {LOAD_CALL_HEALTH, 29},    {LOAD_CALL_MEMORY_STATS, 25}, {LOAD_CALL_PIN_STATUS, 25},
    {LOAD_CALL_BROADCAST, 15}, {LOAD_CALL_HUB_STATS, 5},     {LOAD_CALL_GC, 1}};

static const struct load_share watching[] = {{LOAD_CALL_HEALTH, 60},
                                             {LOAD_CALL_MEMORY_STATS, 40}};

static const struct load_share living[] = {
    {LOAD_CALL_HEALTH, 8},      {LOAD_CALL_MEMORY_STATS, 4},
    {LOAD_CALL_PIN_STATUS, 4},  {LOAD_CALL_BROADCAST, 4},
    {LOAD_CALL_HUB_STATS, 3},   {LOAD_CALL_GC, 1},
    {LOAD_CALL_MEMORY, 4},      {LOAD_CALL_METRICS, 4},
    {LOAD_CALL_SYSTEM, 4},      {LOAD_CALL_ENTITIES, 12},
    {LOAD_CALL_ENTITY, 14},     {LOAD_CALL_ENTITY_ACTION, 16},
    {LOAD_CALL_ENTITY_LIFE, 4}, {LOAD_CALL_SYNC, 1},
    {LOAD_CALL_ROOM_LIFE, 4},   {LOAD_CALL_SESSION, 3},
    {LOAD_CALL_EVENTS, 3},      {LOAD_CALL_CHAT, 2},
    {LOAD_CALL_PROVIDERS, 1},   {LOAD_CALL_CONVERSATION, 2},
    {LOAD_CALL_TOOLS, 2}};

static const struct load_share talking[] = {
    {LOAD_CALL_CHAT, 30},   {LOAD_CALL_CONVERSATION, 30}, {LOAD_CALL_TOOLS, 20},
    {LOAD_CALL_ENTITY, 10}, {LOAD_CALL_PROVIDERS, 5},     {LOAD_CALL_HEALTH, 5}};

static const struct load_profile profiles[] = {
    {"mixed", "clients that come, go and talk, and the calls of a monitor", 50, 0, 0, 20,
     2, 5, 0, false, mixed},
    {"idle", "connected clients that are silent", 50, 0, 0, 0, 0, 0.5, 0, false,
     watching},
    {"home", "a household: steady clients, state changes, all of the API", 20, 0, 0, 10,
     0.2, 10, 5, true, living},
    {"storm", "reconnects, slow readers and bursts over all of the API", 100, 5, 60, 100,
     40, 60, 40, true, living},
    {"chat", "conversations and tools", 5, 0, 0, 2, 0, 10, 1, true, talking},
};

#define PROFILES_COUNT (sizeof(profiles) / sizeof(profiles[0]))

const struct load_profile *load_profile_find(const char *name)
{
    for (size_t at = 0; at < PROFILES_COUNT; at++) {
        if (strcmp(profiles[at].name, name) == 0) {
            return &profiles[at];
        }
    }
    return NULL;
}

const struct load_profile *load_profiles(size_t *count)
{
    *count = PROFILES_COUNT;
    return profiles;
}
