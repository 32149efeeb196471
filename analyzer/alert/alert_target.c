/* Where alerts go, as it is written on the command line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_target.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/url_show.h"

static const char *const ways =
    "alertmanager:http://HOST:9093, webhook:https://HOST/PATH or command:/PATH";

static const struct {
    const char *prefix;
    enum seep_alert_target_kind kind;
} kinds[] = {{"alertmanager:", SEEP_TARGET_ALERTMANAGER},
             {"webhook:", SEEP_TARGET_WEBHOOK},
             {"command:", SEEP_TARGET_COMMAND}};

static int parse_url(const char *text, const char *url, struct seep_alert_target *target,
                     struct seep_error *error)
{
    const char *host = seep_url_after_scheme(url);
    size_t length = strlen(url);

    if (host == NULL) {
        return seep_error_set(error, -EINVAL,
                              "\"%s\": an address begins with http:// or https://; "
                              "write %s",
                              text, ways);
    }
    if (strcspn(host, "/?#") == 0 || strpbrk(url, " \t\r\n\"<>\\") != NULL) {
        return seep_error_set(error, -EINVAL,
                              "\"%s\": that address has no host, or characters that no "
                              "address has; write %s",
                              text, ways);
    }
    if (target->kind == SEEP_TARGET_WEBHOOK) {
        (void)snprintf(target->address, sizeof(target->address), "%s", url);
        seep_url_show(url, target->shown, sizeof(target->shown));
        return 0;
    }
    if (strpbrk(host, "?#") != NULL) {
        return seep_error_set(error, -EINVAL,
                              "\"%s\": an Alertmanager's address has no ? and no #; "
                              "give what its web page is opened with",
                              text);
    }
    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    (void)snprintf(target->address, sizeof(target->address), "%.*s/api/v2/alerts",
                   (int)length, url);
    seep_url_show(url, target->shown, sizeof(target->shown));
    return 0;
}

static size_t count_words(const char *line)
{
    size_t n = 0;

    for (line += strspn(line, " \t"); *line != '\0'; line += strspn(line, " \t")) {
        line += strcspn(line, " \t");
        n++;
    }
    return n;
}

static int parse_command(const char *line, struct seep_alert_target *target,
                         struct seep_error *error)
{
    char path[SEEP_ALERT_ADDRESS_BYTES];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(line, " \t"), line);
    if (path[0] != '/') {
        return seep_error_set(error, -EINVAL,
                              "command \"%s\": give its whole path, as in "
                              "command:/usr/local/bin/page-me",
                              path);
    }
    if (count_words(line) > SEEP_ALERT_WORDS_MOST) {
        return seep_error_set(error, -EINVAL,
                              "command %s: at most %d words; put more into a script",
                              path, SEEP_ALERT_WORDS_MOST);
    }
    if (stat(path, &status) < 0) {
        int code = -errno;

        return seep_error_set(error, code, "command %s: %s", path,
                              strerrordesc_np(-code));
    }
    if (!S_ISREG(status.st_mode) || access(path, X_OK) < 0) {
        return seep_error_set(error, -EACCES, "command %s: it cannot be run; chmod +x it",
                              path);
    }
    (void)snprintf(target->address, sizeof(target->address), "%s", line);
    (void)snprintf(target->shown, sizeof(target->shown), "%s", path);
    return 0;
}

int seep_alert_target_parse(const char *text, struct seep_alert_target *target,
                            struct seep_error *error)
{
    struct seep_alert_target made = {0};
    int status = 0;

    if (strlen(text) > SEEP_ALERT_ADDRESS_BYTES - 32) {
        return seep_error_set(error, -EINVAL, "an address of at most %d characters",
                              SEEP_ALERT_ADDRESS_BYTES - 32);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].prefix);

        if (strncmp(text, kinds[i].prefix, length) != 0) {
            continue;
        }
        made.kind = kinds[i].kind;
        status = made.kind == SEEP_TARGET_COMMAND
                     ? parse_command(text + length, &made, error)
                     : parse_url(text, text + length, &made, error);
        if (status == 0) {
            *target = made;
        }
        return status;
    }
    return seep_error_set(error, -EINVAL, "\"%s\": write %s", text, ways);
}
