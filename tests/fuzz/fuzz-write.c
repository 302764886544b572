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

struct operation {
    uint8_t kind;
    uint64_t offset;
    uint64_t length;
};

enum { READ, WRITE, ZERO, ZERO_UNMAP, DISCARD, FLUSH, CREATE, APPLY, DELETE, RESIZE, KINDS };

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

static void write_bytes(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    static uint8_t buf[MAX_LENGTH];

    memset(buf, byte, o->length);
    if (image_write(image, buf, o->length, o->offset, 0) == 0)
        reads_as(image, o, byte);
}

static void zero(struct qcow2_image *image, const struct operation *o, uint32_t flags)
{
    if (image_zero(image, o->length, o->offset, flags) == 0)
        reads_as(image, o, 0);
}

static void operate(struct qcow2_image *image, const struct operation *o, uint8_t byte)
{
    static uint8_t buf[MAX_LENGTH];

    switch (o->kind) {
    case READ: image_read(image, buf, o->length, o->offset); break;
    case WRITE: write_bytes(image, o, byte); break;
    case ZERO: zero(image, o, 0); break;
    case ZERO_UNMAP: zero(image, o, QCOW2_MAY_UNMAP); break;
    case DISCARD: image_discard(image, o->length, o->offset, 0); break;
    case FLUSH: image_flush(image); break;
    case CREATE: image_snapshot_create(image, "fuzz"); break;
    case APPLY: image_snapshot_apply(image, "fuzz"); break;
    case DELETE: image_snapshot_delete(image, "fuzz"); break;
    case RESIZE:
        image_resize(image, round_up(o->offset + o->length, 512), QCOW2_RESIZE_SHRINK);
        break;
    }
}

static void change(struct qcow2_image *image, const uint8_t *operations, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct operation o = decode(operations + i * OPERATION_SIZE, image_size(image));

        operate(image, &o, (uint8_t)(i + 1));
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
