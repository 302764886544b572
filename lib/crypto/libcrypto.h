/* SPDX-License-Identifier: BSD-3-Clause */
/* libcrypto.h - the functions of OpenSSL's libcrypto that are used here, loaded when first
 * needed */

#ifndef QCOW2_CRYPTO_LIBCRYPTO_H
#define QCOW2_CRYPTO_LIBCRYPTO_H

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stddef.h>
#include <stdint.h>

#include "base/library.h"

#define LIBCRYPTO_FUNCTIONS(X)    \
    X(CRYPTO_memcmp)              \
    X(EVP_CIPHER_CTX_free)        \
    X(EVP_CIPHER_CTX_new)         \
    X(EVP_CIPHER_CTX_set_padding) \
    X(EVP_CIPHER_fetch)           \
    X(EVP_CIPHER_free)            \
    X(EVP_CipherInit_ex2)         \
    X(EVP_CipherUpdate)           \
    X(EVP_Digest)                 \
    X(EVP_DigestFinal_ex)         \
    X(EVP_DigestInit_ex2)         \
    X(EVP_DigestUpdate)           \
    X(EVP_MD_CTX_free)            \
    X(EVP_MD_CTX_new)             \
    X(EVP_MD_fetch)               \
    X(EVP_MD_free)                \
    X(EVP_MD_get_size)            \
    X(PKCS5_PBKDF2_HMAC)          \
    X(RAND_priv_bytes)

struct libcrypto {
    LIBCRYPTO_FUNCTIONS(LIBRARY_MEMBER)
};

/* Its functions, for whoever holds something that libcrypto_load made possible: a digest, a
 * cipher. */
extern struct libcrypto libcrypto;

/* -1 with ENOTSUP when it cannot be loaded. */
int libcrypto_load(void);

/* Fit for keys. */
int libcrypto_random(void *bytes, size_t count);

#endif
