/* SPDX-License-Identifier: BSD-3-Clause */
/* convert-bitmaps.h - the part of convert that copies persistent bitmaps */

#ifndef QCOW_CMD_CONVERT_BITMAPS_H
#define QCOW_CMD_CONVERT_BITMAPS_H

#include <stdbool.h>

#include "qcow2.h"

/* All of these report their errors.  Can the bitmaps of the source be copied?  An inconsistent one
 * is in the way unless such are to be skipped. */
int check_source_bitmaps(qcow2_image *source, bool skip_broken);
int check_target_bitmaps(qcow2_image *target);
int copy_bitmaps(qcow2_image *source, qcow2_image *target, bool skip_broken);

#endif /* QCOW_CMD_CONVERT_BITMAPS_H */
