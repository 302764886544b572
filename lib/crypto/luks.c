/* SPDX-License-Identifier: BSD-3-Clause */
/* luks.c - the header of a LUKS volume, version 1: decoding, validating, encoding */

#include "crypto/luks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"

#define NAME_BYTES 32u
#define SLOT_ACTIVE 0x00ac71f3u
#define SLOT_INACTIVE 0x0000deadu

static const uint8_t magic[6] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

struct disk_slot {
    uint32_t active;
    uint32_t iterations;
    uint8_t salt[LUKS_SALT_BYTES];
    uint32_t material_offset; /* sectors */
    uint32_t stripes;
} __attribute__((packed));

struct disk_luks {
    uint8_t magic[6];
    uint16_t version;
    char cipher_name[NAME_BYTES];
    char cipher_mode[NAME_BYTES];
    char hash_spec[NAME_BYTES];
    uint32_t payload_offset; /* sectors */
    uint32_t key_bytes;
    uint8_t digest[LUKS_DIGEST_BYTES];
    uint8_t digest_salt[LUKS_SALT_BYTES];
    uint32_t digest_iterations;
    char uuid[LUKS_UUID_BYTES];
    struct disk_slot slots[LUKS_SLOTS];
} __attribute__((packed));

_Static_assert(sizeof(struct disk_slot) == LUKS_SLOT_BYTES, "a key slot has 48 bytes");
_Static_assert(sizeof(struct disk_luks) == LUKS_HEADER_BYTES, "the header has 592 bytes");
_Static_assert(offsetof(struct disk_luks, slots) == LUKS_SLOT_AT(0), "slots begin at 208");

size_t luks_material_bytes(const struct luks_header *h)
{
    return round_up(cipher_key_bytes(&h->spec) * LUKS_STRIPES, CIPHER_SECTOR);
}

/* ------------------------------------------------------------------------------------------------
 * Decoding: names
 */

static int check_text(const char *text, size_t size, const char *what)
{
    size_t length = strnlen(text, size);

    if (length == size)
        return error_set(EINVAL, "LUKS header %s is not NUL terminated", what);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return error_set(EINVAL, "LUKS header %s holds the byte 0x%02x", what,
                             (unsigned char)text[i]);
    return 0;
}

/* "xts-plain64", "cbc-essiv:sha256", "ecb". */
static int decode_mode(const char *text, struct cipher_spec *spec)
{
    char copy[NAME_BYTES], *iv, *hash;

    memcpy(copy, text, sizeof copy);
    iv = strchr(copy, '-');
    if (iv != NULL)
        *iv++ = '\0';
    hash = iv ? strchr(iv, ':') : NULL;
    if (hash != NULL)
        *hash++ = '\0';
    spec->mode = cipher_mode_find(copy);
    if (spec->mode == NULL)
        return -1;
    if (iv == NULL && spec->mode->iv_bytes > 0)
        return error_set(EINVAL, "Cipher mode '%s' of the LUKS header names no IV generator", text);
    if (iv_kind_find(iv ? iv : "plain", &spec->iv) == -1)
        return -1;
    if (hash != NULL && (spec->iv_hash = hash_find(hash)) == NULL)
        return -1;
    if (spec->iv == IV_ESSIV && hash == NULL)
        return error_set(EINVAL, "Cipher mode '%s' of the LUKS header names no hash", text);
    return 0;
}

static int decode_names(const struct disk_luks *disk, struct luks_header *h)
{
    uint32_t key_bytes = be32toh(disk->key_bytes);

    if (check_text(disk->cipher_name, NAME_BYTES, "cipher name") == -1 ||
        check_text(disk->cipher_mode, NAME_BYTES, "cipher mode") == -1 ||
        check_text(disk->hash_spec, NAME_BYTES, "hash spec") == -1 ||
        check_text(disk->uuid, LUKS_UUID_BYTES, "UUID") == -1)
        return -1;
    memcpy(h->uuid, disk->uuid, LUKS_UUID_BYTES);
    if (decode_mode(disk->cipher_mode, &h->spec) == -1)
        return -1;
    if (key_bytes % h->spec.mode->keys != 0)
        return error_set(EINVAL, "A key of %" PRIu32 " bytes is not possible in mode '%s'",
                         key_bytes, h->spec.mode->name);
    h->spec.block = block_cipher_find_by_size(disk->cipher_name, key_bytes / h->spec.mode->keys);
    h->hash = h->spec.block ? hash_find(disk->hash_spec) : NULL;
    return h->hash ? 0 : -1;
}

/* ------------------------------------------------------------------------------------------------
 * Decoding: key slots
 */

static int bad_slot(unsigned slot, const char *what)
{
    return error_set(EINVAL, "Keyslot %u is corrupted (%s)", slot, what);
}

static int decode_slot(const struct disk_slot *disk, unsigned index, struct luks_slot *slot)
{
    uint32_t active = be32toh(disk->active), stripes = be32toh(disk->stripes);

    if (active != SLOT_ACTIVE && active != SLOT_INACTIVE)
        return error_set(EINVAL,
                         "Keyslot %u state (active/disable) is corrupted: 0x%08" PRIx32
                         ", expected 0x%08x or 0x%08x",
                         index, active, SLOT_ACTIVE, SLOT_INACTIVE);
    if (stripes != LUKS_STRIPES)
        return error_set(EINVAL, "Keyslot %u is corrupted (stripes %" PRIu32 " != %u)", index,
                         stripes, LUKS_STRIPES);
    slot->active = active == SLOT_ACTIVE;
    slot->iterations = be32toh(disk->iterations);
    slot->material_offset = (uint64_t)be32toh(disk->material_offset) * CIPHER_SECTOR;
    memcpy(slot->salt, disk->salt, LUKS_SALT_BYTES);
    return slot->active && slot->iterations == 0 ? bad_slot(index, "no iterations") : 0;
}

static int check_places(const struct luks_header *h, uint64_t length)
{
    size_t size = luks_material_bytes(h);

    for (unsigned i = 0; i < LUKS_SLOTS; i++) {
        uint64_t at = h->slots[i].material_offset;

        if (at < round_up(LUKS_HEADER_BYTES, CIPHER_SECTOR))
            return bad_slot(i, "its key material overlaps with the LUKS header");
        if (!range_within(at, size, length))
            return error_set(EINVAL,
                             "Keyslot %u is corrupted (its key material, 0x%" PRIx64
                             " to 0x%" PRIx64 ", ends beyond 0x%" PRIx64 ")",
                             i, at, at + size, length);
        for (unsigned k = 0; k < i; k++)
            if (ranges_overlap(at, size, h->slots[k].material_offset, size))
                return error_set(EINVAL, "Keyslots %u and %u are overlapping in the header", k, i);
    }
    return 0;
}

/* A password is tried in every active slot, and each time the digest of what comes out is taken. */
uint64_t luks_work(const struct luks_header *h)
{
    uint64_t for_key = luks_rounds(h->hash, cipher_key_bytes(&h->spec));
    uint64_t for_digest = luks_rounds(h->hash, LUKS_DIGEST_BYTES), sum = 0;

    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        if (h->slots[i].active)
            sum += h->slots[i].iterations * for_key + h->digest_iterations * for_digest;
    return sum;
}

int luks_check_work(const struct luks_header *h, uint64_t max_rounds)
{
    uint64_t sum = luks_work(h);

    if (sum > max_rounds)
        return error_set(EFBIG,
                         "The LUKS header asks for %" PRIu64
                         " rounds of PBKDF2 to try a password (at most %" PRIu64 ")",
                         sum, max_rounds);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

int luks_decode(const uint8_t bytes[LUKS_HEADER_BYTES], uint64_t length, struct luks_header *h)
{
    struct disk_luks disk;

    memcpy(&disk, bytes, sizeof disk);
    *h = (struct luks_header){
        .payload_offset = (uint64_t)be32toh(disk.payload_offset) * CIPHER_SECTOR,
        .digest_iterations = be32toh(disk.digest_iterations),
    };
    if (memcmp(disk.magic, magic, sizeof magic) != 0)
        return error_set(EINVAL, "Volume is not in LUKS format");
    if (be16toh(disk.version) != 1)
        return error_set(ENOTSUP, "LUKS version %u is not supported", be16toh(disk.version));
    memcpy(h->digest, disk.digest, LUKS_DIGEST_BYTES);
    memcpy(h->digest_salt, disk.digest_salt, LUKS_SALT_BYTES);
    if (decode_names(&disk, h) == -1)
        return -1;
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        if (decode_slot(&disk.slots[i], i, &h->slots[i]) == -1)
            return -1;
    if (check_places(h, min_u64(length, h->payload_offset)) == -1)
        return -1;
    if (h->digest_iterations == 0)
        return error_set(EINVAL, "LUKS key iteration count is zero");
    return luks_check_work(h, LUKS_MAX_ROUNDS);
}

static void encode_slot(const struct luks_slot *slot, struct disk_slot *disk)
{
    *disk = (struct disk_slot){
        .active = htobe32(slot->active ? SLOT_ACTIVE : SLOT_INACTIVE),
        .iterations = htobe32(slot->iterations),
        .material_offset = htobe32((uint32_t)(slot->material_offset / CIPHER_SECTOR)),
        .stripes = htobe32(LUKS_STRIPES),
    };
    memcpy(disk->salt, slot->salt, LUKS_SALT_BYTES);
}

void luks_encode_slot(const struct luks_slot *slot, uint8_t bytes[LUKS_SLOT_BYTES])
{
    struct disk_slot disk;

    encode_slot(slot, &disk);
    memcpy(bytes, &disk, sizeof disk);
}

void luks_encode(const struct luks_header *h, uint8_t bytes[LUKS_HEADER_BYTES])
{
    const struct cipher_spec *spec = &h->spec;
    struct disk_luks disk = {
        .version = htobe16(1),
        .payload_offset = htobe32((uint32_t)(h->payload_offset / CIPHER_SECTOR)),
        .key_bytes = htobe32((uint32_t)cipher_key_bytes(spec)),
        .digest_iterations = htobe32(h->digest_iterations),
    };

    memcpy(disk.magic, magic, sizeof magic);
    snprintf(disk.cipher_name, NAME_BYTES, "%s", spec->block->family);
    snprintf(disk.cipher_mode, NAME_BYTES, "%s-%s%s%s", spec->mode->name, iv_kind_name(spec->iv),
             spec->iv_hash ? ":" : "", spec->iv_hash ? spec->iv_hash->name : "");
    snprintf(disk.hash_spec, NAME_BYTES, "%s", h->hash->name);
    memcpy(disk.digest, h->digest, LUKS_DIGEST_BYTES);
    memcpy(disk.digest_salt, h->digest_salt, LUKS_SALT_BYTES);
    memcpy(disk.uuid, h->uuid, LUKS_UUID_BYTES);
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        encode_slot(&h->slots[i], &disk.slots[i]);
    memcpy(bytes, &disk, sizeof disk);
}
