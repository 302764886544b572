/* SPDX-License-Identifier: BSD-3-Clause */
/* layers.h - what the upper part of a chain of disks holds of a range */

#ifndef QCOW2_GUEST_LAYERS_H
#define QCOW2_GUEST_LAYERS_H

#include "guest/disk.h"

enum layers_hold {
    LAYERS_NOTHING, /* the range is seen through them */
    LAYERS_ZEROES,  /* it reads as zeroes, whatever lies below */
    LAYERS_DATA,
};

/* The disks from top on down to base, which is not one of them (NULL: all).  *length is set to how
 * much of the range, at least a byte, the answer is for.  Where an upper disk is longer than the
 * one below it, it reads as zeroes there.  -1 with the error set. */
int layers_look(struct disk *top, const struct disk *base, uint64_t count, uint64_t offset,
                uint64_t *length);

#endif
