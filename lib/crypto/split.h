/* SPDX-License-Identifier: BSD-3-Clause */
/* split.h - the anti-forensic splitter of LUKS
 *
 * A key is stored blown up to many stripes, of which every one is needed to have it back: so wiping
 * any part of the place destroys the key, even where a medium keeps old copies of some blocks.
 *
 *     stripe 1 ... stripe n-1    random
 *     d = 0;  for each of them:  d = diffuse(d xor stripe)
 *     stripe n                   d xor key
 *
 * diffuse replaces each piece of d, of the size of a digest, by hash(number of the piece, piece).
 */

#ifndef QCOW2_CRYPTO_SPLIT_H
#define QCOW2_CRYPTO_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/hash.h"

/* material has room for stripes * size bytes. */
int split_key(const struct hash *hash, const uint8_t *key, size_t size, uint32_t stripes,
              uint8_t *material);
int split_merge(const struct hash *hash, const uint8_t *material, size_t size, uint32_t stripes,
                uint8_t *key);

#endif
