/* Code made while running, without unwind information, that calls functions which
 * allocate: the stack is known up to there. With a frame pointer, without, and with one
 * of no meaning; called from several places.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "stack_tally.h"

enum { CODE_BYTES = 4096, ROUNDS = 100, PIECE_BYTES = 64 };

typedef void generated(void (*next)(void *));

/* push rbp; mov rbp, rsp; call rdi; pop rbp; ret */
static const uint8_t with_frame[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
/* sub rsp, 24; call rdi; add rsp, 24; ret */
static const uint8_t without_frame[] = {0x48, 0x83, 0xec, 0x18, 0xff, 0xd7,
                                        0x48, 0x83, 0xc4, 0x18, 0xc3};
/* push rbp; mov rbp, -1; call rdi; pop rbp; ret */
static const uint8_t spoiled_frame[] = {0x55, 0x48, 0xc7, 0xc5, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xd7, 0x5d, 0xc3};

__attribute__((noinline)) static void call_it(generated *code)
{
    code(tally_once);
    __asm__ volatile("");
}

int main(void)
{
    uint8_t *code = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    generated *pieces[3];

    if (code == MAP_FAILED) {
        return 1;
    }
    memcpy(code, with_frame, sizeof(with_frame));
    memcpy(code + PIECE_BYTES, without_frame, sizeof(without_frame));
    memcpy(code + (ptrdiff_t)2 * PIECE_BYTES, spoiled_frame, sizeof(spoiled_frame));
    for (int i = 0; i < 3; i++) {
        *(void **)&pieces[i] = code + (ptrdiff_t)i * PIECE_BYTES;
    }
    for (int round = 0; round < ROUNDS; round++) {
        pieces[round % 3](tally_once);
        call_it(pieces[(round + 1) % 3]);
    }
    tally_print();
    return 0;
}
