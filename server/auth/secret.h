/* Secrets: slow salted hashes, comparison in constant time, random tokens.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_SECRET_H
#define PMA_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a hash ("$y$j9T$salt$...", 73 bytes today) and the final NUL. */
#define PMA_SECRET_HASH_BYTES 128

/* Longest text that can be hashed. */
#define PMA_SECRET_TEXT_BYTES_MAX 256

/* Cost of a hash, of crypt(5)'s yescrypt: each step doubles time and memory. */
#define PMA_SECRET_COST_MIN 1
#define PMA_SECRET_COST_MAX 11

/* Hashes `text` with a fresh salt. hash: out; it holds algorithm, cost and salt.
 * Returns: 0; -EINVAL: text longer than PMA_SECRET_TEXT_BYTES_MAX, or a cost out of
 * range; -ENOMEM; -EIO: no random bytes; hash untouched. Thread-safety: any thread. Cost:
 * 22 ms and 16 MiB at cost 5 (measured on the build machine), for the time of the call.
 */
int pma_secret_hash(const char *text, uint32_t cost, char hash[PMA_SECRET_HASH_BYTES]);

/* Whether `text` is what `hash` was made of. Returns: 0; -EACCES: it is not; -EINVAL: the
 * hash is none; -ENOMEM. Thread-safety: any thread. Cost: as pma_secret_hash. */
int pma_secret_check(const char *text, const char *hash);

/* Compares in a time that depends on the lengths alone, of `tried` above all.
 * Thread-safety: pure. */
bool pma_secret_same(const char *secret, const char *tried);

/* As pma_secret_same, for two blocks of the same length. Thread-safety: pure. */
bool pma_secret_same_bytes(const void *a, const void *b, size_t count);

/* Fills a block with random bytes. Returns: 0; -EIO. Thread-safety: any thread. */
int pma_secret_random(void *bytes, size_t count);

/* Writes 2 * count lower-case hexadecimal digits and a NUL. Thread-safety: pure. */
void pma_secret_to_hex(const void *bytes, size_t count, char *text);

/* Reads exactly 2 * count lower-case hexadecimal digits and the end of the text.
 * Returns: 0; -EINVAL, bytes untouched or partly written. Thread-safety: pure. */
int pma_secret_from_hex(const char *text, void *bytes, size_t count);

#endif
