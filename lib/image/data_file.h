/* SPDX-License-Identifier: BSD-3-Clause */
/* data_file.h - the external data file of an image */

#ifndef QCOW2_IMAGE_DATA_FILE_H
#define QCOW2_IMAGE_DATA_FILE_H

#include <sys/stat.h>

#include "image/image.h"

/* Open the data file that the image needs, as far as the options allow. */
int image_open_data_file(struct qcow2_image *image, const struct qcow2_open_options *options);

/* The data file of a new image is made where its name leads from the working directory.  Refuse a
 * name that would be taken for another file's, in the directory of the image. */
int image_check_new_data_file(const char *filename, const struct qcow2_create_options *options);

/* The path of the file that a recorded name means: beside the image or in the working directory.
 * Where there is none it is beside the image; where there are two, that is an error (NULL).  The
 * caller frees it. */
char *image_find_data_file(const struct qcow2_image *image, const char *recorded);

/* Those places, of which one is the data file of an image that was opened without it.  Returns at
 * how many of them there is a file, or -1 with the error set.  Takes operations. */
#define DATA_FILE_PLACES 2
int image_data_file_candidates(struct qcow2_image *image, struct stat candidates[DATA_FILE_PLACES]);

/* The disk is about to grow from old_size, or has shrunk to size: bring the data file to the same
 * length.  What a raw one has beyond the old end becomes zeroes. */
int image_grow_data_file(struct qcow2_image *image, uint64_t old_size, uint64_t size);
int image_shrink_data_file(struct qcow2_image *image, uint64_t size);

#endif
