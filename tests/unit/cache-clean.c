/* SPDX-License-Identifier: BSD-3-Clause */
/* cache-clean.c - what nobody used is forgotten after a while, what is newer than on disk never
 * is */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "image/image.h"
#include "store/memory.h"
#include "table/cache.h"

#define SLICE 512u
#define SLICES 64u

static unsigned in_memory(const struct cache *cache)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < cache->count; i++)
        count += cache->slices[i].data != NULL;
    return count;
}

static void load(struct cache *cache, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        const uint8_t *data = cache_load(cache, i * SLICE + 5);

        assert_non_null(data);
        assert_int_equal(*data, 0x40 + i);
    }
}

static void two_rounds_forget_what_was_not_used(void **state)
{
    struct store *store = store_memory_new("memory");
    uint8_t bytes[SLICE];
    struct cache cache;

    (void)state;
    for (unsigned i = 0; i < SLICES; i++) {
        memset(bytes, 0x40 + (int)i, sizeof bytes);
        assert_int_equal(store_pwrite(store, bytes, sizeof bytes, i * SLICE), 0);
    }
    assert_int_equal(cache_init(&cache, store, SLICE, SLICES * SLICE, false), 0);
    load(&cache, 0, SLICES);
    *cache_find(&cache, 7 * SLICE) = 0x99;
    cache_mark_dirty(&cache, 7 * SLICE);

    cache_clean(&cache); /* everything was used */
    assert_int_equal(in_memory(&cache), SLICES);
    load(&cache, 20, 30);
    cache_clean(&cache);
    assert_int_equal(in_memory(&cache), 10 + 1);
    assert_null(cache_find(&cache, 19 * SLICE));
    assert_non_null(cache_find(&cache, 20 * SLICE));
    assert_int_equal(*cache_find(&cache, 7 * SLICE), 0x99);

    load(&cache, 8, SLICES); /* comes back from the store, into the old places */
    assert_int_equal(cache.count, SLICES);
    assert_int_equal(cache_write_all(&cache), 0);
    cache_clean(&cache);
    cache_clean(&cache);
    assert_int_equal(in_memory(&cache), 0);
    assert_int_equal(*cache_load(&cache, 7 * SLICE), 0x99);
    load(&cache, 8, SLICES);
    cache_destroy(&cache);
    store_close(store);
}

/* Slices of any size hold the tables of an image. */
static void l2_slices_have_the_size_that_was_asked_for(void **state)
{
    (void)state;
    for (uint64_t slice = 512; slice <= 65536; slice *= 2) {
        struct qcow2_create_options create = {
            .size = UINT64_C(1) << 40, .version = 3, .cluster_size = 65536, .refcount_bits = 16
        };
        struct qcow2_open_options open = {
            .format = FORMAT_QCOW2, .runtime = { .l2_cache_entry_size = slice, .l2_cache_size = 1 }
        };
        struct store *store = store_memory_new("memory");
        struct qcow2_image *image;
        uint8_t bytes[512];

        assert_int_equal(image_format_store(store, &create), 0);
        image = image_open_store(store, &open);
        assert_non_null(image);
        assert_int_equal(image->tables.l2_cache.slice_size, slice);
        for (unsigned i = 1; i < 50; i++) {
            memset(bytes, (int)i, sizeof bytes);
            assert_int_equal(
                image_write(image, bytes, sizeof bytes, create.size / 50 * i & ~UINT64_C(511), 0),
                0);
        }
        for (unsigned i = 1; i < 50; i++) {
            assert_int_equal(
                image_read(image, bytes, sizeof bytes, create.size / 50 * i & ~UINT64_C(511)), 0);
            assert_int_equal(bytes[17], i);
        }
        assert_int_equal(image_close(image), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_rounds_forget_what_was_not_used),
        cmocka_unit_test(l2_slices_have_the_size_that_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
