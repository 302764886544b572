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
    return geometry_of(16, order).refcount_max;
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

static void standard_entries_have_their_kind(void **state)
{
    (void)state;
    assert_int_equal(l2_entry_type(0), CLUSTER_UNALLOCATED);
    assert_int_equal(l2_entry_type(1), CLUSTER_ZERO_PLAIN);
    assert_int_equal(l2_entry_type(0x50001), CLUSTER_ZERO_ALLOC);
    assert_int_equal(l2_entry_type(ENTRY_COPIED | 0x50001), CLUSTER_ZERO_ALLOC);
    assert_int_equal(l2_entry_type(0x50000), CLUSTER_NORMAL);
    assert_int_equal(l2_entry_type(ENTRY_COPIED | 0x50000), CLUSTER_NORMAL);
    assert_int_equal(l2_entry_type(L2_COMPRESSED | 0x50001), CLUSTER_COMPRESSED);
    assert_true(l2_entry_host_offset(ENTRY_COPIED | L2_ZERO | UINT64_C(0x00fffffffffffe00)) ==
                UINT64_C(0x00fffffffffffe00));
    assert_int_equal(l2_entry_host_offset(L2_COMPRESSED | 0x50000), 0);
}

/* x, the bits of the host offset: 61 for clusters of 512 bytes, one less for each doubling. */
static void compressed_descriptors_are_split_by_the_cluster_size(void **state)
{
    (void)state;
    for (uint32_t bits = MIN_CLUSTER_BITS; bits <= MAX_CLUSTER_BITS; bits++) {
        struct geometry g = geometry_of(bits, 4);
        uint32_t x = 61 - (bits - 9);
        uint64_t most = (UINT64_C(1) << (62 - x)) - 1;
        uint64_t offset = (UINT64_C(1) << (x < 56 ? x : 56)) - 1;
        uint64_t entry = L2_COMPRESSED | most << x | offset;

        assert_int_equal(most + 1, UINT64_C(1) << (bits - 8));
        assert_true(l2_entry_compressed_offset(&g, entry) == offset);
        assert_int_equal(l2_entry_compressed_length(&g, entry), (most + 1) * 512 - 511);

        entry = L2_COMPRESSED | UINT64_C(1) << x | 0x12345;
        assert_int_equal(l2_entry_compressed_offset(&g, entry), 0x12345);
        assert_int_equal(l2_entry_compressed_length(&g, entry), 2 * 512 - 0x145);
        assert_int_equal(l2_entry_compressed_length(&g, L2_COMPRESSED | 0x200), 512);
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
            struct geometry g = geometry_of(bits, order);
            uint64_t size = UINT64_C(1) << bits;

            assert_int_equal(g.cluster_size, size);
            assert_int_equal(g.l2_entries, size / 8);
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

static void guest_offsets_have_their_indices(void **state)
{
    struct geometry g = geometry_of(16, 4), small = geometry_of(9, 4), large = geometry_of(21, 4);

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
        cmocka_unit_test(compressed_descriptors_are_split_by_the_cluster_size),
        cmocka_unit_test(geometry_follows_from_the_cluster_size),
        cmocka_unit_test(guest_offsets_have_their_indices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
