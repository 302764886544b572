/* SPDX-License-Identifier: BSD-3-Clause */
/* data_file.h - the external data file of an image */

#ifndef QCOW2_IMAGE_DATA_FILE_H
#define QCOW2_IMAGE_DATA_FILE_H

#include <sys/stat.h>

#include "image/image.h"

/* Open the data file that the image needs, as far as the options allow. */
int image_open_data_file(struct qcow2_image *image, const struct qcow2_open_options *options);

/* Does the image, which was opened without its data file, name this one? */
bool image_names_data_file(const struct qcow2_image *image, const struct stat *file);

/* The disk is about to grow from old_size, or has shrunk to size: bring the data file to the same
 * length.  What a raw one has beyond the old end becomes zeroes. */
int image_grow_data_file(struct qcow2_image *image, uint64_t old_size, uint64_t size);
int image_shrink_data_file(struct qcow2_image *image, uint64_t size);

#endif
