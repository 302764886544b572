/* SPDX-License-Identifier: BSD-3-Clause */
/* map-bitmap.h - the part of map that prints a bitmap */

#ifndef QCOW_CMD_MAP_BITMAP_H
#define QCOW_CMD_MAP_BITMAP_H

#include "options.h"
#include "qcow2.h"

/* So many bytes of the disk from -s on.  Reports its errors. */
int map_bitmap(const options *o, qcow2_image *image, uint64_t count);

#endif /* QCOW_CMD_MAP_BITMAP_H */
