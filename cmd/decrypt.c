/* SPDX-License-Identifier: BSD-3-Clause */
/* decrypt.c - the cipher in which a secret may be handed over
 *
 * Few secrets are, so libcrypto is loaded by the one who needs it: linking it would cost every run
 * of every verb the time to load several megabytes.
 */

#include <dlfcn.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>

#include "decrypt.h"
#include "message.h"

#define STRING2(text) #text
#define STRING(text) STRING2(text)
#define LIBCRYPTO "libcrypto.so." STRING(OPENSSL_VERSION_MAJOR)

/* The functions of libcrypto that are used here, each under its own name. */
#define FUNCTIONS(X)              \
    X(EVP_CIPHER_CTX_new)         \
    X(EVP_aes_256_cbc)            \
    X(EVP_DecryptInit_ex)         \
    X(EVP_CIPHER_CTX_set_padding) \
    X(EVP_DecryptUpdate)          \
    X(EVP_CIPHER_CTX_free)

#define MEMBER(name) __typeof__(name) *name;
typedef struct {
    FUNCTIONS(MEMBER)
} crypto;

static int load(crypto *c)
{
    void *library = dlopen(LIBCRYPTO, RTLD_NOW | RTLD_LOCAL);

#define RESOLVE(name)                                                     \
    if (!library || (*(void **)&c->name = dlsym(library, #name)) == NULL) \
        return -1;
    FUNCTIONS(RESOLVE)
    return 0;
}

int decrypt_blocks(const unsigned char key[DECRYPT_KEY_SIZE],
                   const unsigned char iv[DECRYPT_BLOCK_SIZE], unsigned char *data, size_t count,
                   char **why)
{
    EVP_CIPHER_CTX *context;
    crypto c;
    int done = 0;
    bool worked;

    if (load(&c)) {
        *why = xasprintf("Could not load " LIBCRYPTO ", which decrypts secrets: %s", dlerror());
        return -1;
    }
    context = c.EVP_CIPHER_CTX_new();
    worked = context && count <= INT_MAX &&
             c.EVP_DecryptInit_ex(context, c.EVP_aes_256_cbc(), NULL, key, iv) &&
             c.EVP_CIPHER_CTX_set_padding(context, 0) &&
             c.EVP_DecryptUpdate(context, data, &done, data, (int)count) && (size_t)done == count;
    c.EVP_CIPHER_CTX_free(context);
    if (worked)
        return 0;
    *why = xstrdup("Could not decrypt the secret");
    return -1;
}
