/* Uses a library that allocates while it is relocated.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

extern int resolver_call(void);

int main(void)
{
    (void)printf("%d\n", resolver_call());
    return 0;
}
