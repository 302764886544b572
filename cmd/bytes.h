/* SPDX-License-Identifier: BSD-3-Clause */
/* bytes.h - the small arithmetic of those who walk over whole disks */

#ifndef QCOW_CMD_BYTES_H
#define QCOW_CMD_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t round_up(uint64_t n, uint64_t step)
{
    return n % step == 0 ? n : n - n % step + step;
}

/* Runs at the speed of memory and stops at the first byte that is not 0. */
static inline bool is_zero(const uint8_t *bytes, size_t count)
{
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* The first place after `first` whose value is another. */
static inline size_t run_end(const uint8_t *values, size_t first, size_t end)
{
    size_t i = first + 1;

    while (i < end && values[i] == values[first])
        i++;
    return i;
}

#endif /* QCOW_CMD_BYTES_H */
