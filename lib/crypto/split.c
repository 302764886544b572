/* SPDX-License-Identifier: BSD-3-Clause */
/* split.c - the anti-forensic splitter of LUKS */

#include "crypto/split.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "crypto/libcrypto.h"

static void add(uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] ^= from[i];
}

static int diffuse(EVP_MD *md, EVP_MD_CTX *ctx, uint8_t *block, size_t size)
{
    size_t step = (size_t)libcrypto.EVP_MD_get_size(md);
    uint8_t digest[EVP_MAX_MD_SIZE], number[4];

    for (size_t at = 0; at < size; at += step) {
        size_t count = min_u64(step, size - at);

        store_be32(number, (uint32_t)(at / step));
        if (libcrypto.EVP_DigestInit_ex2(ctx, md, NULL) != 1 ||
            libcrypto.EVP_DigestUpdate(ctx, number, sizeof number) != 1 ||
            libcrypto.EVP_DigestUpdate(ctx, block + at, count) != 1 ||
            libcrypto.EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
            return error_set(EIO, "OpenSSL could not compute a digest of key material");
        memcpy(block + at, digest, count);
    }
    return 0;
}

/* What the first stripes - 1 stripes come to. */
static int fold(const struct hash *hash, const uint8_t *material, size_t size, uint32_t stripes,
                uint8_t *block)
{
    EVP_MD *md = hash_fetch(hash);
    EVP_MD_CTX *ctx = md ? libcrypto.EVP_MD_CTX_new() : NULL;
    int r = 0;

    memset(block, 0, size);
    if (md == NULL)
        return -1;
    if (ctx == NULL)
        r = (error_no_memory(), -1);
    for (uint32_t i = 0; i + 1 < stripes && r == 0; i++) {
        add(block, material + i * size, size);
        r = diffuse(md, ctx, block, size);
    }
    libcrypto.EVP_MD_CTX_free(ctx);
    libcrypto.EVP_MD_free(md);
    return r;
}

int split_key(const struct hash *hash, const uint8_t *key, size_t size, uint32_t stripes,
              uint8_t *material)
{
    uint8_t *last = material + (stripes - 1) * size;

    if (libcrypto_random(material, (stripes - 1) * size) == -1 ||
        fold(hash, material, size, stripes, last) == -1)
        return -1;
    add(last, key, size);
    return 0;
}

int split_merge(const struct hash *hash, const uint8_t *material, size_t size, uint32_t stripes,
                uint8_t *key)
{
    if (fold(hash, material, size, stripes, key) == -1)
        return -1;
    add(key, material + (stripes - 1) * size, size);
    return 0;
}
