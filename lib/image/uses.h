/* SPDX-License-Identifier: BSD-3-Clause */
/* uses.h - which files an image is made of */

#ifndef QCOW2_IMAGE_USES_H
#define QCOW2_IMAGE_USES_H

#include <sys/stat.h>

#include "image/image.h"

/* Is the image, a layer of it, a data file or a backing file of these stored in this file? */
bool image_uses_file(struct qcow2_image *image, const struct stat *file);

/* Is it stored where a change of the other image is written: in the same bytes of a file that the
 * other one, a layer of it or a data file of these is stored in? */
bool image_uses_file_of(struct qcow2_image *image, struct qcow2_image *written);

#endif
