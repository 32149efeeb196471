// What dlerror() has to say survives the operators new and delete, whichever is used
// first after it.
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <dlfcn.h>
#include <new>

int main()
{
    void *volatile library = dlopen("/nowhere/at-all.so", RTLD_NOW);
    int *volatile aligned = new (std::align_val_t(64), std::nothrow) int;

    operator delete(aligned, std::align_val_t(64));
    (void)library;
    const char *error = dlerror();

    (void)std::puts(error != nullptr ? "kept" : "lost");
    return 0;
}
