/* SPDX-License-Identifier: BSD-3-Clause */
/* secret.h - bytes that are wiped when they are let go: passwords, keys, key material
 *
 *     CLEANUP_SECRET struct secret key = { 0 };
 */

#ifndef QCOW2_CRYPTO_SECRET_H
#define QCOW2_CRYPTO_SECRET_H

#include <stddef.h>
#include <stdint.h>

struct secret {
    uint8_t *bytes; /* NULL: none; never NULL once set, even if there are no bytes */
    size_t size;
};

/* A secret of size zero bytes, or of a copy of given ones, in the place of an old one. */
int secret_new(struct secret *secret, size_t size);
int secret_set(struct secret *secret, const void *bytes, size_t size);

void secret_clear(struct secret *secret);

#define CLEANUP_SECRET __attribute__((cleanup(secret_clear)))

#endif
