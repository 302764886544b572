/* SPDX-License-Identifier: BSD-3-Clause */
/* ranges.h - ranges of bytes: where they end, and what fills them */

#ifndef QCOW_COMMON_RANGES_H
#define QCOW_COMMON_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Whether [offset, offset + count) lies inside [0, end). */
static inline bool range_within(uint64_t offset, uint64_t count, uint64_t end)
{
    return offset <= end && count <= end - offset;
}

/* How many of its bytes do. */
static inline uint64_t range_before(uint64_t offset, uint64_t count, uint64_t end)
{
    return offset < end ? min_u64(count, end - offset) : 0;
}

static inline bool ranges_overlap(uint64_t a, uint64_t a_count, uint64_t b, uint64_t b_count)
{
    return a_count && b_count && a < b + b_count && b < a + a_count;
}

/* Is every byte this one?  Runs at the speed of memory and stops at the first that is not. */
static inline bool is_filled(const void *bytes, uint8_t byte, size_t count)
{
    const uint8_t *first = bytes;

    return count == 0 || (first[0] == byte && memcmp(first, first + 1, count - 1) == 0);
}

#endif
