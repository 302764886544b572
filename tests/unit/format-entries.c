/* SPDX-License-Identifier: BSD-3-Clause */
/* format-entries.c - refcounts, L2 entries and geometry, by the numbers of the specification */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "format/l2_entry.h"
#include "format/refcount_block.h"

/* ------------------------------------------------------------------------------------------------
 * Refcounts
 */

#define BLOCK 512u

static uint64_t refcount_max(uint32_t order)
{
    return geometry_of(16, order, false).refcount_max;
}

static void a_refcount_of_any_width_is_kept_and_its_neighbours_too(void **state)
{
    (void)state;
    for (uint32_t order = 0; order <= MAX_REFCOUNT_ORDER; order++) {
        uint32_t entries = BLOCK * 8 >> order;
        uint64_t max = refcount_max(order);
        uint64_t *model = calloc(entries, sizeof model[0]);
        uint8_t block[BLOCK] = { 0 };
        unsigned short random[3] = { 1, 2, (unsigned short)order };

        for (int i = 0; i < 20000; i++) {
            uint32_t index = (uint32_t)nrand48(random) % entries;
            uint64_t value = (uint64_t)jrand48(random) << 32 | (uint32_t)jrand48(random);

            model[index] = i % 7 == 0 ? max : value & max;
            refcount_block_set(block, order, index, model[index]);
        }
        for (uint32_t i = 0; i < entries; i++)
            assert_true(refcount_block_get(block, order, i) == model[i]);
        free(model);
    }
}

/* The eight bytes 01 02 ... 08 read in each width. */
static void refcounts_lie_where_the_specification_says(void **state)
{
    static const uint8_t bytes[8] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08 };

    (void)state;
    /* narrow ones from the least significant bit upwards */
    assert_int_equal(refcount_block_get(bytes, 0, 0), 1);
    assert_int_equal(refcount_block_get(bytes, 0, 1), 0);
    assert_int_equal(refcount_block_get(bytes, 0, 9), 1);
    assert_int_equal(refcount_block_get(bytes, 0, 59), 1);
    assert_int_equal(refcount_block_get(bytes, 1, 8), 3);
    assert_int_equal(refcount_block_get(bytes, 1, 29), 2);
    assert_int_equal(refcount_block_get(bytes, 2, 14), 8);
    assert_int_equal(refcount_block_get(bytes, 2, 15), 0);
    /* wide ones big-endian */
    assert_int_equal(refcount_block_get(bytes, 3, 6), 7);
    assert_int_equal(refcount_block_get(bytes, 4, 1), 0x0304);
    assert_int_equal(refcount_block_get(bytes, 5, 1), 0x05060708);
    assert_true(refcount_block_get(bytes, 6, 0) == UINT64_C(0x0102030405060708));
}

/* ------------------------------------------------------------------------------------------------
 * L2 entries
 */

static struct l2_entry standard(uint64_t word)
{
    struct geometry g = geometry_of(16, 4, false);
    uint8_t bytes[EXTENDED_L2_ENTRY_SIZE] = { 0 }, back[EXTENDED_L2_ENTRY_SIZE] = { 0 };
    struct l2_entry entry;

    store_be64(bytes, word);
    entry = l2_entry_load(&g, bytes);
    l2_entry_store(&g, back, entry);
    assert_memory_equal(bytes, back, sizeof bytes);
    assert_true(l2_entry_word(&g, entry) == word);
    return entry;
}

static void standard_entries_have_their_kind(void **state)
{
    (void)state;
    assert_int_equal(l2_entry_type(standard(0), 0), SUBCLUSTER_UNALLOCATED);
    assert_int_equal(l2_entry_type(standard(1), 0), SUBCLUSTER_ZERO);
    assert_int_equal(l2_entry_type(standard(0x50001), 0), SUBCLUSTER_ZERO);
    assert_int_equal(l2_entry_type(standard(ENTRY_COPIED | 0x50001), 0), SUBCLUSTER_ZERO);
    assert_int_equal(l2_entry_type(standard(0x50000), 0), SUBCLUSTER_NORMAL);
    assert_int_equal(l2_entry_type(standard(ENTRY_COPIED | 0x50000), 0), SUBCLUSTER_NORMAL);
    assert_int_equal(l2_entry_type(standard(L2_COMPRESSED | 0x50001), 0), SUBCLUSTER_COMPRESSED);
    assert_int_equal(l2_entry_host_offset(standard(1)), 0);
    assert_true(l2_entry_host_offset(standard(ENTRY_COPIED | 0x00fffffffffffe01)) ==
                UINT64_C(0x00fffffffffffe00));
    assert_int_equal(l2_entry_host_offset(standard(L2_COMPRESSED | 0x50000)), 0);
    assert_true(l2_entry_is_allocated(standard(L2_COMPRESSED | 0x50000)));
    assert_true(l2_entry_is_allocated(standard(0x50001)));
    assert_false(l2_entry_is_allocated(standard(1)));
}

static struct l2_entry extended(uint64_t word, uint64_t bitmap)
{
    struct geometry g = geometry_of(16, 4, true);
    uint8_t bytes[EXTENDED_L2_ENTRY_SIZE], back[EXTENDED_L2_ENTRY_SIZE];
    struct l2_entry entry;

    store_be64(bytes, word);
    store_be64(bytes + 8, bitmap);
    entry = l2_entry_load(&g, bytes);
    l2_entry_store(&g, back, entry);
    assert_memory_equal(bytes, back, sizeof bytes);
    return entry;
}

/* The table at the head of l2_entry.h, for each of the 32 subclusters between others. */
static void subclusters_have_their_kind(void **state)
{
    static const struct {
        uint64_t word;
        bool allocated, zero; /* bits of the subcluster in question */
        enum subcluster_type type;
    } rows[] = {
        { 0, 0, 0, SUBCLUSTER_UNALLOCATED },       { 0, 0, 1, SUBCLUSTER_ZERO },
        { 0, 1, 0, SUBCLUSTER_INVALID },           { 0, 1, 1, SUBCLUSTER_INVALID },
        { 0x50000, 0, 0, SUBCLUSTER_UNALLOCATED }, { 0x50000, 0, 1, SUBCLUSTER_ZERO },
        { 0x50000, 1, 0, SUBCLUSTER_NORMAL },      { 0x50000, 1, 1, SUBCLUSTER_INVALID },
    };

    (void)state;
    for (uint32_t x = 0; x < 32; x++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            uint64_t bits = (uint64_t)rows[i].allocated << x | (uint64_t)rows[i].zero << (32 + x);
            uint64_t others = (UINT64_C(0x55555555) & ~(UINT64_C(1) << x)) << 32;
            struct l2_entry alone = extended(ENTRY_COPIED | rows[i].word, bits);
            struct l2_entry among = extended(rows[i].word, bits | others);

            assert_int_equal(l2_entry_type(alone, x), rows[i].type);
            assert_int_equal(l2_entry_type(among, x), rows[i].type);
            assert_int_equal(l2_entry_is_valid(alone), rows[i].type != SUBCLUSTER_INVALID);
            assert_int_equal(l2_entry_is_allocated(alone), rows[i].word != 0);
            if (rows[i].type == SUBCLUSTER_INVALID) /* one makes the entry so */
                assert_int_equal(l2_entry_type(alone, (x + 1) % 32), SUBCLUSTER_INVALID);
        }
    assert_int_equal(l2_entry_type(extended(L2_COMPRESSED | 0x50001, 0), 31),
                     SUBCLUSTER_COMPRESSED);
    assert_int_equal(l2_entry_type(extended(L2_COMPRESSED | 0x50000, UINT64_MAX), 31),
                     SUBCLUSTER_COMPRESSED);
}

static void the_zero_flag_means_nothing_in_an_extended_entry(void **state)
{
    struct geometry g = geometry_of(16, 4, true);
    uint8_t bytes[EXTENDED_L2_ENTRY_SIZE] = { 0, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 };
    struct l2_entry entry = l2_entry_load(&g, bytes);

    (void)state;
    assert_int_equal(l2_entry_type(entry, 0), SUBCLUSTER_NORMAL);
    assert_int_equal(l2_entry_host_offset(entry), 0x50000);
}

/* Runs end where the next subcluster is of another type, whatever the bitmap. */
static void runs_of_subclusters_end_where_the_type_changes(void **state)
{
    struct geometry g = geometry_of(16, 4, true), standard_geometry = geometry_of(16, 4, false);
    unsigned short random[3] = { 4, 5, 6 };

    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint64_t allocated = (uint32_t)jrand48(random), zero = (uint32_t)jrand48(random);
        struct l2_entry entry;

        if (round % 3) { /* longer runs */
            allocated &= (uint32_t)jrand48(random) & (uint32_t)jrand48(random);
            zero |= (uint32_t)jrand48(random) | (uint32_t)jrand48(random);
        }
        entry = extended(0x50000, allocated | (zero & ~allocated) << 32);
        for (uint32_t x = 0; x < 32; x++) {
            uint32_t end = x + 1;

            while (end < 32 && l2_entry_type(entry, end) == l2_entry_type(entry, x))
                end++;
            assert_int_equal(l2_entry_run_end(&g, entry, x), end);
        }
    }
    assert_int_equal(l2_entry_run_end(&g, extended(L2_COMPRESSED | 0x50001, 0), 3), 32);
    assert_int_equal(l2_entry_run_end(&standard_geometry, standard(0), 0), 1);
    assert_int_equal(l2_entry_run_end(&standard_geometry, standard(1), 0), 1);
    assert_int_equal(l2_entry_run_end(&standard_geometry, standard(0x50001), 0), 1);
    assert_int_equal(l2_entry_run_end(&standard_geometry, standard(0x50000), 0), 1);
}

static void subclusters_change_alone(void **state)
{
    struct l2_entry entry = extended(0x50000, UINT64_C(0x80000001) << 32 | 0x10);

    (void)state;
    assert_true(l2_entry_with_data(entry, 0, 1).bitmap == (UINT64_C(0x80000000) << 32 | 0x11));
    assert_true(l2_entry_with_data(entry, 3, 32).bitmap == (UINT64_C(1) << 32 | 0xfffffff8));
    assert_true(l2_entry_with_zeroes(entry, 4, 6).bitmap == UINT64_C(0x80000031) << 32);
    assert_true(l2_entry_with_zeroes(entry, 0, 32).bitmap == L2_BITMAP_ZERO);
    assert_true(l2_entry_with_data(entry, 0, 32).bitmap == L2_BITMAP_ALLOCATED);
    assert_true(l2_entry_equal(standard(0x50000), l2_entry_with_data(standard(0x50001), 0, 1)));
    assert_true(l2_entry_equal(standard(0x50001), l2_entry_with_zeroes(standard(0x50000), 0, 1)));
    assert_true(l2_entry_equal(standard(1), l2_entry_with_zeroes(standard(0), 0, 1)));
}

/* x, the bits of the host offset: 61 for clusters of 512 bytes, one less for each doubling. */
static void compressed_descriptors_are_split_by_the_cluster_size(void **state)
{
    (void)state;
    for (uint32_t bits = MIN_CLUSTER_BITS; bits <= MAX_CLUSTER_BITS; bits++) {
        struct geometry g = geometry_of(bits, 4, false);
        uint32_t x = 61 - (bits - 9);
        uint64_t most = (UINT64_C(1) << (62 - x)) - 1;
        uint64_t offset = (UINT64_C(1) << (x < 56 ? x : 56)) - 1;
        struct l2_entry entry = standard(L2_COMPRESSED | most << x | offset);

        assert_int_equal(most + 1, UINT64_C(1) << (bits - 8));
        assert_true(l2_entry_compressed_offset(&g, entry) == offset);
        assert_int_equal(l2_entry_compressed_length(&g, entry), (most + 1) * 512 - 511);

        entry = standard(L2_COMPRESSED | UINT64_C(1) << x | 0x12345);
        assert_int_equal(l2_entry_compressed_offset(&g, entry), 0x12345);
        assert_int_equal(l2_entry_compressed_length(&g, entry), 2 * 512 - 0x145);
        assert_int_equal(l2_entry_compressed_length(&g, standard(L2_COMPRESSED | 0x200)), 512);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Geometry
 */

static void geometry_follows_from_the_cluster_size(void **state)
{
    (void)state;
    for (uint32_t bits = MIN_CLUSTER_BITS; bits <= MAX_CLUSTER_BITS; bits++)
        for (uint32_t order = 0; order <= MAX_REFCOUNT_ORDER; order++) {
            struct geometry g = geometry_of(bits, order, false);
            uint64_t size = UINT64_C(1) << bits;

            assert_int_equal(g.cluster_size, size);
            assert_int_equal(g.l2_entries, size / 8);
            assert_int_equal(g.subclusters, 1);
            assert_int_equal(g.subcluster_size, size);
            assert_int_equal(UINT64_C(1) << g.refcount_block_bits, size * 8 >> order);
        }
    assert_int_equal(refcount_max(0), 1);
    assert_int_equal(refcount_max(1), 3);
    assert_int_equal(refcount_max(2), 15);
    assert_int_equal(refcount_max(3), UINT8_MAX);
    assert_int_equal(refcount_max(4), UINT16_MAX);
    assert_true(refcount_max(5) == UINT32_MAX);
    assert_true(refcount_max(6) == UINT64_MAX);
}

static void extended_entries_halve_an_l2_table_and_split_a_cluster(void **state)
{
    (void)state;
    for (uint32_t bits = MIN_EXTENDED_L2_CLUSTER_BITS; bits <= MAX_CLUSTER_BITS; bits++) {
        struct geometry g = geometry_of(bits, 4, true);
        uint64_t size = UINT64_C(1) << bits;

        assert_int_equal(g.l2_entries, size / 16);
        assert_int_equal(UINT64_C(1) << g.l2_bits, g.l2_entries);
        assert_int_equal(geometry_l2_span(&g), size * size / 16);
        assert_int_equal(g.subclusters, 32);
        assert_int_equal(g.subcluster_size, size / 32);
        assert_int_equal(geometry_subcluster(&g, 7 * size - 1), 31);
        assert_int_equal(geometry_subcluster(&g, 7 * size + size / 32), 1);
        assert_int_equal(geometry_l1_index(&g, geometry_l2_span(&g)), 1);
    }
}

static void guest_offsets_have_their_indices(void **state)
{
    struct geometry g = geometry_of(16, 4, false), small = geometry_of(9, 4, false),
                    large = geometry_of(21, 4, false);

    (void)state;
    assert_int_equal(geometry_l1_index(&g, 0x1fffffff), 0);
    assert_int_equal(geometry_l2_index(&g, 0x1fffffff), 8191);
    assert_int_equal(geometry_l1_index(&g, 0x20000000), 1);
    assert_int_equal(geometry_l2_index(&g, 0x20000000), 0);
    assert_int_equal(geometry_in_cluster(&g, 0x12345), 0x2345);
    assert_int_equal(geometry_cluster_start(&g, 0x12345), 0x10000);
    assert_int_equal(geometry_l1_index(&small, 32768), 1);
    assert_int_equal(geometry_l2_index(&small, 32767), 63);
    assert_int_equal(geometry_l1_index(&large, UINT64_C(1) << 39), 1);
    assert_int_equal(geometry_l1_entries(&g, 0), 0);
    assert_int_equal(geometry_l1_entries(&g, 1), 1);
    assert_int_equal(geometry_l1_entries(&g, UINT64_C(1) << 29), 1);
    assert_int_equal(geometry_l1_entries(&g, (UINT64_C(1) << 29) + 1), 2);
    assert_int_equal(geometry_l1_entries(&small, INT64_MAX), UINT64_C(1) << 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refcount_of_any_width_is_kept_and_its_neighbours_too),
        cmocka_unit_test(refcounts_lie_where_the_specification_says),
        cmocka_unit_test(standard_entries_have_their_kind),
        cmocka_unit_test(subclusters_have_their_kind),
        cmocka_unit_test(the_zero_flag_means_nothing_in_an_extended_entry),
        cmocka_unit_test(runs_of_subclusters_end_where_the_type_changes),
        cmocka_unit_test(subclusters_change_alone),
        cmocka_unit_test(compressed_descriptors_are_split_by_the_cluster_size),
        cmocka_unit_test(geometry_follows_from_the_cluster_size),
        cmocka_unit_test(extended_entries_halve_an_l2_table_and_split_a_cluster),
        cmocka_unit_test(guest_offsets_have_their_indices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
