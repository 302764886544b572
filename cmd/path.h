/* SPDX-License-Identifier: BSD-3-Clause */
/* path.h - names of image files */

#ifndef QCOW_CMD_PATH_H
#define QCOW_CMD_PATH_H

#include <stdbool.h>

/* The backing file of an image is found from the image's directory.  The caller frees the path. */
char *path_beside(const char *image, const char *backing);

/* True when a name starts with a protocol, as in nbd://host or json:{...}. */
bool path_has_protocol(const char *name);

/* True when both names lead to the same file, which exists. */
bool path_is_same_file(const char *a, const char *b);

/* Is it a regular file?  A link is not: it is not ours to follow when a file is taken away. */
bool path_is_plain_file(const char *filename);

/* Take away a file that was made and has not become what it was to be. */
void path_remove(const char *filename);

#endif /* QCOW_CMD_PATH_H */
