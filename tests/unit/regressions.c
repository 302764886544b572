/* SPDX-License-Identifier: BSD-3-Clause */
/* regressions.c - mistakes that were made once: each by the sentence that must stay true */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "base/bits.h"
#include "base/error.h"
#include "format/disk.h"
#include "image/image.h"
#include "store/memory.h"

#define CLUSTER 65536u

/* An image on a store in memory which outlives it. */
struct fixture {
    struct store *store;
    struct qcow2_image *image;
};

static struct qcow2_create_options defaults(uint64_t size)
{
    return (struct qcow2_create_options){
        .size = size, .version = 3, .cluster_size = CLUSTER, .refcount_bits = 16
    };
}

static struct qcow2_image *open_on(struct store *store, uint32_t flags)
{
    struct qcow2_open_options options = { .format = FORMAT_QCOW2, .flags = flags };

    qcow2_open_options_set(&options, "pass-discard-other", "on");

    return image_open_store(store, &options);
}

static struct fixture make(const struct qcow2_create_options *options, uint32_t flags)
{
    struct fixture f = { .store = store_memory_new("memory") };

    assert_non_null(f.store);
    assert_int_equal(image_format_store(f.store, options), 0);
    f.image = open_on(f.store, flags);
    assert_non_null(f.image);
    return f;
}

/* The image is closed, the store stays. */
static void close_image(struct fixture *f)
{
    f->image->store_lent = true;
    assert_int_equal(image_close(f->image), 0);
    f->image = NULL;
}

static void reopen(struct fixture *f, uint32_t flags)
{
    f->image = open_on(f->store, flags);
    assert_non_null(f->image);
}

static void destroy(struct fixture *f)
{
    if (f->image) {
        f->image->store_lent = true;
        image_close(f->image);
    }
    store_close(f->store);
}

static void fill(struct fixture *f, int byte, size_t count, uint64_t offset)
{
    uint8_t *buf = malloc(count);

    memset(buf, byte, count);
    assert_int_equal(image_write(f->image, buf, count, offset, 0), 0);
    free(buf);
}

static void expect(struct fixture *f, int byte, size_t count, uint64_t offset)
{
    uint8_t *buf = malloc(count);

    assert_int_equal(image_read(f->image, buf, count, offset), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buf[i], byte);
    free(buf);
}

static void compress(struct fixture *f, int byte, size_t count, uint64_t offset)
{
    uint8_t *buf = malloc(count);

    memset(buf, byte, count);
    assert_int_equal(image_write_compressed(f->image, buf, count, offset, 0), 0);
    free(buf);
}

static qcow2_check_result check(struct fixture *f)
{
    qcow2_check_result result;

    assert_int_equal(qcow2_check(f->image, 0, &result, sizeof result, NULL, NULL), 0);
    return result;
}

static void expect_clean(struct fixture *f)
{
    qcow2_check_result result = check(f);

    assert_int_equal(result.corruptions, 0);
    assert_int_equal(result.leaks, 0);
    assert_int_equal(result.check_errors, 0);
}

/* The active L2 table's first entry, on a closed image. */
static void set_first_entry(struct fixture *f, uint64_t entry)
{
    uint8_t bytes[8];
    uint64_t l1;

    assert_int_equal(store_pread(f->store, bytes, 8, HEADER_L1_AT + 4), 0);
    l1 = load_be64(bytes);
    assert_int_equal(store_pread(f->store, bytes, 8, l1), 0);
    l1 = load_be64(bytes) & L1_OFFSET_MASK;
    assert_int_not_equal(l1, 0);
    store_be64(bytes, entry);
    assert_int_equal(store_pwrite(f->store, bytes, 8, l1), 0);
}

/* ---- The sentences ---- */

static void growing_keeps_a_compressed_last_cluster(void **state)
{
    static const uint32_t flags[] = { 0, QCOW2_RESIZE_METADATA, QCOW2_RESIZE_FALLOC,
                                      QCOW2_RESIZE_FULL };

    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct qcow2_create_options options = defaults(CLUSTER + CLUSTER / 2);
        struct fixture f = make(&options, 0);

        compress(&f, 'A', CLUSTER + CLUSTER / 2, 0);
        assert_int_equal(image_resize(f.image, 16 * CLUSTER, flags[i]), 0);
        expect(&f, 'A', CLUSTER + CLUSTER / 2, 0);
        expect(&f, 0, 14 * CLUSTER + CLUSTER / 2, CLUSTER + CLUSTER / 2);
        expect_clean(&f);
        destroy(&f);
    }
}

static void growing_again_brings_nothing_back(void **state)
{
    struct qcow2_create_options options = defaults(20 * CLUSTER);
    struct fixture f = make(&options, 0);

    (void)state;
    fill(&f, 7, 20 * CLUSTER, 0);
    assert_int_equal(image_resize(f.image, CLUSTER / 2, QCOW2_RESIZE_SHRINK), 0);
    assert_int_equal(image_resize(f.image, 20 * CLUSTER, 0), 0);
    expect(&f, 7, CLUSTER / 2, 0);
    expect(&f, 0, 20 * CLUSTER - CLUSTER / 2, CLUSTER / 2);
    expect_clean(&f);
    destroy(&f);
}

/* Many streams in one host cluster: each alone could take one more reference, together they
 * cannot. */
static void a_snapshot_that_cannot_be_counted_changes_nothing(void **state)
{
    struct qcow2_create_options options = defaults(256 * CLUSTER);
    struct fixture f;

    (void)state;
    options.refcount_bits = 8;
    f = make(&options, 0);
    for (unsigned i = 0; i < 200; i++)
        compress(&f, (int)i + 1, CLUSTER, (uint64_t)i * CLUSTER);
    assert_int_equal(image_snapshot_create(f.image, "s"), -1);
    assert_int_equal(error_errno(), EINVAL);
    fill(&f, 9, 4096, 250 * CLUSTER);
    assert_int_equal(image_flush(f.image), 0);
    expect_clean(&f);
    for (unsigned i = 0; i < 200; i++)
        expect(&f, (int)i + 1, 512, (uint64_t)i * CLUSTER);
    close_image(&f);
    reopen(&f, 0);
    expect_clean(&f);
    destroy(&f);
}

static void a_check_of_a_writable_image_sees_no_leaks_that_are_none(void **state)
{
    struct qcow2_create_options options = defaults(16 * CLUSTER);
    struct fixture f = make(&options, 0);

    (void)state;
    fill(&f, 1, 8 * CLUSTER, 0);
    assert_int_equal(image_flush(f.image), 0);
    assert_int_equal(image_discard(f.image, 8 * CLUSTER, 0, 0), 0);
    expect_clean(&f);
    destroy(&f);
}

/* Entries that point to metadata, with and without the compressed flag. */
static void what_metadata_occupy_is_not_given_back(void **state)
{
    static const uint64_t entries[] = {
        ENTRY_COPIED | 1 * CLUSTER, /* refcount table */
        ENTRY_COPIED | 2 * CLUSTER, /* refcount block */
        ENTRY_COPIED | 3 * CLUSTER, /* L1 table */
        ENTRY_COPIED | 4 * CLUSTER, /* L2 table */
        L2_COMPRESSED,              /* header */
        L2_COMPRESSED | CLUSTER,
    };

    (void)state;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct qcow2_create_options options = defaults(16 * CLUSTER);
        struct fixture f = make(&options, QCOW2_OPEN_DISCARD);
        uint8_t before[8], after[8];

        fill(&f, 1, 2 * CLUSTER, 0);
        close_image(&f);
        set_first_entry(&f, entries[i]);
        reopen(&f, QCOW2_OPEN_DISCARD);
        assert_int_equal(store_pread(f.store, before, sizeof before, 0), 0);
        assert_int_equal(image_discard(f.image, CLUSTER, 0, 0), -1);
        assert_non_null(strstr(error_message(), "corrupt"));
        assert_int_equal(image_flush(f.image), -1);
        assert_int_equal(store_pread(f.store, after, sizeof after, 0), 0);
        assert_memory_equal(before, after, sizeof before);
        destroy(&f);
    }
}

static void a_kept_zero_cluster_beyond_the_end_can_be_written_and_read(void **state)
{
    struct qcow2_create_options options = defaults(16 * CLUSTER);
    struct fixture f = make(&options, 0);
    uint64_t length;

    (void)state;
    fill(&f, 1, CLUSTER, 0);
    assert_int_equal(image_zero(f.image, CLUSTER, 0, 0), 0);
    close_image(&f);
    assert_int_equal(store_size(f.store, &length), 0);
    assert_int_equal(store_truncate(f.store, length - CLUSTER), 0);
    reopen(&f, 0);
    fill(&f, 7, 4096, 0);
    assert_int_equal(image_flush(f.image), 0);
    expect(&f, 7, 4096, 0);
    expect(&f, 0, CLUSTER - 4096, 4096);
    destroy(&f);
}

/* A store with other ways: some operations replaced. */
static struct store_ops changed_ops;

static struct store_ops *change_ops(struct store *store)
{
    changed_ops = *store->ops;
    store->ops = &changed_ops;
    return &changed_ops;
}

static int keep_length(struct store *store, uint64_t size)
{
    (void)store;
    (void)size;
    return 0;
}

/* A device keeps its length, and so its content, when it is truncated. */
static void what_shrinking_leaves_on_a_device_is_never_shown(void **state)
{
    struct qcow2_create_options options = defaults(40 * CLUSTER);
    struct fixture f = make(&options, 0);

    (void)state;
    fill(&f, 7, 40 * CLUSTER, 0);
    assert_int_equal(image_flush(f.image), 0);
    change_ops(f.store)->truncate = keep_length;
    assert_int_equal(image_resize(f.image, CLUSTER, QCOW2_RESIZE_SHRINK), 0);
    assert_int_equal(image_resize(f.image, 40 * CLUSTER, 0), 0);
    for (unsigned i = 2; i < 20; i++) {
        fill(&f, 9, 512, (uint64_t)i * CLUSTER + 512);
        expect(&f, 0, 512, (uint64_t)i * CLUSTER);
        expect(&f, 0, CLUSTER - 1024, (uint64_t)i * CLUSTER + 1024);
    }
    destroy(&f);
}

static int fail_to_write(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    (void)store, (void)iov, (void)iovcnt, (void)offset;
    return error_set(ENOSPC, "no room");
}

static int count_dirty(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    (void)offset;
    *(uint64_t *)opaque += dirty ? length : 0;
    return 0;
}

static uint64_t dirty_bytes(struct fixture *f, const char *bitmap)
{
    uint64_t sum = 0;

    assert_int_equal(qcow2_bitmap_extents(f->image, bitmap, 16 * CLUSTER, 0, count_dirty, &sum), 0);
    return sum;
}

static void bitmaps_that_could_not_be_merged_are_as_before(void **state)
{
    struct qcow2_create_options options = defaults(16 * CLUSTER);
    struct fixture f = make(&options, 0);
    const struct store_ops *memory_ops;

    (void)state;
    assert_int_equal(qcow2_bitmap_add(f.image, "target", CLUSTER, 0), 0);
    assert_int_equal(qcow2_bitmap_add(f.image, "source", CLUSTER, QCOW2_BITMAP_ENABLED), 0);
    fill(&f, 'A', CLUSTER, 5 * CLUSTER);
    memory_ops = f.store->ops;
    change_ops(f.store)->pwritev = fail_to_write;
    assert_int_equal(qcow2_bitmap_merge(f.image, "target", f.image, "source"), -1);
    assert_int_equal(qcow2_get_errno(), ENOSPC);
    f.store->ops = memory_ops;
    assert_int_equal(dirty_bytes(&f, "target"), 0);
    assert_int_equal(qcow2_bitmap_merge(f.image, "target", f.image, "source"), 0);
    assert_int_equal(dirty_bytes(&f, "target"), CLUSTER);
    close_image(&f);
    reopen(&f, 0);
    assert_int_equal(dirty_bytes(&f, "target"), CLUSTER);
    expect_clean(&f);
    destroy(&f);
}

static struct fixture *punched;
static int (*memory_discard)(struct store *store, uint64_t count, uint64_t offset);

/* Somebody writes a compressed cluster in the instant before the hole is punched. */
static int write_then_punch(struct store *store, uint64_t count, uint64_t offset)
{
    store->ops = &changed_ops;
    changed_ops.discard = memory_discard; /* once */
    compress(punched, 'C', CLUSTER, 8 * CLUSTER);
    return memory_discard(store, count, offset);
}

static void a_hole_is_not_punched_where_a_stream_was_just_written(void **state)
{
    struct qcow2_create_options options = defaults(16 * CLUSTER);
    struct fixture f = make(&options, QCOW2_OPEN_DISCARD);

    (void)state;
    compress(&f, 'A', CLUSTER, 0);
    assert_int_equal(image_flush(f.image), 0);
    assert_int_equal(image_discard(f.image, CLUSTER, 0, 0), 0);
    punched = &f;
    memory_discard = f.store->ops->discard;
    change_ops(f.store)->discard = write_then_punch;
    assert_int_equal(image_flush(f.image), 0);
    assert_ptr_equal(changed_ops.discard, memory_discard); /* it did happen */
    assert_int_equal(image_flush(f.image), 0);
    close_image(&f);
    reopen(&f, 0);
    expect(&f, 'C', CLUSTER, 8 * CLUSTER);
    expect_clean(&f);
    destroy(&f);
}

static void sentences_hold_no_bytes_that_are_no_characters_or_not_seen(void **state)
{
    static const struct {
        const char *name, *told;
    } rows[] = {
        { "\u00e9 \u20ac \U0010fffd", "\u00e9 \u20ac \U0010fffd" },
        { "\xc2\xad", "??" },           /* U+00AD hides */
        { "\xd8\x9c", "??" },           /* U+061C turns */
        { "\xe2\x80\xae", "???" },      /* U+202E turns */
        { "\xed\xa0\x80", "???" },      /* a surrogate */
        { "\xf4\x90\x80\x80", "????" }, /* beyond U+10FFFF */
        { "\xf8\x88\x80\x80\x80", "?????" },
        { "\xc1\xbf", "??" }, /* longer than it needs to be */
        { "\xe0\x9f\xbf", "???" },
        { "\xf0\x8f\xbf\xbf", "????" },
        { "\xe2\x82", "??" }, /* cut off */
        { "\x1b[2J\x7f\xc2\x9b", "?[2J???" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        error_set(EINVAL, "%s", rows[i].name);
        assert_string_equal(error_message(), rows[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_keeps_a_compressed_last_cluster),
        cmocka_unit_test(growing_again_brings_nothing_back),
        cmocka_unit_test(a_snapshot_that_cannot_be_counted_changes_nothing),
        cmocka_unit_test(a_check_of_a_writable_image_sees_no_leaks_that_are_none),
        cmocka_unit_test(what_metadata_occupy_is_not_given_back),
        cmocka_unit_test(what_shrinking_leaves_on_a_device_is_never_shown),
        cmocka_unit_test(bitmaps_that_could_not_be_merged_are_as_before),
        cmocka_unit_test(a_hole_is_not_punched_where_a_stream_was_just_written),
        cmocka_unit_test(a_kept_zero_cluster_beyond_the_end_can_be_written_and_read),
        cmocka_unit_test(sentences_hold_no_bytes_that_are_no_characters_or_not_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
