/* Names for the nodes of a recording.
 *
 * A node is a return address: the call lies before it, so it is looked up one byte
 * earlier. Two kinds of frames are exact: the trampoline to which a signal handler
 * returns (nobody called it), and what the signal interrupted. The trampoline is known by
 * its instructions, as debuggers do it: Debian's libc has no symbol for it.
 *
 * Answers are kept per (module, offset, exact): in a tree of stacks the same address is
 * at many nodes. Strings live in the files' own tables or in a list of names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/symbol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/symbol_file.h"
#include "load/symbol_index.h"
#include "load/symbol_name.h"

enum { FRAMES_MAX = 64, FIRST_SLOTS = 1024, BUILD_ID_HEX_BYTES = 65 };

static const char unknown[] = "??";
static const char trampoline[] = "__restore_rt";

struct answer {
    uint32_t module;
    bool exact;
    uint64_t offset;
    struct seep_symbol_frame *frames; /* owned; NULL: free slot */
    size_t count;
};

struct module_state {
    bool tried;
    bool usable; /* file and index are there */
    struct seep_symbol_file file;
    struct seep_symbol_index *index;
    char *name; /* owned; base name; NULL when memory was out */
    char build_id[BUILD_ID_HEX_BYTES];
};

struct name_entry { /* one per demangled name */
    struct name_entry *next;
    char *name; /* owned */
};

struct seep_symbolizer {
    const struct seep_recording *recording;
    struct module_state *modules; /* owned; by id */
    size_t module_count;          /* of these: later ones have no names */
    struct answer *answers;       /* owned; open addressing */
    size_t slots, used;           /* slots: a power of two, at least twice `used` */
    struct name_entry *names;     /* owned */
    uint32_t *first_child;        /* owned; by node; NULL until needed */
    uint32_t *next_sibling;       /* owned */
    uint32_t linked;              /* nodes that the two above know */
    char **missing;               /* owned, as its strings */
    size_t missing_count;
};

/* Given when memory is out: right, though it says nothing. */
static const struct seep_symbol_frame nothing = {.function = unknown,
                                                 .file = "",
                                                 .module = unknown,
                                                 .module_path = "",
                                                 .build_id = ""};

static void note_missing(struct seep_symbolizer *s, const char *reason)
{
    char **grown = reallocarray(s->missing, s->missing_count + 1, sizeof(*s->missing));

    if (grown == NULL) {
        return;
    }
    s->missing = grown;
    s->missing[s->missing_count] = strdup(reason);
    s->missing_count += s->missing[s->missing_count] != NULL;
}

static void cut_suffix(char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t suffix_len = strlen(suffix);

    if (len > suffix_len && strcmp(text + len - suffix_len, suffix) == 0) {
        text[len - suffix_len] = '\0';
    }
}

static void open_module(struct seep_symbolizer *s, struct module_state *state,
                        const struct seep_rec_module *module)
{
    struct seep_error error;
    const char *slash = strrchr(module->path, '/');

    state->tried = true;
    state->name = strdup(slash != NULL ? slash + 1 : module->path);
    if (state->name != NULL) {
        cut_suffix(state->name, SEEP_SYMBOL_DELETED_SUFFIX);
    }
    for (uint32_t i = 0; i < module->build_id_len; i++) {
        (void)snprintf(state->build_id + 2 * (size_t)i, 3, "%02x", module->build_id[i]);
    }
    if (seep_symbol_file_open(module, s->recording->program.cwd, &state->file, &error) <
        0) {
        note_missing(s, error.message);
        return;
    }
    state->usable = seep_symbol_index_new(&state->file, &state->index) == 0;
}

/* The module's state, opened; NULL for no module. */
static struct module_state *module_of(struct seep_symbolizer *s, uint32_t module)
{
    struct module_state *state = NULL;

    if (module == 0 || module >= s->module_count) {
        return NULL;
    }
    state = &s->modules[module];
    if (!state->tried) {
        open_module(s, state, &s->recording->modules[module]);
    }
    return state;
}

/* mov $15, %rax; syscall: rt_sigreturn on x86-64. Source: glibc 2.36
 * sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c; GDB amd64-linux-tdep.c. */
static bool is_trampoline(struct seep_symbolizer *s, uint32_t module, uint64_t offset)
{
    static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    struct module_state *state = module_of(s, module);
    const uint8_t *bytes = NULL;

    if (state == NULL || !state->usable) {
        return false;
    }
    bytes = seep_symbol_file_bytes(&state->file, offset, sizeof(code));
    return bytes != NULL && memcmp(bytes, code, sizeof(code)) == 0;
}

static bool grow_links(uint32_t **links, size_t from, size_t to)
{
    uint32_t *grown = reallocarray(*links, to, sizeof(*grown));

    if (grown == NULL) {
        return false;
    }
    memset(grown + from, 0, (to - from) * sizeof(*grown));
    *links = grown;
    return true;
}

/* Links each node to its callees; of a recording that grew, the new ones. Returns: false
 * when memory is out. */
static bool link_children(struct seep_symbolizer *s)
{
    const struct seep_recording *rec = s->recording;
    uint32_t node = s->linked > SEEP_NODE_FIRST ? s->linked : SEEP_NODE_FIRST;

    if (s->linked == rec->node_count) {
        return true;
    }
    if (!grow_links(&s->first_child, s->linked, rec->node_count) ||
        !grow_links(&s->next_sibling, s->linked, rec->node_count)) {
        return false;
    }
    for (; node < rec->node_count; node++) {
        uint32_t parent = rec->nodes[node].parent;

        s->next_sibling[node] = s->first_child[parent];
        s->first_child[parent] = node;
    }
    s->linked = (uint32_t)rec->node_count;
    return true;
}

/* Whether the node's offset is where execution was, not where it returns to. Of two
 * callees, an ordinary one decides: the address is one that calls return to. */
static bool is_exact(struct seep_symbolizer *s, uint32_t node)
{
    const struct seep_rec_node *nodes = s->recording->nodes;
    uint32_t child = 0;

    if (is_trampoline(s, nodes[node].module, nodes[node].offset)) {
        return true;
    }
    if (!link_children(s) || s->first_child[node] == 0) {
        return false;
    }
    for (child = s->first_child[node]; child != 0; child = s->next_sibling[child]) {
        if (!is_trampoline(s, nodes[child].module, nodes[child].offset)) {
            return false;
        }
    }
    return true;
}

/* The name for people; kept by the symbolizer when it is not the file's own. */
static const char *readable(struct seep_symbolizer *s, const char *linkage_name)
{
    char *name = NULL;
    struct name_entry *entry = NULL;

    if (linkage_name[0] == '\0') {
        return unknown;
    }
    name = seep_symbol_name_demangle(linkage_name);
    entry = name != NULL ? malloc(sizeof(*entry)) : NULL;
    if (entry == NULL) {
        free(name);
        return linkage_name;
    }
    *entry = (struct name_entry){.next = s->names, .name = name};
    s->names = entry;
    return name;
}

static struct seep_symbol_frame plain_frame(const struct seep_symbolizer *s,
                                            const struct module_state *state,
                                            const struct answer *key)
{
    struct seep_symbol_frame frame = nothing;

    frame.offset = key->offset;
    if (state != NULL) {
        frame.module = state->name != NULL ? state->name : unknown;
        frame.module_path = s->recording->modules[key->module].path;
        frame.build_id = state->build_id;
    }
    return frame;
}

/* Fills the answer's frames. Returns: 0; -ENOMEM, nothing filled. */
static int resolve(struct seep_symbolizer *s, struct answer *answer)
{
    struct seep_symbol_place places[FRAMES_MAX];
    struct module_state *state = module_of(s, answer->module);
    size_t count = 0;

    if (state != NULL && state->usable) {
        count = seep_symbol_index_find(
            state->index, answer->exact ? answer->offset : answer->offset - 1, places,
            FRAMES_MAX);
    }
    answer->count = count != 0 ? count : 1;
    answer->frames = calloc(answer->count, sizeof(*answer->frames));
    if (answer->frames == NULL) {
        return -ENOMEM;
    }
    answer->frames[0] = plain_frame(s, state, answer);
    for (size_t i = 0; i < count; i++) {
        answer->frames[i] = answer->frames[0];
        answer->frames[i].function = readable(s, places[i].linkage_name);
        answer->frames[i].file = places[i].file;
        answer->frames[i].line = places[i].line;
        answer->frames[i].inlined = i + 1 < count;
    }
    if (answer->exact && answer->count == 1 && answer->frames[0].function == unknown &&
        is_trampoline(s, answer->module, answer->offset)) {
        answer->frames[0].function = trampoline;
    }
    return 0;
}

static bool same_key(const struct answer *a, const struct answer *b)
{
    return a->module == b->module && a->offset == b->offset && a->exact == b->exact;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct answer *slot_for(struct answer *answers, size_t slots,
                               const struct answer *key)
{
    uint64_t hash = (key->offset * 2 + key->exact) ^ (uint64_t)key->module << 40;
    size_t i = (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (slots - 1);

    while (answers[i].frames != NULL && !same_key(&answers[i], key)) {
        i = (i + 1) & (slots - 1);
    }
    return &answers[i];
}

static int grow_answers(struct seep_symbolizer *s)
{
    size_t slots = s->slots != 0 ? s->slots * 2 : FIRST_SLOTS;
    struct answer *answers = NULL;

    if (s->used * 2 < s->slots) {
        return 0;
    }
    answers = calloc(slots, sizeof(*answers));
    if (answers == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->slots; i++) {
        if (s->answers[i].frames != NULL) {
            *slot_for(answers, slots, &s->answers[i]) = s->answers[i];
        }
    }
    free(s->answers);
    s->answers = answers;
    s->slots = slots;
    return 0;
}

/* Returns: the answer, resolved once; NULL when memory is out. */
static const struct answer *answer_for(struct seep_symbolizer *s, struct answer key)
{
    struct answer *slot = NULL;

    if (grow_answers(s) < 0) {
        return NULL;
    }
    slot = slot_for(s->answers, s->slots, &key);
    if (slot->frames == NULL) {
        if (resolve(s, &key) < 0) {
            return NULL;
        }
        *slot = key;
        s->used++;
    }
    return slot;
}

int seep_symbolizer_new(const struct seep_recording *recording,
                        struct seep_symbolizer **symbolizer)
{
    struct seep_symbolizer *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return -ENOMEM;
    }
    made->recording = recording;
    made->module_count = recording->module_count;
    made->modules = calloc(recording->module_count, sizeof(*made->modules));
    if (made->modules == NULL) {
        free(made);
        return -ENOMEM;
    }
    *symbolizer = made;
    return 0;
}

void seep_symbolizer_free(struct seep_symbolizer *symbolizer)
{
    struct seep_symbolizer *s = symbolizer;

    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->slots; i++) {
        free(s->answers[i].frames);
    }
    for (size_t i = 0; i < s->module_count; i++) {
        seep_symbol_index_free(s->modules[i].index);
        seep_symbol_file_close(&s->modules[i].file);
        free(s->modules[i].name);
    }
    for (size_t i = 0; i < s->missing_count; i++) {
        free(s->missing[i]);
    }
    while (s->names != NULL) {
        struct name_entry *next = s->names->next;

        free(s->names->name);
        free(s->names);
        s->names = next;
    }
    free(s->answers);
    free(s->modules);
    free(s->first_child);
    free(s->next_sibling);
    free(s->missing);
    free(s);
}

/* Returns: frames copied, at least 1. */
static size_t copy_frames(const struct answer *answer, struct seep_symbol_frame *frames,
                          size_t capacity)
{
    size_t count = 0;

    if (answer == NULL) {
        frames[0] = nothing;
        return 1;
    }
    count = answer->count < capacity ? answer->count : capacity;
    memcpy(frames, answer->frames, count * sizeof(*frames));
    return count;
}

size_t seep_symbol_frames(struct seep_symbolizer *symbolizer, uint32_t node,
                          struct seep_symbol_frame *frames, size_t capacity)
{
    const struct seep_recording *rec = symbolizer->recording;
    const struct answer *answer = NULL;

    if (node >= SEEP_NODE_FIRST && node < rec->node_count) {
        answer =
            answer_for(symbolizer, (struct answer){.module = rec->nodes[node].module,
                                                   .offset = rec->nodes[node].offset,
                                                   .exact = is_exact(symbolizer, node)});
    }
    return copy_frames(answer, frames, capacity);
}

size_t seep_symbol_frames_at(struct seep_symbolizer *symbolizer,
                             const struct seep_rec_probe_frame *place,
                             struct seep_symbol_frame *frames, size_t capacity)
{
    const struct answer *answer =
        answer_for(symbolizer, (struct answer){.module = place->module,
                                               .offset = place->offset,
                                               .exact = place->exact});

    return copy_frames(answer, frames, capacity);
}

const char *seep_symbol_function(struct seep_symbolizer *symbolizer, uint32_t module,
                                 uint64_t offset)
{
    const struct answer *answer = answer_for(
        symbolizer, (struct answer){.module = module, .offset = offset, .exact = true});

    return answer != NULL ? answer->frames[answer->count - 1].function : unknown;
}

size_t seep_symbolizer_missing(const struct seep_symbolizer *symbolizer,
                               const char *const **reasons)
{
    *reasons = (const char *const *)symbolizer->missing;
    return symbolizer->missing_count;
}
