/* A program that never runs: functions at fixed offsets, for recordings whose report must not depend on
 * a compiler. Each is 0x100 bytes after the one before; the first at .text + 0.
 *
 * SPDX-License-Identifier: MIT
 */
    .text
    .macro function name
    .balign 0x100
    .globl \name
    .type \name, @function
\name:
    .rept 0x80
    nop
    .endr
    ret
    .size \name, . - \name
    .endm

    .balign 0x1000
    function pma_alloc
    function hub_register
    function hub_accept
    function auth_service_new
    function auth_handle
    function cache_put
    function worker_spawn
    function log_open
    function event_loop
    function main
    .section .note.GNU-stack, "", @progbits
