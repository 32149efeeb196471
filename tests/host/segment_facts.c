/* Prints the segment's layout as one JSON line, for a reader that shares no code with the
 * collector.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stddef.h>
#include <stdio.h>

#include "seep/segment.h"
#include "seep/segment_layout.h"

#define FACT(name, value)  printf("\"%s\":%llu,", name, (unsigned long long)(value))
#define FIELD(type, field) FACT(#type "." #field, offsetof(struct type, field))

static void print_marks(void)
{
    FIELD(seep_segment_header, mark_count);
    FIELD(seep_segment_header, mark_label_count);
    FACT("marks", SEEP_AT_MARKS);
    FIELD(seep_mark_label, count);
    FIELD(seep_mark_label, ready);
    FIELD(seep_mark_label, label);
    FACT("mark_labels", SEEP_AT_MARK_LABELS);
    FACT("mark_label_bytes", sizeof(struct seep_mark_label));
    FACT("mark_labels_max", SEEP_MARK_LABELS_MAX);
}

int main(void)
{
    printf("{");
    FIELD(seep_segment_header, magic);
    FIELD(seep_segment_header, state);
    FIELD(seep_segment_header, pid);
    FIELD(seep_segment_header, mode);
    FIELD(seep_segment_header, sample_bytes);
    FIELD(seep_segment_header, heap_peak_bytes);
    FIELD(seep_segment_header, granule_shift);
    FIELD(seep_segment_header, node_count);
    FIELD(seep_segment_header, site_count);
    FIELD(seep_segment_header, module_count);
    FIELD(seep_segment_header, subsystem_count);
    FIELD(seep_segment_header, thread_count);
    FIELD(seep_segment_header, fd_count);
    FIELD(seep_segment_header, timer_count);
    FIELD(seep_segment_header, off_reason);
    FIELD(seep_segment_header, exit_noted);
    FIELD(seep_segment_header, exit_status);
    FIELD(seep_segment_header, lost);
    FIELD(seep_segment_header, checked);
    FIELD(seep_segment_header, check_differences);
    FIELD(seep_segment_header, check_prefixes);
    FIELD(seep_segment_header, check_every);
    FIELD(seep_segment_header, check_text);
    FIELD(seep_module, path);
    FIELD(seep_thread, state);
    FIELD(seep_thread, site);
    FIELD(seep_thread, subsystem);
    FIELD(seep_thread, name);
    FIELD(seep_lifetime, created);
    FIELD(seep_lifetime, buckets);
    FACT("lifetimes", SEEP_AT_LIFETIMES);
    FACT("lifetime_bytes", sizeof(struct seep_lifetime));
    FACT("lifetimes_max", SEEP_LIFETIMES_MAX);
    FACT("lifetime_buckets", SEEP_LIFETIME_BUCKETS);
    print_marks();
    FIELD(seep_holding, site);
    FIELD(seep_holding, id);
    FIELD(seep_holding, acquired_ns);
    FACT("holding_bytes", sizeof(struct seep_holding));
    FACT("header", sizeof(struct seep_segment_header));
    FACT("modules", SEEP_AT_MODULES);
    FACT("subsystems", SEEP_AT_SUBSYSTEMS);
    FACT("limits", SEEP_AT_LIMITS);
    FACT("limit_bytes", sizeof(struct seep_limit));
    FIELD(seep_limit, most);
    FIELD(seep_limit, container);
    FACT("threads", SEEP_AT_THREADS);
    FACT("fds", SEEP_AT_FDS);
    FACT("timers", SEEP_AT_TIMERS);
    FACT("nodes", SEEP_AT_NODES);
    FACT("sites", SEEP_AT_SITES);
    FACT("shards", SEEP_AT_SHARDS);
    FACT("shard_bytes", SEEP_SHARD_BYTES);
    FACT("shard_count", SEEP_SHARDS);
    FACT("module_bytes", sizeof(struct seep_module));
    FACT("thread_bytes", sizeof(struct seep_thread));
    FACT("lost_max", SEEP_LOSS_MAX);
    printf("\"version\":%d}\n", SEEP_SEGMENT_VERSION);
    return 0;
}
