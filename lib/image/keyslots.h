/* SPDX-License-Identifier: BSD-3-Clause */
/* keyslots.h - which passwords open an encrypted image */

#ifndef QCOW2_IMAGE_KEYSLOTS_H
#define QCOW2_IMAGE_KEYSLOTS_H

#include "image/image.h"

/* Bits, one per slot. */
struct keyslot_plan {
    unsigned fill;
    unsigned erase;
};

/* Is anything asked for? */
bool keyslots_asked(const struct keyslot_change *change);

/* What the change comes to, or why it is not possible: nothing is written.  The image has a LUKS
 * header and is unlocked. */
int keyslots_plan(const struct qcow2_image *image, const struct keyslot_change *change, bool force,
                  struct keyslot_plan *plan);
/* Each slot durably. */
int keyslots_apply(struct qcow2_image *image, const struct keyslot_change *change,
                   const struct keyslot_plan *plan);

#endif
