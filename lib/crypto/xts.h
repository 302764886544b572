/* SPDX-License-Identifier: BSD-3-Clause */
/* xts.h - XTS mode put together from a bare block cipher of 16-byte blocks
 *
 *     t = E2(iv);  for each block:  out = E1(in xor t) xor t;  t = 2 t in GF(2^128)
 */

#ifndef QCOW2_CRYPTO_XTS_H
#define QCOW2_CRYPTO_XTS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* data and tweak are ECB contexts without padding, of the first and the second key; tweak encrypts.
 * bytes is changed in place; count is a multiple of 16, at most 512. */
bool xts_sector(EVP_CIPHER_CTX *data, EVP_CIPHER_CTX *tweak, const uint8_t iv[16], uint8_t *bytes,
                size_t count);

#endif
