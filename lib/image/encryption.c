/* SPDX-License-Identifier: BSD-3-Clause */
/* encryption.c - opening what is behind a password
 *
 *     LUKS inside qcow2    a header in clusters of its own; the guest's standard clusters are
 *                          encrypted with their host offset for an IV, so an encrypting store lies
 *                          between the tables and the file (store/crypt.h)
 *     AES inside qcow2     no header; the key is the password; the IV is the guest offset.  Old,
 *                          weak, and for reading only
 *     LUKS                 a header, and then the disk
 */

#include "image/encryption.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "guest/guest.h"
#include "guest/raw.h"
#include "store/crypt.h"
#include "store/luks_volume.h"

#define AES_KEY_BYTES 16u

/* ------------------------------------------------------------------------------------------------
 * Passwords
 */

static const char *secret_name(enum image_format format)
{
    return format == FORMAT_LUKS ? "key-secret" : "encrypt.key-secret";
}

static int no_secret(enum image_format format)
{
    return error_set(ENOKEY, "Parameter '%s' is required for cipher", secret_name(format));
}

static uint32_t depth_of(const struct qcow2_open_options *options)
{
    uint32_t depth = 0;

    for (const struct qcow2_image *above = options->overlay; above; above = above->overlay)
        depth++;
    return depth;
}

static int find_secret(const struct qcow2_image *image, const struct qcow2_open_options *options,
                       struct secret *secret)
{
    const void *bytes = options->secret.bytes;
    size_t size = options->secret.size;

    if (bytes == NULL && (options->secret_callback == NULL ||
                          options->secret_callback(options->secret_opaque, image->filename,
                                                   depth_of(options), &bytes, &size) != 0))
        return no_secret(image->format);
    return secret_set(secret, bytes, size);
}

int encryption_check_secret(const struct qcow2_create_options *options)
{
    return options->secret.bytes ? 0 : no_secret(options->format);
}

/* ------------------------------------------------------------------------------------------------
 * LUKS
 */

static int load(struct qcow2_image *image, uint64_t base, uint64_t length)
{
    image->luks = calloc(1, sizeof *image->luks);
    if (image->luks == NULL)
        return error_no_memory(), -1;
    return luks_volume_load(image->luks, image->store, base, length);
}

void encryption_close(struct qcow2_image *image)
{
    if (image->luks != NULL)
        luks_volume_clear(image->luks);
    free(image->luks);
}

/* The plain text of inner, whose sectors are numbered from base on. */
static int unlock(struct qcow2_image *image, const struct qcow2_open_options *options,
                  struct store *inner, uint64_t base)
{
    CLEANUP_SECRET struct secret password = { 0 };
    struct cipher *cipher;

    if (image->flags & QCOW2_OPEN_UNTRUSTED &&
        luks_check_work(&image->luks->header, QCOW2_MOST_UNTRUSTED_ROUNDS) == -1)
        return -1;
    if (find_secret(image, options, &password) == -1 ||
        luks_volume_unlock(image->luks, &password) == -1)
        return -1;
    cipher = cipher_new(&image->luks->header.spec, image->luks->key.bytes);
    image->crypt = cipher ? store_crypt_new(inner, cipher, base) : NULL;
    return image->crypt ? 0 : -1;
}

static int open_luks(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    uint64_t length, payload;

    if (options->snapshot != NULL)
        return error_set(ENOTSUP, "luks images have no internal snapshots");
    if (options->backing_file != NULL)
        return error_set(ENOTSUP, "luks images have no backing files");
    if (store_size(image->store, &length) == -1 || load(image, 0, length) == -1)
        return -1;
    payload = image->luks->header.payload_offset;
    if (payload > length || length > INT64_MAX - 512)
        return error_set(EINVAL,
                         "The encrypted disk begins at offset 0x%" PRIx64
                         ", the file ends at 0x%" PRIx64,
                         payload, length);
    image->locked_size = round_up(length - payload, 512);
    if (image->flags & QCOW2_OPEN_NO_IO)
        return 0;
    if (unlock(image, options, image->store, payload) == -1)
        return -1;
    image->disk = raw_disk_new(image->crypt);
    return image->disk ? 0 : -1;
}

int encryption_open_luks(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    return open_luks(image, options) == -1 ? image_could_not_open(image->filename) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * AES
 */

static int refuse_to_write(const struct qcow2_image *image)
{
    if (image_read_only(image))
        return 0;
    return error_set(ENOTSUP, "AES-encrypted qcow2 images can only be opened read-only; convert it "
                              "to a LUKS-encrypted one to write to it");
}

/* The password, cut or padded with zeroes, is the key. */
struct cipher *encryption_unlock_aes(struct qcow2_image *image,
                                     const struct qcow2_open_options *options)
{
    const struct cipher_spec spec = { block_cipher_find("aes-128"), cipher_mode_find("cbc"),
                                      IV_PLAIN64, NULL };
    CLEANUP_SECRET struct secret password = { 0 }, key = { 0 };

    if (find_secret(image, options, &password) == -1 || refuse_to_write(image) == -1 ||
        secret_new(&key, AES_KEY_BYTES) == -1) {
        image_could_not_open(image->filename);
        return NULL;
    }
    memcpy(key.bytes, password.bytes, min_u64(password.size, AES_KEY_BYTES));
    return cipher_new(&spec, key.bytes);
}

/* ------------------------------------------------------------------------------------------------
 * Inside qcow2
 */

static int load_luks_of_qcow2(struct qcow2_image *image)
{
    struct tables *t = &image->tables;
    const struct header *h = &t->header;
    uint64_t length;

    if (store_size(image->store, &length) == -1)
        return -1;
    if (h->crypto_offset == 0 || !is_aligned(h->crypto_offset, t->geometry.cluster_size))
        return error_set(EINVAL,
                         "Encryption header offset 0x%" PRIx64
                         " is not a multiple of cluster size 0x%" PRIx64,
                         h->crypto_offset, t->geometry.cluster_size);
    if (!range_within(h->crypto_offset, h->crypto_length, length) ||
        h->crypto_length < LUKS_HEADER_BYTES)
        return error_set(EINVAL,
                         "Encryption header of %" PRIu64 " bytes at offset 0x%" PRIx64
                         " is not possible: the file ends at 0x%" PRIx64,
                         h->crypto_length, h->crypto_offset, length);
    if (load(image, h->crypto_offset, h->crypto_length) == -1)
        return -1;
    return t->read_only ? 0
                        : metadata_map_add_range(&t->map, METADATA_CRYPTO, h->crypto_offset,
                                                 h->crypto_length);
}

static const char *method_name(uint32_t crypt_method)
{
    return crypt_method == CRYPT_AES ? "aes" : "luks";
}

/* Is it encrypted as the caller expects? */
static int check_method(const struct qcow2_image *image, uint32_t expected)
{
    uint32_t method = image->tables.header.crypt_method;

    if (expected == CRYPT_NONE || expected == method)
        return 0;
    if (method == CRYPT_NONE)
        error_set(EINVAL, "No encryption in image header, but options specified format '%s'",
                  method_name(expected));
    else
        error_set(EINVAL, "Header reported '%s' encryption format but options specify '%s'",
                  method_name(method), method_name(expected));
    return image_could_not_open(image->filename);
}

int encryption_load_qcow2(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    if (check_method(image, options->crypt_method) == -1)
        return -1;
    if (image->tables.header.crypt_method != CRYPT_LUKS || image->flags & QCOW2_OPEN_CHECK)
        return 0;
    return load_luks_of_qcow2(image) == -1 ? image_could_not_open(image->filename) : 0;
}

static int unlock_luks_of_qcow2(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    struct tables *t = &image->tables;

    if (unlock(image, options, t->data, 0) == -1)
        return -1;
    t->data = image->crypt;
    t->encrypted = true;
    return 0;
}

int encryption_unlock_qcow2(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    struct cipher *cipher;

    switch (image->tables.header.crypt_method) {
    case CRYPT_AES:
        cipher = encryption_unlock_aes(image, options);
        if (cipher == NULL)
            return -1;
        guest_set_cipher(image->disk, cipher);
        break;
    case CRYPT_LUKS:
        if (unlock_luks_of_qcow2(image, options) == -1)
            return image_could_not_open(image->filename);
        break;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Facts
 */

static void luks_facts(const struct luks_header *h, qcow2_encryption *encryption)
{
    *encryption = (qcow2_encryption){
        .format = "luks",
        .cipher_alg = h->spec.block->name,
        .cipher_mode = h->spec.mode->name,
        .ivgen_alg = iv_kind_name(h->spec.iv),
        .ivgen_hash_alg = h->spec.iv == IV_ESSIV ? h->spec.iv_hash->name : NULL,
        .hash_alg = h->hash->name,
        .uuid = h->uuid,
        .payload_offset = h->payload_offset,
        .master_key_iterations = h->digest_iterations,
        .password_rounds = luks_work(h),
    };
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        encryption->slots[i] = (qcow2_keyslot){
            .active = h->slots[i].active,
            .iterations = h->slots[i].active ? h->slots[i].iterations : 0,
            .stripes = LUKS_STRIPES,
            .key_offset = h->slots[i].material_offset,
        };
}

int image_encryption(struct qcow2_image *image, qcow2_encryption *encryption)
{
    READ_SCOPE(&image->operations);

    *encryption = (qcow2_encryption){ 0 };
    if (image->luks != NULL)
        luks_facts(&image->luks->header, encryption);
    else if (image_is_encrypted(image))
        encryption->format =
            method_name(image->tables_open ? image->tables.header.crypt_method : CRYPT_AES);
    return 0;
}
