/* SPDX-License-Identifier: BSD-3-Clause */
/* luks_key.c - the volume key of a LUKS volume: making it, putting it into slots, taking it out
 *
 *     password -- PBKDF2(salt, iterations) --> slot key
 *     volume key -- split --> stripes -- encrypted with the slot key --> key material
 *     volume key -- PBKDF2(digest salt, digest iterations) --> digest, which tells the right key
 *
 * Iterations are counted so that they take a given time here; the digest, which is taken for every
 * slot that is tried, gets an eighth.  An output longer than a digest costs several times as much,
 * so the time is measured for the size that is needed.
 */

#include "crypto/luks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/error.h"
#include "crypto/libcrypto.h"
#include "crypto/split.h"

#define MIN_ITERATIONS 1000u
#define MATERIAL_ALIGN 4096u /* of a new volume; the first one's place, too */

/* Only who asks for more than the default is told that there cannot be so many. */
static int count_iterations(const struct hash *hash, size_t output, uint64_t iter_time,
                            uint32_t share, uint32_t *iterations)
{
    uint64_t rate = hash_pbkdf2_rate(hash, output), count;
    uint64_t most = LUKS_MAX_ROUNDS / LUKS_SLOTS / luks_rounds(hash, output);

    if (rate == 0)
        return -1;
    if (__builtin_mul_overflow(rate, iter_time, &count) ||
        (count / 1000 / share > most && iter_time > LUKS_DEFAULT_ITER_TIME))
        return error_set(EINVAL,
                         "An iteration time of %" PRIu64
                         " milliseconds is too long: a key slot may have %" PRIu64 " iterations",
                         iter_time, most);
    *iterations = (uint32_t)min_u64(max_u64(count / 1000 / share, MIN_ITERATIONS), most);
    return 0;
}

static int digest_of(const struct luks_header *h, const struct secret *key,
                     uint8_t digest[LUKS_DIGEST_BYTES])
{
    return hash_pbkdf2(h->hash, key->bytes, key->size, h->digest_salt, LUKS_SALT_BYTES,
                       h->digest_iterations, digest, LUKS_DIGEST_BYTES);
}

/* ------------------------------------------------------------------------------------------------
 * A new volume
 */

struct luks_options luks_options_default(void)
{
    return (struct luks_options){
        .spec = { block_cipher_find("aes-256"), cipher_mode_find("xts"), IV_PLAIN64, NULL },
        .hash = hash_find("sha256"),
        .iter_time = LUKS_DEFAULT_ITER_TIME,
    };
}

/* From one slot's material to the next one's. */
static uint64_t material_step(const struct cipher_spec *spec)
{
    return round_up(cipher_key_bytes(spec) * LUKS_STRIPES, MATERIAL_ALIGN);
}

uint64_t luks_length(const struct cipher_spec *spec)
{
    return MATERIAL_ALIGN + LUKS_SLOTS * material_step(spec);
}

static int make_uuid(char text[LUKS_UUID_BYTES])
{
    uint8_t u[16];

    if (libcrypto_random(u, sizeof u) == -1)
        return -1;
    u[6] = (uint8_t)(0x40 | (u[6] & 0x0f)); /* version 4, */
    u[8] = (uint8_t)(0x80 | (u[8] & 0x3f)); /* variant 1 */
    snprintf(text, LUKS_UUID_BYTES,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
             u[15]);
    return 0;
}

/* Can the cipher be had, and can others read what is made with it? */
static int check_spec(const struct cipher_spec *spec, const struct secret *key)
{
    struct cipher *cipher;

    if (!is_aligned(cipher_key_bytes(spec) * LUKS_STRIPES, CIPHER_SECTOR))
        return error_set(ENOTSUP,
                         "Cipher %s in mode %s is not supported for new volumes: its key material "
                         "does not fill whole sectors, which QEMU cannot read",
                         spec->block->name, spec->mode->name);
    cipher = cipher_new(spec, key->bytes);
    cipher_free(cipher);
    return cipher ? 0 : -1;
}

static struct cipher_spec complete_spec(const struct luks_options *options)
{
    struct cipher_spec spec = options->spec;

    if (spec.iv == IV_ESSIV && spec.iv_hash == NULL)
        spec.iv_hash = hash_find("sha256");
    return spec;
}

static int make_key(const struct cipher_spec *spec, struct secret *key)
{
    if (secret_new(key, cipher_key_bytes(spec)) == -1 ||
        libcrypto_random(key->bytes, key->size) == -1)
        return -1;
    return check_spec(spec, key);
}

static int check_hash(const struct hash *hash)
{
    EVP_MD *md = hash_fetch(hash);

    if (md == NULL)
        return -1;
    libcrypto.EVP_MD_free(md);
    return 0;
}

/* A slot's iterations take the whole time, so that they are too many sooner than the digest's. */
int luks_check_options(const struct luks_options *options)
{
    const struct cipher_spec spec = complete_spec(options);
    CLEANUP_SECRET struct secret key = { 0 };
    uint32_t iterations;

    if (make_key(&spec, &key) == -1 || check_hash(options->hash) == -1)
        return -1;
    if (options->iter_time <= LUKS_DEFAULT_ITER_TIME)
        return 0;
    return count_iterations(options->hash, key.size, options->iter_time, 1, &iterations);
}

int luks_new(const struct luks_options *options, struct luks_header *h, struct secret *key)
{
    *h = (struct luks_header){
        .spec = complete_spec(options),
        .hash = options->hash,
        .payload_offset = luks_length(&options->spec),
    };
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        h->slots[i].material_offset = MATERIAL_ALIGN + i * material_step(&h->spec);
    if (make_key(&h->spec, key) == -1 || libcrypto_random(h->digest_salt, LUKS_SALT_BYTES) == -1 ||
        make_uuid(h->uuid) == -1 ||
        count_iterations(h->hash, LUKS_DIGEST_BYTES, options->iter_time, LUKS_SLOTS,
                         &h->digest_iterations) == -1)
        return -1;
    return digest_of(h, key, h->digest);
}

/* ------------------------------------------------------------------------------------------------
 * Slots
 */

/* The cipher of a slot's material, whose sectors are numbered from 0. */
static struct cipher *slot_cipher(const struct luks_header *h, const struct luks_slot *slot,
                                  const struct secret *password)
{
    CLEANUP_SECRET struct secret slot_key = { 0 };

    if (secret_new(&slot_key, cipher_key_bytes(&h->spec)) == -1 ||
        hash_pbkdf2(h->hash, password->bytes, password->size, slot->salt, LUKS_SALT_BYTES,
                    slot->iterations, slot_key.bytes, slot_key.size) == -1)
        return NULL;
    return cipher_new(&h->spec, slot_key.bytes);
}

int luks_open_slot(const struct luks_header *h, unsigned slot, const struct secret *password,
                   struct secret *material, struct secret *key)
{
    struct cipher *cipher = slot_cipher(h, &h->slots[slot], password);
    uint8_t digest[LUKS_DIGEST_BYTES];
    int r;

    if (cipher == NULL)
        return -1;
    r = cipher_decrypt(cipher, material->bytes, material->size, 0);
    cipher_free(cipher);
    if (r == -1 || secret_new(key, cipher_key_bytes(&h->spec)) == -1 ||
        split_merge(h->hash, material->bytes, key->size, LUKS_STRIPES, key->bytes) == -1 ||
        digest_of(h, key, digest) == -1)
        return -1;
    return libcrypto.CRYPTO_memcmp(digest, h->digest, sizeof digest) == 0;
}

int luks_seal_slot(struct luks_header *h, unsigned index, const struct secret *password,
                   uint64_t iter_time, const struct secret *key, struct secret *material)
{
    struct luks_slot slot = h->slots[index];
    struct cipher *cipher;
    int r;

    if (count_iterations(h->hash, key->size, iter_time, 1, &slot.iterations) == -1 ||
        libcrypto_random(slot.salt, LUKS_SALT_BYTES) == -1 ||
        secret_new(material, luks_material_bytes(h)) == -1 ||
        split_key(h->hash, key->bytes, key->size, LUKS_STRIPES, material->bytes) == -1)
        return -1;
    cipher = slot_cipher(h, &slot, password);
    if (cipher == NULL)
        return -1;
    r = cipher_encrypt(cipher, material->bytes, material->size, 0);
    cipher_free(cipher);
    slot.active = true;
    if (r == 0)
        h->slots[index] = slot;
    return r;
}
