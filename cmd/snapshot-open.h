/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshot-open.h - the state of an internal snapshot as an image, for -l
 *
 * What -l takes is an id or a name ("3", "before-upgrade": an id is looked for first), or
 * "snapshot.id=ID,snapshot.name=NAME", of which both must fit where both are given.
 */

#ifndef QCOW_CMD_SNAPSHOT_OPEN_H
#define QCOW_CMD_SNAPSHOT_OPEN_H

#include "image-open.h"

/* Opens that state of the source for reading.  Reports failures and returns NULL. */
qcow2_image *open_image_snapshot(const image_source *source, const char *text);

#endif /* QCOW_CMD_SNAPSHOT_OPEN_H */
