/* SPDX-License-Identifier: BSD-3-Clause */
/* qcow1.h - the virtual disk of a qcow image of version 1, which can only be read */

#ifndef QCOW2_GUEST_QCOW1_H
#define QCOW2_GUEST_QCOW1_H

#include "format/qcow1.h"
#include "crypto/cipher.h"
#include "guest/disk.h"
#include "store/store.h"

/* The store stays the caller's; the header is copied; the cipher of an encrypted image (else NULL)
 * is taken over, also on failure. */
struct disk *qcow1_disk_new(struct store *store, const struct qcow1_header *header,
                            struct cipher *cipher);

#endif
