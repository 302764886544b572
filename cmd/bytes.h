/* SPDX-License-Identifier: BSD-3-Clause */
/* bytes.h - the small arithmetic of those who walk over whole disks */

#ifndef QCOW_CMD_BYTES_H
#define QCOW_CMD_BYTES_H

#include "ranges.h"

static inline uint64_t round_up(uint64_t n, uint64_t step)
{
    return n % step == 0 ? n : n - n % step + step;
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
