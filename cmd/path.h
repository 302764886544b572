/* SPDX-License-Identifier: BSD-3-Clause */
/* path.h - names of image files */

#ifndef QCOW_CMD_PATH_H
#define QCOW_CMD_PATH_H

#include <stdbool.h>

/* The backing file of an image is found from the image's directory, but "file:NAME" from the
 * working directory, as QEMU has it.  The caller frees the path. */
char *path_beside(const char *image, const char *backing);

/* True when a name starts with a protocol, as in nbd://host or json:{...}. */
bool path_has_protocol(const char *name);

/* True when both names lead to the same file, which exists. */
bool path_is_same_file(const char *a, const char *b);

#endif /* QCOW_CMD_PATH_H */
