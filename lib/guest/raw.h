/* SPDX-License-Identifier: BSD-3-Clause */
/* raw.h - a raw image: the disk is the store, byte for byte */

#ifndef QCOW2_GUEST_RAW_H
#define QCOW2_GUEST_RAW_H

#include "guest/disk.h"
#include "store/store.h"

/* The store stays the caller's.  A length that is no multiple of 512 is rounded up; the bytes
 * beyond the end read as zeroes. */
struct disk *raw_disk_new(struct store *store);

#endif
