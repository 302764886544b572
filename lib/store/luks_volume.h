/* SPDX-License-Identifier: BSD-3-Clause */
/* luks_volume.h - a LUKS header in a store: reading it, unlocking it, making one, changing its slots */

#ifndef QCOW2_STORE_LUKS_VOLUME_H
#define QCOW2_STORE_LUKS_VOLUME_H

#include "crypto/luks.h"
#include "store/store.h"

struct luks_volume {
    struct store *store; /* not owned */
    uint64_t base;       /* where the header lies */
    struct luks_header header;
};

/* length: how many bytes from base on belong to the header and its key material, at most. */
int luks_volume_load(struct luks_volume *volume, struct store *store, uint64_t base,
                     uint64_t length);

/* The volume key, from whichever slot the password opens.  EKEYREJECTED when it opens none. */
int luks_volume_unlock(const struct luks_volume *volume, const struct secret *password,
                       struct secret *key);
/* Does the password open this slot?  1 yes, 0 no, -1 error. */
int luks_volume_try(const struct luks_volume *volume, unsigned slot, const struct secret *password,
                    struct secret *key);

/* Write a new header, with the password in slot 0, at base.  The key material is durable before the
 * header is written. */
int luks_volume_format(struct luks_volume *volume, struct store *store, uint64_t base,
                       const struct luks_options *options, const struct secret *password);

/* Put a password into an inactive slot, or make a slot inactive and wipe its key material.  Durable
 * when they return 0; after a power cut at any moment every other slot is as it was. */
int luks_volume_add_slot(struct luks_volume *volume, unsigned slot, const struct secret *password,
                         uint64_t iter_time, const struct secret *key);
int luks_volume_erase_slot(struct luks_volume *volume, unsigned slot);

#endif
