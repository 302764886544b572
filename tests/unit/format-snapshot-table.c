/* SPDX-License-Identifier: BSD-3-Clause */
/* format-snapshot-table.c - the snapshot table: what is decoded is encoded again to the byte, with
 * everything that a newer writer may have added, and nonsense is refused */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "format/snapshot_table.h"

#define DISK_SIZE (UINT64_C(1) << 30)
#define TABLE_BYTES 4096u

/* Where the fields of the second entry lie. */
#define SECOND 64u

/* An entry of 16 extra bytes; then one of 40, of which 16 are of no meaning to us. */
static size_t two_snapshots(uint8_t *buf)
{
    memset(buf, 0, TABLE_BYTES);
    store_be64(buf, 0x50000);
    store_be32(buf + 8, 2);
    store_be16(buf + 12, 1);
    store_be16(buf + 14, 5);
    store_be32(buf + 16, 1700000000);
    store_be32(buf + 20, 999999999);
    store_be64(buf + 24, 12345);
    store_be32(buf + 36, 16);
    store_be64(buf + 48, DISK_SIZE);
    memcpy(buf + 56, "1first", 6);

    buf += SECOND;
    store_be64(buf, 0x90000);
    store_be32(buf + 8, 3);
    store_be16(buf + 12, 2);
    store_be16(buf + 14, 7);
    store_be32(buf + 32, 77); /* the 64-bit field counts */
    store_be32(buf + 36, 40);
    store_be64(buf + 40, UINT64_C(5) << 32);
    store_be64(buf + 48, DISK_SIZE + 512);
    store_be64(buf + 56, 42);
    memcpy(buf + 64, "unknown to us...", 16);
    memcpy(buf + 80, "27sec\0ond", 9);
    return SECOND + 96;
}

static int decode(struct snapshot_table *table, uint32_t count, const uint8_t *buf,
                  size_t available)
{
    struct geometry geometry = geometry_of(16, 4, false);

    return snapshot_table_decode(table, count, buf, available, DISK_SIZE, &geometry);
}

static void fields_are_decoded(void **state)
{
    uint8_t buf[TABLE_BYTES];
    size_t size = two_snapshots(buf);
    struct snapshot_table table;

    (void)state;
    assert_int_equal(decode(&table, 2, buf, size), 0);
    assert_int_equal(table.count, 2);
    assert_int_equal(table.bytes, size);
    assert_int_equal(table.entries[0].l1_table_offset, 0x50000);
    assert_int_equal(table.entries[0].l1_size, 2);
    assert_int_equal(table.entries[0].date_sec, 1700000000);
    assert_int_equal(table.entries[0].date_nsec, 999999999);
    assert_int_equal(table.entries[0].vm_clock_nsec, 12345);
    assert_int_equal(table.entries[0].vm_state_size, 0);
    assert_int_equal(table.entries[0].disk_size, DISK_SIZE);
    assert_true(table.entries[0].icount == UINT64_MAX);
    assert_string_equal(table.entries[0].id, "1");
    assert_string_equal(table.entries[0].name, "first");
    assert_int_equal(table.entries[1].vm_state_size, UINT64_C(5) << 32);
    assert_int_equal(table.entries[1].disk_size, DISK_SIZE + 512);
    assert_int_equal(table.entries[1].icount, 42);
    assert_string_equal(table.entries[1].id, "27");
    assert_int_equal(table.entries[1].name_size, 7);
    assert_memory_equal(table.entries[1].name, "sec\0ond", 7);
    snapshot_table_destroy(&table);
}

static void unknown_extra_data_is_kept(void **state)
{
    uint8_t buf[TABLE_BYTES], again[TABLE_BYTES];
    size_t size = two_snapshots(buf);
    struct snapshot_table table;

    (void)state;
    assert_int_equal(decode(&table, 2, buf, size), 0);
    assert_int_equal(snapshot_table_encoded_size(&table), size);
    memset(again, 0xff, sizeof again);
    snapshot_table_encode(&table, again);
    store_be32(buf + SECOND + 32, 0); /* what does not fit in 32 bits is left out there */
    assert_memory_equal(buf, again, size);
    snapshot_table_destroy(&table);
}

static void an_entry_without_extra_data_has_the_size_of_the_disk(void **state)
{
    uint8_t buf[48] = { 0 };
    struct snapshot_table table;

    (void)state;
    store_be64(buf, 0x50000);
    store_be32(buf + 8, 2);
    store_be16(buf + 12, 1);
    store_be16(buf + 14, 1);
    store_be32(buf + 32, 4096);
    memcpy(buf + 40, "1a", 2);
    assert_int_equal(decode(&table, 1, buf, sizeof buf), 0);
    assert_int_equal(table.entries[0].disk_size, DISK_SIZE);
    assert_int_equal(table.entries[0].vm_state_size, 4096);
    snapshot_table_destroy(&table);
}

/* The padding after the last entry may lie beyond the end of the file. */
static void the_last_padding_may_be_missing(void **state)
{
    uint8_t buf[TABLE_BYTES];
    size_t size = two_snapshots(buf);
    struct snapshot_table table;

    (void)state;
    assert_int_equal(decode(&table, 2, buf, size - 7), 0);
    snapshot_table_destroy(&table);
    assert_int_equal(decode(&table, 2, buf, size - 8), -1);
}

struct refusal {
    const char *sentence;
    int errnum;
    uint32_t at;
    uint32_t bytes;
    uint64_t value;
};

static const struct refusal refusals[] = {
    { "Snapshot L1 table too large: snapshot 0", EFBIG, 8, 4, 4194305 },
    { "Snapshot L1 table too large: snapshot 0", EFBIG, 8, 4, UINT32_MAX },
    { "Snapshot L1 table offset invalid: snapshot 0", EINVAL, 0, 8, 0x50200 },
    { "Snapshot L1 table offset invalid: snapshot 0", EINVAL, 0, 8, 0xffffffffffff0000 },
    { "L1 table in the header cluster", EINVAL, 0, 8, 0 },
    { "Snapshot L1 table is too small: snapshot 0", EINVAL, 8, 4, 1 },
    { "Snapshot L1 table is too small: snapshot 1", EINVAL, SECOND + 8, 4, 2 },
    { "Snapshot L1 table is too small: snapshot 0", EINVAL, 48, 8, UINT64_MAX },
    { "Too much extra metadata in snapshot table entry 0: 1025", EFBIG, 36, 4, 1025 },
    { "Too much extra metadata in snapshot table entry 1", EFBIG, SECOND + 36, 4, UINT32_MAX },
    { "truncated: entry 1", ENODATA, SECOND + 14, 2, UINT16_MAX },
    { "truncated: entry 1", ENODATA, SECOND + 12, 2, UINT16_MAX },
    { "truncated: entry 1", ENODATA, SECOND + 36, 4, 1024 },
    { "truncated: entry 1", ENODATA, 14, 2, 100 },
};

static void nonsense_is_refused(void **state)
{
    uint8_t buf[TABLE_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        size_t size = two_snapshots(buf);
        struct snapshot_table table;

        for (uint32_t k = 0; k < r->bytes; k++)
            buf[r->at + k] = (uint8_t)(r->value >> 8 * (r->bytes - 1 - k));
        if (decode(&table, 2, buf, size) == 0)
            fail_msg("row %zu (%s) is accepted", i, r->sentence);
        if (strstr(error_message(), r->sentence) == NULL)
            fail_msg("row %zu: \"%s\", not \"%s\"", i, error_message(), r->sentence);
        assert_int_equal(error_errno(), r->errnum);
    }
}

/* No length of the file makes the decoder read behind it: each copy has its own memory, which the
 * sanitizers watch. */
static void every_truncation_is_refused(void **state)
{
    uint8_t buf[TABLE_BYTES];
    size_t size = two_snapshots(buf);

    (void)state;
    for (size_t available = 0; available < size - 7; available++) {
        uint8_t *copy = malloc(available ? available : 1);
        struct snapshot_table table;

        memcpy(copy, buf, available);
        assert_int_equal(decode(&table, 2, copy, available), -1);
        free(copy);
    }
}

/* The number of snapshots comes from the header: it takes memory only if the file is that long. */
static void a_count_that_the_file_cannot_hold_is_refused(void **state)
{
    uint8_t buf[TABLE_BYTES];
    size_t size = two_snapshots(buf);
    struct snapshot_table table;

    (void)state;
    assert_int_equal(decode(&table, 65536, buf, size), -1);
    assert_non_null(strstr(error_message(), "65536 snapshots do not fit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_decoded),
        cmocka_unit_test(unknown_extra_data_is_kept),
        cmocka_unit_test(an_entry_without_extra_data_has_the_size_of_the_disk),
        cmocka_unit_test(the_last_padding_may_be_missing),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_count_that_the_file_cannot_hold_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
