/* Writes a recording as large as a big program's soak run leaves it, for the bench of the
 * analyzer (bench/report_scale.py) and whoever wants one.
 *
 *     large-recording [--sites N] [--snapshots N] [--seed S] [--restless PERCENT] FILE
 * BINARY...
 *
 * What makes it like a real one:
 * - stacks of 10 to 30 frames that share their outer part, with return addresses inside
 *   the functions of real files (BINARY), so that symbols are looked up as for a program;
 * - half of the sites are active while the program starts and never again; of the others
 * a few change in every snapshot, many now and then: 5 % of all sites per snapshot;
 * - most live counts go up and down around a level, one in a hundred fills like a cache,
 *   one in two thousand leaks;
 * - 65 scans of the ages, which list all sites with something alive: as many as the
 *   collector keeps when it has to make room.
 *
 * At 100,000 sites and 2,000 snapshots the file has 140 MB: the collector would make room
 * at 64 MiB. What a real recording of that size holds is less than this.
 *
 * With --restless so many per cent of the sites change in every snapshot: the worst that
 * a reader's memory meets.
 *
 * The same arguments give the same bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recording_forge.h"

enum {
    PLACES_MAX = 8000, /* return addresses: what a program's stacks pass */
    MODULES_MAX = 8,
    OUTER_FRAMES = 6, /* main and its loop, shared by all */
    DEPTH_MIN = 10,
    DEPTH_MAX = 30,
    SUBSYSTEMS = 12,
    AGES_SCANS = 64,
    THREADS = 64,
    FUNCTION_LEAST_BYTES = 32
};

enum manner { STARTS, WANDERS, FILLS, LEAKS };

struct place {
    uint32_t module;
    uint64_t offset;
};

struct model { /* one site */
    uint32_t site, leaf, depth;
    enum manner manner;
    double chance; /* that it changes between two snapshots */
    uint64_t block_bytes, level;
    uint64_t acquired, released;
    uint64_t first_ns, last_ns; /* birth of something alive */
    uint64_t generations;
};

struct world {
    struct seep_forge forge;
    struct place places[PLACES_MAX];
    size_t place_count;
    uint32_t *parents; /* owned; by node */
    size_t parent_capacity;
    struct model *models; /* owned */
    size_t sites, snapshots,
        restless; /* of 100 sites, those that change in every snapshot */
    uint64_t random_state;
};

/* Source: Steele, Lea, Flood 2014, SplitMix64. */
static uint64_t next_random(struct world *world)
{
    uint64_t z = (world->random_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(struct world *world, size_t limit)
{
    return (size_t)(next_random(world) % limit);
}

static double unit(struct world *world)
{
    return (double)(next_random(world) >> 11) * 0x1p-53;
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "large-recording: out of memory\n");
        exit(1);
    }
    return memory;
}

/* Functions of a file's symbol table, else of its dynamic one: sections of one type. */
static size_t functions_of(Elf *elf, uint32_t type, GElf_Sym *out, size_t capacity)
{
    Elf_Scn *section = NULL;
    size_t found = 0;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        Elf_Data *data = elf_getdata(section, NULL);

        if (gelf_getshdr(section, &header) == NULL || header.sh_type != type ||
            data == NULL || header.sh_entsize == 0) {
            continue;
        }
        for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
            GElf_Sym symbol;

            if (gelf_getsym(data, (int)i, &symbol) != NULL &&
                GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != 0 &&
                symbol.st_size >= FUNCTION_LEAST_BYTES && found < capacity) {
                out[found++] = symbol;
            }
        }
    }
    return found;
}

/* Adds a file as a module, and `count` return addresses inside its functions. */
static void add_module(struct world *world, const char *path, size_t count)
{
    enum { FUNCTIONS_MAX = 100000 };
    GElf_Sym *functions = must(calloc(FUNCTIONS_MAX, sizeof(*functions)));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    const void *build_id = NULL;
    size_t n = elf != NULL ? functions_of(elf, SHT_SYMTAB, functions, FUNCTIONS_MAX) : 0;
    uint32_t module = 0;

    n = n == 0 && elf != NULL ? functions_of(elf, SHT_DYNSYM, functions, FUNCTIONS_MAX)
                              : n;
    if (n == 0) {
        fprintf(stderr, "large-recording: %s: no file with functions\n", path);
        exit(2);
    }
    module = seep_forge_module(&world->forge, path, build_id, 0, 0, UINT64_C(1) << 30);
    for (size_t i = 0; i < count && world->place_count < PLACES_MAX; i++) {
        const GElf_Sym *in = &functions[below(world, n)];

        world->places[world->place_count++] = (struct place){
            module, in->st_value + 8 + below(world, (size_t)in->st_size - 16)};
    }
    (void)elf_end(elf);
    (void)close(fd);
    free(functions);
}

static uint32_t add_node(struct world *world, uint32_t parent, size_t place)
{
    uint32_t node = seep_forge_node(&world->forge, parent, world->places[place].module,
                                    world->places[place].offset);

    if (node >= world->parent_capacity) {
        world->parent_capacity = (size_t)node * 2 + 1024;
        world->parents = must(
            realloc(world->parents, world->parent_capacity * sizeof(*world->parents)));
    }
    world->parents[node] = parent;
    return node;
}

/* A stack that leaves another one some frames before that one's end. */
static void add_stack(struct world *world, size_t index)
{
    struct model *model = &world->models[index];
    const struct model *other = index > 0 ? &world->models[below(world, index)] : NULL;
    size_t wanted = DEPTH_MIN + below(world, DEPTH_MAX - DEPTH_MIN + 1);
    size_t own = 1;
    uint32_t node = SEEP_NODE_COMPLETE;
    size_t depth = 0;

    while (own < 12 && below(world, 3) != 0) {
        own++;
    }
    if (other != NULL) {
        node = other->leaf;
        depth = other->depth;
        while (depth > OUTER_FRAMES && depth + own > wanted) {
            node = world->parents[node];
            depth--;
        }
    }
    while (depth < OUTER_FRAMES) {
        node = add_node(world, node, depth);
        depth++;
    }
    for (; own > 0 || depth<DEPTH_MIN; own -= own> 0) {
        node = add_node(world, node, below(world, world->place_count));
        depth++;
    }
    model->leaf = node;
    model->depth = (uint32_t)depth;
}

static enum seep_kind kind_of(size_t index)
{
    if (index % 200 == 7) {
        return SEEP_KIND_MAPPING;
    }
    if (index % 500 == 11) {
        return SEEP_KIND_FD;
    }
    if (index % 1000 == 13) {
        return SEEP_KIND_TIMER;
    }
    return index % 5000 == 17 ? SEEP_KIND_THREAD : SEEP_KIND_HEAP;
}

/* Half of the sites start only; 2 % change always, 10 % every fifth time, 38 % rarely. */
static void add_site(struct world *world, size_t index)
{
    struct model *model = &world->models[index];
    double pick = unit(world);

    add_stack(world, index);
    model->site = seep_forge_site(
        &world->forge, model->leaf,
        model->depth % 4 == 0 ? 0 : (uint32_t)(1 + below(world, SUBSYSTEMS)),
        kind_of(index), below(world, 10) * SEEP_FORGE_SECOND);
    model->block_bytes = UINT64_C(16) << below(world, 9);
    model->level = 1 + (UINT64_C(1) << below(world, 10));
    model->manner = pick < 0.5 ? STARTS : WANDERS;
    model->chance = pick < 0.5 ? 1 : pick < 0.52 ? 1 : pick < 0.62 ? 0.2 : 0.026;
    if (index % 2000 == 5) {
        model->manner = LEAKS;
        model->chance = 0.5;
    } else if (index % 100 == 3) {
        model->manner = FILLS;
        model->chance = 0.1;
    }
    if (index % 100 < world->restless) {
        model->manner = model->manner == STARTS ? WANDERS : model->manner;
        model->chance = 1;
    }
}

static void build(struct world *world, char **binaries, size_t count)
{
    seep_forge_init(&world->forge);
    world->forge.compress = true;
    seep_forge_program(&world->forge, binaries[0], SEEP_FORGE_SECOND);
    for (size_t i = 0; i < count && i < MODULES_MAX; i++) {
        add_module(world, binaries[i], (PLACES_MAX - world->place_count) / (count - i));
    }
    for (size_t i = 0; i < SUBSYSTEMS; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "part-%zu", i);
        (void)seep_forge_subsystem(&world->forge, name);
    }
    world->models = must(calloc(world->sites, sizeof(*world->models)));
    for (size_t i = 0; i < world->sites; i++) {
        add_site(world, i);
    }
}

/* What one site does between two snapshots. */
static void live_on(struct world *world, struct model *model, size_t snapshot,
                    uint64_t t_ns)
{
    uint64_t live = model->acquired - model->released;
    uint64_t more = 1 + below(world, 20);
    uint64_t less = 0;

    if ((model->manner == STARTS && snapshot > 1 + model->level % 5) ||
        unit(world) >= model->chance ||
        (model->manner == FILLS && live >= model->level * 4)) {
        return;
    }
    if (model->manner == LEAKS) {
        more = 1 + below(world, 3);
        less = below(world, 2);
    } else if (model->manner == WANDERS) {
        more += live == 0 ? model->level : 0;
        less = below(world, (size_t)(live > model->level ? 3 : 1) * 20);
        less = less < live ? less : live;
    }
    model->acquired += more;
    model->released += less;
    model->first_ns = live == 0 || model->manner == WANDERS ? t_ns : model->first_ns;
    model->last_ns = t_ns;
    model->generations = model->manner == WANDERS ? 0 : model->generations;
    model->generations |= UINT64_C(1) << (63 * snapshot / world->snapshots);
    seep_forge_count(&world->forge, model->site, model->acquired, model->released,
                     model->acquired * model->block_bytes,
                     model->released * model->block_bytes);
}

static void put_ages(struct world *world, struct seep_rec_age *ages, uint64_t t_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < world->sites; i++) {
        const struct model *model = &world->models[i];
        uint64_t live = model->acquired - model->released;

        if (live > 0) {
            ages[n++] = (struct seep_rec_age){
                model->site,     live,           live * model->block_bytes,
                model->first_ns, model->last_ns, model->generations};
        }
    }
    seep_forge_ages(&world->forge, t_ns,
                    world->snapshots * SEEP_FORGE_SECOND / 63 + SEEP_FORGE_SECOND, ages,
                    n);
}

static void put_threads(struct world *world, uint64_t t_ns)
{
    struct seep_rec_thread threads[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        threads[i] = (struct seep_rec_thread){.slot = i,
                                              .tid = 4242 + i,
                                              .state = 3,
                                              .name = (char *)"worker",
                                              .start_module = 1,
                                              .start_offset = world->places[i].offset,
                                              .os_state = 'S',
                                              .wait = (char *)"futex"};
    }
    seep_forge_threads(&world->forge, t_ns, threads, THREADS);
}

static void run(struct world *world)
{
    struct seep_rec_age *ages = must(calloc(world->sites, sizeof(*ages)));
    size_t ages_every = world->snapshots / AGES_SCANS + 1;
    uint64_t t_ns = 0;

    for (size_t s = 0; s < world->snapshots; s++) {
        t_ns = (s + 1) * SEEP_FORGE_SECOND + below(world, 1000000);
        for (size_t i = 0; i < world->sites; i++) {
            live_on(world, &world->models[i], s, t_ns);
        }
        seep_forge_snapshot(&world->forge, t_ns, NULL);
        if (s % ages_every == 0 || s + 1 == world->snapshots) {
            put_ages(world, ages, t_ns);
        }
    }
    put_threads(world, t_ns);
    seep_forge_end(&world->forge, t_ns + SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    free(ages);
}

static size_t option(int *argc, char **argv, const char *name, size_t otherwise)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            size_t value = strtoull(argv[i + 1], NULL, 10);

            memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof(*argv));
            *argc -= 2;
            return value;
        }
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    static struct world world;

    world.sites = option(&argc, argv, "--sites", 100000);
    world.snapshots = option(&argc, argv, "--snapshots", 2000);
    world.random_state = option(&argc, argv, "--seed", 1);
    world.restless = option(&argc, argv, "--restless", 0);
    if (argc < 3 || world.sites == 0 || world.snapshots == 0) {
        fprintf(stderr, "usage: large-recording [--sites N] [--snapshots N] [--seed S] "
                        "[--restless PERCENT] FILE BINARY...\n");
        return 2;
    }
    (void)elf_version(EV_CURRENT);
    build(&world, argv + 2, (size_t)argc - 2);
    run(&world);
    seep_forge_write(&world.forge, argv[1]);
    seep_forge_fini(&world.forge);
    free(world.models);
    free(world.parents);
    return 0;
}
