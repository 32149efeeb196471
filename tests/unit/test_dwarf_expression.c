/* The stack machine of DWARF expressions: what its operations give, and what it refuses.
 *
 * SPDX-License-Identifier: MIT
 */
#include "dwarf_expression.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { READABLE = 4096, WORD = 8 };

static bool load(void *context, uintptr_t address, uint32_t bytes, uintptr_t *value)
{
    (void)context;
    if (address != READABLE) {
        return false;
    }
    *value = bytes == WORD ? UINT64_C(0x1122334455667788) : 0x88;
    return true;
}

static int evaluate(const uint8_t *code, size_t bytes, uintptr_t *value)
{
    static const uintptr_t initial = 1000;
    struct seep_registers registers = {.known = 1U << 3 | 1U << 7};
    struct seep_expression expression = {.at = code,
                                         .end = code + bytes,
                                         .registers = &registers,
                                         .initial = &initial,
                                         .load = load};

    registers.value[3] = 300;
    registers.value[7] = 700;
    return seep_dwarf_expression(&expression, value);
}

#define GIVES(wanted, ...)                                                               \
    do {                                                                                 \
        const uint8_t code[] = {__VA_ARGS__};                                            \
        uintptr_t value = 77;                                                            \
        assert_int_equal(evaluate(code, sizeof(code), &value), 0);                       \
        assert_int_equal(value, (uintptr_t)(wanted));                                    \
    } while (0)
#define REFUSES(error, ...)                                                              \
    do {                                                                                 \
        const uint8_t code[] = {__VA_ARGS__};                                            \
        uintptr_t value = 77;                                                            \
        assert_int_equal(evaluate(code, sizeof(code), &value), error);                   \
        assert_int_equal(value, 77);                                                     \
    } while (0)

static void constants_and_registers_are_pushed(void **state)
{
    (void)state;
    GIVES(1000, 0x96);                                       /* nop: the initial value */
    GIVES(31, 0x4f);                                         /* lit31 */
    GIVES(200, 0x08, 200);                                   /* const1u */
    GIVES(-56, 0x09, 200);                                   /* const1s */
    GIVES(0xfffe, 0x0a, 0xfe, 0xff);                         /* const2u */
    GIVES(-2, 0x0b, 0xfe, 0xff);                             /* const2s */
    GIVES(0xfffffffe, 0x0c, 0xfe, 0xff, 0xff, 0xff);         /* const4u */
    GIVES(-2, 0x0d, 0xfe, 0xff, 0xff, 0xff);                 /* const4s */
    GIVES(0x0807060504030201, 0x0e, 1, 2, 3, 4, 5, 6, 7, 8); /* const8u */
    GIVES(0x0807060504030201, 0x03, 1, 2, 3, 4, 5, 6, 7, 8); /* addr */
    GIVES(128, 0x10, 0x80, 0x01);                            /* constu */
    GIVES(-128, 0x11, 0x80, 0x7f);                           /* consts */
    GIVES(300, 0x53);                                        /* reg3 */
    GIVES(708, 0x77, 8);                                     /* breg7 */
    GIVES(300, 0x90, 3);                                     /* regx */
    GIVES(299, 0x92, 3, 0x7f);                               /* bregx */
}

static void stack_operations_move_values(void **state)
{
    (void)state;
    GIVES(6, 0x33, 0x12, 0x22);                   /* 3 dup plus */
    GIVES(3, 0x33, 0x34, 0x13);                   /* drop */
    GIVES(3, 0x33, 0x34, 0x14);                   /* over */
    GIVES(3, 0x33, 0x34, 0x35, 0x15, 2);          /* pick */
    GIVES(1, 0x33, 0x34, 0x16, 0x1c);             /* swap minus: 4 - 3 */
    GIVES(2, 0x31, 0x32, 0x33, 0x17);             /* rot: 3 1 2 */
    GIVES(3, 0x31, 0x32, 0x33, 0x17, 0x13, 0x13); /* its lowest */
}

static void arithmetic_is_that_of_the_standard(void **state)
{
    (void)state;
    GIVES(7, 0x09, 0xf9, 0x19);         /* abs -7 */
    GIVES(-7, 0x37, 0x1f);              /* neg */
    GIVES(-8, 0x37, 0x20);              /* not */
    GIVES(4, 0x36, 0x3c, 0x1a);         /* and */
    GIVES(14, 0x36, 0x3c, 0x21);        /* or */
    GIVES(10, 0x36, 0x3c, 0x27);        /* xor */
    GIVES(-3, 0x09, 0xf9, 0x32, 0x1b);  /* div is signed */
    GIVES(1, 0x37, 0x33, 0x1d);         /* mod */
    GIVES(21, 0x37, 0x33, 0x1e);        /* mul */
    GIVES(135, 0x37, 0x23, 0x80, 0x01); /* plus_uconst */
    GIVES(56, 0x37, 0x33, 0x24);        /* shl */
    GIVES(0, 0x37, 0x08, 64, 0x24);     /* by all of its bits */
    GIVES(1, 0x3e, 0x33, 0x25);         /* shr */
    GIVES(-1, 0x09, 0xf9, 0x33, 0x26);  /* shra */
    GIVES(1, 0x09, 0xf9, 0x37, 0x2d);   /* lt is signed */
    GIVES(0, 0x09, 0xf9, 0x37, 0x2b);   /* gt */
    GIVES(1, 0x37, 0x37, 0x29);         /* eq */
    GIVES(1, 0x37, 0x37, 0x2a);         /* ge */
    GIVES(1, 0x37, 0x37, 0x2c);         /* le */
    GIVES(0, 0x37, 0x37, 0x2e);         /* ne */
    GIVES(UINT64_C(1) << 63, 0x31, 0x08, 63, 0x24, 0x09, 0xff, 0x1b); /* no trap */
}

static void memory_is_read_through_the_callers_eyes(void **state)
{
    (void)state;
    GIVES(0x1122334455667788, 0x0a, 0x00, 0x10, 0x06);
    GIVES(0x88, 0x0a, 0x00, 0x10, 0x94, 1);
    REFUSES(-EFAULT, 0x0a, 0x08, 0x10, 0x06);
    REFUSES(-EPROTO, 0x0a, 0x00, 0x10, 0x94, 9);
    REFUSES(-EPROTO, 0x0a, 0x00, 0x10, 0x94, 0);
}

static void branches_go_forth_and_back_within_bounds(void **state)
{
    (void)state;
    GIVES(5, 0x35, 0x31, 0x28, 1, 0, 0x13);             /* bra taken: over the drop */
    GIVES(5, 0x35, 0x36, 0x30, 0x28, 1, 0, 0x13);       /* not taken */
    GIVES(5, 0x35, 0x2f, 1, 0, 0x13);                   /* skip */
    GIVES(0, 0x33, 0x31, 0x1c, 0x12, 0x28, 0xfa, 0xff); /* counts down from 3 */
    REFUSES(-EPROTO, 0x35, 0x2f, 0xfd, 0xff);           /* for ever */
    REFUSES(-EPROTO, 0x35, 0x2f, 1, 0);                 /* beyond the end */
    REFUSES(-EPROTO, 0x35, 0x2f, 0xfb, 0xff);           /* before the beginning */
}

static void what_is_malformed_or_unknown_is_refused(void **state)
{
    uint8_t many[40];
    uintptr_t result = 77;

    (void)state;
    memset(many, 0x31, sizeof(many));
    assert_int_equal(evaluate(many, sizeof(many), &result), -EPROTO); /* stack full */
    assert_int_equal(evaluate(many, 31, &result), 0);
    REFUSES(-EPROTO, 0x13, 0x13);       /* stack empty */
    REFUSES(-EPROTO, 0x13);             /* nothing left to give */
    REFUSES(-EPROTO, 0x37, 0x30, 0x1b); /* by zero */
    REFUSES(-EPROTO, 0x37, 0x30, 0x1d);
    REFUSES(-EPROTO, 0x0e, 1, 2); /* cut off */
    REFUSES(-EPROTO, 0x10, 0x80);
    REFUSES(-EPROTO, 0xe0);    /* another vendor's */
    REFUSES(-EPROTO, 0x9c);    /* call_frame_cfa: not in call frame information */
    REFUSES(-EFAULT, 0x70, 0); /* a register that nobody knows */
    REFUSES(-EFAULT, 0x92, 99, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_and_registers_are_pushed),
        cmocka_unit_test(stack_operations_move_values),
        cmocka_unit_test(arithmetic_is_that_of_the_standard),
        cmocka_unit_test(memory_is_read_through_the_callers_eyes),
        cmocka_unit_test(branches_go_forth_and_back_within_bounds),
        cmocka_unit_test(what_is_malformed_or_unknown_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
