/* SPDX-License-Identifier: BSD-3-Clause */
/* decrypt.c - the cipher in which a secret may be handed over
 *
 * Few secrets are, so libcrypto is loaded by the one who needs it: linking it would cost every run
 * of every verb the time to load several megabytes.
 */

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "decrypt.h"
#include "late-library.h"
#include "message.h"

#define FUNCTIONS(X)              \
    X(EVP_CIPHER_CTX_free)        \
    X(EVP_CIPHER_CTX_new)         \
    X(EVP_CIPHER_CTX_set_padding) \
    X(EVP_DecryptInit_ex)         \
    X(EVP_DecryptUpdate)          \
    X(EVP_aes_256_cbc)

static struct {
    FUNCTIONS(LIBRARY_MEMBER)
} crypto;

static struct library library = {
    .name = LIBRARY_NAME("crypto", OPENSSL_VERSION_MAJOR),
    LIBRARY_TABLE(FUNCTIONS, crypto),
};

int decrypt_blocks(const unsigned char key[DECRYPT_KEY_SIZE],
                   const unsigned char iv[DECRYPT_BLOCK_SIZE], unsigned char *data, size_t count,
                   char **why)
{
    EVP_CIPHER_CTX *context;
    int done = 0;
    bool worked;

    if (late_library_load(&library)) {
        *why = xasprintf("Could not load %s, which decrypts secrets: %s", library.name, dlerror());
        return -1;
    }
    context = crypto.EVP_CIPHER_CTX_new();
    worked = context && count <= INT_MAX &&
             crypto.EVP_DecryptInit_ex(context, crypto.EVP_aes_256_cbc(), NULL, key, iv) &&
             crypto.EVP_CIPHER_CTX_set_padding(context, 0) &&
             crypto.EVP_DecryptUpdate(context, data, &done, data, (int)count) &&
             (size_t)done == count;
    crypto.EVP_CIPHER_CTX_free(context);
    if (worked)
        return 0;
    *why = xstrdup("Could not decrypt the secret");
    return -1;
}
