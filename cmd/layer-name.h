/* SPDX-License-Identifier: BSD-3-Clause */
/* layer-name.h - the name of an image that is named by layers of keys, for image-keys.c */

#ifndef QCOW_CMD_LAYER_NAME_H
#define QCOW_CMD_LAYER_NAME_H

#include "image-key-table.h"

/* Notes of the layer's target that it is the file or the export which the layer's keys, read by
 * now, tell of. */
void layer_name_file(const layer *l, int where);

/* Notes that the target's file is the image whose name is finished. */
void layer_name_below(image_target *t, const image_target *image);

/* Notes that this is another layer of the target: "backing" or "data-file". */
void layer_name_beside(image_target *t, const char *role, const image_target *other);

/* Notes that there is no backing file, whatever the image says. */
void layer_name_without_backing(image_target *t);

/* Gives the target, all of whose layers are known, its name.  As image_keys_read. */
int layer_name_finish(const layer *l, int where, char **why);

#endif /* QCOW_CMD_LAYER_NAME_H */
