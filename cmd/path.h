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

/* Takes "file:" or "host_device:" off a name.  Returns the driver, or NULL where it had neither. */
const char *path_take_driver(const char **name);

/* What keeps a driver that was named from what is there, in QEMU's words: "file" takes no device,
 * "host_device" nothing else.  The caller frees the sentence; NULL: nothing does. */
char *path_driver_refusal(const char *driver, const char *path);

/* True when both names lead to the same file, which exists. */
bool path_is_same_file(const char *a, const char *b);

#endif /* QCOW_CMD_PATH_H */
