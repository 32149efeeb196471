/* What changed between two runs as SARIF: code scanning shows what a branch brought.
 *
 * The standard has the words for it (section 3.27.24): new is "new", worse and better are
 * "updated", as before is "unchanged", gone is "absent". What was not told apart is
 * "unchanged" too when NEW has it, because nobody should be alarmed by it, and left out
 * when only BASE has it. Levels: new and worse keep that of their verdict; the rest is a
 * note to nobody, and platforms hide by state.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdlib.h>

#include "report/diff_view.h"
#include "report/report_sarif.h"

int seep_diff_view_sarif(const struct seep_diff_view *view, struct seep_buf *out)
{
    static const char *const states[] = {
        [SEEP_CHANGE_NEW] = "new",          [SEEP_CHANGE_WORSE] = "updated",
        [SEEP_CHANGE_BETTER] = "updated",   [SEEP_CHANGE_GONE] = "absent",
        [SEEP_CHANGE_UNSURE] = "unchanged", [SEEP_CHANGE_SAME] = "unchanged"};
    const struct seep_diff *diff = view->diff;
    struct seep_sarif_item *items = calloc(diff->count + 1, sizeof(*items));
    size_t n = 0;
    int status = -ENOMEM;

    if (items == NULL) {
        return status;
    }
    for (size_t i = 0; i < diff->count; i++) {
        const struct seep_diff_entry *entry = &diff->entries[i];

        if (entry->change != SEEP_CHANGE_UNSURE || entry->fresh != NULL) {
            items[n++] = (struct seep_sarif_item){
                seep_change_finding(entry), states[entry->change],
                seep_change_name(entry->change), entry->confidence};
        }
    }
    status = seep_sarif_put(out, view->findings[1], items, n);
    free(items);
    return status;
}
