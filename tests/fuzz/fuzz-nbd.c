/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-nbd.c - a store on an NBD server that says anything
 *
 * The input is what the server says of its export, what is done to the store, and the server's
 * moods (nbd-server.h):
 *
 *     kind (1 byte) | flaws (1) | flags (2) | size (8) | three block sizes (4 each) |
 *     number of operations (1) | kind, place (4), length (2) | kind, ... | moods
 *
 * The export is empty, or holds a qcow2 image.  A lost server is waited for if the kind says so.
 * Then the operations are done to its disk, and size is what the server's answer differs by, in
 * bits.  The store waits for nobody who says nothing, asks for nothing beyond the end that it was
 * told, and, as long as the server has not lied, shows what is there.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "base/error.h"
#include "fuzz/nbd-server.h"
#include "store/nbd.h"

#define HEAD_BYTES 25u
#define OPERATION_BYTES 7u
#define MAX_OPERATIONS 16u
#define MAX_LENGTH 65536u
#define DISK_SIZE 65536u

enum { EMPTY, IMAGE, IMAGE_READ_ONLY, KINDS };
#define WAITING 0x80u /* beside the kind */
#define SECONDS 2u

struct operation {
    uint8_t kind, byte;
    uint64_t offset, length;
};

static uint8_t expected[MAX_LENGTH], seen[MAX_LENGTH];

/* ------------------------------------------------------------------------------------------------
 * Bytes at offsets
 */

/* What both the store and the export have at a range is the same. */
static void reads_as_it_is(struct store *store, struct store *content, const struct operation *o)
{
    uint64_t size;

    if (store_pread(store, seen, o->length, o->offset) == -1 || nbd_server_has_lied() ||
        store_pread(content, expected, o->length, o->offset) == -1)
        return;
    fuzz_require(store_size(store, &size) == 0);
    if (o->offset < size)
        fuzz_require(memcmp(seen, expected, min_u64(o->length, size - o->offset)) == 0);
}

static void look_for_holes(struct store *store, struct store *content, const struct operation *o)
{
    struct store_extent extent;
    uint64_t end = o->offset + o->length;

    for (uint64_t at = o->offset; at < end; at += extent.length) {
        if (store_extent_at(store, end - at, at, &extent) == -1)
            return;
        fuzz_require(extent.length > 0 && extent.length <= end - at);
        if (!extent.hole || nbd_server_has_lied() ||
            store_pread(content, expected, extent.length, at) == -1)
            continue;
        for (uint64_t i = 0; i < extent.length; i++)
            fuzz_require(expected[i] == 0);
    }
}

static void write_there(struct store *store, struct store *content, const struct operation *o)
{
    memset(seen, o->byte, o->length);
    if (store_pwrite(store, seen, o->length, o->offset) == -1 || nbd_server_has_lied() ||
        store_pread(content, expected, o->length, o->offset) == -1)
        return;
    memset(seen, o->byte, o->length);
    fuzz_require(memcmp(seen, expected, o->length) == 0);
}

/* What failed once fails for ever. */
static void flush_twice(struct store *store)
{
    if (store_flush(store) == -1)
        fuzz_require(store_flush(store) == -1);
}

static void do_to_store(struct store *store, struct store *content, const struct operation *o)
{
    uint64_t size;

    switch (o->kind % 8) {
    case 0: reads_as_it_is(store, content, o); break;
    case 1: write_there(store, content, o); break;
    case 2:
    case 3: store_zero(store, o->length, o->offset, o->kind % 2); break;
    case 4: store_discard(store, o->length, o->offset); break;
    case 5: flush_twice(store); break;
    case 6: look_for_holes(store, content, o); break;
    default: fuzz_require(store_size(store, &size) == 0); store_truncate(store, o->offset);
    }
}

/* ------------------------------------------------------------------------------------------------
 * A disk
 */

static void do_to_disk(struct qcow2_image *image, const struct operation *at)
{
    struct operation o = *at;

    o.offset %= image_size(image) + 1;
    o.length = min_u64(o.length, image_size(image) - o.offset);
    memset(seen, o.byte, o.length);
    switch (o.kind % 6) {
    case 0: image_read(image, seen, o.length, o.offset); break;
    case 1: image_write(image, seen, o.length, o.offset, 0); break;
    case 2: image_zero(image, o.length, o.offset, QCOW2_MAY_UNMAP); break;
    case 3: image_discard(image, o.length, o.offset, 0); break;
    case 4: image_flush(image); break;
    default: fuzz_look(image);
    }
}

static void fill_with_image(struct store *content)
{
    static uint8_t *bytes;
    static uint64_t size;

    if (bytes == NULL) {
        qcow2_create_options *options = qcow2_create_options_new();
        struct store *store = store_memory_new("new");

        fuzz_require(options != NULL && store != NULL);
        options->size = DISK_SIZE;
        options->cluster_size = 4096;
        fuzz_require(image_format_store(store, options) == 0 && store_size(store, &size) == 0);
        bytes = malloc(size);
        fuzz_require(bytes != NULL && store_pread(store, bytes, size, 0) == 0);
        store_close(store);
        qcow2_create_options_free(options);
    }
    /* a server cannot be made longer: room for all there is to write */
    fuzz_require(store_pwrite(content, bytes, size, 0) == 0);
    fuzz_require(store_truncate(content, size + 2 * DISK_SIZE) == 0);
}

/* ------------------------------------------------------------------------------------------------
 * The target
 */

static struct operation decode(const uint8_t *bytes, uint8_t number)
{
    return (struct operation){
        .kind = bytes[0],
        .byte = number + 1,
        .offset = (uint64_t)load_be32(bytes + 1) << 8 * (bytes[0] >> 5),
        .length = load_be16(bytes + 5),
    };
}

static struct store *open_export(uint32_t flags, bool waiting)
{
    const struct nbd_options options = { .reconnect_delay = waiting ? SECONDS : 0 };

    return store_nbd_open("nbd://fuzz", flags, &options);
}

static void use_store(struct store *content, bool waiting, const uint8_t *operations,
                      unsigned count)
{
    struct store *store = open_export(0, waiting);

    if (store == NULL) {
        fuzz_require(error_message()[0] != '\0');
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        struct operation o = decode(operations + i * OPERATION_BYTES, (uint8_t)i);

        do_to_store(store, content, &o);
    }
    store_close(store);
}

static void use_image(uint32_t flags, bool waiting, const uint8_t *operations, unsigned count)
{
    struct store *store = open_export(flags & QCOW2_OPEN_READ_ONLY ? STORE_READ_ONLY : 0, waiting);
    struct qcow2_image *image = store ? fuzz_open(store, flags, NULL) : NULL;

    if (image == NULL) {
        fuzz_require(error_message()[0] != '\0');
        return; /* which closed the store */
    }
    for (unsigned i = 0; i < count; i++) {
        struct operation o = decode(operations + i * OPERATION_BYTES, (uint8_t)i);

        do_to_disk(image, &o);
    }
    image_close(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nbd_script script;
    const uint8_t *operations;
    bool as_long_as_it_says = true, waiting;
    unsigned kind, count;
    size_t head;

    if (size < HEAD_BYTES)
        return 0;
    kind = (data[0] & ~WAITING) % KINDS;
    waiting = data[0] & WAITING;
    count = data[24] % (MAX_OPERATIONS + 1);
    head = HEAD_BYTES + count * OPERATION_BYTES;
    if (size < head)
        return 0;
    script = (struct nbd_script){
        .content = store_memory_new("content"),
        .flaws = data[1],
        .flags = load_be16(data + 2),
        .size = load_be64(data + 4),
        .minimum = load_be32(data + 12),
        .preferred = load_be32(data + 16),
        .maximum = load_be32(data + 20),
        .moods = data + head,
        .nb_moods = size - head,
    };
    operations = data + HEAD_BYTES;
    fuzz_require(script.content != NULL);
    if (kind != EMPTY) {
        uint64_t length;

        fill_with_image(script.content);
        fuzz_require(store_size(script.content, &length) == 0);
        as_long_as_it_says = script.size == 0;
        script.size ^= length;
    }
    nbd_server_begin(&script);
    if (kind == EMPTY)
        use_store(script.content, waiting, operations, count);
    else
        use_image(kind == IMAGE ? 0 : QCOW2_OPEN_READ_ONLY, waiting, operations, count);
    nbd_server_end();
    fuzz_require(kind == EMPTY || !as_long_as_it_says || nbd_server_has_lied() ||
                 !fuzz_is_damaged(script.content));
    store_close(script.content);
    return 0;
}
