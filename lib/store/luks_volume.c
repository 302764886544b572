/* SPDX-License-Identifier: BSD-3-Clause */
/* luks_volume.c - a LUKS header in a store: reading it, unlocking it, making one, changing its slots
 *
 * A slot changes in two steps, the first durable before the second, because a slot's fields may lie
 * across the boundary of two sectors:
 *
 *     adding      key material, salt and iterations; then the word that says "active"
 *     erasing     the word that says "inactive"; then all the others are overwritten
 */

#include "store/luks_volume.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>

#include "base/bits.h"
#include "base/error.h"

#define ACTIVE_WORD 4u /* bytes */

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

int luks_volume_try(const struct luks_volume *v, unsigned slot, const struct secret *password,
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

int luks_volume_unlock(const struct luks_volume *v, const struct secret *password,
                       struct secret *key)
{
    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        int r = luks_volume_try(v, i, password, key);

        if (r != 0)
            return r == 1 ? 0 : -1;
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

int luks_volume_add_slot(struct luks_volume *v, unsigned slot, const struct secret *password,
                         uint64_t iter_time, const struct secret *key)
{
    CLEANUP_SECRET struct secret material = { 0 };
    struct luks_volume changed = *v;

    if (luks_seal_slot(&changed.header, slot, password, iter_time, key, &material) == -1 ||
        write_material(&changed, slot, &material) == -1 ||
        write_slot_fields(&changed, slot) == -1 || store_flush(v->store) == -1 ||
        write_active_word(&changed, slot) == -1)
        return -1;
    *v = changed;
    return 0;
}

int luks_volume_erase_slot(struct luks_volume *v, unsigned slot)
{
    CLEANUP_SECRET struct secret noise = { 0 };

    struct luks_slot *s = &v->header.slots[slot];

    *s = (struct luks_slot){ .material_offset = s->material_offset };
    if (secret_new(&noise, luks_material_bytes(&v->header)) == -1 ||
        write_active_word(v, slot) == -1)
        return -1;
    if (RAND_bytes(noise.bytes, (int)noise.size) != 1)
        return error_set(EIO, "OpenSSL has no random numbers");
    if (write_material(v, slot, &noise) == -1 || write_slot_fields(v, slot) == -1)
        return -1;
    return store_flush(v->store);
}
