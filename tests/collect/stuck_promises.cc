// Threads of C++ programs that never run again, and their healthy twins.
//
// usage: stuck-promises WAY SECONDS
// Prints "ready" when everything stands as it will, and ends after SECONDS.
//
// SPDX-License-Identifier: MIT
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{

constexpr int pool_size = 4;

struct channel {
    std::mutex mutex;
    std::condition_variable filled;
    std::queue<int> items;
};

void serve(std::shared_ptr<channel> work)
{
    std::unique_lock<std::mutex> held(work->mutex);
    for (;;) {
        work->filled.wait(held, [&] { return !work->items.empty(); });
        work->items.pop();
    }
}

void await_answer(std::future<int> answer)
{
    std::printf("%d\n", answer.get());
}

std::vector<std::shared_ptr<channel>> known_channels;
std::vector<std::unique_ptr<std::promise<int>>> known_promises;

struct registry {
    std::shared_ptr<channel> work;
};
registry &only_registry()
{
    static registry instance;
    return instance;
}

__attribute__((noinline)) void make(const char *way)
{
    auto work = std::make_shared<channel>();

    for (int i = 0; i < pool_size; i++) {
        if (std::strstr(way, "promise") != nullptr) {
            auto promise = std::make_unique<std::promise<int>>();
            std::thread(await_answer, promise->get_future()).detach();
            if (std::strcmp(way, "kept-promise") == 0) {
                known_promises.push_back(std::move(promise));
            } else {
                (void)promise.release();
            }
        } else if (std::strstr(way, "task") != nullptr) {
            auto *task = new std::packaged_task<int()>([] { return 1; });
            std::thread(await_answer, task->get_future()).detach();
        } else {
            std::thread(serve, work).detach();
        }
    }
    if (std::strcmp(way, "kept-channel") == 0) {
        known_channels.push_back(work);
    } else if (std::strcmp(way, "static-object") == 0) {
        only_registry().work = work;
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fputs("usage: stuck-promises WAY SECONDS\n", stderr);
        return 2;
    }
    std::thread(make, argv[1]).join();
    std::puts("ready");
    std::fflush(stdout);
    std::this_thread::sleep_for(
        std::chrono::duration<double>(std::strtod(argv[2], nullptr)));
    _exit(0);
}
