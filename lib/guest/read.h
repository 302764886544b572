/* SPDX-License-Identifier: BSD-3-Clause */
/* read.h - reading the guest's view: a walk over plans */

#ifndef QCOW2_GUEST_READ_H
#define QCOW2_GUEST_READ_H

#include "guest/streams.h"
#include "store/crypt.h"

/* Read what the disk's own plans say: plain bytes from data, compressed clusters from streams, what
 * the disk does not hold from its backing disk.  cipher: the sectors in data are encrypted,
 * numbered as the guest does; or NULL. */
int read_planned(struct disk *disk, struct store *data, struct cipher *cipher,
                 struct streams *streams, void *buf, size_t count, uint64_t offset);

#endif
