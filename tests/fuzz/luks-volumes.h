/* SPDX-License-Identifier: BSD-3-Clause */
/* luks-volumes.h - LUKS volumes, alone and in a qcow2 image, that an input damages
 *
 * Key material is large and cannot be guessed.  The volumes are therefore made here, once, and the
 * input has patches:
 *
 *     place (2 bytes) | length (1) | bytes
 *
 * Places from 0x8000 on are in the header of the qcow2 image, the others in that of the volume.
 *
 * A target that is linked with luks_ldflags turns passwords into keys in one round, and keys into
 * key material that is none: what is looked for is in the headers, and there is much of it to try.
 */

#ifndef FUZZ_LUKS_VOLUMES_H
#define FUZZ_LUKS_VOLUMES_H

#include "fuzz/fuzz.h"

enum { LUKS_ALONE, LUKS_IN_QCOW2, LUKS_KINDS };

/* A volume that nobody damaged. */
struct luks_made {
    enum image_format format;
    uint8_t *bytes;
    uint8_t *damaged; /* the same with patches */
    size_t size;
    size_t header; /* where the LUKS header lies */
};

/* The password is in slot 0, and there is no other. */
const struct luks_made *luks_made(unsigned kind, const char *password);

/* Its bytes with patches, until the next call. */
const uint8_t *luks_damaged(const struct luks_made *made, const uint8_t *patches, size_t size);

/* The image in a store, which stays the caller's; NULL: it does not open. */
struct qcow2_image *luks_open(const struct luks_made *made, struct store *store, uint32_t flags,
                              const char *password);

#endif
