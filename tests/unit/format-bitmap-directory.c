/* SPDX-License-Identifier: BSD-3-Clause */
/* format-bitmap-directory.c - the directory of bitmaps: what is decoded is encoded again to the
 * byte, and nonsense is refused */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "format/bitmap_directory.h"

#define DISK_SIZE (UINT64_C(10) << 20)
#define FILE_LENGTH UINT64_C(0x100000)
#define DIRECTORY_BYTES 64u
#define SECOND 32u /* where the second entry is */

static struct header image(void)
{
    return (struct header){
        .version = 3,
        .size = DISK_SIZE,
        .autoclear_features = AUTOCLEAR_BITMAPS,
        .geometry = geometry_of(16, 4, false),
        .has_bitmaps = true,
        .nb_bitmaps = 2,
        .bitmap_directory_size = DIRECTORY_BYTES,
        .bitmap_directory_offset = 0x80000,
    };
}

static void encode(uint8_t *buf)
{
    char one[] = "one", two[] = "two";
    const struct bitmap_entry entries[2] = {
        { .table_offset = 0x50000,
          .table_size = 1,
          .flags = BITMAP_AUTO,
          .granularity_bits = 16,
          .name = one,
          .name_size = 3 },
        { .table_offset = 0x60000,
          .table_size = 3,
          .flags = BITMAP_IN_USE,
          .granularity_bits = 31,
          .name = two,
          .name_size = 3 },
    };

    bitmap_entry_encode(&entries[0], buf);
    bitmap_entry_encode(&entries[1], buf + SECOND);
}

static int decode(const uint8_t *buf, const struct header *h, struct bitmap_directory *d)
{
    if (bitmap_directory_decode(d, h, buf, FILE_LENGTH) == -1)
        return -1;
    if (bitmap_directory_validate(d) == 0)
        return 0;
    bitmap_directory_destroy(d);
    return -1;
}

static void fields_are_where_the_specification_says(void **state)
{
    static const uint8_t expected[SECOND] = {
        0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 16, 0, 3, 0, 0, 0, 0, 'o', 'n', 'e',
    };
    uint8_t buf[DIRECTORY_BYTES];

    (void)state;
    encode(buf);
    assert_memory_equal(buf, expected, sizeof expected);
}

static void entries_are_decoded(void **state)
{
    uint8_t buf[DIRECTORY_BYTES], again[DIRECTORY_BYTES];
    struct header h = image();
    struct bitmap_directory d;

    (void)state;
    encode(buf);
    assert_int_equal(decode(buf, &h, &d), 0);
    assert_int_equal(d.count, 2);
    assert_string_equal(d.entries[0].name, "one");
    assert_true(d.entries[0].flags == BITMAP_AUTO);
    assert_int_equal(d.entries[1].table_offset, 0x60000);
    assert_int_equal(d.entries[1].table_size, 3);
    assert_int_equal(d.entries[1].granularity_bits, 31);
    bitmap_entry_encode(&d.entries[0], again);
    bitmap_entry_encode(&d.entries[1], again + SECOND);
    assert_memory_equal(again, buf, sizeof buf);
    bitmap_directory_destroy(&d);
}

/* A number in the directory, big-endian. */
struct patch {
    uint32_t at;
    uint32_t bytes;
    uint64_t value;
};

static void apply(uint8_t *buf, const struct patch *p)
{
    for (uint32_t i = 0; i < p->bytes; i++)
        buf[p->at + i] = (uint8_t)(p->value >> (8 * (p->bytes - 1 - i)));
}

static void nonsense_is_refused(void **state)
{
    static const struct patch patches[] = {
        { 0, 8, 0 },                             /* table offset */
        { 0, 8, 0x50200 },                       /* not at a cluster */
        { 0, 8, FILE_LENGTH },                   /* beyond the end */
        { 0, 8, UINT64_C(1) << 63 },             /* far beyond */
        { 0, 8, 0x60000 },                       /* the other's table */
        { 8, 4, 0 },                             /* table size */
        { 8, 4, 0x30000 },                       /* more than the file has */
        { 8, 4, UINT32_MAX },                    /* more than is allowed */
        { 12, 4, 4 },                            /* flags */
        { 12, 4, UINT32_C(1) << 31 },            /* flags */
        { 16, 1, 0 },                            /* type */
        { 16, 1, 2 },                            /* type */
        { 17, 1, 8 },                            /* granularity */
        { 17, 1, 32 },                           /* granularity */
        { 17, 1, 63 },                           /* granularity */
        { 18, 2, 0 },                            /* name size */
        { 18, 2, 41 },                           /* beyond the directory */
        { 18, 2, 1024 },                         /* name size */
        { 20, 4, 8 },                            /* extra data */
        { 25, 1, 0 },                            /* NUL in the name */
        { 24, 3, ('t' << 16) | 'w' << 8 | 'o' }, /* the other's name */
        { SECOND + 18, 2, 9 },                   /* the second entry leaves the directory */
    };

    (void)state;
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        uint8_t buf[DIRECTORY_BYTES];
        struct header h = image();
        struct bitmap_directory d;

        encode(buf);
        apply(buf, &patches[i]);
        if (decode(buf, &h, &d) == 0)
            fail_msg("patch %zu (byte %u) was accepted", i, patches[i].at);
        assert_true(error_errno() == EINVAL);
    }
}

static void what_is_left_over_is_refused(void **state)
{
    uint8_t buf[DIRECTORY_BYTES];
    struct header h = image();
    struct bitmap_directory d;

    (void)state;
    encode(buf);
    h.nb_bitmaps = 1;
    assert_int_equal(decode(buf, &h, &d), -1);
    h.nb_bitmaps = 2;
    h.bitmap_directory_size = DIRECTORY_BYTES - 8;
    assert_int_equal(decode(buf, &h, &d), -1);
}

/* But one that is in use may be of a disk that has been resized since. */
static void a_table_covers_the_disk(void **state)
{
    uint8_t buf[DIRECTORY_BYTES];
    struct header h = image();
    struct bitmap_directory d;

    (void)state;
    encode(buf);
    h.size = (UINT64_C(65536) * 8) << 16; /* one cluster of bits */
    assert_int_equal(decode(buf, &h, &d), 0);
    bitmap_directory_destroy(&d);
    h.size += 512;
    assert_int_equal(decode(buf, &h, &d), -1);
    buf[15] |= BITMAP_IN_USE;
    assert_int_equal(decode(buf, &h, &d), 0);
    bitmap_directory_destroy(&d);
}

static void the_place_is_validated(void **state)
{
    const struct header good = image();
    struct header h = good;

    (void)state;
    assert_int_equal(bitmap_directory_validate_place(&h, FILE_LENGTH), 0);
    assert_int_equal(bitmap_directory_validate_place(&h, h.bitmap_directory_offset + 63), -1);
    h.nb_bitmaps = 0;
    assert_int_equal(bitmap_directory_validate_place(&h, FILE_LENGTH), -1);
    h.nb_bitmaps = 3; /* needs 96 bytes */
    assert_int_equal(bitmap_directory_validate_place(&h, FILE_LENGTH), -1);
    h.nb_bitmaps = MAX_BITMAPS + 1;
    assert_int_equal(bitmap_directory_validate_place(&h, FILE_LENGTH), -1);
    h = good;
    h.bitmap_directory_offset = 0;
    assert_int_equal(bitmap_directory_validate_place(&h, FILE_LENGTH), -1);
    h.bitmap_directory_offset = 0x80200;
    assert_int_equal(bitmap_directory_validate_place(&h, FILE_LENGTH), -1);
    h = good;
    h.bitmap_directory_size = UINT64_MAX;
    assert_int_equal(bitmap_directory_validate_place(&h, FILE_LENGTH), -1);
}

static void table_entries_are_validated(void **state)
{
    static const struct {
        uint64_t entry;
        int result;
    } rows[] = {
        { 0, 0 },
        { BITMAP_TABLE_ALL_ONES, 0 },
        { 0x50000, 0 },
        { 0x50001, -1 },
        { 0x50200, -1 },
        { 2, -1 },
        { UINT64_C(1) << 56, -1 },
        { UINT64_C(1) << 63, -1 },
        { FILE_LENGTH, -1 },
        { FILE_LENGTH - 0x10000, 0 },
    };
    const struct header h = image();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(bitmap_table_entry_validate(rows[i].entry, FILE_LENGTH, &h.geometry),
                         rows[i].result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_where_the_specification_says),
        cmocka_unit_test(entries_are_decoded),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(what_is_left_over_is_refused),
        cmocka_unit_test(a_table_covers_the_disk),
        cmocka_unit_test(the_place_is_validated),
        cmocka_unit_test(table_entries_are_validated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
