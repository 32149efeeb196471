/* A library whose IFUNC resolver allocates: it runs while libraries are still being
 * relocated, the preloaded ones perhaps not yet.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stddef.h>
#include <stdlib.h>

typedef int chosen_function(void);
int resolver_chosen(void);
int resolver_call(void);

static int answer(void)
{
    return 42;
}

static chosen_function *choose(void)
{
    void *volatile memory = malloc(100);

    memory = realloc(memory, 200);
    free(memory);
    return memory != NULL ? answer : NULL;
}

int resolver_chosen(void) __attribute__((ifunc("choose")));

int resolver_call(void)
{
    return resolver_chosen();
}
