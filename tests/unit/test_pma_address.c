/* Addresses and networks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct pma_address parse(const char *text)
{
    struct pma_address address;
    assert_int_equal(pma_address_parse(text, strlen(text), &address), 0);
    return address;
}

static void both_forms_of_an_ipv4_address_are_one(void **state)
{
    char text[PMA_ADDRESS_BYTES];
    (void)state;
    const struct pma_address plain = parse("192.0.2.1");
    const struct pma_address mapped = parse("::ffff:192.0.2.1");
    assert_true(pma_address_equal(&plain, &mapped));
    pma_address_format(&mapped, text);
    assert_string_equal(text, "192.0.2.1");
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",         " ",         "1.2.3",    "1.2.3.4 ",  "1.2.3.4:80", "[::1]",
        "::1%eth0", "256.1.1.1", "01.2.3.4", "localhost", "1.2.3.4/8"};
    struct pma_address address = {{1}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pma_address_parse(wrong[i], strlen(wrong[i]), &address),
                         -EINVAL);
    }
    assert_int_equal(pma_address_parse("1.2.3.4\0x", 9, &address), -EINVAL);
    assert_int_equal(address.bytes[0], 1);
}

static void loopback_and_private_addresses_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        bool loopback, private;
    } rows[] = {
        {"127.0.0.1", true, false},    {"127.255.0.9", true, false},
        {"::1", true, false},          {"::ffff:127.0.0.1", true, false},
        {"128.0.0.1", false, false},   {"10.9.8.7", false, true},
        {"172.16.0.1", false, true},   {"172.31.255.255", false, true},
        {"172.15.0.1", false, false},  {"172.32.0.1", false, false},
        {"192.168.1.1", false, true},  {"192.169.1.1", false, false},
        {"169.254.1.1", false, true},  {"fe80::1", false, true},
        {"fec0::1", false, false},     {"fd00::1", false, true},
        {"2001:db8::1", false, false}, {"8.8.8.8", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct pma_address address = parse(rows[i].text);
        assert_int_equal(pma_address_is_loopback(&address), rows[i].loopback);
        assert_int_equal(pma_address_is_private(&address), rows[i].private);
    }
}

static void networks_contain_what_their_prefix_says(void **state)
{
    static const struct {
        const char *networks, *address;
        bool inside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.129", true},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "8.8.8.8", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"10.0.0.0/8, ::1 127.0.0.0/8", "127.0.0.1", true},
        {"", "127.0.0.1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pma_networks networks;
        const struct pma_address address = parse(rows[i].address);
        assert_int_equal(pma_networks_parse(rows[i].networks, &networks), 0);
        assert_int_equal(pma_networks_contain(&networks, &address), rows[i].inside);
    }
}

static void wrong_networks_are_refused(void **state)
{
    static const char *const wrong[] = {
        "10.0.0.0/33", "10.0.0.1/8",    "10.0.0.0/", "10.0.0.0/-1",  "10.0.0.0/8/8",
        "::/129",      "10.0.0.0/0008", "/8",        "10.0.0.0/8,x", "2001:db8::1/64"};
    struct pma_networks networks = {.count = 9};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pma_networks_parse(wrong[i], &networks), -EINVAL);
    }
    assert_int_equal(pma_networks_parse("1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
                                        "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
                                        "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1",
                                        &networks),
                     -E2BIG);
    assert_int_equal(networks.count, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_an_ipv4_address_are_one),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(loopback_and_private_addresses_are_told_apart),
        cmocka_unit_test(networks_contain_what_their_prefix_says),
        cmocka_unit_test(wrong_networks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
