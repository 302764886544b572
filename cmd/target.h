/* SPDX-License-Identifier: BSD-3-Clause */
/* target.h - what is about to be written must not be what is read */

#ifndef QCOW_CMD_TARGET_H
#define QCOW_CMD_TARGET_H

#include <stdbool.h>

#include "qcow2.h"

/* Is the image, or anything that it is made of, stored in this file? */
bool target_is_read(qcow2_image *image, const char *filename);

/* Does a name, plain or "json:{...}", lead to this file?  (Nothing is opened.) */
bool target_is_named(const char *name, const char *filename);

#endif /* QCOW_CMD_TARGET_H */
