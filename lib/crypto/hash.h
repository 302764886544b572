/* SPDX-License-Identifier: BSD-3-Clause */
/* hash.h - hash algorithms by name, and keys made of passwords with them */

#ifndef QCOW2_CRYPTO_HASH_H
#define QCOW2_CRYPTO_HASH_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_MAX_SIZE 64u

struct hash {
    const char *name;    /* as LUKS headers spell it */
    const char *openssl; /* as OpenSSL does */
    size_t size;         /* bytes of a digest */
};

/* NULL with ENOTSUP when there is none of that name. */
const struct hash *hash_find(const char *name);

/* OpenSSL's own, to be freed with EVP_MD_free; NULL with ENOTSUP when this build of it lacks it. */
EVP_MD *hash_fetch(const struct hash *hash);

/* out has room for hash->size bytes. */
int hash_digest(const struct hash *hash, const void *data, size_t count, uint8_t *out);

/* PBKDF2 with HMAC.  iterations is at most INT_MAX. */
int hash_pbkdf2(const struct hash *hash, const void *password, size_t password_size,
                const uint8_t *salt, size_t salt_size, uint64_t iterations, uint8_t *out,
                size_t count);

/* How many iterations, for an output of count bytes, this machine does in a second of the thread's
 * time; never 0.  0 is an error. */
uint64_t hash_pbkdf2_rate(const struct hash *hash, size_t count);

#endif
