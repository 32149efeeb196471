/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_GOLDEN_RECORDINGS_H
#define SEEP_TESTS_GOLDEN_RECORDINGS_H

#include <stddef.h>

/* Forged recordings with a known truth, one per way of leaking or not leaking. */
struct seep_golden {
    const char *name;
    void (*write)(const char *program,
                  const char *path); /* program: path of golden_program */
};

extern const struct seep_golden SEEP_GOLDENS[];
extern const size_t SEEP_GOLDEN_COUNT;

#endif
