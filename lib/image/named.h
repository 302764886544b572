/* SPDX-License-Identifier: BSD-3-Clause */
/* named.h - files that an image names: its backing file and its data file
 *
 * A name inside an image is a plain file name, relative to the directory of the image that holds
 * it; or "file:NAME", relative to the working directory, as QEMU has it; or if the caller allows
 * that, the name of an NBD export.  Other prefixes ("json:", "protocol:") are never interpreted.
 */

#ifndef QCOW2_IMAGE_NAMED_H
#define QCOW2_IMAGE_NAMED_H

#include "image/image.h"

/* A colon before any slash makes a prefix. */
bool named_has_protocol(const char *name);

bool named_is_nbd(const char *name);

/* Is it a file's?  If not, and no export's either, nothing here opens it. */
bool named_is_file(const char *name);

/* dir(image) + name, or name if it is absolute or the image is in no directory; NULL with the error
 * set.  The caller frees it. */
char *named_resolve(const struct qcow2_image *image, const char *name);

/* The same for a name in an image that has this file name. */
char *named_beside(const char *image_filename, const char *name);

/* What a resolved name leads to: the path of a file, or the URI of an export.  NULL with the error
 * set.  The caller frees it. */
char *named_place(const struct qcow2_image *image, const char *name);

/* "'name', named by 'image': why". */
int named_refuse(const struct qcow2_image *image, int errnum, const char *name, const char *why);

/* Refuse a file that is in use already, by this image or one above it, and a chain that is too
 * long. flags: QCOW2_OPEN_..., which say what the name means. */
int named_check_unused(const struct qcow2_image *image, const char *name, uint32_t flags);

#endif
