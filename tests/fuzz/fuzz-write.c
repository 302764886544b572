/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-write.c - an image is changed
 *
 * The input is a list of operations, four bytes each, and an image:
 *
 *     number of operations | kind, place (2), length | kind, ... | image
 *
 * What a change was told to have done is read back, and an image without damage has none
 * afterwards.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#define MAX_OPERATIONS 32u
#define OPERATION_SIZE 4u
#define MAX_LENGTH 65536u
#define CONTENT (UINT64_C(1) << 20) /* bytes that are compared */

struct operation {
    uint8_t kind;
    uint64_t offset;
    uint64_t length;
};

/* What an operation does; byte is one of its own. */
typedef void operator(struct qcow2_image *image, const struct operation *o, uint8_t byte);

static operator read_bytes, write_bytes, zero, zero_unmap, discard, flush, create, apply, delete,
    resize, compress, amend, add_bitmap, change_bitmap, merge_bitmaps;

static operator*
    const kinds[] = { read_bytes, write_bytes, zero,       zero_unmap,    discard,
                      flush,      create,      apply,      delete,        resize,
                      compress,   amend,       add_bitmap, change_bitmap, merge_bitmaps };

#define KINDS (sizeof kinds / sizeof kinds[0])

static struct operation decode(const uint8_t *bytes, uint64_t size)
{
    uint64_t place = ((uint64_t)bytes[1] << 8 | bytes[2]) * 512;
    struct operation o = { .kind = bytes[0] % KINDS };

    o.offset = size ? place % size : 0;
    o.length = min_u64(min_u64(1 + bytes[3] * 257u, MAX_LENGTH), size - o.offset);
    return o;
}

static bool damaged; /* the image is, from the start: nothing is promised */

/* The range holds what was written to it. */
static void reads_as(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    static uint8_t buf[MAX_LENGTH];

    if (damaged)
        return;
    fuzz_require(image_read(image, buf, o->length, o->offset) == 0);
    for (uint64_t i = 0; i < o->length; i++)
        fuzz_require(buf[i] == byte);
}

/* The beginning of the disk, which is all of a small one; NULL: it cannot be read, as a check does
 * not look into streams. */
static uint8_t *content(struct qcow2_image *image, uint64_t *size)
{
    uint8_t *buf;

    *size = min_u64(image_size(image), CONTENT);
    buf = malloc(*size + 1);
    fuzz_require(buf != NULL);
    if (image_read(image, buf, *size, 0) == 0)
        return buf;
    free(buf);
    return NULL;
}

static void read_bytes(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    static uint8_t buf[MAX_LENGTH];

    (void)byte;
    image_read(image, buf, o->length, o->offset);
}

static void write_bytes(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    static uint8_t buf[MAX_LENGTH];

    memset(buf, byte, o->length);
    if (image_write(image, buf, o->length, o->offset, 0) == 0)
        reads_as(image, o, byte);
}

/* Whole clusters: where the place is in one. */
static void compress(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    static uint8_t buf[MAX_LENGTH];
    uint64_t cluster_size = image->tables.geometry.cluster_size;
    struct operation whole = { .offset = o->offset - o->offset % cluster_size };

    whole.length = min_u64(cluster_size, image_size(image) - whole.offset);
    if (whole.length > MAX_LENGTH)
        return;
    memset(buf, byte, whole.length);
    if (image_write_compressed(image, buf, whole.length, whole.offset, 0) == 0)
        reads_as(image, &whole, byte);
}

static void zero(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)byte;
    if (image_zero(image, o->length, o->offset, 0) == 0)
        reads_as(image, o, 0);
}

static void zero_unmap(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)byte;
    if (image_zero(image, o->length, o->offset, QCOW2_MAY_UNMAP) == 0)
        reads_as(image, o, 0);
}

static void discard(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)byte;
    image_discard(image, o->length, o->offset, 0);
}

static void flush(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)o, (void)byte;
    image_flush(image);
}

static void create(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)o, (void)byte;
    image_snapshot_create(image, "fuzz");
}

static void apply(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)o, (void)byte;
    image_snapshot_apply(image, "fuzz");
}

static void delete (struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)o, (void)byte;
    image_snapshot_delete(image, "fuzz");
}

static void resize(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    (void)byte;
    image_resize(image, round_up(o->offset + o->length, 512), QCOW2_RESIZE_SHRINK);
}

/* The guest sees the same afterwards, whether it succeeds or not. */
static void amend(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    struct qcow2_amend_options options = {
        .version = (uint32_t)o->length % 3 == 0 ? 0 : 1 + (uint32_t)o->length % 3,
        .refcount_bits = o->offset / 512 % 8 == 7 ? 0 : 1u << o->offset / 512 % 8,
        .lazy_refcounts = (enum amend_switch)(o->offset / 4096 % 3),
    };
    uint64_t size;
    uint8_t *before = content(image, &size), *after;

    (void)byte;
    image_amend(image, &options, NULL, NULL);
    after = content(image, &size);
    fuzz_require(damaged || before == NULL || after != NULL);
    fuzz_require(damaged || before == NULL || memcmp(before, after, size) == 0);
    free(before);
    free(after);
}

static const char *bitmap_name(uint64_t number)
{
    static const char *const names[] = { "b1", "fuzz", "other" };

    return names[number % 3];
}

static int count_bitmap_extent(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    uint64_t *end = opaque;

    (void)dirty;
    fuzz_require(offset == *end && length > 0);
    *end = offset + length;
    return 0;
}

static void add_bitmap(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    uint64_t granularity = UINT64_C(512) << o->offset / 512 % 12;

    image_bitmap_add(image, bitmap_name(byte), granularity,
                     o->length % 2 ? QCOW2_BITMAP_ENABLED : 0);
}

static void change_bitmap(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    const char *name = bitmap_name(byte);
    uint64_t end = o->offset;

    switch (o->offset / 512 % 5) {
    case 0: image_bitmap_remove(image, name); break;
    case 1: image_bitmap_clear(image, name); break;
    case 2: image_bitmap_enable(image, name, true); break;
    case 3: image_bitmap_enable(image, name, false); break;
    default:
        if (image_bitmap_extents(image, name, o->length, o->offset, count_bitmap_extent, &end) == 0)
            fuzz_require(end == o->offset + o->length);
    }
}

static void merge_bitmaps(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    image_bitmap_merge(image, bitmap_name(byte), image, bitmap_name(o->length));
}

static void change(struct qcow2_image *image, const uint8_t *operations, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct operation o = decode(operations + (size_t)i * OPERATION_SIZE, image_size(image));

        kinds[o.kind](image, &o, (uint8_t)(i + 1));
    }
    fuzz_look(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned count = size > 0 ? data[0] % (MAX_OPERATIONS + 1) : 0;
    size_t head = 1 + count * OPERATION_SIZE;
    struct qcow2_image *image;
    struct store *store;

    if (size < head)
        return 0;
    store = fuzz_store(data + head, size - head);
    damaged = fuzz_is_damaged(store);
    image = fuzz_open(store, 0, NULL);
    if (image == NULL)
        return 0; /* which closed the store */
    change(image, data + 1, count);
    image->store_lent = true;
    image_close(image);
    fuzz_require(damaged || !fuzz_is_damaged(store));
    store_close(store);
    return 0;
}
