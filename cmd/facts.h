/* SPDX-License-Identifier: BSD-3-Clause */
/* facts.h - what can be said about an image, for info, snapshot -l and qcow-io's info */

#ifndef QCOW_CMD_FACTS_H
#define QCOW_CMD_FACTS_H

#include <jansson.h>

#include "qcow2.h"

/* The persistent bitmaps, an empty array if there are none; NULL with the library's error. */
json_t *facts_of_bitmaps(qcow2_image *image);

/* What only this format has, under qemu-img's names, with these bitmaps; NULL if that is
 * nothing. */
json_t *facts_of_format(qcow2_image *image, const qcow2_info *info, json_t *bitmaps);

/* The internal snapshots, an empty array if there are none or cannot be any; NULL with the
 * library's error. */
json_t *facts_of_snapshots(qcow2_image *image);

/* The table for people; nothing if the array is empty. */
void facts_print_snapshots(const json_t *snapshots);

#endif /* QCOW_CMD_FACTS_H */
