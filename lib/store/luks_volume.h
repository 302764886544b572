/* SPDX-License-Identifier: BSD-3-Clause */
/* luks_volume.h - a LUKS header in a store: reading it, unlocking it, making one, changing its
 * slots */

#ifndef QCOW2_STORE_LUKS_VOLUME_H
#define QCOW2_STORE_LUKS_VOLUME_H

#include "crypto/luks.h"
#include "store/store.h"

struct luks_volume {
    struct store *store; /* not owned */
    uint64_t base;       /* where the header lies */
    struct luks_header header;
    struct secret key; /* of the volume; none: not unlocked */
};

/* Wipes the key. */
void luks_volume_clear(struct luks_volume *volume);

/* length: how many bytes from base on belong to the header and its key material, at most. */
int luks_volume_load(struct luks_volume *volume, struct store *store, uint64_t base,
                     uint64_t length);

/* Take the volume key from whichever slot the password opens.  EKEYREJECTED when it opens none. */
int luks_volume_unlock(struct luks_volume *volume, const struct secret *password);
/* Does the password open this slot?  1 yes, 0 no, -1 error. */
int luks_volume_matches(const struct luks_volume *volume, unsigned slot,
                        const struct secret *password);

/* Write a new header, with the password in slot 0, at base.  The key material is durable before the
 * header is written. */
int luks_volume_format(struct luks_volume *volume, struct store *store, uint64_t base,
                       const struct luks_options *options, const struct secret *password);

/* Make a slot's password this one, or none and wipe its key material.  Durable when they return 0.
 * After a power cut at any moment every other slot is as it was, and of this one the old or the new
 * password opens the volume, as long as there is an inactive slot to lend.  The volume is
 * unlocked. */
int luks_volume_set_slot(struct luks_volume *volume, unsigned slot, const struct secret *password,
                         uint64_t iter_time);
int luks_volume_erase_slot(struct luks_volume *volume, unsigned slot);

#endif
