/* SPDX-License-Identifier: BSD-3-Clause */
/* storage.h - what an image is stored in: a file or an export, a part of one, the disk of an
 * image */

#ifndef QCOW2_IMAGE_STORAGE_H
#define QCOW2_IMAGE_STORAGE_H

#include "image/image.h"

/* Where an image that is opened with these options is stored. */
struct store *storage_open(const char *filename, const struct qcow2_open_options *options,
                           enum store_sharing sharing);

/* A layer below an image: the disk that the layer's options open.  What the image is opened with
 * says how carefully this is done: read-only, locks, caches. */
struct store *storage_open_layer(const char *filename, const struct qcow2_open_options *layer,
                                 const struct qcow2_open_options *image,
                                 enum store_sharing sharing);

#endif
