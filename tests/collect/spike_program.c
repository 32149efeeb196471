/* Holds some heap for a while, and half as much again for some milliseconds between two
 * snapshots.
 *
 * usage: spike_program BASE_KIB SPIKE_KIB HOLD_US BLOCK_BYTES
 * Prints the highest sum of its own live blocks, in bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t live_bytes;
static uint64_t peak_bytes;

static void pause_us(long us)
{
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};

    (void)nanosleep(&pause, NULL);
}

static void *counted(void *block, size_t bytes)
{
    live_bytes += bytes;
    peak_bytes = live_bytes > peak_bytes ? live_bytes : peak_bytes;
    return block;
}

__attribute__((noinline)) static void *hold_base(size_t bytes)
{
    void *volatile block = malloc(bytes);

    return counted(block, bytes);
}

__attribute__((noinline)) static void *hold_spike(size_t bytes)
{
    void *volatile block = calloc(1, bytes);

    return counted(block, bytes);
}

static void drop_all(void **blocks, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n; i++) {
        free(blocks[i]);
    }
    live_bytes -= n * bytes;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        return 2;
    }
    size_t bytes = (size_t)atol(argv[4]);
    size_t base = (size_t)atol(argv[1]) * 1024 / bytes;
    size_t spike = (size_t)atol(argv[2]) * 1024 / bytes;
    void **blocks =
        counted(malloc((base + spike) * sizeof(void *)), (base + spike) * sizeof(void *));

    for (size_t i = 0; i < base; i++) {
        blocks[i] = hold_base(bytes);
    }
    pause_us(1300000); /* past a snapshot, well before the next */
    for (size_t i = 0; i < spike; i++) {
        blocks[base + i] = hold_spike(bytes);
    }
    pause_us(atol(argv[3]));
    drop_all(blocks + base, spike, bytes);
    pause_us(1000000);
    drop_all(blocks, base, bytes);
    (void)printf("%llu\n", (unsigned long long)peak_bytes);
    return 0;
}
