/* SPDX-License-Identifier: BSD-3-Clause */
/* cipher.h - sectors of 512 bytes under a block cipher, each with an IV made of its number
 *
 *     names          "aes-256", "xts", "plain64", "sha256"      -> struct cipher_spec
 *     a key          cipher_new                                 -> struct cipher
 *     sectors        cipher_encrypt, cipher_decrypt, in place, from any number of threads
 */

#ifndef QCOW2_CRYPTO_CIPHER_H
#define QCOW2_CRYPTO_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/hash.h"

#define CIPHER_SECTOR 512u
#define CIPHER_MAX_KEY 64u /* bytes: two keys of 256 bits */

/* A block cipher with a size of its key.  Some are known by name only: OpenSSL has none of them. */
struct block_cipher {
    const char *name;    /* "aes-256" */
    const char *family;  /* "aes": as LUKS headers spell it */
    size_t key_bytes;    /* of one key */
    const char *openssl; /* "AES-256", to which the mode is added; NULL: not supported */
};

struct cipher_mode {
    const char *name;    /* "xts" */
    const char *openssl; /* "XTS" */
    unsigned keys;       /* how many keys it takes */
    size_t iv_bytes;     /* 0: it has none */
};

/* The IV of a sector: its number in 32 bits, in 64 bits, or encrypted with the hash of the key. */
enum iv_kind { IV_PLAIN, IV_PLAIN64, IV_ESSIV };

struct cipher_spec {
    const struct block_cipher *block;
    const struct cipher_mode *mode;
    enum iv_kind iv;
    const struct hash *iv_hash; /* of essiv; others do without, and keep it if it was named */
};

/* Rows by name; NULL with ENOTSUP. */
const struct block_cipher *block_cipher_find(const char *name);
const struct block_cipher *block_cipher_find_by_size(const char *family, size_t key_bytes);
const struct cipher_mode *cipher_mode_find(const char *name);
int iv_kind_find(const char *name, enum iv_kind *iv);
const char *iv_kind_name(enum iv_kind iv);

/* Bytes of the whole key. */
size_t cipher_key_bytes(const struct cipher_spec *spec);

struct cipher;

/* The key is copied.  ENOTSUP when OpenSSL cannot do it. */
struct cipher *cipher_new(const struct cipher_spec *spec, const uint8_t *key);
void cipher_free(struct cipher *cipher);

/* count is a multiple of 512; sector numbers the first one. */
int cipher_encrypt(struct cipher *cipher, void *data, size_t count, uint64_t sector);
int cipher_decrypt(struct cipher *cipher, void *data, size_t count, uint64_t sector);

#endif
