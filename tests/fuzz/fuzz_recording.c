/* The fuzz target of the recording reader: any bytes give a valid recording or an error
 * with a message, and a valid recording answers every question and can be judged.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fuzz_judge.h"
#include "load/recording.h"

uint64_t seep_fuzz_opened;

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_recording: broken promise: %s\n", promise);
        abort();
    }
}

static uint64_t touch(const char *text)
{
    must(text != NULL, "strings are never NULL");
    return strlen(text);
}

static uint64_t touch_strings(const struct seep_recording *rec)
{
    uint64_t sum = touch(rec->program.exe) + touch(rec->program.cwd) +
                   touch(rec->program.host) + touch(rec->program.seep_version);

    for (size_t i = 0; i < rec->program.argc; i++) {
        sum += touch(rec->program.argv[i]);
    }
    for (size_t i = 0; i < rec->child_count; i++) {
        sum += touch(rec->children[i].command) + touch(rec->children[i].file);
    }
    for (size_t i = 0; i < rec->waits.count; i++) {
        sum += touch(rec->waits.rows[i].name) + touch(rec->waits.rows[i].target);
    }
    for (size_t i = 0; i < rec->probe_count; i++) {
        const struct seep_rec_probe *probe = &rec->probes[i];

        for (size_t k = 0; k < probe->object_bytes; k++) {
            sum += probe->object[k];
        }
        for (size_t k = 0; k < probe->frame_count; k++) {
            sum += probe->frames[k].offset;
        }
    }
    for (size_t i = 0; i < rec->mark_count; i++) {
        sum += touch(rec->marks[i].text);
    }
    for (size_t i = 0; i < rec->label_count; i++) {
        sum += touch(rec->labels[i].text);
    }
    for (size_t i = 0; i < rec->note_count; i++) {
        sum += touch(rec->notes[i].text);
    }
    return sum;
}

static void ask_all(const struct seep_recording *rec)
{
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    struct seep_counters *counters = calloc(rec->snapshot_count + 1, sizeof(*counters));

    must(seep_recording_is_valid(rec), "an opened recording is valid");
    must(counters != NULL, "memory for counters");
    for (uint32_t site = 0; site < rec->site_count; site++) {
        uint32_t root = SEEP_NODE_NONE;
        size_t depth =
            seep_recording_stack(rec, site, nodes, SEEP_STACK_MAX_FRAMES, &root);

        must(depth <= SEEP_STACK_MAX_FRAMES, "a stack fits");
        must(root >= SEEP_NODE_COMPLETE && root <= SEEP_NODE_UNKNOWN, "a stack ends");
        seep_recording_site_counters(rec, site, counters);
    }
    (void)touch_strings(rec);
    free(counters);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};
    int code = seep_recording_open_bytes("input", data, size, &recording, &error);

    if (code == 0) {
        seep_fuzz_opened++;
        ask_all(recording);
        seep_fuzz_judge(recording, XXH3_64bits(data, size));
        seep_recording_free(recording);
    } else {
        must(code < 0 && recording == NULL, "an error leaves nothing behind");
        must(error.code == code, "the error is the one returned");
        must(strncmp(error.message, "input: ", 7) == 0, "a message names the file");
        must(strpbrk(error.message, "\n") == NULL, "a message is one line");
    }
    return 0;
}
