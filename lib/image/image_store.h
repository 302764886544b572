/* SPDX-License-Identifier: BSD-3-Clause */
/* image_store.h - the disk of an image as a store */

#ifndef QCOW2_IMAGE_IMAGE_STORE_H
#define QCOW2_IMAGE_IMAGE_STORE_H

#include "image/image.h"

/* The image is the store's afterwards, also when NULL is returned with the error set. */
struct store *image_store_new(struct qcow2_image *image);

/* The image, if the store is such a one; or NULL. */
struct qcow2_image *image_store_image(struct store *store);

/* The image in whose disk the store lies, if need be as a part of it, and where in that disk its
 * first byte is; NULL: it lies in none. */
struct qcow2_image *image_store_beneath(struct store *store, uint64_t *offset);

#endif
