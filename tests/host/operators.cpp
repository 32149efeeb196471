// C++ operator new and delete in all their forms, and an exception through frames that
// allocate. Prints its own counts per function: [acquired, released].
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{
constexpr int rounds = 100;
struct alignas(64) Wide {
    char bytes[64];
};
struct Plain {
    char bytes[24];
};
} // namespace

extern "C" {
__attribute__((noinline)) void use_plain()
{
    for (int i = 0; i < rounds; i++) {
        Plain *volatile one = new Plain;
        delete one;
    }
}

__attribute__((noinline)) void use_array()
{
    for (int i = 0; i < rounds; i++) {
        Plain *volatile many = new Plain[3];
        delete[] many;
    }
}

__attribute__((noinline)) void use_nothrow()
{
    for (int i = 0; i < rounds; i++) {
        void *volatile one = operator new(40, std::nothrow);
        operator delete(one, std::nothrow);
        one = operator new[](40, std::nothrow);
        operator delete[](one, std::nothrow);
    }
}

__attribute__((noinline)) void use_aligned()
{
    for (int i = 0; i < rounds; i++) {
        Wide *volatile one = new Wide;
        delete one;
        Wide *volatile many = new Wide[2];
        delete[] many;
    }
}

__attribute__((noinline)) void leak_some()
{
    for (int i = 0; i < rounds; i++) {
        Plain *volatile lost = new Plain;
        (void)lost;
    }
}

__attribute__((noinline)) void throw_through(int depth)
{
    std::string text(100 + static_cast<size_t>(depth), 'x');
    if (depth == 0) {
        throw std::runtime_error(text);
    }
    throw_through(depth - 1);
    std::puts(text.c_str());
}
}

int main()
{
    int caught = 0;
    use_plain();
    use_array();
    use_nothrow();
    use_aligned();
    leak_some();
    for (int i = 0; i < rounds; i++) {
        try {
            throw_through(5);
        } catch (const std::exception &) {
            caught++;
        }
    }
    std::thread([&] {
        try {
            throw_through(3);
        } catch (const std::exception &) {
            caught++;
        }
    }).join();
    try {
        void *volatile huge = operator new(static_cast<size_t>(1) << 62);
        (void)huge;
    } catch (const std::bad_alloc &) {
        caught++;
    }
    if (caught != rounds + 2) {
        std::abort();
    }
    std::puts(
        "{\"use_plain\":[100,100],\"use_array\":[100,100],\"use_nothrow\":[200,200],"
        "\"use_aligned\":[200,200],\"leak_some\":[100,0]}");
    return 0;
}
