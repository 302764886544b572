/* SPDX-License-Identifier: BSD-3-Clause */
/* preallocate.h - space on the host for a disk that is not written yet */

#ifndef QCOW2_IMAGE_PREALLOCATE_H
#define QCOW2_IMAGE_PREALLOCATE_H

#include "image/image.h"

/* Have the store hold space for a range that reads as zeroes: "falloc" reserves it, "full" writes
 * zeroes. */
int preallocate_store(struct store *store, uint64_t count, uint64_t offset,
                      enum preallocation mode);

/* Map a new range of a quiet disk to host clusters, and have the store hold space for them as the
 * mode says. */
int image_preallocate(struct qcow2_image *image, uint64_t count, uint64_t offset,
                      enum preallocation mode);

/* The reverse, for a range that nobody needs any more: its host clusters become holes. */
int image_give_up_space(struct qcow2_image *image, uint64_t count, uint64_t offset);

#endif
