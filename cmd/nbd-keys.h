/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-keys.h - an NBD server named by keys, for image-keys.c */

#ifndef QCOW_CMD_NBD_KEYS_H
#define QCOW_CMD_NBD_KEYS_H

#include "image-key-table.h"

/* Sets the target's file name to the URI of the export that the layer's keys name.  On failure
 * returns -1 and in *why a sentence that the caller frees. */
int nbd_keys_read(layer *l, char **why);

#endif /* QCOW_CMD_NBD_KEYS_H */
