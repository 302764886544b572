/* SPDX-License-Identifier: BSD-3-Clause */
/* luks_volume.c - a LUKS header in a store: reading it, unlocking it, making one, changing its
 * slots
 *
 * A slot changes in two steps, the first durable before the second, because a slot's fields may lie
 * across the boundary of two sectors:
 *
 *     filling     key material, salt and iterations; then the word that says "active"
 *     erasing     the word that says "inactive"; then all the others are overwritten
 *
 * Between the two the slot has no password.  So when the password of an active slot is replaced,
 * the new one is in another slot meanwhile: the same material does for both.  A volume whose eight
 * slots are all active has none to lend.
 */

#include "store/luks_volume.h"

#include <errno.h>
#include <inttypes.h>

#include "base/bits.h"
#include "base/error.h"
#include "crypto/libcrypto.h"

#define ACTIVE_WORD 4u /* bytes */

void luks_volume_clear(struct luks_volume *v)
{
    secret_clear(&v->key);
}

int luks_volume_load(struct luks_volume *v, struct store *store, uint64_t base, uint64_t length)
{
    uint8_t bytes[LUKS_HEADER_BYTES];

    *v = (struct luks_volume){ .store = store, .base = base };
    if (store_pread(store, bytes, sizeof bytes, base) == -1)
        return -1;
    return luks_decode(bytes, length, &v->header);
}

/* ------------------------------------------------------------------------------------------------
 * Unlocking
 */

static int try(const struct luks_volume *v, unsigned slot, const struct secret *password,
               struct secret *key)
{
    CLEANUP_SECRET struct secret material = { 0 };

    if (!v->header.slots[slot].active)
        return 0;
    if (secret_new(&material, luks_material_bytes(&v->header)) == -1 ||
        store_pread(v->store, material.bytes, material.size,
                    v->base + v->header.slots[slot].material_offset) == -1)
        return -1;
    return luks_open_slot(&v->header, slot, password, &material, key);
}

int luks_volume_matches(const struct luks_volume *v, unsigned slot, const struct secret *password)
{
    CLEANUP_SECRET struct secret key = { 0 };

    return try(v, slot, password, &key);
}

int luks_volume_unlock(struct luks_volume *v, const struct secret *password)
{
    CLEANUP_SECRET struct secret key = { 0 };

    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        int r = try(v, i, password, &key);

        if (r == 1)
            return secret_set(&v->key, key.bytes, key.size);
        if (r == -1)
            return -1;
    }
    return error_set(EKEYREJECTED, "Invalid password, cannot unlock any keyslot");
}

/* ------------------------------------------------------------------------------------------------
 * Making and changing
 */

static int write_material(const struct luks_volume *v, unsigned slot, const struct secret *material)
{
    return store_pwrite(v->store, material->bytes, material->size,
                        v->base + v->header.slots[slot].material_offset);
}

int luks_volume_format(struct luks_volume *v, struct store *store, uint64_t base,
                       const struct luks_options *options, const struct secret *password)
{
    CLEANUP_SECRET struct secret key = { 0 }, material = { 0 };
    uint8_t bytes[LUKS_HEADER_BYTES];

    *v = (struct luks_volume){ .store = store, .base = base };
    if (luks_new(options, &v->header, &key) == -1 ||
        luks_seal_slot(&v->header, 0, password, options->iter_time, &key, &material) == -1 ||
        write_material(v, 0, &material) == -1 || store_flush(store) == -1)
        return -1;
    luks_encode(&v->header, bytes);
    return store_pwrite(store, bytes, sizeof bytes, base);
}

/* The fields of a slot as they are in memory, but for the word at its beginning. */
static int write_slot_fields(const struct luks_volume *v, unsigned slot)
{
    uint8_t bytes[LUKS_SLOT_BYTES];

    luks_encode_slot(&v->header.slots[slot], bytes);
    return store_pwrite(v->store, bytes + ACTIVE_WORD, sizeof bytes - ACTIVE_WORD,
                        v->base + LUKS_SLOT_AT(slot) + ACTIVE_WORD);
}

static int write_active_word(const struct luks_volume *v, unsigned slot)
{
    uint8_t bytes[LUKS_SLOT_BYTES];

    luks_encode_slot(&v->header.slots[slot], bytes);
    if (store_pwrite(v->store, bytes, ACTIVE_WORD, v->base + LUKS_SLOT_AT(slot)) == -1)
        return -1;
    return store_flush(v->store);
}

/* Put these fields, and the material that belongs to them, into an inactive slot. */
static int fill_slot(struct luks_volume *v, unsigned index, const struct luks_slot *fields,
                     const struct secret *material)
{
    struct luks_slot *slot = &v->header.slots[index], old = *slot;

    *slot = *fields;
    slot->material_offset = old.material_offset;
    if (write_material(v, index, material) == 0 && write_slot_fields(v, index) == 0 &&
        store_flush(v->store) == 0 && write_active_word(v, index) == 0)
        return 0;
    *slot = old;
    return -1;
}

/* As long as that is not durable the slot counts as active: its password may still open it. */
static int deactivate(struct luks_volume *v, unsigned index)
{
    struct luks_slot *slot = &v->header.slots[index], old = *slot;

    *slot = (struct luks_slot){ .material_offset = old.material_offset };
    if (write_active_word(v, index) == 0)
        return 0;
    *slot = old;
    return -1;
}

int luks_volume_erase_slot(struct luks_volume *v, unsigned slot)
{
    CLEANUP_SECRET struct secret noise = { 0 };

    if (secret_new(&noise, luks_material_bytes(&v->header)) == -1 ||
        libcrypto_random(noise.bytes, noise.size) == -1)
        return -1;
    if (deactivate(v, slot) == -1 || write_material(v, slot, &noise) == -1 ||
        write_slot_fields(v, slot) == -1)
        return -1;
    return store_flush(v->store);
}

/* -1: none. */
static int inactive_slot(const struct luks_volume *v)
{
    for (int i = 0; i < (int)LUKS_SLOTS; i++)
        if (!v->header.slots[i].active)
            return i;
    return -1;
}

int luks_volume_set_slot(struct luks_volume *v, unsigned slot, const struct secret *password,
                         uint64_t iter_time)
{
    CLEANUP_SECRET struct secret material = { 0 };
    struct luks_header sealed = v->header;
    bool replaces = v->header.slots[slot].active;
    int lent = replaces ? inactive_slot(v) : -1;

    if (luks_seal_slot(&sealed, slot, password, iter_time, &v->key, &material) == -1)
        return -1;
    if (lent >= 0 && fill_slot(v, (unsigned)lent, &sealed.slots[slot], &material) == -1)
        return -1;
    if ((replaces && deactivate(v, slot) == -1) ||
        fill_slot(v, slot, &sealed.slots[slot], &material) == -1)
        return -1;
    return lent >= 0 ? luks_volume_erase_slot(v, (unsigned)lent) : 0;
}
