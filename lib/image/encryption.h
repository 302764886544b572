/* SPDX-License-Identifier: BSD-3-Clause */
/* encryption.h - opening what is behind a password
 *
 * The encryption header is read whenever an image is opened (not for a check, which only counts
 * it); the password is needed for the guest's data only.
 */

#ifndef QCOW2_IMAGE_ENCRYPTION_H
#define QCOW2_IMAGE_ENCRYPTION_H

#include "crypto/cipher.h"
#include "image/image.h"

int encryption_load_qcow2(struct qcow2_image *image, const struct qcow2_open_options *options);
/* From now on the disk shows what was encrypted. */
int encryption_unlock_qcow2(struct qcow2_image *image, const struct qcow2_open_options *options);

/* The cipher of an AES-encrypted image, whose sectors are numbered as the guest does; the caller
 * frees it. */
struct cipher *encryption_unlock_aes(struct qcow2_image *image,
                                     const struct qcow2_open_options *options);

/* The disk of a LUKS volume. */
int encryption_open_luks(struct qcow2_image *image, const struct qcow2_open_options *options);

/* Forget the encryption header and its key. */
void encryption_close(struct qcow2_image *image);

/* The password that a new image needs. */
int encryption_check_secret(const struct qcow2_create_options *options);

#endif
