/* Modules by id: who owns a code address, in words that outlive the process.
 *
 * Design: a table in the segment, searched from the newest entry; it is asked only when a
 * rule is built, that is once per thread and code address. Registering takes a lock, so
 * that threads which meet a new module at once agree on its id; whoever cannot have the
 * lock soon (a signal handler on top of its holder) registers the module once more: both
 * ids name the same file, so stacks stay right.
 *
 * I1: an entry is complete before module_count covers it (S1).
 * I2: the lock lies in the segment: a fork cannot leave it taken in the child.
 *
 * SPDX-License-Identifier: MIT
 */
#include "module_map.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "arch.h"
#include "segment_map.h"
#include "text.h"

enum { NOTE_ALIGN = 4, LOCK_TRIES = 2000 };

/* The GNU build id in one note segment. Returns: its length, 0 when there is none. */
static uint32_t note_build_id(const uint8_t *at, const uint8_t *end, uint8_t out[32])
{
    while (at + sizeof(ElfW(Nhdr)) <= end) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        const uint8_t *name = at + sizeof(*note);
        const uint8_t *body =
            name + ((note->n_namesz + NOTE_ALIGN - 1) & ~(NOTE_ALIGN - 1U));

        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            body + note->n_descsz <= end && memcmp(name, "GNU", 4) == 0) {
            uint32_t len = note->n_descsz < 32 ? note->n_descsz : 32;

            memcpy(out, body, len);
            return len;
        }
        at = body + ((note->n_descsz + NOTE_ALIGN - 1) & ~(NOTE_ALIGN - 1U));
    }
    return 0;
}

/* The ELF header is mapped at the start of the first segment; anything else has no build
 * id for us. */
static uint32_t build_id_of(uintptr_t base, uintptr_t start, uintptr_t end,
                            uint8_t out[32])
{
    const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)start;
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(start + sizeof(*elf));
    uint32_t len = 0;

    if (end - start < 4096 || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
        elf->e_phoff != sizeof(*elf) || elf->e_phnum > 32) {
        return 0;
    }
    for (unsigned i = 0; i < elf->e_phnum && len == 0; i++) {
        uintptr_t at = base + headers[i].p_vaddr;

        if (headers[i].p_type == PT_NOTE && at >= start &&
            at + headers[i].p_filesz <= end) {
            len = note_build_id((const uint8_t *)at,
                                (const uint8_t *)at + headers[i].p_filesz, out);
        }
    }
    return len;
}

/* What tells one module from another; the name is borrowed from the loader. A copy of the
 * table's entry would be half a kilobyte on the stack of whoever allocates. */
struct wanted {
    const char *path;
    uintptr_t base;
    uint64_t size_bytes;
    uint32_t build_id_len;
    uint8_t build_id[32];
};

static const char *path_of(const struct link_map *map)
{
    if (map->l_name == NULL || map->l_name[0] == '\0') {
        return seep_segment_header()->exe;
    }
    return strncmp(map->l_name, "linux-vdso", 10) == 0 ? "[vdso]" : map->l_name;
}

static bool same(const struct seep_module *module, const struct wanted *wanted)
{
    return module->base == wanted->base && module->size_bytes == wanted->size_bytes &&
           module->build_id_len == wanted->build_id_len &&
           memcmp(module->build_id, wanted->build_id, sizeof(module->build_id)) == 0 &&
           strncmp(module->path, wanted->path, sizeof(module->path) - 1) == 0;
}

/* Raises module_count over every complete entry that follows; whoever completes one helps
 * the others. */
static void publish(void)
{
    _Atomic uint32_t *count = &seep_segment_header()->module_count;
    struct seep_module *modules = seep_segment_modules();
    uint32_t next = atomic_load_explicit(count, memory_order_relaxed);

    while (next < SEEP_MODULES_MAX &&
           atomic_load_explicit(&modules[next].ready, memory_order_acquire) != 0) {
        if (atomic_compare_exchange_weak_explicit(
                count, &next, next + 1, memory_order_release, memory_order_relaxed)) {
            next++;
        }
    }
}

static uint32_t find(const struct wanted *wanted)
{
    const struct seep_module *modules = seep_segment_modules();
    uint32_t count =
        atomic_load_explicit(&seep_segment_header()->module_count, memory_order_acquire);

    for (uint32_t id = count - 1; id > 0; id--) {
        if (same(&modules[id], wanted)) {
            return id;
        }
    }
    return 0;
}

static uint32_t add(const struct wanted *wanted)
{
    struct seep_module *modules = seep_segment_modules();
    uint32_t id = atomic_fetch_add_explicit(&seep_segment_header()->module_claims, 1,
                                            memory_order_relaxed);
    struct seep_module *module = &modules[id];
    struct seep_text path = {module->path, 0, sizeof(module->path)};

    if (id >= SEEP_MODULES_MAX) {
        seep_segment_lose(SEEP_LOSS_MODULES_FULL);
        return 0;
    }
    module->base = wanted->base;
    module->size_bytes = wanted->size_bytes;
    module->build_id_len = wanted->build_id_len;
    memcpy(module->build_id, wanted->build_id, sizeof(module->build_id));
    seep_text_put(&path, wanted->path);
    module->loaded_ns = seep_segment_now_ns();
    atomic_store_explicit(&module->ready, 1, memory_order_release);
    publish();
    return id;
}

static bool lock(void)
{
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        uint32_t expected = 0;

        if (atomic_compare_exchange_weak_explicit(&seep_segment_header()->module_lock,
                                                  &expected, 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return true;
        }
        (void)seep_arch_syscall3(SYS_sched_yield, 0, 0, 0);
    }
    return false;
}

uint32_t seep_module_map_id(const struct link_map *map, uintptr_t start, uintptr_t end)
{
    struct wanted wanted = {
        .path = path_of(map), .base = map->l_addr, .size_bytes = end - start};
    uint32_t id = 0;
    bool locked = false;

    wanted.build_id_len = build_id_of(map->l_addr, start, end, wanted.build_id);
    id = find(&wanted);
    if (id != 0) {
        return id;
    }
    locked = lock();
    id = find(&wanted);
    id = id != 0 ? id : add(&wanted);
    if (locked) {
        atomic_store_explicit(&seep_segment_header()->module_lock, 0,
                              memory_order_release);
    }
    return id;
}
