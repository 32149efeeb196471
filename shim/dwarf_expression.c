/* The stack machine of DWARF expressions.
 *
 * Design: one function per group of operations, each of which says whether the operation
 * was its own; what nobody owns ends the evaluation. Expressions in call frame
 * information are a few operations long (PLT entries: 11), so nothing is compiled or
 * cached.
 *
 * I1: the stack never holds more than STACK_MAX values, and at most STEPS_MAX operations
 * run: backward branches exist.
 *
 * SPDX-License-Identifier: MIT
 */
#include "dwarf_expression.h"

#include <errno.h>
#include <stddef.h>

#include "cfi_entry.h"

enum { STACK_MAX = 32, STEPS_MAX = 1000, WORD_BYTES = 8 };

/* Source: DWARF 5, section 7.7.1. */
enum {
    OP_ADDR = 0x03,
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST1S = 0x09,
    OP_CONST2U = 0x0a,
    OP_CONST2S = 0x0b,
    OP_CONST4U = 0x0c,
    OP_CONST4S = 0x0d,
    OP_CONST8U = 0x0e,
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_DUP = 0x12,
    OP_DROP = 0x13,
    OP_OVER = 0x14,
    OP_PICK = 0x15,
    OP_SWAP = 0x16,
    OP_ROT = 0x17,
    OP_ABS = 0x19,
    OP_AND = 0x1a,
    OP_DIV = 0x1b,
    OP_MINUS = 0x1c,
    OP_MOD = 0x1d,
    OP_MUL = 0x1e,
    OP_NEG = 0x1f,
    OP_NOT = 0x20,
    OP_OR = 0x21,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_SHR = 0x25,
    OP_SHRA = 0x26,
    OP_XOR = 0x27,
    OP_BRA = 0x28,
    OP_EQ = 0x29,
    OP_GE = 0x2a,
    OP_GT = 0x2b,
    OP_LE = 0x2c,
    OP_LT = 0x2d,
    OP_NE = 0x2e,
    OP_SKIP = 0x2f,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_REG0 = 0x50,
    OP_REG31 = 0x6f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
    OP_REGX = 0x90,
    OP_BREGX = 0x92,
    OP_DEREF_SIZE = 0x94,
    OP_NOP = 0x96
};

struct stack {
    uintptr_t values[STACK_MAX];
    uint32_t depth;
    int error; /* 0, or the first negative errno */
};

static void push(struct stack *stack, uintptr_t value)
{
    if (stack->depth == STACK_MAX) {
        stack->error = -EPROTO;
        return;
    }
    stack->values[stack->depth++] = value;
}

static uintptr_t pop(struct stack *stack)
{
    if (stack->depth == 0) {
        stack->error = -EPROTO;
        return 0;
    }
    return stack->values[--stack->depth];
}

/* The value `below` under the top. */
static uintptr_t peek(struct stack *stack, uint64_t below)
{
    if (below >= stack->depth) {
        stack->error = -EPROTO;
        return 0;
    }
    return stack->values[stack->depth - 1 - below];
}

/* Reads an operation's constant. Returns: false when it is no such operation. */
static bool constant(uint8_t op, struct seep_cfi_reader *reader, uintptr_t *value)
{
    switch (op) {
    case OP_CONST1U:
        *value = seep_cfi_fixed(reader, 1);
        return true;
    case OP_CONST1S:
        *value = (uintptr_t)(int8_t)seep_cfi_fixed(reader, 1);
        return true;
    case OP_CONST2U:
        *value = seep_cfi_fixed(reader, 2);
        return true;
    case OP_CONST2S:
        *value = (uintptr_t)(int16_t)seep_cfi_fixed(reader, 2);
        return true;
    case OP_CONST4U:
        *value = seep_cfi_fixed(reader, 4);
        return true;
    case OP_CONST4S:
        *value = (uintptr_t)(int32_t)seep_cfi_fixed(reader, 4);
        return true;
    case OP_ADDR:
    case OP_CONST8U:
    case OP_CONST8S:
        *value = seep_cfi_fixed(reader, WORD_BYTES);
        return true;
    case OP_CONSTU:
        *value = seep_cfi_uleb(reader);
        return true;
    case OP_CONSTS:
        *value = (uintptr_t)seep_cfi_sleb(reader);
        return true;
    default:
        *value = (uintptr_t)op - OP_LIT0;
        return op >= OP_LIT0 && op <= OP_LIT31;
    }
}

/* Reads a register's value, with its offset where the operation has one. Returns: false
 * when it is no such operation. */
static bool from_register(uint8_t op, struct seep_cfi_reader *reader,
                          const struct seep_registers *registers, struct stack *stack)
{
    uint64_t number = 0;
    int64_t offset = 0;

    if (op >= OP_REG0 && op <= OP_REG31) {
        number = (uint64_t)op - OP_REG0;
    } else if (op == OP_REGX) {
        number = seep_cfi_uleb(reader);
    } else if (op >= OP_BREG0 && op <= OP_BREG31) {
        number = (uint64_t)op - OP_BREG0;
        offset = seep_cfi_sleb(reader);
    } else if (op == OP_BREGX) {
        number = seep_cfi_uleb(reader);
        offset = seep_cfi_sleb(reader);
    } else {
        return false;
    }
    if (!seep_register_known(registers, number)) {
        stack->error = -EFAULT;
        return true;
    }
    push(stack, registers->value[number] + (uintptr_t)offset);
    return true;
}

static bool shuffle(uint8_t op, struct seep_cfi_reader *reader, struct stack *stack)
{
    uintptr_t top = 0;
    uintptr_t second = 0;
    uintptr_t third = 0;

    switch (op) {
    case OP_DUP:
        push(stack, peek(stack, 0));
        return true;
    case OP_DROP:
        (void)pop(stack);
        return true;
    case OP_OVER:
        push(stack, peek(stack, 1));
        return true;
    case OP_PICK:
        push(stack, peek(stack, seep_cfi_fixed(reader, 1)));
        return true;
    case OP_SWAP:
        top = pop(stack);
        second = pop(stack);
        push(stack, top);
        push(stack, second);
        return true;
    case OP_ROT:
        top = pop(stack);
        second = pop(stack);
        third = pop(stack);
        push(stack, top);
        push(stack, third);
        push(stack, second);
        return true;
    default:
        return op == OP_NOP;
    }
}

static bool unary(uint8_t op, struct seep_cfi_reader *reader, struct stack *stack)
{
    intptr_t value = 0;

    switch (op) {
    case OP_ABS:
        value = (intptr_t)pop(stack);
        push(stack, value < 0 ? -(uintptr_t)value : (uintptr_t)value);
        return true;
    case OP_NEG:
        push(stack, -pop(stack));
        return true;
    case OP_NOT:
        push(stack, ~pop(stack));
        return true;
    case OP_PLUS_UCONST:
        push(stack, pop(stack) + seep_cfi_uleb(reader));
        return true;
    default:
        return false;
    }
}

/* Operations that could trap the processor: a division by zero, or the one quotient that
 * has no representation. */
static uintptr_t divide(struct stack *stack, uint8_t op, uintptr_t a, uintptr_t b)
{
    if (b == 0) {
        stack->error = -EPROTO;
        return 0;
    }
    if (op == OP_MOD) {
        return a % b;
    }
    return b == UINTPTR_MAX ? -a : (uintptr_t)((intptr_t)a / (intptr_t)b);
}

static uintptr_t shift(uint8_t op, uintptr_t a, uintptr_t b)
{
    if (op == OP_SHRA) {
        return (uintptr_t)((intptr_t)a >> (b < 63 ? b : 63));
    }
    if (b > 63) {
        return 0;
    }
    return op == OP_SHL ? a << b : a >> b;
}

static bool compare(uint8_t op, intptr_t a, intptr_t b)
{
    switch (op) {
    case OP_EQ:
        return a == b;
    case OP_GE:
        return a >= b;
    case OP_GT:
        return a > b;
    case OP_LE:
        return a <= b;
    case OP_LT:
        return a < b;
    default:
        return a != b;
    }
}

static bool is_binary(uint8_t op)
{
    return op == OP_AND || op == OP_DIV || op == OP_MINUS || op == OP_MOD ||
           op == OP_MUL || op == OP_OR || op == OP_PLUS ||
           (op >= OP_SHL && op <= OP_XOR) || (op >= OP_EQ && op <= OP_NE);
}

static bool binary(uint8_t op, struct stack *stack)
{
    uintptr_t b = is_binary(op) ? pop(stack) : 0;
    uintptr_t a = is_binary(op) ? pop(stack) : 0;

    switch (op) {
    case OP_AND:
        push(stack, a & b);
        return true;
    case OP_OR:
        push(stack, a | b);
        return true;
    case OP_XOR:
        push(stack, a ^ b);
        return true;
    case OP_PLUS:
        push(stack, a + b);
        return true;
    case OP_MINUS:
        push(stack, a - b);
        return true;
    case OP_MUL:
        push(stack, a * b);
        return true;
    case OP_DIV:
    case OP_MOD:
        push(stack, divide(stack, op, a, b));
        return true;
    case OP_SHL:
    case OP_SHR:
    case OP_SHRA:
        push(stack, shift(op, a, b));
        return true;
    default:
        if (is_binary(op)) {
            push(stack, compare(op, (intptr_t)a, (intptr_t)b));
        }
        return is_binary(op);
    }
}

static bool branch(uint8_t op, struct seep_cfi_reader *reader, const uint8_t *begin,
                   struct stack *stack)
{
    int64_t distance = 0;

    if (op != OP_BRA && op != OP_SKIP) {
        return false;
    }
    distance = (int16_t)seep_cfi_fixed(reader, 2);
    if (op == OP_BRA && pop(stack) == 0) {
        return true;
    }
    if (distance < begin - reader->at || distance > reader->end - reader->at) {
        stack->error = -EPROTO;
        return true;
    }
    reader->at += distance;
    return true;
}

static bool dereference(uint8_t op, struct seep_cfi_reader *reader,
                        const struct seep_expression *expression, struct stack *stack)
{
    uint64_t bytes = WORD_BYTES;
    uintptr_t value = 0;

    if (op != OP_DEREF && op != OP_DEREF_SIZE) {
        return false;
    }
    if (op == OP_DEREF_SIZE) {
        bytes = seep_cfi_fixed(reader, 1);
    }
    if (bytes == 0 || bytes > WORD_BYTES) {
        stack->error = -EPROTO;
    } else if (!expression->load(expression->context, pop(stack), (uint32_t)bytes,
                                 &value)) {
        stack->error = -EFAULT;
    } else {
        push(stack, value);
    }
    return true;
}

int seep_dwarf_expression(const struct seep_expression *expression, uintptr_t *value)
{
    struct seep_cfi_reader reader = {.at = expression->at, .end = expression->end};
    struct stack stack;
    uint32_t steps = 0;
    uintptr_t operand = 0;

    stack.depth = 0;
    stack.error = 0;
    if (expression->initial != NULL) {
        push(&stack, *expression->initial);
    }
    while (reader.at < reader.end && stack.error == 0 && !reader.failed) {
        uint8_t op = (uint8_t)seep_cfi_fixed(&reader, 1);

        if (++steps > STEPS_MAX) {
            return -EPROTO;
        }
        if (constant(op, &reader, &operand)) {
            push(&stack, operand);
        } else if (!from_register(op, &reader, expression->registers, &stack) &&
                   !shuffle(op, &reader, &stack) && !unary(op, &reader, &stack) &&
                   !binary(op, &stack) && !branch(op, &reader, expression->at, &stack) &&
                   !dereference(op, &reader, expression, &stack)) {
            return -EPROTO;
        }
    }
    operand = stack.error == 0 ? pop(&stack) : 0;
    if (stack.error == 0 && !reader.failed) {
        *value = operand;
        return 0;
    }
    return stack.error != 0 ? stack.error : -EPROTO;
}
