/* What tests of names have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#include "symbol_scene.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct seep_scene_build_id seep_scene_build_id_of(const char *path)
{
    struct seep_scene_build_id id = {0};
    const void *bits = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = NULL;
    ssize_t n = 0;

    assert_true(fd >= 0);
    (void)elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    n = dwelf_elf_gnu_build_id(elf, &bits);
    assert_true(n > 0 && n <= (ssize_t)sizeof(id.bytes));
    memcpy(id.bytes, bits, (size_t)n);
    id.len_bytes = (size_t)n;
    (void)elf_end(elf);
    (void)close(fd);
    return id;
}

void seep_scene_start(struct seep_scene *scene, const char *path,
                      const struct seep_scene_build_id *id)
{
    *scene = (struct seep_scene){0};
    seep_forge_init(&scene->forge);
    seep_forge_program(&scene->forge, "/bin/subject", SEEP_FORGE_SECOND);
    scene->module =
        seep_forge_module(&scene->forge, path, id != NULL ? id->bytes : NULL,
                          id != NULL ? id->len_bytes : 0, 0x7f0000000000, 1 << 20);
}

void seep_scene_open(struct seep_scene *scene)
{
    struct seep_error error = {0};

    seep_forge_flush(&scene->forge);
    assert_int_equal(seep_recording_open_bytes("forged", scene->forge.file.data,
                                               scene->forge.file.len_bytes,
                                               &scene->recording, &error),
                     0);
    assert_int_equal(seep_symbolizer_new(scene->recording, &scene->symbolizer), 0);
}

void seep_scene_end(struct seep_scene *scene)
{
    seep_symbolizer_free(scene->symbolizer);
    seep_recording_free(scene->recording);
    seep_forge_fini(&scene->forge);
}

struct seep_scene_span seep_scene_find_span(const char *path, const char *function)
{
    char command[512];
    char line[512];
    struct seep_scene_span found = {0};
    FILE *nm = NULL;

    (void)snprintf(command, sizeof(command), NM " -C -S --defined-only %s", path);
    nm = popen(command, "r");
    assert_non_null(nm);
    while (fgets(line, sizeof(line), nm) != NULL) {
        struct seep_scene_span span = {0};
        char type = 0;
        int at = 0;

        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%" SCNx64 " %" SCNx64 " %c %n", &span.start, &span.bytes, &type,
                   &at) == 3 &&
            strcmp(line + at, function) == 0) {
            found = span;
        }
    }
    assert_int_equal(pclose(nm), 0);
    if (found.bytes == 0) {
        fail_msg("%s has no function %s", path, function);
    }
    return found;
}

struct seep_symbol_frame seep_scene_one_frame(struct seep_scene *scene, const char *path,
                                              const struct seep_scene_build_id *id,
                                              uint64_t offset)
{
    struct seep_symbol_frame frames[SEEP_SCENE_FRAMES_MAX];
    uint32_t node = 0;
    size_t count = 0;

    seep_scene_start(scene, path, id);
    node = seep_forge_node(&scene->forge, SEEP_NODE_COMPLETE, scene->module, offset);
    seep_scene_open(scene);
    count = seep_symbol_frames(scene->symbolizer, node, frames, SEEP_SCENE_FRAMES_MAX);
    return frames[count - 1];
}
