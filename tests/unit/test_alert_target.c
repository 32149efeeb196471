/* Where alerts go, as it is written; and how webhooks are signed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alert_command.h"
#include "alert/alert_sender.h"

static struct seep_alert_target good(const char *text)
{
    struct seep_alert_target target = {0};
    struct seep_error error = {0};

    assert_int_equal(seep_alert_target_parse(text, &target, &error), 0);
    return target;
}

static void refused(const char *text, int code, const char *word)
{
    struct seep_alert_target target = {0};
    struct seep_error error = {0};

    assert_int_equal(seep_alert_target_parse(text, &target, &error), code);
    if (strstr(error.message, word) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.message, word);
    }
    assert_int_equal(target.kind, 0);
}

static void an_alertmanager_is_posted_to_at_its_api(void **state)
{
    (void)state;
    assert_string_equal(good("alertmanager:http://am:9093").address,
                        "http://am:9093/api/v2/alerts");
    assert_string_equal(good("alertmanager:https://am/prefix//").address,
                        "https://am/prefix/api/v2/alerts");
}

static void a_webhook_is_posted_to_as_it_is_written(void **state)
{
    struct seep_alert_target target = good("webhook:https://u:p@h:1/x?key=secret");

    (void)state;
    assert_string_equal(target.address, "https://u:p@h:1/x?key=secret");
    assert_string_equal(target.shown, "https://h:1/x");
    assert_string_equal(good("webhook:http://h/a@b").shown, "http://h/a@b");
}

static void a_command_is_a_path_and_words(void **state)
{
    (void)state;
    assert_string_equal(good("command:/bin/true now").address, "/bin/true now");
    assert_string_equal(good("command:/bin/true now").shown, "/bin/true");
}

static void what_is_no_target_is_refused_with_how_it_is_written(void **state)
{
    char longer[2000];

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    refused("http://h", -EINVAL, "alertmanager:http");
    refused("", -EINVAL, "webhook:");
    refused("webhook:ftp://h", -EINVAL, "http://");
    refused("webhook:http://", -EINVAL, "no host");
    refused("webhook:http:///x", -EINVAL, "no host");
    refused("webhook:http://h/a b", -EINVAL, "characters");
    refused("alertmanager:http://h/?x", -EINVAL, "no ?");
    refused("command:true", -EINVAL, "whole path");
    refused("command:/no/such/program", -ENOENT, "No such file");
    refused("command:/etc/passwd", -EACCES, "chmod");
    refused("command:/tmp", -EACCES, "chmod");
    refused(
        "command:/bin/true 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 "
        "25 26 27 28 29 30 31 32 33",
        -EINVAL, "32 words");
    refused(longer, -EINVAL, "characters");
}

static void a_signature_is_that_of_the_rfc(void **state)
{
    /* RFC 4231, test case 2. */
    const struct seep_alert_secret secret = {.bytes = "Jefe", .len_bytes = 4};
    const char *body = "what do ya want for nothing?";
    char out[SEEP_ALERT_SIGNATURE_BYTES];

    (void)state;
    assert_int_equal(seep_alert_sender_sign(secret, body, strlen(body), out), 0);
    assert_string_equal(
        out, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static struct seep_alert_note *note_of_test(void)
{
    struct seep_alert_note *note = NULL;

    assert_int_equal(seep_alert_note_test("host", 1, &note), 0);
    return note;
}

static void a_command_says_by_its_exit_status_whether_it_took_it(void **state)
{
    struct seep_alert_note *note = note_of_test();
    struct seep_error error = {0};

    (void)state;
    assert_int_equal(seep_alert_command_run("/bin/true", note, 5000, &error), 0);
    assert_int_equal(seep_alert_command_run("/bin/false", note, 5000, &error), -EIO);
    assert_non_null(strstr(error.message, "exit status 1"));
    assert_int_equal(seep_alert_command_run("/no/such", note, 5000, &error), -ENOENT);
    assert_int_equal(seep_alert_command_run("", note, 5000, &error), -ENOENT);
    seep_alert_note_put(note);
}

static void a_command_gets_the_note_and_no_shell(void **state)
{
    struct seep_alert_note *note = note_of_test();
    struct seep_error error = {0};

    (void)state;
    assert_int_equal(
        seep_alert_command_run("/bin/grep -q \"name\":\"SeepTest\"", note, 5000, &error),
        0);
    assert_int_equal(seep_alert_command_run("/usr/bin/test -n $HOME;true -a x = y", note,
                                            5000, &error),
                     -EIO);
    seep_alert_note_put(note);
}

static void a_command_that_takes_too_long_is_killed(void **state)
{
    struct seep_alert_note *note = note_of_test();
    struct seep_error error = {0};

    (void)state;
    assert_int_equal(seep_alert_command_run("/bin/sleep 600", note, 50, &error),
                     -ETIMEDOUT);
    assert_non_null(strstr(error.message, "killed"));
    seep_alert_note_put(note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alertmanager_is_posted_to_at_its_api),
        cmocka_unit_test(a_webhook_is_posted_to_as_it_is_written),
        cmocka_unit_test(a_command_is_a_path_and_words),
        cmocka_unit_test(what_is_no_target_is_refused_with_how_it_is_written),
        cmocka_unit_test(a_signature_is_that_of_the_rfc),
        cmocka_unit_test(a_command_says_by_its_exit_status_whether_it_took_it),
        cmocka_unit_test(a_command_gets_the_note_and_no_shell),
        cmocka_unit_test(a_command_that_takes_too_long_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
