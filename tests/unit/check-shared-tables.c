/* SPDX-License-Identifier: BSD-3-Clause */
/* check-shared-tables.c - tables that are named very often are counted as often, and read once
 *
 * The image has 65536 snapshots that share one L1 table, whose entries all name one L2 table, whose
 * entries all name one cluster: some 10^11 references in a file of a few MiB.  Walking each way
 * would take hours.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bits.h"
#include "check/check.h"
#include "store/memory.h"

#define NB_SNAPSHOTS 65536u
#define L1_ENTRIES 40000u
#define TIME_LIMIT 20u /* seconds, for a machine under valgrind; it takes some tens of ms */

enum {
    REFCOUNT_TABLE = 0x200,
    REFCOUNT_BLOCK = 0x400,
    L2_TABLE = 0x800,
    DATA = 0xa00,
    L1_TABLE = 0x1000,
    SNAPSHOT_TABLE = 0x100000,
    SNAPSHOT_BYTES = 64,
};

static void write_word(struct store *store, uint64_t offset, uint64_t value)
{
    uint8_t word[8];

    store_be64(word, value);
    assert_int_equal(store_pwrite(store, word, sizeof word, offset), 0);
}

static void write_header(struct store *store)
{
    struct disk_header disk = {
        .magic = htobe32(QCOW2_MAGIC),
        .version = htobe32(3),
        .cluster_bits = htobe32(9),
        .l1_size = htobe32(L1_ENTRIES),
        .l1_table_offset = htobe64(L1_TABLE),
        .refcount_table_offset = htobe64(REFCOUNT_TABLE),
        .refcount_table_clusters = htobe32(1),
        .nb_snapshots = htobe32(NB_SNAPSHOTS),
        .snapshots_offset = htobe64(SNAPSHOT_TABLE),
        .refcount_order = htobe32(6), /* no count is too large */
        .header_length = htobe32(HEADER_LENGTH),
    };

    assert_int_equal(store_pwrite(store, &disk, sizeof disk, 0), 0);
}

/* The snapshots take all lengths of the L1 table in turn. */
static void write_snapshots(struct store *store)
{
    for (uint64_t i = 0; i < NB_SNAPSHOTS; i++) {
        struct disk_snapshot disk = {
            .l1_table_offset = htobe64(L1_TABLE),
            .l1_size = htobe32((uint32_t)(i % L1_ENTRIES + 1)),
            .id_size = htobe16(1),
            .extra_data_size = htobe32(SNAPSHOT_EXTRA_MIN_V3),
        };

        assert_int_equal(
            store_pwrite(store, &disk, sizeof disk, SNAPSHOT_TABLE + i * SNAPSHOT_BYTES), 0);
    }
    assert_int_equal(store_truncate(store, SNAPSHOT_TABLE + NB_SNAPSHOTS * SNAPSHOT_BYTES), 0);
}

static struct store *image_new(void)
{
    struct store *store = store_memory_new("shared");

    write_header(store);
    write_word(store, REFCOUNT_TABLE, REFCOUNT_BLOCK);
    for (uint64_t i = 0; i < 64; i++)
        write_word(store, L2_TABLE + i * L2_ENTRY_SIZE, DATA);
    for (uint64_t i = 0; i < L1_ENTRIES; i++)
        write_word(store, L1_TABLE + i * L1_ENTRY_SIZE, L2_TABLE);
    write_snapshots(store);
    return store;
}

/* Remember how often the two shared clusters are said to be referenced. */
static void note(void *opaque, const char *message)
{
    char(*noted)[96] = opaque;

    if (strncmp(message, "ERROR cluster 4 ", 16) == 0)
        strncpy(noted[0], message, sizeof noted[0] - 1);
    if (strncmp(message, "ERROR cluster 5 ", 16) == 0)
        strncpy(noted[1], message, sizeof noted[1] - 1);
}

static void shared_tables_are_read_once(void **unused)
{
    struct store *store = image_new();
    char noted[2][96] = { "", "" }, expected[96];
    uint8_t cluster[512];
    struct header header;
    qcow2_check_result result;
    uint64_t length, ways = L1_ENTRIES;

    (void)unused;
    for (uint64_t i = 0; i < NB_SNAPSHOTS; i++)
        ways += i % L1_ENTRIES + 1;
    assert_int_equal(store_size(store, &length), 0);
    assert_int_equal(store_pread(store, cluster, sizeof cluster, 0), 0);
    assert_int_equal(header_decode(cluster, length, HEADER_FOR_CHECK, &header), 0);

    alarm(TIME_LIMIT);
    assert_int_equal(check_run(store, &header, note, noted, &result), 0);
    alarm(0);
    snprintf(expected, sizeof expected, "ERROR cluster 4 refcount=0 reference=%llu",
             (unsigned long long)ways);
    assert_string_equal(noted[0], expected);
    snprintf(expected, sizeof expected, "ERROR cluster 5 refcount=0 reference=%llu",
             (unsigned long long)ways * 64);
    assert_string_equal(noted[1], expected);
    assert_true(result.allocated_clusters == L1_ENTRIES * UINT64_C(64));
    assert_int_equal(result.check_errors, 0);

    header_destroy(&header);
    store_close(store);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(shared_tables_are_read_once) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
