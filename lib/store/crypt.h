/* SPDX-License-Identifier: BSD-3-Clause */
/* crypt.h - a store whose bytes lie encrypted in another one
 *
 *     this store      0 ........................ size
 *     the inner one   base ..................... base + size
 *
 * Each sector of 512 bytes is encrypted for itself, with its number in this store for an IV; a
 * request of any alignment works.  It differs from other stores in this:
 *   - what was never written, the gap that a write beyond the end leaves included, does not read as
 *     zeroes but as nobody knows what;
 *   - so there are no holes: zeroing is ENOTSUP, a discard does nothing, an extent is data.
 *
 * A write of part of a sector reads the rest of it first, and has the sector for itself meanwhile
 * (range_lock.h).
 */

#ifndef QCOW2_STORE_CRYPT_H
#define QCOW2_STORE_CRYPT_H

#include "crypto/cipher.h"
#include "store/store.h"

/* The inner store stays the caller's; the cipher is taken over, also on failure.  base is a
 * multiple of 512. */
struct store *store_crypt_new(struct store *inner, struct cipher *cipher, uint64_t base);

/* Read from a store whose sectors are numbered by another offset than their own: iv_offset, which
 * lies as far inside its sector as offset does. */
int crypt_read(struct store *store, struct cipher *cipher, void *buf, size_t count, uint64_t offset,
               uint64_t iv_offset);

#endif
