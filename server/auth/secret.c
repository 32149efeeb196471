/* How secrets are kept and compared.
 *
 * A PIN has 10,000 or 1,000,000 values: no hash keeps one from whoever has the file and
 * an hour, so what counts is memory-hardness (graphics cards do not help) and a cost that
 * can be raised. yescrypt through crypt(3) has both, is the system's own choice for
 * passwords, and its text carries algorithm, cost and salt, so a raised cost needs no
 * migration. Rejected: PBKDF2 and plain scrypt of libcrypto (the first is not
 * memory-hard; both leave the coding of salt and cost to us), and Argon2 (one more
 * library for the same property).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/secret.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SALT_BYTES 16

/* crypt(3) of `text` with `setting`, which is a salt or a hash. */
static int run_crypt(const char *text, const char *setting,
                     char hash[PMA_SECRET_HASH_BYTES])
{
    struct crypt_data *data = calloc(1, sizeof *data); /* 32 KiB: not for a stack */
    if (data == NULL) {
        return -ENOMEM;
    }
    const char *made = crypt_r(text, setting, data);
    int err = 0;
    if (made == NULL || made[0] == '*') { /* crypt(3): "*0" or "*1" is a failure */
        err = errno == ENOMEM ? -ENOMEM : -EINVAL;
    } else if (strlen(made) >= PMA_SECRET_HASH_BYTES) {
        err = -EINVAL;
    } else {
        memcpy(hash, made, strlen(made) + 1);
    }
    explicit_bzero(data, sizeof *data);
    free(data);
    return err;
}

int pma_secret_hash(const char *text, uint32_t cost, char hash[PMA_SECRET_HASH_BYTES])
{
    char salt[SALT_BYTES];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (strlen(text) > PMA_SECRET_TEXT_BYTES_MAX || cost < PMA_SECRET_COST_MIN ||
        cost > PMA_SECRET_COST_MAX) {
        return -EINVAL;
    }
    const int err = pma_secret_random(salt, sizeof salt);
    if (err != 0) {
        return err;
    }
    if (crypt_gensalt_rn("$y$", cost, salt, sizeof salt, setting, sizeof setting) ==
        NULL) {
        return -EINVAL;
    }
    return run_crypt(text, setting, hash);
}

int pma_secret_check(const char *text, const char *hash)
{
    char made[PMA_SECRET_HASH_BYTES];
    if (strlen(text) > PMA_SECRET_TEXT_BYTES_MAX) {
        return -EACCES;
    }
    if (hash[0] != '$') {
        return -EINVAL; /* crypt(3) would take two letters as a salt of 1979 */
    }
    const int err = run_crypt(text, hash, made);
    if (err != 0) {
        return err;
    }
    return pma_secret_same(hash, made) ? 0 : -EACCES;
}

bool pma_secret_same(const char *secret, const char *tried)
{
    const size_t secret_length = strlen(secret);
    const size_t tried_length = strlen(tried);
    unsigned difference = secret_length != tried_length;
    for (size_t i = 0; i < tried_length; i++) {
        const char expected = secret[i < secret_length ? i : 0];
        difference |= (unsigned)(unsigned char)(expected ^ tried[i]);
    }
    return difference == 0;
}

bool pma_secret_same_bytes(const void *a, const void *b, size_t count)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    unsigned difference = 0;
    for (size_t i = 0; i < count; i++) {
        difference |= (unsigned)(left[i] ^ right[i]);
    }
    return difference == 0;
}

int pma_secret_random(void *bytes, size_t count)
{
    /* getrandom(2): up to 256 bytes come whole once the pool is ready. */
    return getrandom(bytes, count, 0) == (ssize_t)count ? 0 : -EIO;
}

void pma_secret_to_hex(const void *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[at[i] >> 4];
        text[2 * i + 1] = digits[at[i] & 15];
    }
    text[2 * count] = '\0';
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

int pma_secret_from_hex(const char *text, void *bytes, size_t count)
{
    unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        const int high = hex_digit(text[2 * i]);
        const int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0) {
            return -EINVAL;
        }
        at[i] = (unsigned char)(high << 4 | low);
    }
    return text[2 * count] == '\0' ? 0 : -EINVAL;
}
