/* Demangling by libstdc++'s own demangler, the one that knows its compiler's names,
 * called from C: the C++ ABI fixes its signature. Source: Itanium C++ ABI, section 3.4.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/symbol_name.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAME_MAX_BYTES = 16 << 10, /* longer ones cost the demangler seconds */
    RUST_HASH_CHARS = 19       /* "::h" and 16 hex digits */
};

/* NOLINTNEXTLINE(readability-identifier-naming): the C++ ABI names it */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *len, int *status);

static void cut_rust_hash(char *name)
{
    size_t len = strlen(name);
    char *hash = len > RUST_HASH_CHARS ? name + len - RUST_HASH_CHARS : NULL;

    if (hash != NULL && strncmp(hash, "::h", 3) == 0 &&
        strspn(hash + 3, "0123456789abcdef") == 16) {
        *hash = '\0';
    }
}

char *seep_symbol_name_demangle(const char *linkage_name)
{
    int status = 0;
    char *name = NULL;

    if (strncmp(linkage_name, "_Z", 2) != 0 ||
        strnlen(linkage_name, NAME_MAX_BYTES) == NAME_MAX_BYTES) {
        return NULL;
    }
    name = __cxa_demangle(linkage_name, NULL, NULL, &status);
    if (name != NULL) {
        cut_rust_hash(name);
    }
    return name;
}
