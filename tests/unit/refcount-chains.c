/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount-chains.c - refcount blocks that count each other, one after the other, are soon trimmed
 *
 * Blocks are needed if what they count is, and a hostile image has a chain of them: each block
 * counts the next one, and the last ones count the table, which is as long as it may be.  Whoever
 * went through the table once for each link of the chain would need hours.
 *
 *     cluster  0       header       blocks of the chain (CHAIN_AT), one in each one's range
 *              ...                  blocks that count the table (REST_AT), in the last ranges
 *              RANGES * PER_BLOCK   the table
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/bits.h"
#include "format/disk.h"
#include "image/image.h"
#include "table/refcount_trim.h"
#include "unit/store-scratch.h"

#define CLUSTER 512u
#define PER_BLOCK (CLUSTER / 8u) /* clusters that a block counts */
#define RANGES 2048u             /* of such clusters before the table, and links of the chain */
#define TABLE_BYTES (8u << 20)
#define TABLE_RANGES (TABLE_BYTES / CLUSTER / PER_BLOCK)
#define CHAIN_AT 20u /* within a range: the next one's block */
#define REST_AT 21u
#define OTHER_AT 30u /* and something that is no block */

static void put(struct store *store, uint64_t number, uint64_t offset)
{
    uint8_t bytes[8];

    store_be64(bytes, number);
    assert_int_equal(store_pwrite(store, bytes, sizeof bytes, offset), 0);
}

static void count_cluster(struct store *store, uint64_t block, unsigned index)
{
    put(store, 1, block + index * 8);
}

/* Where the block of a range lies: the first is where it was made. */
static uint64_t place_of(uint64_t range, uint64_t first)
{
    uint64_t cluster = range <= RANGES ? (range - 1) * PER_BLOCK + CHAIN_AT
                                       : (2 * RANGES - range) * PER_BLOCK + REST_AT;

    return range == 0 ? first : cluster * CLUSTER;
}

/* What counts the block of a range: the block of the range in which it lies. */
static void enter_block(struct store *store, uint64_t table, uint64_t range, uint64_t first)
{
    uint64_t place = place_of(range, first);
    uint64_t counter = range <= RANGES ? range - 1 : 2 * RANGES - range;

    put(store, place, table + range * 8);
    if (range > 0)
        count_cluster(store, place_of(counter, first), range <= RANGES ? CHAIN_AT : REST_AT);
}

/* others: each block counts something else, too. */
static struct store *make(const char *name, bool others)
{
    struct store *store = store_file_open(name, STORE_CREATE, STORE_LOCK_NONE);
    uint64_t table = (uint64_t)RANGES * PER_BLOCK * CLUSTER, first;
    uint8_t old[8], clusters[4];

    assert_non_null(store);
    assert_int_equal(
        image_format_store(store, &(struct qcow2_create_options){ .size = 65536,
                                                                  .version = 3,
                                                                  .cluster_size = CLUSTER,
                                                                  .refcount_bits = 64 }),
        0);
    assert_int_equal(store_pread(store, old, 8, HEADER_REFCOUNT_TABLE_AT), 0);
    assert_int_equal(store_pread(store, old, 8, load_be64(old)), 0);
    first = load_be64(old);
    for (uint64_t range = 0; range < RANGES + TABLE_RANGES; range++) {
        enter_block(store, table, range, first);
        for (unsigned i = 0; range >= RANGES && i < PER_BLOCK; i++)
            count_cluster(store, place_of(range, first), i);
        if (others && range < RANGES)
            count_cluster(store, place_of(range, first), OTHER_AT);
    }
    put(store, table, HEADER_REFCOUNT_TABLE_AT);
    store_be32(clusters, TABLE_BYTES / CLUSTER);
    assert_int_equal(store_pwrite(store, clusters, 4, HEADER_REFCOUNT_TABLE_AT + 8), 0);
    assert_int_equal(store_truncate(store, table + TABLE_BYTES), 0);
    return store;
}

/* Seconds of the processor, of this thread. */
static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double time_to_trim(const char *name, bool others)
{
    struct qcow2_image *image = image_open_store(
        make(name, others), &(struct qcow2_open_options){ .format = FORMAT_QCOW2 });
    double start;

    assert_non_null(image);
    start = now();
    assert_int_equal(refcount_trim(&image->tables), 0);
    start = now() - start;
    assert_true(image->tables.refcount_table_size < TABLE_BYTES / 8);
    assert_int_equal(image_close(image), 0);
    return start;
}

/* As soon as blocks of which each is needed by itself. */
static void a_chain_of_refcount_blocks_takes_no_longer_than_blocks(void **state)
{
    double blocks = time_to_trim("blocks", true), chain = time_to_trim("chain", false);

    (void)state;
    if (chain > 10 * blocks)
        fail_msg("%.3f s instead of %.3f s", chain, blocks);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chain_of_refcount_blocks_takes_no_longer_than_blocks,
                                        scratch_setup, scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
