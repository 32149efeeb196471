/* A library whose IFUNC resolver calls back: on the first call of a lazily bound function
 * it runs below the loader.
 *
 * SPDX-License-Identifier: MIT
 */
typedef int chosen_function(void);

extern void (*lazy_hook)(void);
int lazy_answer(void);

void (*lazy_hook)(void);

static int answer(void)
{
    return 42;
}

static chosen_function *choose(void)
{
    if (lazy_hook != 0) {
        lazy_hook();
    }
    return answer;
}

int lazy_answer(void) __attribute__((ifunc("choose")));
