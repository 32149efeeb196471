/* Names that we must export for some programs and must not be seen to export in others.
 *
 * Programs ask whether jemalloc is there by a weak reference to mallocx, or by dlsym. A
 * preloaded library that exports the name answers yes for it. So at the start, when no
 * other module has the name, ours goes: its entry in our symbol table loses its value,
 * which the loader's look-up then passes over, and weak references that are bound to us
 * already are set back to null.
 *
 * Rejected: an IFUNC that resolves to null: the loader runs it before it has relocated
 * us, and complains on the host's stderr ("Relink ..."). A second library, preloaded only
 * with jemalloc: who sets LD_PRELOAD would have to know each program's libraries, those
 * of its children too. Hooking references instead of exporting: misses dlsym, and writes
 * to every program that does have jemalloc.
 *
 * Code that runs before us (constructors of libraries, IFUNC resolvers) may have kept the
 * address: the wrappers serve it, on top of malloc, for ever.
 *
 * O1: nothing here takes the loader's lock, or changes what dlerror() says.
 * O2: a slot is written only if it holds our address, and gets what it would have had.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optional.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "arch.h"

enum { PAGE_BYTES = 4096, PHDRS_MAX = 32 };

struct seep_optional seep_optional;
struct seep_optional_code seep_optional_own;
struct seep_optional_code seep_optional_jemalloc;
struct seep_optional_code seep_optional_tcmalloc;
_Atomic uint32_t seep_optional_known;

#define SEEP_X(name, way, kind, arguments, result, parameters, ...) #name,
static const char *const names[] = {SEEP_OPTIONAL_LISTS(SEEP_X)};
#undef SEEP_X
#define SEEP_X(name, way, kind, arguments, result, parameters, ...)                      \
    (void **)&seep_optional.name,
static void **const originals[] = {SEEP_OPTIONAL_LISTS(SEEP_X)};
#undef SEEP_X
enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* A loaded module's tables, of those that it has. */
struct module {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash;
    const uint32_t *old_hash;
    const ElfW(Rela) * tables[2];
    size_t table_bytes[2];
};

static uintptr_t address_of(const struct link_map *map, ElfW(Addr) at)
{
    return at < map->l_addr ? at + map->l_addr : at; /* the vdso's are not relocated */
}

static struct module read_module(const struct link_map *map)
{
    struct module module = {.base = map->l_addr};

    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        uintptr_t at = address_of(map, entry->d_un.d_ptr);

        switch (entry->d_tag) {
        case DT_SYMTAB:
            module.symbols = (const ElfW(Sym) *)at;
            break;
        case DT_STRTAB:
            module.strings = (const char *)at;
            break;
        case DT_GNU_HASH:
            module.gnu_hash = (const uint32_t *)at;
            break;
        case DT_HASH:
            module.old_hash = (const uint32_t *)at;
            break;
        case DT_RELA:
            module.tables[0] = (const ElfW(Rela) *)at;
            break;
        case DT_RELASZ:
            module.table_bytes[0] = entry->d_un.d_val;
            break;
        case DT_JMPREL:
            module.tables[1] = (const ElfW(Rela) *)at;
            break;
        case DT_PLTRELSZ:
            module.table_bytes[1] = entry->d_un.d_val;
            break;
        default:
            break;
        }
    }
    return module;
}

static bool is_definition(const struct module *module, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &module->symbols[index];

    return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 &&
           strcmp(module->strings + symbol->st_name, name) == 0;
}

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (const char *at = name; *at != '\0'; at++) {
        hash = hash * 33 + (uint8_t)*at;
    }
    return hash;
}

/* Source: the GNU hash section as glibc's elf/dl-lookup.c reads it: buckets, first
 * symbol, words of a Bloom filter, its shift. */
static const ElfW(Sym) *
    find_gnu(const struct module *module, const char *name, uint32_t hash)
{
    const uint32_t *table = module->gnu_hash;
    const uint64_t *filter = (const uint64_t *)(table + 4);
    const uint32_t *buckets = (const uint32_t *)(filter + table[2]);
    const uint32_t *chain = buckets + table[0];
    uint64_t word = table[2] != 0 ? filter[hash / 64 % table[2]] : 0;
    uint32_t index = 0;

    if ((word >> hash % 64 & word >> (hash >> table[3]) % 64 & 1) == 0) {
        return NULL;
    }
    index = buckets[hash % table[0]];
    for (; index >= table[1]; index++) {
        uint32_t entry = chain[index - table[1]];

        if ((entry | 1) == (hash | 1) && is_definition(module, index, name)) {
            return &module->symbols[index];
        }
        if ((entry & 1) != 0) {
            return NULL;
        }
    }
    return NULL;
}

static const ElfW(Sym) *
    find(const struct module *module, const char *name, uint32_t hash)
{
    if (module->symbols == NULL || module->strings == NULL) {
        return NULL;
    }
    if (module->gnu_hash != NULL) {
        return find_gnu(module, name, hash);
    }
    for (uint32_t i = 1; module->old_hash != NULL && i < module->old_hash[1]; i++) {
        if (is_definition(module, i, name)) {
            return &module->symbols[i];
        }
    }
    return NULL;
}

static const struct link_map *own_map(void)
{
    struct dl_find_object found;

    return _dl_find_object((void *)names, &found) == 0 ? found.dlfo_link_map : NULL;
}

static void find_code(const void *function, struct seep_optional_code *code)
{
    struct dl_find_object found;

    if (function != NULL && _dl_find_object((void *)(uintptr_t)function, &found) == 0) {
        __atomic_store_n(&code->low, (uintptr_t)found.dlfo_map_start, __ATOMIC_RELAXED);
        __atomic_store_n(&code->high, (uintptr_t)found.dlfo_map_end, __ATOMIC_RELAXED);
    }
}

void seep_optional_find(void)
{
    const struct link_map *own = own_map();
    uint32_t hashes[NAMES];

    for (unsigned i = 0; i < NAMES; i++) {
        hashes[i] = gnu_hash_of(names[i]);
    }
    for (const struct link_map *map = own != NULL ? own->l_next : NULL; map != NULL;
         map = map->l_next) {
        struct module module = read_module(map);

        for (unsigned i = 0; i < NAMES; i++) {
            const ElfW(Sym) *symbol =
                __atomic_load_n(originals[i], __ATOMIC_RELAXED) == NULL
                    ? find(&module, names[i], hashes[i])
                    : NULL;

            if (symbol != NULL && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC) {
                __atomic_store_n(originals[i], (void *)(module.base + symbol->st_value),
                                 __ATOMIC_RELAXED);
            }
        }
    }
    find_code(names, &seep_optional_own);
    find_code((const void *)(uintptr_t)seep_optional.mallocx, &seep_optional_jemalloc);
    find_code((const void *)(uintptr_t)seep_optional.tc_malloc, &seep_optional_tcmalloc);
    atomic_store_explicit(&seep_optional_known, 1, memory_order_release);
}

/* How a module's page is protected by now. Returns: PROT_*; -1 when that is not known. */
static int protection_of(const struct module *module, uintptr_t address)
{
    struct dl_find_object found;
    const ElfW(Ehdr) *elf = NULL;
    const ElfW(Phdr) *headers = NULL;
    int protection = -1;

    if (_dl_find_object((void *)address, &found) != 0) {
        return -1;
    }
    elf = found.dlfo_map_start;
    headers = (const ElfW(Phdr) *)(elf + 1);
    if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phoff != sizeof(*elf) ||
        elf->e_phnum > PHDRS_MAX) {
        return -1;
    }
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        uintptr_t from = module->base + headers[i].p_vaddr;
        uintptr_t to = from + headers[i].p_memsz;

        if (headers[i].p_type == PT_LOAD && address >= from && address < to) {
            protection = ((headers[i].p_flags & PF_R) != 0 ? PROT_READ : 0) |
                         ((headers[i].p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                         ((headers[i].p_flags & PF_X) != 0 ? PROT_EXEC : 0);
        }
    }
    for (unsigned i = 0; i < elf->e_phnum && protection != -1; i++) {
        uintptr_t from = module->base + headers[i].p_vaddr;
        uintptr_t to = (from + headers[i].p_memsz) & ~(uintptr_t)(PAGE_BYTES - 1);

        if (headers[i].p_type == PT_GNU_RELRO && address >= from && address < to) {
            protection &= ~PROT_WRITE;
        }
    }
    return protection;
}

/* Words of a module's tables that may be written for the moment. */
struct window {
    uintptr_t page;
    uintptr_t bytes;
    int protection;
};

/* Returns: false when the words cannot be written without touching code. */
static bool open_window(const struct module *module, const uint64_t *first,
                        const uint64_t *last, struct window *window)
{
    window->page = (uintptr_t)first & ~(uintptr_t)(PAGE_BYTES - 1);
    window->bytes = ((uintptr_t)last | (PAGE_BYTES - 1)) + 1 - window->page;
    window->protection = protection_of(module, (uintptr_t)first);
    return window->protection != -1 && (window->protection & PROT_EXEC) == 0 &&
           protection_of(module, (uintptr_t)last) == window->protection &&
           ((window->protection & PROT_WRITE) != 0 ||
            seep_arch_syscall3(SYS_mprotect, window->page, window->bytes,
                               PROT_READ | PROT_WRITE) >= 0);
}

static void close_window(const struct window *window)
{
    if ((window->protection & PROT_WRITE) == 0) {
        (void)seep_arch_syscall3(SYS_mprotect, window->page, window->bytes,
                                 window->protection);
    }
}

/* Sets the references through one weak symbol of a module back to null. */
static void unbind(const struct module *module, uint32_t index, uint64_t ours)
{
    for (unsigned k = 0; k < 2; k++) {
        size_t count = module->tables[k] != NULL
                           ? module->table_bytes[k] / sizeof(*module->tables[k])
                           : 0;

        for (size_t i = 0; i < count; i++) {
            const ElfW(Rela) *reference = &module->tables[k][i];
            uint32_t type = ELF64_R_TYPE(reference->r_info);
            uint64_t *slot = (uint64_t *)(module->base + reference->r_offset);

            struct window window;

            if (ELF64_R_SYM(reference->r_info) == index &&
                seep_arch_is_address_relocation(type) && *slot == ours &&
                open_window(module, slot, slot, &window)) {
                __atomic_store_n(slot, 0, __ATOMIC_RELAXED);
                close_window(&window);
            }
        }
    }
}

/* Weak, undefined symbols of a module with one of the names: they come first in a table
 * that is hashed the GNU way. */
static void unbind_all(const struct module *module, const uint64_t ours[NAMES])
{
    uint32_t count = module->gnu_hash != NULL   ? module->gnu_hash[1]
                     : module->old_hash != NULL ? module->old_hash[1]
                                                : 0;

    for (uint32_t i = 1; i < count; i++) {
        const ElfW(Sym) *symbol = &module->symbols[i];

        if (symbol->st_shndx != SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) != STB_WEAK) {
            continue;
        }
        for (unsigned k = 0; k < NAMES; k++) {
            if (ours[k] != 0 &&
                strcmp(module->strings + symbol->st_name, names[k]) == 0) {
                unbind(module, i, ours[k]);
            }
        }
    }
}

/* Takes the names without an original out of our symbol table.
 *
 * ours:    out; their addresses, 0 for those that stay.
 * Returns: whether any is gone.
 */
static bool hide_own(const struct module *us, uint64_t ours[NAMES])
{
    uint64_t *words[NAMES];
    uint64_t *first = NULL;
    uint64_t *last = NULL;
    struct window window;

    for (unsigned i = 0; i < NAMES; i++) {
        const ElfW(Sym) *symbol =
            *originals[i] == NULL ? find(us, names[i], gnu_hash_of(names[i])) : NULL;

        words[i] = symbol != NULL ? (uint64_t *)(uintptr_t)&symbol->st_value : NULL;
        ours[i] = symbol != NULL ? us->base + symbol->st_value : 0;
        first =
            words[i] != NULL && (first == NULL || words[i] < first) ? words[i] : first;
        last = words[i] != NULL && words[i] > last ? words[i] : last;
    }
    if (first == NULL || !open_window(us, first, last, &window)) {
        return false;
    }
    for (unsigned i = 0; i < NAMES; i++) {
        if (words[i] != NULL) {
            __atomic_store_n(words[i], 0, __ATOMIC_RELAXED);
        }
    }
    close_window(&window);
    return true;
}

void seep_optional_hide(void)
{
    const struct link_map *own = own_map();
    struct module us = {0};
    uint64_t ours[NAMES];

    if (own == NULL) {
        return;
    }
    (void)seep_optional_get();
    us = read_module(own);
    if (!hide_own(&us, ours)) {
        return;
    }
    for (const struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next) {
        struct module module = read_module(map);

        if (map != own && module.symbols != NULL && module.strings != NULL) {
            unbind_all(&module, ours);
        }
    }
}
