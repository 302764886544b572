/* SPDX-License-Identifier: BSD-3-Clause */
/* rebase-cut.c - while an image is rebased or committed, every power cut leaves the disk as it was
 *
 * Images and backing files lie in stores that remember what the last flush made durable.  At each flush
 * of the image mixtures of old and new sectors are opened, above the backing file that their header
 * names, of which only what is durable counts: the disk must read as before, and the check find nothing
 * but leaks.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "check/check.h"
#include "crash/random.h"
#include "guest/raw.h"
#include "image/image.h"
#include "store/memory.h"

#define SECTOR 512u
#define CAPACITY (UINT64_C(16) << 20)
#define DISK (UINT64_C(600) * SECTOR)
#define SUBSETS 10

struct cut {
    struct store store;
    uint8_t *bytes, *durable;
    uint64_t size, durable_size;
};

static struct cut overlay, first, second; /* the image, and two backing files */
static uint8_t expected[DISK], seen[DISK];
static bool judging;
static uint64_t seed, states;

static struct cut *to_cut(struct store *store)
{
    return (struct cut *)store;
}

/* ------------------------------------------------------------------------------------------------
 * Judging
 */

/* A disk of what is durable. */
static struct disk *durable_disk(struct cut *cut, struct store **store)
{
    *store = store_memory_new("durable");
    assert_int_equal(store_pwrite(*store, cut->durable, cut->durable_size, 0), 0);
    return raw_disk_new(*store);
}

static void judge_state(const uint8_t *bytes, uint64_t size)
{
    const struct qcow2_open_options options = { .flags = QCOW2_OPEN_READ_ONLY,
                                                .backing_policy = QCOW2_BACKING_IGNORE };
    struct store *store = store_memory_new("state"), *below = NULL;
    struct qcow2_image *image;
    qcow2_check_result result;
    const char *name;

    states++;
    assert_int_equal(store_pwrite(store, bytes, size, 0), 0);
    image = image_open_store(store, &options);
    if (image == NULL)
        fail_msg("a cut leaves no image: %s", error_message());
    name = image_backing_file(image);
    if (name)
        image->disk->backing = durable_disk(strcmp(name, "second") == 0 ? &second : &first, &below);
    image->disk->backing_missing = false;
    assert_int_equal(image_read(image, seen, DISK, 0), 0);
    assert_memory_equal(seen, expected, DISK);
    assert_int_equal(check_run(store, &image->tables.header, NULL, NULL, &result), 0);
    assert_int_equal(result.corruptions, 0);
    assert_int_equal(result.check_errors, 0);
    if (image->disk->backing)
        image->disk->backing->ops->close(image->disk->backing);
    image_close(image);
    store_close(below);
}

static void judge(const struct cut *cut)
{
    uint64_t end = cut->size > cut->durable_size ? cut->size : cut->durable_size;
    uint8_t *state = malloc(end + SECTOR);

    for (int i = 0; i < SUBSETS; i++) {
        uint64_t size = cut->durable_size;

        memcpy(state, cut->durable, end);
        for (uint64_t at = 0; at < end; at += SECTOR) {
            if (memcmp(cut->durable + at, cut->bytes + at, SECTOR) == 0 ||
                (i > 0 && (i == 1 || random_below(&seed, 2))))
                continue; /* i: 0 all of it arrived, 1 nothing, then any part */
            memcpy(state + at, cut->bytes + at, SECTOR);
            size = at + SECTOR > size ? at + SECTOR : size;
        }
        judge_state(state, i == 0 ? cut->size : size);
    }
    free(state);
}

/* ------------------------------------------------------------------------------------------------
 * The stores
 */

static int cut_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    memcpy(buf, to_cut(store)->bytes + offset, count);
    return 0;
}

static void grow(struct cut *cut, uint64_t end)
{
    assert_true(end < CAPACITY);
    cut->size = end > cut->size ? end : cut->size;
}

static int cut_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    for (int i = 0; i < iovcnt; i++) {
        grow(to_cut(store), offset + iov[i].iov_len);
        memcpy(to_cut(store)->bytes + offset, iov[i].iov_base, iov[i].iov_len);
        offset += iov[i].iov_len;
    }
    return 0;
}

static int cut_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    (void)may_punch;
    grow(to_cut(store), offset + count);
    memset(to_cut(store)->bytes + offset, 0, count);
    return 0;
}

static int cut_discard(struct store *store, uint64_t count, uint64_t offset)
{
    (void)store;
    (void)count;
    (void)offset;
    return 0;
}

static int cut_flush(struct store *store)
{
    struct cut *cut = to_cut(store);

    if (judging && cut == &overlay)
        judge(cut);
    memcpy(cut->durable, cut->bytes, CAPACITY);
    cut->durable_size = cut->size;
    return 0;
}

static int cut_size(struct store *store, uint64_t *size)
{
    *size = to_cut(store)->size;
    return 0;
}

static int cut_truncate(struct store *store, uint64_t size)
{
    struct cut *cut = to_cut(store);

    if (size < cut->size)
        memset(cut->bytes + size, 0, cut->size - size);
    cut->size = size;
    return 0;
}

static int cut_extent(struct store *store, uint64_t count, uint64_t offset,
                      struct store_extent *extent)
{
    (void)store;
    (void)offset;
    *extent = (struct store_extent){ .length = count };
    return 0;
}

static void cut_close(struct store *store)
{
    (void)store; /* it is used again */
}

static const struct store_ops cut_ops = {
    .pread = cut_pread,
    .pwritev = cut_pwritev,
    .zero = cut_zero,
    .discard = cut_discard,
    .flush = cut_flush,
    .size = cut_size,
    .truncate = cut_truncate,
    .extent = cut_extent,
    .close = cut_close,
};

static void cut_begin(struct cut *cut, const char *name)
{
    free(cut->bytes);
    *cut = (struct cut){ .store = { .ops = &cut_ops, .name = name } };
    cut->bytes = calloc(2, CAPACITY);
    cut->durable = cut->bytes + CAPACITY;
}

/* ------------------------------------------------------------------------------------------------
 * Images
 */

static void fill(struct cut *cut, uint64_t size, uint8_t often)
{
    grow(cut, size);
    for (uint64_t at = 0; at < size; at += SECTOR) {
        uint64_t choice = random_below(&seed, 4);

        memset(cut->bytes + at,
               choice == 0   ? 0
               : choice == 1 ? often
                             : (int)random_below(&seed, 256),
               SECTOR);
    }
    cut_flush(&cut->store);
}

static struct qcow2_image *open_raw(struct cut *cut)
{
    const struct qcow2_open_options options = { .format = FORMAT_RAW };

    return image_open_store(&cut->store, &options);
}

/* The overlay with a raw image as its backing file; NULL: none. */
static struct qcow2_image *open_overlay(struct qcow2_image *backing)
{
    const struct qcow2_open_options options = { .backing_policy = QCOW2_BACKING_IGNORE };
    struct qcow2_image *image = image_open_store(&overlay.store, &options);

    assert_non_null(image);
    image->backing = backing;
    image->disk->backing = backing ? backing->disk : NULL;
    image->disk->backing_missing = false;
    return image;
}

static void make_overlay(uint64_t cluster_size)
{
    char name[] = "first", format[] = "raw";
    const struct qcow2_create_options options = { .size = DISK,
                                                  .version = 3,
                                                  .cluster_size = cluster_size,
                                                  .refcount_bits = 16,
                                                  .backing_file = name,
                                                  .backing_format = format };
    struct qcow2_image *image;

    cut_begin(&overlay, "overlay");
    assert_int_equal(image_format_store(&overlay.store, &options), 0);
    image = open_overlay(open_raw(&first));
    for (int i = 0; i < 12; i++) {
        uint64_t at = random_below(&seed, 560) * SECTOR,
                 count = (1 + random_below(&seed, 40)) * SECTOR;

        memset(seen, (int)random_below(&seed, 256), count);
        if (i % 4)
            assert_int_equal(image_write(image, seen, count, at, 0), 0);
        else
            assert_int_equal(image_zero(image, count, at, i % 8 ? QCOW2_MAY_UNMAP : 0), 0);
    }
    assert_int_equal(image_read(image, expected, DISK, 0), 0);
    assert_int_equal(image_close(image), 0);
}

static void rebase(struct cut *from, const char *name, struct cut *to)
{
    struct qcow2_image *image = open_overlay(from ? open_raw(from) : NULL);
    struct qcow2_image *new_backing = to ? open_raw(to) : NULL;

    judging = true;
    assert_int_equal(image_rebase(image, name, "raw", new_backing, 0, NULL, NULL), 0);
    assert_int_equal(image_close(image), 0);
    judging = false;
    if (new_backing)
        image_close(new_backing);
    assert_int_equal(strcmp(name, "first") == 0 || strcmp(name, "second") == 0, to != NULL);
}

static void commit(struct cut *into)
{
    struct qcow2_image *image = open_overlay(open_raw(into));

    judging = true;
    assert_int_equal(image_commit(image, 1, 0, 0, NULL, NULL), 0);
    assert_int_equal(image_close(image), 0);
    judging = false;
    assert_memory_equal(into->durable, expected, DISK);
}

/* ------------------------------------------------------------------------------------------------
 * Tests
 */

static void the_disk_stays_the_same(void **state)
{
    static const uint64_t clusters[] = { 512, 1024, 4096, 65536 };

    (void)state;
    for (unsigned run = 0; run < 8; run++) {
        seed = random_mix(run + 1);
        cut_begin(&first, "first");
        cut_begin(&second, "second");
        fill(&first, (300 + random_below(&seed, 400)) * SECTOR, 7);
        fill(&second, (300 + random_below(&seed, 400)) * SECTOR, 7);
        make_overlay(clusters[run % 4]);
        rebase(&first, "second", &second);
        commit(&second);
        rebase(&second, "first", &first);
        if (run % 2)
            commit(&first);
        rebase(&first, "", NULL);
    }
    print_message("%llu states\n", (unsigned long long)states);
    free(overlay.bytes);
    free(first.bytes);
    free(second.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_disk_stays_the_same) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
