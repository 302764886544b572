/* SPDX-License-Identifier: BSD-3-Clause */
/* size.h - between resizing and creating */

#ifndef QCOW2_IMAGE_SIZE_H
#define QCOW2_IMAGE_SIZE_H

#include "image/image.h"

/* Set a larger size, a multiple of 512, of a quiet image, without regard to what a backing file would
 * show.  Durable when it returns 0. */
int image_set_size(struct qcow2_image *image, uint64_t size);

#endif
