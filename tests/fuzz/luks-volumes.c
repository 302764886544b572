/* SPDX-License-Identifier: BSD-3-Clause */
/* luks-volumes.c - LUKS volumes, alone and in a qcow2 image, that an input damages */

#include "fuzz/luks-volumes.h"

#include <string.h>

#include "crypto/split.h"
#include "store/luks_volume.h"

#define DISK_SIZE 65536u
#define IN_IMAGE 0x8000u
#define ROUNDS_A_SECOND UINT64_C(1000000) /* so many anywhere */

static struct luks_made volumes[LUKS_KINDS] = { { .format = FORMAT_LUKS },
                                                { .format = FORMAT_QCOW2 } };

/* ------------------------------------------------------------------------------------------------
 * Little work
 */

int __real_hash_pbkdf2(const struct hash *hash, const void *password, size_t password_size,
                       const uint8_t *salt, size_t salt_size, uint64_t iterations, uint8_t *out,
                       size_t count);
int __wrap_hash_pbkdf2(const struct hash *hash, const void *password, size_t password_size,
                       const uint8_t *salt, size_t salt_size, uint64_t iterations, uint8_t *out,
                       size_t count);
uint64_t __wrap_hash_pbkdf2_rate(const struct hash *hash, size_t count);
int __wrap_split_key(const struct hash *hash, const uint8_t *key, size_t size, uint32_t stripes,
                     uint8_t *material);
int __wrap_split_merge(const struct hash *hash, const uint8_t *material, size_t size,
                       uint32_t stripes, uint8_t *key);

int __wrap_hash_pbkdf2(const struct hash *hash, const void *password, size_t password_size,
                       const uint8_t *salt, size_t salt_size, uint64_t iterations, uint8_t *out,
                       size_t count)
{
    return __real_hash_pbkdf2(hash, password, password_size, salt, salt_size, iterations != 0, out,
                              count);
}

uint64_t __wrap_hash_pbkdf2_rate(const struct hash *hash, size_t count)
{
    (void)hash, (void)count;
    return ROUNDS_A_SECOND;
}

int __wrap_split_key(const struct hash *hash, const uint8_t *key, size_t size, uint32_t stripes,
                     uint8_t *material)
{
    (void)hash;
    memset(material, 0, (stripes - 1) * size);
    memcpy(material + (stripes - 1) * size, key, size);
    return 0;
}

int __wrap_split_merge(const struct hash *hash, const uint8_t *material, size_t size,
                       uint32_t stripes, uint8_t *key)
{
    (void)hash;
    memcpy(key, material + (stripes - 1) * size, size);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Making
 */

static void set(qcow2_create_options *options, enum image_format format, const char *name,
                const char *value)
{
    char key[64];

    snprintf(key, sizeof key, "%s%s", format == FORMAT_QCOW2 ? "encrypt." : "", name);
    fuzz_require(qcow2_create_options_set(options, key, value) == 0);
}

static qcow2_create_options *options_of(enum image_format format, const char *password)
{
    qcow2_create_options *options = qcow2_create_options_new();

    fuzz_require(options != NULL);
    options->format = format;
    options->size = DISK_SIZE;
    if (format == FORMAT_QCOW2) {
        set(options, format, "format", "luks");
        options->cluster_size = 4096;
    }
    set(options, format, "cipher-alg", "aes-128");
    set(options, format, "cipher-mode", "cbc");
    set(options, format, "ivgen-alg", "plain64");
    set(options, format, "iter-time", "1");
    fuzz_require(qcow2_create_options_set_secret(options, password, strlen(password)) == 0);
    return options;
}

static void format(struct store *store, const qcow2_create_options *options)
{
    uint64_t length = luks_length(&options->luks.spec) + DISK_SIZE;
    struct luks_volume volume;

    if (options->format == FORMAT_QCOW2) {
        fuzz_require(image_format_store(store, options) == 0);
        return;
    }
    fuzz_require(store_truncate(store, length) == 0 &&
                 luks_volume_format(&volume, store, 0, &options->luks, &options->secret) == 0);
    luks_volume_clear(&volume);
}

static void make(struct luks_made *made, const char *password)
{
    static const uint8_t magic[] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };
    qcow2_create_options *options = options_of(made->format, password);
    struct store *store = store_memory_new("new");
    uint64_t size;

    fuzz_require(store != NULL);
    format(store, options);
    fuzz_require(store_size(store, &size) == 0);
    made->size = size;
    made->bytes = malloc(size);
    made->damaged = malloc(size);
    fuzz_require(made->bytes != NULL && made->damaged != NULL);
    fuzz_require(store_pread(store, made->bytes, size, 0) == 0);
    while (memcmp(made->bytes + made->header, magic, sizeof magic) != 0)
        made->header += 512;
    store_close(store);
    qcow2_create_options_free(options);
}

const struct luks_made *luks_made(unsigned kind, const char *password)
{
    struct luks_made *made = &volumes[kind % LUKS_KINDS];

    if (made->bytes == NULL)
        make(made, password);
    return made;
}

/* ------------------------------------------------------------------------------------------------
 * Damaging, opening
 */

static void patch(const struct luks_made *made, uint8_t *bytes, unsigned place, const uint8_t *data,
                  size_t size)
{
    size_t at = place < IN_IMAGE ? place % LUKS_HEADER_BYTES : place % 512;
    size_t end = place < IN_IMAGE ? LUKS_HEADER_BYTES : 512;

    memcpy(bytes + at + (place < IN_IMAGE ? made->header : 0), data, min_u64(size, end - at));
}

const uint8_t *luks_damaged(const struct luks_made *made, const uint8_t *patches, size_t size)
{
    uint8_t *bytes = made->damaged;

    memcpy(bytes, made->bytes, made->size);
    while (size > 3) {
        size_t count = min_u64(patches[2], size - 3);

        patch(made, bytes, load_be16(patches), patches + 3, count);
        patches += 3 + count;
        size -= 3 + count;
    }
    return bytes;
}

struct qcow2_image *luks_open(const struct luks_made *made, struct store *store, uint32_t flags,
                              const char *password)
{
    struct qcow2_open_options options = {
        .format = made->format,
        .flags = flags,
        .backing_policy = QCOW2_BACKING_IGNORE,
        .store_lent = true,
    };
    struct qcow2_image *image;

    fuzz_require(secret_set(&options.secret, password, strlen(password)) == 0);
    image = image_open_store(store, &options);
    secret_clear(&options.secret);
    return image;
}
