/* Counted marks of a forged recording: all labels in each frame, in the order of the
 * calls, as docs/recording-format.md says.
 *
 * SPDX-License-Identifier: MIT
 */
#include "recording_forge_marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void seep_forge_mark_count(struct seep_forge *forge, const char *label, uint64_t count)
{
    size_t row = 0;

    while (row < forge->label_count && strcmp(forge->labels[row].text, label) != 0) {
        row++;
    }
    if (row == SEEP_MARK_LABELS_MAX) {
        fprintf(stderr, "recording_forge: too many labels\n");
        abort();
    }
    forge->label_count += row == forge->label_count;
    forge->labels[row] = (struct seep_forge_label){label, count};
    forge->labels_changed = true;
}

void seep_forge_put_mark_counts(struct seep_forge *forge, uint64_t t_ns,
                                struct seep_forge_bytes *payload)
{
    seep_forge_put_u(payload, t_ns);
    seep_forge_put_u(payload, forge->label_count);
    for (size_t i = 0; i < forge->label_count; i++) {
        seep_forge_put_str(payload, forge->labels[i].text);
        seep_forge_put_u(payload, forge->labels[i].count);
    }
    forge->labels_changed = false;
}
