/* SPDX-License-Identifier: BSD-3-Clause */
/* decrypt.h - the cipher in which a secret may be handed over */

#ifndef QCOW_CMD_DECRYPT_H
#define QCOW_CMD_DECRYPT_H

#include <stddef.h>

enum {
    DECRYPT_KEY_SIZE = 32,   /* bytes */
    DECRYPT_BLOCK_SIZE = 16, /* bytes, of the initialization vector, too */
};

/* Decrypts whole blocks of AES-256-CBC in place.  On failure returns -1 and in *why a sentence that
 * the caller frees. */
int decrypt_blocks(const unsigned char key[DECRYPT_KEY_SIZE],
                   const unsigned char iv[DECRYPT_BLOCK_SIZE], unsigned char *data, size_t count,
                   char **why);

#endif /* QCOW_CMD_DECRYPT_H */
