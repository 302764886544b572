/* SPDX-License-Identifier: BSD-3-Clause */
/* size.h - what a change of the size is made of: resizing, creating, committing, VM states share
 * it */

#ifndef QCOW2_IMAGE_SIZE_H
#define QCOW2_IMAGE_SIZE_H

#include "image/image.h"

/* May the disk of a qcow2 image become so large, or so small, once the image has that version?
 * new_clusters: what is new is preallocated.  -1 with the reason; nothing is written. */
int image_check_size(struct qcow2_image *image, uint64_t size, uint32_t version, bool new_clusters);

/* Set a larger size, a multiple of 512, of a quiet image, without regard to what a backing file
 * would show.  Durable when it returns 0. */
int image_set_size(struct qcow2_image *image, uint64_t size);

/* Have the L1 table of a quiet image that many entries at least; the new ones are empty.  Durable
 * when it returns 0. */
int image_extend_l1(struct qcow2_image *image, uint64_t entries);

/* Release the L2 tables of the L1 entries first to end - 1, and all that they refer to, of a quiet
 * image; flushes before.  What they hold of the disk is not held any more. */
int image_release_tables(struct tables *tables, uint64_t first, uint64_t end);
/* Give the free end of the file back. */
int image_cut_file(struct qcow2_image *image);

#endif
