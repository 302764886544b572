/* SPDX-License-Identifier: BSD-3-Clause */
/* luks.h - the header of a LUKS volume, version 1, and its key slots
 *
 *     0        header, 592 bytes: cipher, hash, digest of the volume key, 8 key slots
 *     4096     key material of slot 0: the volume key, split into stripes (split.h), encrypted with
 *              a key made of a password
 *     ...      key material of slot 7
 *     payload_offset   the encrypted disk; in a qcow2 image there is none, and the guest's clusters
 *              lie elsewhere
 *
 * All offsets are relative to the start of the header.  Decoding validates every number; nothing
 * here does I/O.  Whoever opens a slot does an amount of work that the header chooses: a round of
 * PBKDF2 for each iteration and each digest's length of key.  A header that asks for more than
 * LUKS_MAX_ROUNDS in all its slots together is refused.  That is what eight slots need whose
 * passwords take two seconds each on a fast machine, ten million rounds a second.  A stranger's
 * header gets an eighth of that (QCOW2_MOST_UNTRUSTED_ROUNDS), which is some seconds' work.
 */

#ifndef QCOW2_CRYPTO_LUKS_H
#define QCOW2_CRYPTO_LUKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/cipher.h"
#include "crypto/secret.h"

#define LUKS_HEADER_BYTES 592u
#define LUKS_SLOTS 8u
#define LUKS_STRIPES 4000u
#define LUKS_SALT_BYTES 32u
#define LUKS_DIGEST_BYTES 20u
#define LUKS_UUID_BYTES 40u
#define LUKS_MAX_ROUNDS (UINT64_C(1) << 28)
#define LUKS_DEFAULT_ITER_TIME 2000u /* milliseconds */

/* One slot's fields in the header. */
#define LUKS_SLOT_AT(slot) (208u + (slot)*48u)
#define LUKS_SLOT_BYTES 48u

struct luks_slot {
    bool active;
    uint32_t iterations;
    uint8_t salt[LUKS_SALT_BYTES];
    uint64_t material_offset; /* bytes */
};

struct luks_header {
    struct cipher_spec spec;
    const struct hash *hash;
    uint64_t payload_offset; /* bytes */
    uint8_t digest[LUKS_DIGEST_BYTES];
    uint8_t digest_salt[LUKS_SALT_BYTES];
    uint32_t digest_iterations;
    char uuid[LUKS_UUID_BYTES];
    struct luks_slot slots[LUKS_SLOTS];
};

/* Where the header and the key material end is how much of the store belongs to the header: length
 * bytes.  The sentence of an error does not name the file. */
int luks_decode(const uint8_t bytes[LUKS_HEADER_BYTES], uint64_t length,
                struct luks_header *header);
void luks_encode(const struct luks_header *header, uint8_t bytes[LUKS_HEADER_BYTES]);
void luks_encode_slot(const struct luks_slot *slot, uint8_t bytes[LUKS_SLOT_BYTES]);

/* Rounds of PBKDF2 to try a password in all active slots. */
uint64_t luks_work(const struct luks_header *header);
/* Is it so much work to try a password in all active slots that it should not be begun?  Then
 * -1. */
int luks_check_work(const struct luks_header *header, uint64_t max_rounds);

/* Bytes of the key material of a slot: whole sectors. */
size_t luks_material_bytes(const struct luks_header *header);

/* Rounds of PBKDF2 in an iteration that makes so many bytes. */
static inline uint64_t luks_rounds(const struct hash *hash, size_t count)
{
    return (count + hash->size - 1) / hash->size;
}

/* What a new volume shall be. */
struct luks_options {
    struct cipher_spec spec;
    const struct hash *hash;
    uint64_t iter_time; /* milliseconds */
};

/* AES with 256 bits in XTS mode, as others make them. */
struct luks_options luks_options_default(void);

/* Bytes before the payload of a new volume. */
uint64_t luks_length(const struct cipher_spec *spec);

/* Can there be such a volume, here and for others who read it?  Takes part of a second when more
 * time than the default is asked for. */
int luks_check_options(const struct luks_options *options);

/* A header without passwords, and its random volume key. */
int luks_new(const struct luks_options *options, struct luks_header *header, struct secret *key);

/* Does this password open the slot, whose material (decrypted in place) is given?  1 yes, the
 * volume key is in key; 0 no; -1 error. */
int luks_open_slot(const struct luks_header *header, unsigned slot, const struct secret *password,
                   struct secret *material, struct secret *key);

/* Make a slot, which becomes active in header, for a password; material is what is to be stored. */
int luks_seal_slot(struct luks_header *header, unsigned slot, const struct secret *password,
                   uint64_t iter_time, const struct secret *key, struct secret *material);

#endif
