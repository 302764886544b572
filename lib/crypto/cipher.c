/* SPDX-License-Identifier: BSD-3-Clause */
/* cipher.c - sectors of 512 bytes under a block cipher, each with an IV made of its number
 *
 * OpenSSL does the work.  Its contexts belong to one thread at a time: a thread takes one from the
 * idle ones, or makes one, and returns it.  XTS with keys of 192 bits is the one combination that
 * others have and OpenSSL has not; it is put together from the bare block cipher (xts.h).
 */

#include "crypto/cipher.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "crypto/libcrypto.h"
#include "crypto/xts.h"

#define IV_BYTES 16u

/* ------------------------------------------------------------------------------------------------
 * Names
 */

static const struct block_cipher block_ciphers[] = {
    { "aes-128", "aes", 16, "AES-128" },    { "aes-192", "aes", 24, "AES-192" },
    { "aes-256", "aes", 32, "AES-256" },    { "cast5-128", "cast5", 16, NULL },
    { "serpent-128", "serpent", 16, NULL }, { "serpent-192", "serpent", 24, NULL },
    { "serpent-256", "serpent", 32, NULL }, { "twofish-128", "twofish", 16, NULL },
    { "twofish-192", "twofish", 24, NULL }, { "twofish-256", "twofish", 32, NULL },
};

static const struct cipher_mode modes[] = {
    { "ecb", "ECB", 1, 0 },
    { "cbc", "CBC", 1, IV_BYTES },
    { "ctr", "CTR", 1, IV_BYTES },
    { "xts", "XTS", 2, IV_BYTES },
};

static const char *const iv_kinds[] = { "plain", "plain64", "essiv" };

const struct block_cipher *block_cipher_find(const char *name)
{
    for (size_t i = 0; i < sizeof block_ciphers / sizeof block_ciphers[0]; i++)
        if (strcmp(block_ciphers[i].name, name) == 0)
            return &block_ciphers[i];
    error_set(ENOTSUP, "Cipher algorithm '%s' is not supported", name);
    return NULL;
}

const struct block_cipher *block_cipher_find_by_size(const char *family, size_t key_bytes)
{
    for (size_t i = 0; i < sizeof block_ciphers / sizeof block_ciphers[0]; i++)
        if (strcmp(block_ciphers[i].family, family) == 0 && block_ciphers[i].key_bytes == key_bytes)
            return &block_ciphers[i];
    error_set(ENOTSUP, "Cipher algorithm '%s' with a key of %zu bytes is not supported", family,
              key_bytes);
    return NULL;
}

const struct cipher_mode *cipher_mode_find(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    error_set(ENOTSUP, "Cipher mode '%s' is not supported", name);
    return NULL;
}

int iv_kind_find(const char *name, enum iv_kind *iv)
{
    for (size_t i = 0; i < sizeof iv_kinds / sizeof iv_kinds[0]; i++) {
        if (strcmp(iv_kinds[i], name) == 0) {
            *iv = (enum iv_kind)i;
            return 0;
        }
    }
    return error_set(ENOTSUP, "IV generator '%s' is not supported", name);
}

const char *iv_kind_name(enum iv_kind iv)
{
    return iv_kinds[iv];
}

size_t cipher_key_bytes(const struct cipher_spec *spec)
{
    return spec->block->key_bytes * spec->mode->keys;
}

/* ------------------------------------------------------------------------------------------------
 * Contexts
 */

/* What one thread works with. */
struct context {
    struct context *next;
    EVP_CIPHER_CTX *data[2]; /* decrypting, encrypting */
    EVP_CIPHER_CTX *tweak;   /* the second key of XTS that is put together; else NULL */
    EVP_CIPHER_CTX *essiv;   /* or NULL */
};

struct cipher {
    struct cipher_spec spec;
    EVP_CIPHER *data;
    EVP_CIPHER *bare; /* the block cipher alone, of XTS that is put together; else NULL */
    EVP_CIPHER *essiv;
    uint8_t key[CIPHER_MAX_KEY];
    uint8_t essiv_key[HASH_MAX_SIZE];
    pthread_mutex_t lock; /* guards idle */
    struct context *idle;
};

static EVP_CIPHER *fetch(const struct block_cipher *block, const char *mode)
{
    char name[32];

    snprintf(name, sizeof name, "%s-%s", block->openssl, mode);
    return libcrypto.EVP_CIPHER_fetch(NULL, name, NULL);
}

static EVP_CIPHER_CTX *new_context(const EVP_CIPHER *cipher, const uint8_t *key, bool encrypt)
{
    EVP_CIPHER_CTX *ctx = libcrypto.EVP_CIPHER_CTX_new();

    if (ctx == NULL)
        return error_no_memory();
    if (libcrypto.EVP_CipherInit_ex2(ctx, cipher, key, NULL, encrypt, NULL) == 1 &&
        libcrypto.EVP_CIPHER_CTX_set_padding(ctx, 0) == 1)
        return ctx;
    libcrypto.EVP_CIPHER_CTX_free(ctx);
    error_set(EIO, "OpenSSL does not accept the key");
    return NULL;
}

static void context_free(struct context *c)
{
    libcrypto.EVP_CIPHER_CTX_free(c->data[0]);
    libcrypto.EVP_CIPHER_CTX_free(c->data[1]);
    libcrypto.EVP_CIPHER_CTX_free(c->tweak);
    libcrypto.EVP_CIPHER_CTX_free(c->essiv);
    free(c);
}

static struct context *context_new(const struct cipher *cipher)
{
    const EVP_CIPHER *data = cipher->bare ? cipher->bare : cipher->data;
    struct context *c = calloc(1, sizeof *c);

    if (c == NULL)
        return error_no_memory();
    for (int encrypt = 0; encrypt < 2; encrypt++)
        if ((c->data[encrypt] = new_context(data, cipher->key, encrypt)) == NULL)
            goto fail;
    if (cipher->bare &&
        (c->tweak = new_context(cipher->bare, cipher->key + cipher->spec.block->key_bytes, true)) ==
            NULL)
        goto fail;
    if (cipher->essiv && (c->essiv = new_context(cipher->essiv, cipher->essiv_key, true)) == NULL)
        goto fail;
    return c;
fail:
    context_free(c);
    return NULL;
}

static struct context *take_context(struct cipher *cipher)
{
    struct context *c;

    {
        LOCK_SCOPE(&cipher->lock);
        c = cipher->idle;
        if (c != NULL)
            cipher->idle = c->next;
    }
    return c ? c : context_new(cipher);
}

static void return_context(struct cipher *cipher, struct context *c)
{
    LOCK_SCOPE(&cipher->lock);

    c->next = cipher->idle;
    cipher->idle = c;
}

/* ------------------------------------------------------------------------------------------------
 * A cipher with its key
 */

static int refuse(const struct cipher_spec *spec)
{
    return error_set(ENOTSUP, "Cipher %s in mode %s is not offered by OpenSSL", spec->block->name,
                     spec->mode->name);
}

static int fetch_data(struct cipher *cipher)
{
    const struct cipher_spec *spec = &cipher->spec;

    if (spec->block->openssl == NULL)
        return refuse(spec);
    cipher->data = fetch(spec->block, spec->mode->openssl);
    if (cipher->data == NULL && spec->mode->keys == 2)
        cipher->bare = fetch(spec->block, "ECB");
    return cipher->data || cipher->bare ? 0 : refuse(spec);
}

/* The cipher of the same family whose key is as long as a digest. */
static int fetch_essiv(struct cipher *cipher, const uint8_t *key)
{
    const struct cipher_spec *spec = &cipher->spec;
    const struct block_cipher *block;

    if (spec->iv != IV_ESSIV || spec->mode->iv_bytes == 0)
        return 0;
    block = block_cipher_find_by_size(spec->block->family, spec->iv_hash->size);
    if (block == NULL)
        return error_prefix("IV generator essiv with hash '%s': ", spec->iv_hash->name);
    if (hash_digest(spec->iv_hash, key, cipher_key_bytes(spec), cipher->essiv_key) == -1)
        return -1;
    cipher->essiv = fetch(block, "ECB");
    return cipher->essiv ? 0 : refuse(spec);
}

struct cipher *cipher_new(const struct cipher_spec *spec, const uint8_t *key)
{
    struct cipher *cipher;
    struct context *first;

    if (libcrypto_load() == -1)
        return NULL;
    cipher = calloc(1, sizeof *cipher);
    if (cipher == NULL)
        return error_no_memory();
    pthread_mutex_init(&cipher->lock, NULL);
    cipher->spec = *spec;
    memcpy(cipher->key, key, cipher_key_bytes(spec));
    if (fetch_data(cipher) == 0 && fetch_essiv(cipher, key) == 0 &&
        (first = take_context(cipher)) != NULL) {
        return_context(cipher, first); /* the key is good, as OpenSSL sees it */
        return cipher;
    }
    cipher_free(cipher);
    return NULL;
}

void cipher_free(struct cipher *cipher)
{
    if (cipher == NULL)
        return;
    while (cipher->idle) {
        struct context *c = cipher->idle;

        cipher->idle = c->next;
        context_free(c);
    }
    libcrypto.EVP_CIPHER_free(cipher->data);
    libcrypto.EVP_CIPHER_free(cipher->bare);
    libcrypto.EVP_CIPHER_free(cipher->essiv);
    pthread_mutex_destroy(&cipher->lock);
    explicit_bzero(cipher, sizeof *cipher);
    free(cipher);
}

/* ------------------------------------------------------------------------------------------------
 * Sectors
 */

static bool make_iv(const struct cipher *cipher, struct context *c, uint64_t sector,
                    uint8_t iv[IV_BYTES])
{
    uint64_t number = htole64(cipher->spec.iv == IV_PLAIN ? (uint32_t)sector : sector);
    int n;

    memset(iv, 0, IV_BYTES);
    memcpy(iv, &number, sizeof number);
    return c->essiv == NULL || libcrypto.EVP_CipherUpdate(c->essiv, iv, &n, iv, IV_BYTES) == 1;
}

static bool convert_sector(const struct cipher *cipher, struct context *c, bool encrypt,
                           uint8_t *data, uint64_t sector)
{
    uint8_t iv[IV_BYTES];
    int n;

    if (!make_iv(cipher, c, sector, iv))
        return false;
    if (cipher->bare)
        return xts_sector(c->data[encrypt], c->tweak, iv, data, CIPHER_SECTOR);
    return libcrypto.EVP_CipherInit_ex2(c->data[encrypt], NULL, NULL,
                                        cipher->spec.mode->iv_bytes ? iv : NULL, encrypt,
                                        NULL) == 1 &&
           libcrypto.EVP_CipherUpdate(c->data[encrypt], data, &n, data, CIPHER_SECTOR) == 1;
}

static int convert(struct cipher *cipher, bool encrypt, uint8_t *data, size_t count,
                   uint64_t sector)
{
    struct context *c = take_context(cipher);
    bool ok = true;

    if (c == NULL)
        return -1;
    for (size_t at = 0; at < count && ok; at += CIPHER_SECTOR)
        ok = convert_sector(cipher, c, encrypt, data + at, sector++);
    return_context(cipher, c);
    return ok ? 0
              : error_set(EIO, "OpenSSL could not %s a sector", encrypt ? "encrypt" : "decrypt");
}

int cipher_encrypt(struct cipher *cipher, void *data, size_t count, uint64_t sector)
{
    return convert(cipher, true, data, count, sector);
}

int cipher_decrypt(struct cipher *cipher, void *data, size_t count, uint64_t sector)
{
    return convert(cipher, false, data, count, sector);
}
