/* SPDX-License-Identifier: BSD-3-Clause */
/* uses.h - which files an image is made of */

#ifndef QCOW2_IMAGE_USES_H
#define QCOW2_IMAGE_USES_H

#include <sys/stat.h>

#include "image/image.h"

/* Is the image, a layer of it, a data file or a backing file of these stored in this file? */
bool image_uses_file(struct qcow2_image *image, const struct stat *file);

/* The same of the bytes of the file that this store shows. */
bool image_uses_place(struct qcow2_image *image, struct store *place);

#endif
