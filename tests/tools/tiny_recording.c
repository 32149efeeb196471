/* Writes the smallest recording that shows each part of the format once: the worked
 * example of docs/recording-format.md.
 *
 *     tiny-recording FILE          writes it
 *     tiny-recording --hex         prints its bytes as the document shows them
 *     tiny-recording --check DOC   fails unless the document shows just these bytes
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording_forge.h"

enum { ROW_BYTES = 16, DOC_MAX_BYTES = 1 << 20 };

static void forge_tiny(struct seep_forge *forge)
{
    char *argv[] = {(char *)"a", NULL};
    uint32_t module = 0;
    uint32_t leaf = 0;
    uint32_t site = 0;

    seep_forge_init(forge);
    seep_forge_program_full(forge, &(struct seep_rec_program){.pid = 300,
                                                              .ppid = 1,
                                                              .mode = 1,
                                                              .interval_ns = 1000,
                                                              .argc = 1,
                                                              .argv = argv,
                                                              .exe = (char *)"/a",
                                                              .cwd = (char *)"/",
                                                              .host = (char *)"h",
                                                              .seep_version = (char *)"1",
                                                              .page_bytes = 4096});
    module =
        seep_forge_module(forge, "/a", (const uint8_t *)"\xab\xcd", 2, 0x1000, 0x2000);
    (void)seep_forge_subsystem(forge, "ws");
    leaf = seep_forge_stack(forge, module, (uint64_t[]){0x150, 0x120}, 2);
    site = seep_forge_site(forge, leaf, 1, SEEP_KIND_HEAP, 5);
    seep_forge_count(forge, site, 3, 1, 300, 100);
    seep_forge_snapshot(forge, 1000, &(struct seep_rec_snapshot){.rss_bytes = 8192});
    seep_forge_end_full(forge, 2000, SEEP_ENDING_SIGNALLED, 9, 200, 1);
}

static void print_hex(const struct seep_forge_bytes *bytes, FILE *out)
{
    for (size_t row = 0; row < bytes->len_bytes; row += ROW_BYTES) {
        size_t n = bytes->len_bytes - row;

        fprintf(out, "    %04zx ", row);
        for (size_t i = 0; i < (n < ROW_BYTES ? n : ROW_BYTES); i++) {
            fprintf(out, " %02x", bytes->data[row + i]);
        }
        fputc('\n', out);
    }
}

static int check(const struct seep_forge_bytes *bytes, const char *path)
{
    static char doc[DOC_MAX_BYTES];
    char *hex = NULL;
    size_t hex_bytes = 0;
    FILE *memory = open_memstream(&hex, &hex_bytes);
    FILE *in = memory != NULL ? fopen(path, "rb") : NULL;
    bool shown = false;

    if (in == NULL) {
        perror(path);
        return 2;
    }
    print_hex(bytes, memory);
    (void)fclose(memory);
    shown = fread(doc, 1, DOC_MAX_BYTES - 1, in) > 0 && strstr(doc, hex) != NULL;
    if (!shown) {
        fprintf(stderr, "%s does not show these bytes:\n%s", path, hex);
    }
    (void)fclose(in);
    free(hex);
    return shown ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct seep_forge forge;
    int status = 0;

    forge_tiny(&forge);
    if (argc == 2 && strcmp(argv[1], "--hex") == 0) {
        print_hex(&forge.file, stdout);
    } else if (argc == 3 && strcmp(argv[1], "--check") == 0) {
        status = check(&forge.file, argv[2]);
    } else if (argc == 2 && argv[1][0] != '-') {
        seep_forge_write(&forge, argv[1]);
    } else {
        fprintf(stderr, "usage: tiny-recording FILE | --hex | --check DOCUMENT\n");
        status = 2;
    }
    seep_forge_fini(&forge);
    return status;
}
