/* SPDX-License-Identifier: BSD-3-Clause */
/* dirty_bits.h - the bits of a bitmap that were set in memory
 *
 * Bits are only ever set, by any number of threads and without locks, and there may be many of them
 * of which few are set.  So they come in pages that are made when the first bit of them is set:
 *
 *     pages[]   NULL: no bit is set | the one page of ones, which all share | a page of 4096 bits
 *
 * A pointer goes from NULL to its page once and stays, so that a page that somebody has found is
 * good for ever. */

#ifndef QCOW2_IMAGE_DIRTY_BITS_H
#define QCOW2_IMAGE_DIRTY_BITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIRTY_PAGE_BYTES 512u /* divides every cluster */
#define DIRTY_PAGE_BITS (DIRTY_PAGE_BYTES * 8u)

struct dirty_page;

struct dirty_bits {
    uint64_t count; /* bits */
    uint64_t nb_pages;
    struct dirty_page *_Atomic *pages; /* NULL: no bit was ever set */
};

int dirty_bits_init(struct dirty_bits *bits, uint64_t count);
void dirty_bits_destroy(struct dirty_bits *bits);

/* Set the bits [first, end), end > first.  Any thread. */
int dirty_bits_set(struct dirty_bits *bits, uint64_t first, uint64_t end);

/* More bits, which are clear, or less.  While nobody sets any, as all that follow. */
int dirty_bits_resize(struct dirty_bits *bits, uint64_t count);

/* Set the bits that another, of the same count, has. */
int dirty_bits_add(struct dirty_bits *bits, const struct dirty_bits *from);

/* Is any bit set from first on, which starts a page, in as many bits as a buffer of size bytes,
 * whole pages, holds? */
bool dirty_bits_any(const struct dirty_bits *bits, uint64_t first, size_t size);
/* Set in the buffer, in the order of bits on disk, those that are set here. */
void dirty_bits_merge(const struct dirty_bits *bits, uint64_t first, uint8_t *buf, size_t size);

#endif
