// C++ exceptions through frames that were recorded: what allocates in a destructor during
// unwinding, in a handler, and afterwards at the very same places, has the stack that
// libunwind sees.
//
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <stdexcept>

#include "stack_tally.h"

namespace
{

struct tallies_at_end {
    ~tallies_at_end()
    {
        tally_once(nullptr);
    }
};

__attribute__((noinline)) void go_down(int depth, int until_throw)
{
    tallies_at_end tally;

    tally_once(nullptr);
    if (depth == 0) {
        if (until_throw == 0) {
            throw std::runtime_error("as planned");
        }
        return;
    }
    go_down(depth - 1, until_throw);
    tally_once(nullptr);
}

__attribute__((noinline)) void round(int number)
{
    try {
        go_down(number % 7, number % 3);
    } catch (const std::exception &) {
        tally_once(nullptr);
        try {
            go_down(number % 4, 0);
        } catch (...) {
            tally_once(nullptr);
        }
    }
    go_down(number % 7, 1);
}

} // namespace

int main()
{
    for (int i = 0; i < 60; i++) {
        round(i);
    }
    tally_print();
    return 0;
}
