/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_block.h - refcounts of 1 to 64 bits in a block (specification: "Host cluster
 * management")
 *
 * Widths of a byte and more are big-endian; narrower ones are packed from the least significant
 * bit of each byte upwards.
 */

#ifndef QCOW2_FORMAT_REFCOUNT_BLOCK_H
#define QCOW2_FORMAT_REFCOUNT_BLOCK_H

#include "base/bits.h"

static inline uint64_t refcount_block_get(const uint8_t *block, uint32_t order, uint64_t index)
{
    switch (order) {
    case 3: return block[index];
    case 4: return load_be16(block + 2 * index);
    case 5: return load_be32(block + 4 * index);
    case 6: return load_be64(block + 8 * index);
    default: {
        uint32_t width = 1u << order;
        uint64_t bit = index << order;

        return (block[bit / 8] >> (bit % 8)) & ((1u << width) - 1);
    }
    }
}

static inline void refcount_block_set(uint8_t *block, uint32_t order, uint64_t index,
                                      uint64_t value)
{
    switch (order) {
    case 3: block[index] = (uint8_t)value; break;
    case 4: store_be16(block + 2 * index, (uint16_t)value); break;
    case 5: store_be32(block + 4 * index, (uint32_t)value); break;
    case 6: store_be64(block + 8 * index, value); break;
    default: {
        uint32_t mask = (1u << (1u << order)) - 1;
        uint64_t bit = index << order;
        uint32_t shift = bit % 8;

        block[bit / 8] = (uint8_t)((block[bit / 8] & ~(mask << shift)) | (value & mask) << shift);
    }
    }
}

#endif
