/* What lies at an address, for thousands of addresses of a large file.
 *
 * libdw's own ways are linear in places that hurt: dwarf_getscopes walks a whole unit,
 * dwfl_module_addrinfo a whole symbol table, for each address. And .debug_aranges, which
 * dwarf_addrdie relies on, is not written by clang. So: sorted ranges of our own for
 * units, for the functions of a unit that is asked for, and for symbols; libdw for all
 * that is inside a function.
 *
 * I1: rows are sorted by low address once, before the first search.
 * I2: trouble in the file or with memory makes names unknown, never wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/symbol_index.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_BACK_ROWS = 64, /* rows before the nearest one that may also cover an address */
    TREE_DEPTH_MAX = 64,
    INLINE_DEPTH_MAX = 64,
    WALK_STEPS_MAX =
        1 << 24,             /* entries of one unit; a cycle in a broken file ends here */
    LAST_SYMBOL_BYTES = 4096 /* reach of the last symbol when it has no size */
};

struct row {
    uint64_t low, high; /* [low, high) */
    size_t item;
};

struct rows {
    struct row *row; /* owned */
    size_t count, capacity;
};

struct dies {
    Dwarf_Die *die; /* owned */
    size_t count, capacity;
};

struct unit {
    Dwarf_Die die;         /* the unit as the line table knows it */
    Dwarf_Die content;     /* the unit that holds the functions; another one when split */
    bool read;             /* functions outside other functions are there */
    bool read_deep;        /* nested functions too */
    struct rows functions; /* items: functions_die */
    struct dies functions_die;
};

struct symbol {
    const char *name; /* borrowed from the file */
    int rank;         /* the lower, the better a name among symbols of one address */
};

struct seep_symbol_index {
    const struct seep_symbol_file *file;
    bool units_read, symbols_read;
    struct unit *unit; /* owned */
    size_t unit_count, unit_capacity;
    struct rows unit_rows; /* items: unit */
    struct symbol *symbol; /* owned; as many as symbol_rows has room for */
    struct rows symbol_rows;
};

/* Room for one more. Returns: false when memory is out. */
static bool grow(void *table, size_t *capacity, size_t count, size_t row_bytes)
{
    void **rows = table;
    size_t wanted = *capacity != 0 ? *capacity * 2 : 64;
    void *grown = NULL;

    if (count < *capacity) {
        return true;
    }
    grown = reallocarray(*rows, wanted, row_bytes);
    if (grown == NULL) {
        return false;
    }
    *rows = grown;
    *capacity = wanted;
    return true;
}

static bool add_row(struct rows *rows, uint64_t low, uint64_t high, size_t item)
{
    if (high <= low) {
        return true;
    }
    if (!grow(&rows->row, &rows->capacity, rows->count, sizeof(*rows->row))) {
        return false;
    }
    rows->row[rows->count++] = (struct row){low, high, item};
    return true;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    if (x->low != y->low) {
        return x->low < y->low ? -1 : 1;
    }
    if (x->high != y->high) {
        return x->high > y->high ? -1 : 1; /* the inner one last: found first */
    }
    return x->item < y->item ? -1 : x->item > y->item;
}

static void sort_rows(struct rows *rows)
{
    if (rows->count > 1) {
        qsort(rows->row, rows->count, sizeof(*rows->row), compare_rows);
    }
}

/* Returns: the row that covers the address and starts nearest to it; NULL. */
static const struct row *find_row(const struct rows *rows, uint64_t address)
{
    size_t low = 0;
    size_t high = rows->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (rows->row[middle].low <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t i = low; i-- > 0 && low - i <= LOOK_BACK_ROWS;) {
        if (address < rows->row[i].high) {
            return &rows->row[i];
        }
    }
    return NULL;
}

static bool add_die_ranges(struct rows *rows, Dwarf_Die *die, size_t item)
{
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    ptrdiff_t at = 0;

    while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
        if (!add_row(rows, low, high, item)) {
            return false;
        }
    }
    return true;
}

static void read_units(struct seep_symbol_index *index)
{
    Dwarf_CU *cu = NULL;
    uint8_t type = 0;
    Dwarf_Die die;
    Dwarf_Die split;

    index->units_read = true;
    while (index->file->dwarf != NULL &&
           dwarf_get_units(index->file->dwarf, cu, &cu, NULL, &type, &die, &split) == 0) {
        bool is_split =
            type == DW_UT_skeleton && dwarf_tag(&split) == DW_TAG_compile_unit;

        if (!grow(&index->unit, &index->unit_capacity, index->unit_count,
                  sizeof(*index->unit)) ||
            !add_die_ranges(&index->unit_rows, &die, index->unit_count)) {
            break;
        }
        index->unit[index->unit_count++] =
            (struct unit){.die = die, .content = is_split ? split : die};
    }
    sort_rows(&index->unit_rows);
}

static bool add_function(struct unit *unit, Dwarf_Die *die)
{
    struct dies *dies = &unit->functions_die;

    if (!grow(&dies->die, &dies->capacity, dies->count, sizeof(*dies->die))) {
        return false;
    }
    dies->die[dies->count] = *die;
    return add_die_ranges(&unit->functions, die, dies->count++);
}

/* Whether functions may be inside. Functions in functions (Fortran, Ada, nested in C) are
 * rare and the walk is long: only when asked. */
static bool may_hold_functions(int tag, bool deep)
{
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
        return true;
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
        return deep;
    default:
        return false;
    }
}

/* Adds the functions among the children of the unit and of what may hold functions. An
 * explicit stack: the depth is the file's. */
static void read_functions(struct unit *unit, bool deep)
{
    Dwarf_Die path[TREE_DEPTH_MAX];
    size_t depth = 0;
    size_t steps = 0;
    bool more = dwarf_child(&unit->content, &path[0]) == 0;

    unit->read = true;
    unit->read_deep = deep;
    unit->functions.count = 0;
    unit->functions_die.count = 0;
    while (more && steps++ < WALK_STEPS_MAX) {
        Dwarf_Die *die = &path[depth];
        int tag = dwarf_tag(die);

        if (tag == DW_TAG_subprogram && !add_function(unit, die)) {
            break;
        }
        if (may_hold_functions(tag, deep) && depth + 1 < TREE_DEPTH_MAX &&
            dwarf_child(die, &path[depth + 1]) == 0) {
            depth++;
            continue;
        }
        while ((more = dwarf_siblingof(&path[depth], &path[depth]) == 0) == false &&
               depth > 0) {
            depth--;
        }
    }
    sort_rows(&unit->functions);
}

static Dwarf_Die *find_function(struct unit *unit, uint64_t address)
{
    const struct row *row = NULL;

    if (!unit->read) {
        read_functions(unit, false);
    }
    row = find_row(&unit->functions, address);
    if (row == NULL && !unit->read_deep) {
        read_functions(unit, true);
        row = find_row(&unit->functions, address);
    }
    return row != NULL ? &unit->functions_die.die[row->item] : NULL;
}

/* The block or inlined call directly inside `scope` that covers the address. */
static bool find_inner(Dwarf_Die *scope, uint64_t address, Dwarf_Die *inner)
{
    int more = dwarf_child(scope, inner);

    for (size_t steps = 0; more == 0 && steps < WALK_STEPS_MAX; steps++) {
        switch (dwarf_tag(inner)) {
        case DW_TAG_inlined_subroutine:
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
            if (dwarf_haspc(inner, address) > 0) {
                return true;
            }
            break;
        default:
            break;
        }
        more = dwarf_siblingof(inner, inner);
    }
    return false;
}

/* The function and the calls inlined into it at the address, outermost first.
 * Returns: their number, at most INLINE_DEPTH_MAX. */
static size_t inline_chain(Dwarf_Die *function, uint64_t address,
                           Dwarf_Die chain[static INLINE_DEPTH_MAX])
{
    Dwarf_Die scope = *function;
    Dwarf_Die inner;
    size_t count = 1;

    chain[0] = scope;
    for (size_t depth = 0; depth < TREE_DEPTH_MAX && count < INLINE_DEPTH_MAX; depth++) {
        if (!find_inner(&scope, address, &inner)) {
            break;
        }
        if (dwarf_tag(&inner) == DW_TAG_inlined_subroutine) {
            chain[count++] = inner;
        }
        scope = inner;
    }
    return count;
}

/* The mangled name, which alone tells a C++ function whole; else the name in the source:
 * a linkage name that is not mangled is an assembler's alias (__GI_qsort). */
static const char *die_name(Dwarf_Die *die)
{
    static const unsigned attributes[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
    Dwarf_Attribute attribute;
    const char *name = NULL;

    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        name = dwarf_formstring(dwarf_attr_integrate(die, attributes[i], &attribute));
        if (name != NULL && name[0] == '_' && (name[1] == 'Z' || name[1] == 'R')) {
            return name;
        }
    }
    name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    return name != NULL ? name : "";
}

static uint64_t die_number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;

    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? value : 0;
}

/* Where an inlined call was written, in the caller. */
static void call_place(Dwarf_Die *unit, Dwarf_Die *call, struct seep_symbol_place *place)
{
    Dwarf_Files *files = NULL;
    size_t count = 0;
    const char *file = NULL;

    if (dwarf_getsrcfiles(unit, &files, &count) == 0) {
        file = dwarf_filesrc(files, die_number(call, DW_AT_call_file), NULL, NULL);
    }
    place->file = file != NULL ? file : "";
    place->line = (uint32_t)die_number(call, DW_AT_call_line);
}

static void line_place(Dwarf_Die *unit, uint64_t address, struct seep_symbol_place *place)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    const char *file = line != NULL ? dwarf_linesrc(line, NULL, NULL) : NULL;
    int number = 0;

    place->file = file != NULL ? file : "";
    place->line = line != NULL && dwarf_lineno(line, &number) == 0 && number > 0
                      ? (uint32_t)number
                      : 0;
}

static size_t find_in_dwarf(struct seep_symbol_index *index, uint64_t address,
                            struct seep_symbol_place *places, size_t capacity)
{
    Dwarf_Die chain[INLINE_DEPTH_MAX];
    const struct row *row = NULL;
    struct unit *unit = NULL;
    Dwarf_Die *function = NULL;
    size_t count = 1;

    if (!index->units_read) {
        read_units(index);
    }
    row = find_row(&index->unit_rows, address);
    if (row == NULL) {
        return 0;
    }
    unit = &index->unit[row->item];
    line_place(&unit->die, address, &places[0]);
    places[0].linkage_name = "";
    function = find_function(unit, address);
    if (function == NULL) {
        return 1;
    }
    count = inline_chain(function, address, chain);
    for (size_t i = 0; i < count && i < capacity; i++) {
        Dwarf_Die *scope = &chain[count - 1 - i];

        places[i].linkage_name = die_name(scope);
        if (i + 1 < count && i + 1 < capacity) {
            call_place(&unit->die, scope, &places[i + 1]);
        }
    }
    return count < capacity ? count : capacity;
}

static bool is_code(Elf *elf, GElf_Word section)
{
    GElf_Shdr header;
    Elf_Scn *scn = elf_getscn(elf, section);

    return scn != NULL && gelf_getshdr(scn, &header) != NULL &&
           (header.sh_flags & SHF_EXECINSTR) != 0;
}

/* Of several names at one address: global, few underscores, short. */
static int name_rank(const char *name, const GElf_Sym *symbol)
{
    int rank = GELF_ST_BIND(symbol->st_info) == STB_GLOBAL ? 0
               : GELF_ST_BIND(symbol->st_info) == STB_WEAK ? 0
                                                           : 1;
    size_t len = strnlen(name, UINT16_MAX);

    return rank << 24 | (int)strspn(name, "_") << 16 | (int)len;
}

/* Whether a symbol names code that a stack can stand in. */
static bool is_function(const char *name, const GElf_Sym *symbol, Elf *elf,
                        GElf_Word section)
{
    switch (GELF_ST_TYPE(symbol->st_info)) {
    case STT_FUNC:
    case STT_GNU_IFUNC:
        return section != SHN_UNDEF && name[0] != '\0';
    case STT_NOTYPE: /* a label of assembler code */
        return section != SHN_UNDEF && name[0] != '\0' && name[0] != '$' && elf != NULL &&
               is_code(elf, section);
    default:
        return false;
    }
}

/* Gives symbols without a size the room up to the next one; rows are sorted. */
static void close_gaps(struct rows *rows)
{
    uint64_t next = 0;

    for (size_t i = rows->count; i-- > 0;) {
        struct row *row = &rows->row[i];

        if (i + 1 < rows->count && rows->row[i + 1].low != row->low) {
            next = rows->row[i + 1].low;
        }
        if (row->high == row->low + 1) {
            row->high = next > row->low ? next : row->low + LAST_SYMBOL_BYTES;
        }
    }
}

static void read_symbols(struct seep_symbol_index *index)
{
    struct rows *rows = &index->symbol_rows;
    int count = dwfl_module_getsymtab(index->file->module);

    index->symbols_read = true;
    index->symbol = count > 0 ? calloc((size_t)count, sizeof(*index->symbol)) : NULL;
    for (int i = 0; index->symbol != NULL && i < count; i++) {
        GElf_Sym symbol;
        GElf_Addr address = 0;
        GElf_Word section = SHN_UNDEF;
        Elf *elf = NULL;
        const char *name = dwfl_module_getsym_info(index->file->module, i, &symbol,
                                                   &address, &section, &elf, NULL);

        if (name == NULL || !is_function(name, &symbol, elf, section)) {
            continue;
        }
        index->symbol[i] = (struct symbol){name, name_rank(name, &symbol)};
        if (!add_row(rows, address, address + (symbol.st_size > 1 ? symbol.st_size : 1),
                     (size_t)i)) {
            break;
        }
    }
    sort_rows(rows);
    close_gaps(rows);
}

const char *seep_symbol_index_symbol(struct seep_symbol_index *index, uint64_t address,
                                     uint64_t *start)
{
    const struct row *row = NULL;
    const struct row *best = NULL;

    if (!index->symbols_read) {
        read_symbols(index);
    }
    row = find_row(&index->symbol_rows, address);
    if (row == NULL || index->symbol == NULL) {
        return NULL;
    }
    best = row;
    for (; row >= index->symbol_rows.row && row->low == best->low; row--) {
        if (address < row->high &&
            index->symbol[row->item].rank < index->symbol[best->item].rank) {
            best = row;
        }
    }
    if (start != NULL) {
        *start = best->low;
    }
    return index->symbol[best->item].name;
}

size_t seep_symbol_index_find(struct seep_symbol_index *index, uint64_t address,
                              struct seep_symbol_place *places, size_t capacity)
{
    size_t count = find_in_dwarf(index, address - index->file->bias, places, capacity);
    const char *symbol = NULL;

    if (count != 0 && places[0].linkage_name[0] != '\0') {
        return count;
    }
    symbol = seep_symbol_index_symbol(index, address, NULL);
    if (count == 0 && symbol == NULL) {
        return 0;
    }
    if (count == 0) {
        places[0] = (struct seep_symbol_place){.file = ""};
    }
    places[0].linkage_name = symbol != NULL ? symbol : "";
    return 1;
}

int seep_symbol_index_new(const struct seep_symbol_file *file,
                          struct seep_symbol_index **index)
{
    struct seep_symbol_index *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return -ENOMEM;
    }
    made->file = file;
    *index = made;
    return 0;
}

void seep_symbol_index_free(struct seep_symbol_index *index)
{
    if (index == NULL) {
        return;
    }
    for (size_t i = 0; i < index->unit_count; i++) {
        free(index->unit[i].functions.row);
        free(index->unit[i].functions_die.die);
    }
    free(index->unit);
    free(index->unit_rows.row);
    free(index->symbol);
    free(index->symbol_rows.row);
    free(index);
}
