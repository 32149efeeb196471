/* RFC 3339 to one canonical form.
 *
 * Digits are read one by one and each field is checked: strptime takes signs and spaces,
 * and says nothing about the 31st of February.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_time.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S            ((int64_t)1000000)
#define LAST_US             ((int64_t)253402300799 * US_PER_S + 999999) /* end of the year 9999 */
#define FRACTION_DIGITS_MAX 9

/* Reads `digits` digits and steps over them. Returns: -1 when there are fewer. */
static int read_digits(const char **at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (**at < '0' || **at > '9') {
            return -1;
        }
        value = value * 10 + (*(*at)++ - '0');
    }
    return value;
}

static bool skip(const char **at, const char *allowed)
{
    if (**at == '\0' || strchr(allowed, **at) == NULL) {
        return false;
    }
    (*at)++;
    return true;
}

/* ".5" -> 500000; nothing -> 0; -1 when it is malformed. */
static int64_t read_fraction_us(const char **at)
{
    int64_t us = 0;
    int64_t weight = US_PER_S / 10;
    int digits = 0;
    if (**at != '.') {
        return 0;
    }
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, digits++) {
        us += (**at - '0') * weight;
        weight /= 10;
    }
    return digits >= 1 && digits <= FRACTION_DIGITS_MAX ? us : -1;
}

/* "Z" or "+02:00", in seconds. Returns: whether it is one, and the end of the text. */
static bool read_offset(const char **at, int64_t *offset_s)
{
    const char sign = **at;
    *offset_s = 0;
    if (skip(at, "Zz")) {
        return **at == '\0';
    }
    if (!skip(at, "+-")) {
        return false;
    }
    const int hours = read_digits(at, 2);
    if (!skip(at, ":")) {
        return false;
    }
    const int minutes = read_digits(at, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    *offset_s = (int64_t)(hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    return **at == '\0';
}

/* "2026-01-31T12:00:00"; a leap second becomes the one before it. */
static bool read_calendar(const char **at, struct tm *utc)
{
    utc->tm_year = read_digits(at, 4) - 1900;
    bool is_fine = skip(at, "-");
    utc->tm_mon = is_fine ? read_digits(at, 2) - 1 : -1;
    is_fine = is_fine && skip(at, "-");
    utc->tm_mday = is_fine ? read_digits(at, 2) : -1;
    is_fine = is_fine && skip(at, "Tt ");
    utc->tm_hour = is_fine ? read_digits(at, 2) : -1;
    is_fine = is_fine && skip(at, ":");
    utc->tm_min = is_fine ? read_digits(at, 2) : -1;
    is_fine = is_fine && skip(at, ":");
    utc->tm_sec = is_fine ? read_digits(at, 2) : -1;
    utc->tm_sec = utc->tm_sec == 60 ? 59 : utc->tm_sec;
    return is_fine && utc->tm_year >= 70 && utc->tm_mon >= 0 && utc->tm_mon < 12 &&
           utc->tm_mday >= 1 && utc->tm_mday <= 31 && utc->tm_hour >= 0 &&
           utc->tm_hour <= 23 && utc->tm_min >= 0 && utc->tm_min <= 59 &&
           utc->tm_sec >= 0 && utc->tm_sec <= 59;
}

int pma_instant_parse(const char *text, int64_t *unix_us)
{
    struct tm utc = {0};
    int64_t offset_s = 0;
    const char *at = text;
    if (!read_calendar(&at, &utc)) {
        return -EINVAL;
    }
    const int day = utc.tm_mday;
    const int64_t fraction_us = read_fraction_us(&at);
    if (fraction_us < 0 || !read_offset(&at, &offset_s)) {
        return -EINVAL;
    }
    const int64_t seconds = timegm(&utc);
    const int64_t us = (seconds - offset_s) * US_PER_S + fraction_us;
    /* timegm turns the 31st of February into a day of March. */
    if (utc.tm_mday != day || us < 0 || us > LAST_US) {
        return -EINVAL;
    }
    *unix_us = us;
    return 0;
}

int pma_instant_normalise(const char *text, char instant[PMA_TIMESTAMP_BYTES])
{
    int64_t unix_us = 0;
    const int err = pma_instant_parse(text, &unix_us);
    if (err == 0) {
        pma_instant_text(unix_us, instant);
    }
    return err;
}

int64_t pma_instant_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

void pma_instant_text(int64_t unix_us, char instant[PMA_TIMESTAMP_BYTES])
{
    struct tm utc;
    const time_t seconds = (time_t)(unix_us / US_PER_S);
    gmtime_r(&seconds, &utc);
    const size_t length =
        strftime(instant, PMA_TIMESTAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(instant + length, PMA_TIMESTAMP_BYTES - length, ".%06dZ",
             (int)(unix_us % US_PER_S));
}
