/* SPDX-License-Identifier: BSD-3-Clause */
/* grow.h - arrays that grow by doubling
 *
 *     struct thing *things; size_t count, capacity;
 *
 *     if (GROW(things, capacity, count + 1) == -1)
 *         return -1;
 *     things[count++] = thing;
 */

#ifndef QCOW2_BASE_GROW_H
#define QCOW2_BASE_GROW_H

#include <stddef.h>

/* The array with room for at least wanted items of size bytes, more than it has room for, or NULL
 * with the error set: then it is as it was. */
void *grow_array(void *items, size_t *capacity, size_t wanted, size_t size);

/* Room for wanted items in an array, whose capacity is a size_t: 0, or -1 with the error set. */
#define GROW(items, capacity, wanted)                                               \
    ((wanted) <= (capacity) ? 0 : ({                                                \
        void *grown_ = grow_array((items), &(capacity), (wanted), sizeof *(items)); \
        if (grown_)                                                                 \
            (items) = grown_;                                                       \
        grown_ ? 0 : -1;                                                            \
    }))

#endif
