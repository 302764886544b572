/* SPDX-License-Identifier: BSD-3-Clause */
/* xts.c - XTS mode put together from a bare block cipher of 16-byte blocks */

#include "crypto/xts.h"

#include "base/bits.h"
#include "crypto/libcrypto.h"

#define BLOCK 16u
#define MAX_BYTES 512u

struct block {
    uint64_t low, high; /* little-endian in memory */
};

static struct block doubled(struct block b)
{
    return (struct block){
        .low = b.low << 1 ^ (b.high >> 63 ? 0x87 : 0),
        .high = b.high << 1 | b.low >> 63,
    };
}

static void add(uint8_t *bytes, const uint8_t *tweaks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] ^= tweaks[i];
}

bool xts_sector(EVP_CIPHER_CTX *data, EVP_CIPHER_CTX *tweak, const uint8_t iv[16], uint8_t *bytes,
                size_t count)
{
    uint8_t tweaks[MAX_BYTES];
    struct block t;
    int n;

    if (libcrypto.EVP_CipherUpdate(tweak, tweaks, &n, iv, BLOCK) != 1)
        return false;
    memcpy(&t, tweaks, BLOCK);
    t = (struct block){ le64toh(t.low), le64toh(t.high) };
    for (size_t at = 0; at < count; at += BLOCK, t = doubled(t)) {
        struct block stored = { htole64(t.low), htole64(t.high) };

        memcpy(tweaks + at, &stored, BLOCK);
    }
    add(bytes, tweaks, count);
    if (libcrypto.EVP_CipherUpdate(data, bytes, &n, bytes, (int)count) != 1)
        return false;
    add(bytes, tweaks, count);
    return true;
}
