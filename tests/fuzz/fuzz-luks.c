/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-luks.c - the header of a LUKS volume, alone and in a qcow2 image, opened with the password
 *
 * Key material is large and cannot be guessed.  The volumes are therefore made here, once, and the
 * input damages them: which of the two (1 byte), then patches:
 *
 *     place (2 bytes) | length (1) | bytes
 *
 * Places from 0x8000 on are in the header of the qcow2 image, the others in that of the volume.  What
 * nobody patches opens, and reads as zeroes.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "store/luks_volume.h"

#define PASSWORD "fuzz"
#define DISK_SIZE 65536u
#define IN_IMAGE 0x8000u
#define FEW_ITERATIONS 1000u
#define DIGEST_ITERATIONS_AT 164u
#define SLOT_ITERATIONS_AT(slot) (LUKS_SLOT_AT(slot) + 4)

enum { ALONE, IN_QCOW2, KINDS };

/* A volume that nobody damaged. */
struct volume {
    uint8_t *bytes;
    size_t size;
    size_t header; /* where the LUKS header lies */
};

static struct volume volumes[KINDS];

static const enum image_format formats[KINDS] = { FORMAT_LUKS, FORMAT_QCOW2 };

/* ------------------------------------------------------------------------------------------------
 * Making
 */

static void set(qcow2_create_options *options, unsigned kind, const char *name, const char *value)
{
    char key[64];

    snprintf(key, sizeof key, "%s%s", kind == IN_QCOW2 ? "encrypt." : "", name);
    fuzz_require(qcow2_create_options_set(options, key, value) == 0);
}

static qcow2_create_options *options_of(unsigned kind)
{
    qcow2_create_options *options = qcow2_create_options_new();

    fuzz_require(options != NULL);
    options->format = formats[kind];
    options->size = DISK_SIZE;
    if (kind == IN_QCOW2) {
        set(options, kind, "format", "luks");
        options->cluster_size = 4096;
    }
    set(options, kind, "cipher-alg", "aes-128");
    set(options, kind, "cipher-mode", "cbc");
    set(options, kind, "ivgen-alg", "plain64");
    set(options, kind, "iter-time", "1");
    fuzz_require(qcow2_create_options_set_secret(options, PASSWORD, strlen(PASSWORD)) == 0);
    return options;
}

static void format(struct store *store, const qcow2_create_options *options)
{
    uint64_t length = luks_length(&options->luks.spec) + DISK_SIZE;
    struct luks_volume volume;

    if (options->format == FORMAT_QCOW2)
        fuzz_require(image_format_store(store, options) == 0);
    else
        fuzz_require(store_truncate(store, length) == 0 &&
                     luks_volume_format(&volume, store, 0, &options->luks, &options->secret) == 0);
}

static void make(unsigned kind)
{
    static const uint8_t magic[] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };
    qcow2_create_options *options = options_of(kind);
    struct store *store = store_memory_new("new");
    struct volume *v = &volumes[kind];
    uint64_t size;

    fuzz_require(store != NULL);
    format(store, options);
    fuzz_require(store_size(store, &size) == 0);
    v->size = size;
    v->bytes = malloc(size);
    fuzz_require(v->bytes != NULL && store_pread(store, v->bytes, size, 0) == 0);
    while (memcmp(v->bytes + v->header, magic, sizeof magic) != 0)
        v->header += 512;
    store_close(store);
    qcow2_create_options_free(options);
}

/* ------------------------------------------------------------------------------------------------
 * Damaging
 */

static void patch(const struct volume *v, uint8_t *bytes, unsigned place, const uint8_t *data,
                  size_t size)
{
    size_t at = place < IN_IMAGE ? place % LUKS_HEADER_BYTES : place % 512;
    size_t end = place < IN_IMAGE ? LUKS_HEADER_BYTES : 512;

    memcpy(bytes + at + (place < IN_IMAGE ? v->header : 0), data, min_u64(size, end - at));
}

static void apply_patches(const struct volume *v, uint8_t *bytes, const uint8_t *data, size_t size)
{
    while (size > 3) {
        size_t count = min_u64(data[2], size - 3);

        patch(v, bytes, load_be16(data), data + 3, count);
        data += 3 + count;
        size -= 3 + count;
    }
}

/* Work that would be done is made little; what must be refused stays as it is. */
static void spare_work(uint8_t *at)
{
    uint32_t iterations = load_be32(at);

    if (iterations > FEW_ITERATIONS && iterations <= LUKS_MAX_ROUNDS)
        store_be32(at, FEW_ITERATIONS);
}

static uint8_t *damaged(const struct volume *v, const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(v->size), *header = bytes + v->header;

    fuzz_require(bytes != NULL);
    memcpy(bytes, v->bytes, v->size);
    apply_patches(v, bytes, data, size);
    spare_work(header + DIGEST_ITERATIONS_AT);
    for (unsigned i = 0; i < LUKS_SLOTS; i++)
        spare_work(header + SLOT_ITERATIONS_AT(i));
    return bytes;
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 */

static void use(const struct volume *v, unsigned kind, const uint8_t *bytes, uint32_t flags)
{
    struct qcow2_open_options options = {
        .format = formats[kind],
        .flags = QCOW2_OPEN_READ_ONLY | flags,
        .backing_policy = QCOW2_BACKING_IGNORE,
    };
    qcow2_encryption encryption;
    struct qcow2_image *image;

    fuzz_require(secret_set(&options.secret, PASSWORD, strlen(PASSWORD)) == 0);
    image = image_open_store(fuzz_store(bytes, v->size), &options);
    secret_clear(&options.secret);
    fuzz_require(image != NULL || memcmp(bytes, v->bytes, v->size) != 0);
    if (image == NULL)
        return;
    image_encryption(image, &encryption);
    if (!(flags & QCOW2_OPEN_NO_IO))
        fuzz_look(image);
    image_close(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned kind = size > 0 ? data[0] % KINDS : 0;
    const struct volume *v = &volumes[kind];
    uint8_t *bytes;

    if (size == 0)
        return 0;
    if (v->bytes == NULL)
        make(kind);
    bytes = damaged(v, data + 1, size - 1);
    use(v, kind, bytes, QCOW2_OPEN_NO_IO);
    use(v, kind, bytes, 0);
    free(bytes);
    return 0;
}
