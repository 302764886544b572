/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz.c - what the targets share */

#include "fuzz/fuzz.h"

#include <string.h>

#include "check/check.h"

#define PAGE 4096u        /* bytes that a store in memory takes at once */
#define PIECE 65536u      /* bytes read at once */
#define PLACES 16u        /* where an image is read */
#define MAX_EXTENTS 4096u /* of a map that are looked at */

/* Most of an image is zeroes, which cost nothing if they are not written. */
struct store *fuzz_store(const uint8_t *data, size_t size)
{
    struct store *store = store_memory_new("input");

    fuzz_require(store != NULL && store_truncate(store, size) == 0);
    for (size_t at = 0; at < size; at += PAGE) {
        size_t count = min_u64(PAGE, size - at);

        if (!is_filled(data + at, 0, count))
            fuzz_require(store_pwrite(store, data + at, count, at) == 0);
    }
    return store;
}

void fuzz_holds(struct store *store, const uint8_t *data, size_t size)
{
    uint8_t *now = malloc(size + 1);
    uint64_t length;

    fuzz_require(now != NULL);
    fuzz_require(store_size(store, &length) == 0 && length == size);
    fuzz_require(store_pread(store, now, size, 0) == 0 && memcmp(now, data, size) == 0);
    free(now);
}

struct qcow2_image *fuzz_open(struct store *store, uint32_t flags, const char *snapshot)
{
    struct qcow2_open_options options = {
        .format = FORMAT_QCOW2,
        .flags = flags,
        .backing_policy = QCOW2_BACKING_IGNORE,
        .snapshot = (char *)(uintptr_t)snapshot,
    };

    return image_open_store(store, &options);
}

/* ------------------------------------------------------------------------------------------------
 * Looking
 */

static int count_extent(void *opaque, const qcow2_extent *extent)
{
    unsigned *count = opaque;

    fuzz_require(extent->length > 0);
    return ++*count < MAX_EXTENTS ? 0 : 1;
}

static int see_snapshot(void *opaque, const qcow2_snapshot *snapshot)
{
    unsigned *count = opaque;

    fuzz_require(snapshot->id != NULL && snapshot->name != NULL);
    ++*count;
    return 0;
}

static void read_places(struct qcow2_image *image)
{
    static uint8_t buf[PIECE];
    uint64_t size = image_size(image);

    for (uint64_t i = 0; i < PLACES && size > 0; i++) {
        uint64_t offset = size / PLACES * i;

        image_read(image, buf, min_u64(sizeof buf, size - offset), offset);
    }
}

void fuzz_look(struct qcow2_image *image)
{
    unsigned extents = 0, snapshots = 0;
    qcow2_info info;

    fuzz_require(image_info(image, &info) == 0);
    image_snapshot_list(image, see_snapshot, &snapshots);
    fuzz_require(snapshots == image->snapshots.count);
    image_map(image, image_size(image), 0, 0, count_extent, &extents);
    read_places(image);
}

/* ------------------------------------------------------------------------------------------------
 * Checking
 */

int fuzz_load_header(struct store *store, struct header *header)
{
    uint8_t sector[HEADER_SECTOR];
    uint64_t length, cluster_size;
    uint8_t *cluster;
    int bits, r;

    if (store_size(store, &length) == -1 || store_pread(store, sector, sizeof sector, 0) == -1)
        return -1;
    bits = header_decode_cluster_bits(sector);
    if (bits == -1)
        return -1;
    cluster_size = UINT64_C(1) << bits;
    cluster = malloc(cluster_size);
    fuzz_require(cluster != NULL);
    r = store_pread(store, cluster, cluster_size, 0);
    if (r == 0)
        r = header_decode(cluster, length, HEADER_FOR_CHECK, header);
    free(cluster);
    return r;
}

bool fuzz_is_damaged(struct store *store)
{
    qcow2_check_result result = { 0 };
    struct header header;
    int r;

    if (fuzz_load_header(store, &header) == -1)
        return true;
    r = check_run(store, &header, NULL, NULL, &result);
    header_destroy(&header);
    return r == -1 || result.corruptions > 0 || result.check_errors > 0;
}
