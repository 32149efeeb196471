/* Stacks of every shape, each compared with libunwind's: the program prints, per case,
 * the frames that libunwind sees from the function that allocates, as [module, offset]
 * from its caller outwards.
 *
 * SPDX-License-Identifier: MIT
 */
#define UNW_LOCAL_ONLY
#include <alloca.h>
#include <dlfcn.h>
#include <libunwind.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { FRAMES_MAX = 1200, COROUTINE_BYTES = 256 << 10, DEEP = 300, TOO_DEEP = 1500 };

static const char *separator = "{";

static void print_frames(const char *name, void **frames, int count)
{
    printf("%s\"%s\":[", separator, name);
    separator = ",\n";
    for (int i = 1; i < count; i++) {
        Dl_info info = {0};

        if (dladdr(frames[i], &info) == 0) {
            break;
        }
        const char *slash = strrchr(info.dli_fname, '/');

        printf("%s[\"%s\",%lu]", i > 1 ? "," : "",
               slash != NULL ? slash + 1 : info.dli_fname,
               (unsigned long)((uintptr_t)frames[i] - (uintptr_t)info.dli_fbase));
    }
    printf("]");
}

/* The allocation whose stack is compared: its size tells the case apart in the recording.
 */
__attribute__((noinline)) static void allocate_case(const char *name, size_t bytes)
{
    static void *frames[FRAMES_MAX];
    int count = unw_backtrace(frames, FRAMES_MAX);
    void *volatile kept = malloc(bytes);

    (void)kept;
    print_frames(name, frames, count);
}

__attribute__((noinline)) static void plain(void)
{
    allocate_case("plain", 100001);
    __asm__ volatile("");
}

__attribute__((noinline)) static void with_alloca(size_t bytes)
{
    volatile char *space = alloca(bytes);

    space[0] = 1;
    allocate_case("alloca", 100002);
    space[bytes - 1] = 1;
}

__attribute__((noinline)) static void over_aligned(void)
{
    _Alignas(128) volatile char space[256] = {0};

    space[0] = 1;
    allocate_case("over_aligned", 100003);
    space[255] = space[0];
}

__attribute__((noinline)) static void over_aligned_alloca(size_t bytes)
{
    _Alignas(64) volatile char space[64] = {0};
    volatile char *more = alloca(bytes);

    space[0] = more[0] = 1;
    allocate_case("over_aligned_alloca", 100004);
    space[63] = more[bytes - 1] = space[0];
}

__attribute__((noinline)) static int deep(int left)
{
    volatile int here = left;

    if (left == 0) {
        allocate_case("deep", 100005);
        return 0;
    }
    return deep(left - 1) + here;
}

static int compare(const void *a, const void *b)
{
    static int done;

    if (!done) {
        done = 1;
        allocate_case("in_qsort", 100006);
    }
    return *(const int *)a - *(const int *)b;
}

static void on_signal(int number)
{
    if (number == SIGUSR1) {
        allocate_case("signal", 100007);
    } else {
        allocate_case("signal_on_alternate_stack", 100008);
    }
}

static ucontext_t main_context;
static ucontext_t coroutine_context;

static void coroutine(void)
{
    allocate_case("coroutine", 100009);
    swapcontext(&coroutine_context, &main_context);
}

static void *in_thread(void *argument)
{
    allocate_case("thread", 100010);
    return argument;
}

static void *in_small_thread(void *argument)
{
    allocate_case("thread_on_given_stack", 100011);
    return argument;
}

static jmp_buf jump;

__attribute__((noinline)) static void jumped(void)
{
    if (setjmp(jump) == 0) {
        longjmp(jump, 1);
    }
    allocate_case("after_longjmp", 100012);
    __asm__ volatile("");
}

/* Not compared frame by frame: libunwind would need as long; the recording must mark it
 * as cut. */
__attribute__((noinline)) static int too_deep(int left)
{
    volatile int here = left;

    if (left == 0) {
        void *volatile kept = malloc(100099);

        return kept != NULL;
    }
    return too_deep(left - 1) + here;
}

static void run_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    stack_t alternate = {.ss_sp = malloc(COROUTINE_BYTES), .ss_size = COROUTINE_BYTES};

    sigaction(SIGUSR1, &action, NULL);
    (void)raise(SIGUSR1);
    sigaltstack(&alternate, NULL);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, NULL);
    (void)raise(SIGUSR2);
}

static void run_coroutine(void)
{
    getcontext(&coroutine_context);
    coroutine_context.uc_stack.ss_sp = malloc(COROUTINE_BYTES);
    coroutine_context.uc_stack.ss_size = COROUTINE_BYTES;
    coroutine_context.uc_link = &main_context;
    makecontext(&coroutine_context, coroutine, 0);
    swapcontext(&main_context, &coroutine_context);
}

static void run_threads(void)
{
    pthread_t thread;
    pthread_attr_t attributes;

    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, aligned_alloc(4096, COROUTINE_BYTES),
                          COROUTINE_BYTES);
    pthread_create(&thread, &attributes, in_small_thread, NULL);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    int numbers[16];

    (void)argv;
    plain();
    with_alloca((size_t)argc * 100);
    over_aligned();
    over_aligned_alloca((size_t)argc * 100);
    (void)deep(DEEP);
    for (int i = 0; i < 16; i++) {
        numbers[i] = (i * 7) % 16;
    }
    qsort(numbers, 16, sizeof(numbers[0]), compare);
    run_signals();
    run_coroutine();
    run_threads();
    jumped();
    (void)too_deep(TOO_DEEP);
    printf("}\n");
    return 0;
}
