/* SPDX-License-Identifier: BSD-3-Clause */
/* hash.c - hash algorithms by name, and keys made of passwords with them */

#include "crypto/hash.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/error.h"
#include "crypto/libcrypto.h"

#define RATE_FIRST 4096u      /* iterations of the first trial */
#define RATE_ENOUGH 40000000u /* nanoseconds that a trial must take to be believed */
#define SECOND UINT64_C(1000000000)

static const struct hash hashes[] = {
    { "md5", "MD5", 16 },
    { "sha1", "SHA1", 20 },
    { "sha224", "SHA2-224", 28 },
    { "sha256", "SHA2-256", 32 },
    { "sha384", "SHA2-384", 48 },
    { "sha512", "SHA2-512", 64 },
    { "ripemd160", "RIPEMD160", 20 },
};

const struct hash *hash_find(const char *name)
{
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        if (strcmp(hashes[i].name, name) == 0)
            return &hashes[i];
    error_set(ENOTSUP, "Hash algorithm '%s' is not supported", name);
    return NULL;
}

EVP_MD *hash_fetch(const struct hash *hash)
{
    EVP_MD *md;

    if (libcrypto_load() == -1)
        return NULL;
    md = libcrypto.EVP_MD_fetch(NULL, hash->openssl, NULL);
    if (md == NULL)
        error_set(ENOTSUP, "Hash algorithm '%s' is not offered by this build of OpenSSL",
                  hash->name);
    return md;
}

int hash_digest(const struct hash *hash, const void *data, size_t count, uint8_t *out)
{
    EVP_MD *md = hash_fetch(hash);
    int ok;

    if (md == NULL)
        return -1;
    ok = libcrypto.EVP_Digest(data, count, out, NULL, md, NULL);
    libcrypto.EVP_MD_free(md);
    return ok == 1 ? 0 : error_set(EIO, "OpenSSL could not compute a %s digest", hash->name);
}

int hash_pbkdf2(const struct hash *hash, const void *password, size_t password_size,
                const uint8_t *salt, size_t salt_size, uint64_t iterations, uint8_t *out,
                size_t count)
{
    EVP_MD *md;
    int ok;

    if (password_size > INT_MAX || iterations == 0 || iterations > INT_MAX)
        return error_set(EINVAL, "The password or the number of iterations is out of range");
    md = hash_fetch(hash);
    if (md == NULL)
        return -1;
    ok = libcrypto.PKCS5_PBKDF2_HMAC(password_size ? password : "", (int)password_size, salt,
                                     (int)salt_size, (int)iterations, md, (int)count, out);
    libcrypto.EVP_MD_free(md);
    return ok == 1
               ? 0
               : error_set(EIO, "OpenSSL could not derive a key with PBKDF2 and %s", hash->name);
}

/* ------------------------------------------------------------------------------------------------
 * How fast
 */

static uint64_t thread_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t hash_pbkdf2_rate(const struct hash *hash, size_t count)
{
    static const uint8_t salt[32];
    uint8_t out[HASH_MAX_SIZE * 2];

    for (uint64_t iterations = RATE_FIRST;; iterations *= 4) {
        uint64_t start = thread_time(), spent;

        if (hash_pbkdf2(hash, "password", 8, salt, sizeof salt, iterations, out,
                        min_u64(count, sizeof out)) == -1)
            return 0;
        spent = thread_time() - start;
        if (spent >= RATE_ENOUGH || iterations > INT_MAX / 4)
            return max_u64(iterations * SECOND / max_u64(spent, 1), 1);
    }
}
