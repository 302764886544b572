/* SPDX-License-Identifier: BSD-3-Clause */
/* format-header.c - what header_decode refuses, with which sentence and which errno
 *
 * A row is a good header with one or two fields changed.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "format/header_encode.h"
#include "unit/header-fields.h"

#define CLUSTER 65536u
#define FILE_LENGTH (UINT64_C(16) * CLUSTER)
#define EXTENSIONS_AT HEADER_LENGTH

#define MOST_PATCHES 5

struct refusal {
    const char *sentence; /* a part of it */
    int errnum;
    struct patch patches[MOST_PATCHES];
};

/* Version 3, 1 GiB, where qemu-img create puts things. */
static void good_header(uint8_t *cluster)
{
    struct header h = {
        .version = 3,
        .size = UINT64_C(1) << 30,
        .l1_size = 2,
        .l1_table_offset = 3 * CLUSTER,
        .refcount_table_offset = 1 * CLUSTER,
        .refcount_table_clusters = 1,
        .geometry = geometry_of(16, 4, false),
    };

    struct header_used used;

    memset(cluster, 0, CLUSTER);
    assert_int_equal(header_encode(&h, &header_layout_new, cluster, &used), 0);
}

static void apply(uint8_t *cluster, const struct patch *patches)
{
    for (unsigned i = 0; i < MOST_PATCHES && patches[i].bytes > 0; i++)
        for (uint32_t k = 0; k < patches[i].bytes; k++)
            cluster[patches[i].at + k] =
                (uint8_t)(patches[i].value >> 8 * (patches[i].bytes - 1 - k));
}

/* ------------------------------------------------------------------------------------------------
 * Refusals
 */

static const struct refusal refusals[] = {
    { "not in qcow2 format", EINVAL, { { 0, 4, 0x514649fa } } },
    { "not in qcow2 format", EINVAL, { { 0, 4, 0 } } },
    { "qcow2 version 0", ENOTSUP, { { FORMAT_VERSION, 0 } } },
    { "qcow2 version 1", ENOTSUP, { { FORMAT_VERSION, 1 } } },
    { "qcow2 version 4", ENOTSUP, { { FORMAT_VERSION, 4 } } },
    { "qcow2 version 4294967295", ENOTSUP, { { FORMAT_VERSION, UINT32_MAX } } },

    { "backing file offset: 0x10001", EINVAL, { { BACKING_OFFSET, 65537 }, { BACKING_SIZE, 1 } } },
    { "backing file offset: 0xffffffffffffffff", EINVAL, { { BACKING_OFFSET, UINT64_MAX } } },
    { "lies in the header", EINVAL, { { BACKING_OFFSET, 104 }, { BACKING_SIZE, 1 } } },
    { "name too long: 1024", EINVAL, { { BACKING_OFFSET, 1024 }, { BACKING_SIZE, 1024 } } },
    { "name too long: 4294967295",
      EINVAL,
      { { BACKING_OFFSET, 1024 }, { BACKING_SIZE, UINT32_MAX } } },
    { "name too long: 17", EINVAL, { { BACKING_OFFSET, CLUSTER - 16 }, { BACKING_SIZE, 17 } } },
    { "name holds a NUL byte", EINVAL, { { BACKING_OFFSET, 1024 }, { BACKING_SIZE, 4 } } },

    { "cluster size: 2^8 ", EINVAL, { { CLUSTER_BITS, 8 } } },
    { "cluster size: 2^0 ", EINVAL, { { CLUSTER_BITS, 0 } } },
    { "cluster size: 2^22 ", EINVAL, { { CLUSTER_BITS, 22 } } },
    { "cluster size: 2^4294967295 ", EINVAL, { { CLUSTER_BITS, UINT32_MAX } } },
    { "cluster size: 2^64 ", EINVAL, { { CLUSTER_BITS, 64 } } },

    { "L1 table is too small", EINVAL, { { SIZE, (UINT64_C(1) << 30) + 512 } } },
    { "L1 table is too small", EINVAL, { { SIZE, UINT64_C(1) << 62 } } },
    { "L1 table is too small", EINVAL, { { SIZE, UINT64_C(1) << 63 } } },
    { "L1 table is too small", EINVAL, { { SIZE, UINT64_MAX } } },
    { "L1 table is too small", EINVAL, { { L1_SIZE, 1 } } },
    { "L1 table is too small", EINVAL, { { L1_SIZE, 0 } } },
    { "encryption method 3", EINVAL, { { CRYPT, 3 } } },
    { "encryption method 4294967295", EINVAL, { { CRYPT, UINT32_MAX } } },
    { "CRYPTO header extension not found", EINVAL, { { CRYPT, 2 } } },

    { "Active L1 table too large: 33554440", EFBIG, { { L1_SIZE, 4194305 } } },
    { "Active L1 table too large", EFBIG, { { L1_SIZE, UINT32_MAX } } },
    { "Active L1 table lies beyond the end", ENODATA, { { L1_OFFSET, FILE_LENGTH } } },
    { "Active L1 table lies beyond the end", ENODATA, { { L1_SIZE, 4194304 } } },
    { "Active L1 table offset invalid: 0x30200", EINVAL, { { L1_OFFSET, 3 * CLUSTER + 512 } } },
    { "Active L1 table offset invalid: 0x30001", EINVAL, { { L1_OFFSET, 3 * CLUSTER + 1 } } },
    { "Active L1 table offset invalid", EINVAL, { { L1_OFFSET, UINT64_MAX } } },
    { "Active L1 table offset invalid", EINVAL, { { L1_OFFSET, UINT64_C(1) << 63 } } },
    { "0x0 is the header", EINVAL, { { L1_OFFSET, 0 } } },

    { "Reference count table offset invalid", EINVAL, { { TABLE_OFFSET, CLUSTER + 512 } } },
    { "Reference count table offset invalid", EINVAL, { { TABLE_OFFSET, UINT64_MAX } } },
    { "0x0 is the header", EINVAL, { { TABLE_OFFSET, 0 } } },
    { "Reference count table lies beyond", ENODATA, { { TABLE_OFFSET, FILE_LENGTH } } },
    { "Reference count table lies beyond",
      ENODATA,
      { { TABLE_OFFSET, UINT64_C(1) << 62 }, { TABLE_CLUSTERS, 2 } } },
    { "Reference count table lies beyond", ENODATA, { { TABLE_CLUSTERS, 128 } } },
    { "Reference count table too large: 8454144", EFBIG, { { TABLE_CLUSTERS, 129 } } },
    { "Reference count table too large", EFBIG, { { TABLE_CLUSTERS, UINT32_MAX } } },
    { "does not contain a reference count table", EINVAL, { { TABLE_CLUSTERS, 0 } } },

    { "65537 snapshots", EINVAL, { { NB_SNAPSHOTS, 65537 } } },
    { "4294967295 snapshots", EINVAL, { { NB_SNAPSHOTS, UINT32_MAX } } },
    { "0x0 is the header", EINVAL, { { NB_SNAPSHOTS, 1 }, { SNAPSHOTS_OFFSET, 0 } } },
    { "Snapshot table offset invalid",
      EINVAL,
      { { NB_SNAPSHOTS, 1 }, { SNAPSHOTS_OFFSET, CLUSTER + 8 } } },
    { "Snapshot table offset invalid",
      EINVAL,
      { { NB_SNAPSHOTS, 1 }, { SNAPSHOTS_OFFSET, UINT64_MAX } } },
    { "Snapshot table lies beyond",
      ENODATA,
      { { NB_SNAPSHOTS, 1 }, { SNAPSHOTS_OFFSET, FILE_LENGTH } } },
    { "Snapshot table lies beyond",
      ENODATA,
      { { NB_SNAPSHOTS, 65536 }, { SNAPSHOTS_OFFSET, 4 * CLUSTER } } },

    { "Unknown incompatible feature: bit 5", ENOTSUP, { { INCOMPATIBLE, 1 << 5 } } },
    { "bit 6, Unknown incompatible feature: bit 63",
      ENOTSUP,
      { { INCOMPATIBLE, UINT64_C(1) << 63 | 1 << 6 } } },
    { "Unsupported qcow2 feature(s)", ENOTSUP, { { INCOMPATIBLE, UINT64_MAX } } },
    /* the first entry of the feature name table now names bit 7 */
    { "feature(s): dirty bit", ENOTSUP, { { INCOMPATIBLE, 1 << 7 }, { 121, 1, 7 } } },
    { "feature(s): d?rty bit",
      ENOTSUP,
      { { INCOMPATIBLE, 1 << 7 }, { 121, 1, 7 }, { 123, 1, 0x1b } } },
    { "Compression type 0 contradicts", EINVAL, { { INCOMPATIBLE, 1 << 3 } } },
    { "Compression type 1 contradicts", EINVAL, { { COMPRESSION, 1 } } },
    { "unknown compression type: 2", ENOTSUP, { { INCOMPATIBLE, 1 << 3 }, { COMPRESSION, 2 } } },
    { "unknown compression type: 255",
      ENOTSUP,
      { { INCOMPATIBLE, 1 << 3 }, { COMPRESSION, 255 } } },
    { "Extended L2 entries need clusters of at least 16384",
      EINVAL,
      { { INCOMPATIBLE, 1 << 4 }, { CLUSTER_BITS, 13 } } },

    { "refcount_order is 7", EINVAL, { { ORDER, 7 } } },
    { "refcount_order is 4294967295", EINVAL, { { ORDER, UINT32_MAX } } },
    { "header too short: 0", EINVAL, { { LENGTH, 0 } } },
    { "header too short: 96", EINVAL, { { LENGTH, 96 } } },
    { "header too short: 103", EINVAL, { { LENGTH, 103 } } },
    { "not a multiple of 8", EINVAL, { { LENGTH, 113 } } },
    { "exceeds cluster size: 65544", EINVAL, { { LENGTH, CLUSTER + 8 } } },
    { "exceeds cluster size: 4294967288", EINVAL, { { LENGTH, UINT32_MAX - 7 } } },

    { "has 4294967295 bytes",
      EINVAL,
      { { EXTENSION, 0x12345678 }, { EXTENSION_LENGTH, UINT32_MAX } } },
    { "has 65417 bytes, 65416 are left",
      EINVAL,
      { { EXTENSION, 0x12345678 }, { EXTENSION_LENGTH, CLUSTER - EXTENSIONS_AT - 7 } } },
    { "no room for one at 0x78",
      EINVAL,
      { { BACKING_OFFSET, EXTENSIONS_AT + 12 },
        { BACKING_SIZE, 1 },
        { EXTENSION, 0x12345678 },
        { EXTENSION_LENGTH, 0 } } },
    { "ext_backing_format: len=16",
      EINVAL,
      { { EXTENSION, EXTENSION_BACKING_FORMAT }, { EXTENSION_LENGTH, 16 } } },
    { "backing format holds a NUL byte",
      EINVAL,
      { { EXTENSION, EXTENSION_BACKING_FORMAT }, { EXTENSION_LENGTH, 4 } } },
    { "Invalid extension length: 23",
      EINVAL,
      { { EXTENSION, EXTENSION_BITMAPS }, { EXTENSION_LENGTH, 23 } } },
    { "Invalid extension length: 32",
      EINVAL,
      { { EXTENSION, EXTENSION_BITMAPS }, { EXTENSION_LENGTH, 32 } } },
    { "only expected with LUKS",
      EINVAL,
      { { EXTENSION, EXTENSION_CRYPTO }, { EXTENSION_LENGTH, 16 } } },
    { "CRYPTO header extension size 8",
      EINVAL,
      { { CRYPT, 2 }, { EXTENSION, EXTENSION_CRYPTO }, { EXTENSION_LENGTH, 8 } } },
    { "data file name holds a NUL byte",
      EINVAL,
      { { EXTENSION, EXTENSION_DATA_FILE }, { EXTENSION_LENGTH, 4 } } },
};

/* Control characters in the image must not reach a terminal, and a sentence ends where it ends. */
static void assert_is_a_sentence(const char *message)
{
    assert_true(strlen(message) > 10);
    for (const char *c = message; *c; c++)
        assert_in_range((unsigned char)*c, ' ', '~');
}

static void every_field_out_of_range_is_refused(void **state)
{
    uint8_t *cluster = malloc(CLUSTER);

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        struct header h;

        good_header(cluster);
        apply(cluster, r->patches);
        if (header_decode(cluster, FILE_LENGTH, 0, &h) == 0)
            fail_msg("row %zu (%s) is accepted", i, r->sentence);
        if (strstr(error_message(), r->sentence) == NULL)
            fail_msg("row %zu: \"%s\", not \"%s\"", i, error_message(), r->sentence);
        if (error_errno() != r->errnum)
            fail_msg("row %zu (%s): errno %d, not %d", i, r->sentence, error_errno(), r->errnum);
        assert_is_a_sentence(error_message());
    }
    free(cluster);
}

/* ------------------------------------------------------------------------------------------------
 * What is accepted
 */

static const struct patch acceptable[][MOST_PATCHES] = {
    { { 0, 0, 0 } },
    { { SIZE, 0 }, { L1_SIZE, 0 }, { L1_OFFSET, 0 } },
    { { SIZE, 0 }, { L1_SIZE, 0 }, { L1_OFFSET, 64 * CLUSTER } },
    { { SIZE, 1 } }, /* less than a sector is nothing */
    { { L1_SIZE, 8192 } },
    { { L1_OFFSET, FILE_LENGTH - CLUSTER } },
    { { TABLE_OFFSET, FILE_LENGTH - CLUSTER } },
    { { TABLE_CLUSTERS, 15 } },
    { { NB_SNAPSHOTS, 0 }, { SNAPSHOTS_OFFSET, 0 } },
    { { NB_SNAPSHOTS, 100 }, { SNAPSHOTS_OFFSET, 4 * CLUSTER } },
    { { INCOMPATIBLE, 3 } },
    { { INCOMPATIBLE, 1 << 3 }, { COMPRESSION, 1 } },
    { { 80, 8, UINT64_MAX } }, /* compatible features */
    { { AUTOCLEAR, UINT64_MAX } },
    { { ORDER, 0 } },
    { { ORDER, 6 } },
    { { LENGTH, CLUSTER } },
    /* an unknown extension, then the end */
    { { EXTENSION, 0x12345678 }, { EXTENSION_LENGTH, CLUSTER - EXTENSIONS_AT - 8 } },
    { { EXTENSION, 0 }, { EXTENSION_LENGTH, UINT32_MAX } },
    { { BACKING_OFFSET, 0 }, { BACKING_SIZE, UINT32_MAX } },
    { { BACKING_OFFSET, CLUSTER }, { BACKING_SIZE, 0 } },
    /* version 2: what is behind the header is extensions */
    { { FORMAT_VERSION, 2 }, { 72, 8, 0 }, { ORDER, UINT32_MAX }, { LENGTH, UINT32_MAX } },
};

static void values_at_the_limit_are_accepted(void **state)
{
    uint8_t *cluster = malloc(CLUSTER);

    (void)state;
    for (size_t i = 0; i < sizeof acceptable / sizeof acceptable[0]; i++) {
        struct header h;

        good_header(cluster);
        apply(cluster, acceptable[i]);
        if (header_decode(cluster, FILE_LENGTH, 0, &h) == -1)
            fail_msg("row %zu is refused: %s", i, error_message());
        header_destroy(&h);
    }
    free(cluster);
}

static void a_check_may_look_at_a_lost_refcount_table(void **state)
{
    static const struct patch lost[MOST_PATCHES] = { { TABLE_CLUSTERS, 0 } };
    uint8_t *cluster = malloc(CLUSTER);
    struct header h;

    (void)state;
    good_header(cluster);
    apply(cluster, lost);
    assert_int_equal(header_decode(cluster, FILE_LENGTH, HEADER_FOR_CHECK, &h), 0);
    header_destroy(&h);
    free(cluster);
}

/* ------------------------------------------------------------------------------------------------
 * Values
 */

static void what_is_encoded_is_decoded(void **state)
{
    uint8_t *cluster = malloc(1u << MAX_CLUSTER_BITS);
    char backing[] = "dir/base.qcow2", format[] = "qcow2";
    struct header_used used;

    (void)state;
    for (uint32_t bits = MIN_CLUSTER_BITS; bits <= MAX_CLUSTER_BITS; bits++)
        for (uint32_t order = 0; order <= MAX_REFCOUNT_ORDER; order++) {
            struct header in = {
                .version = 3,
                .size = 123 * 512,
                .l1_size = 20,
                .l1_table_offset = UINT64_C(3) << bits,
                .refcount_table_offset = UINT64_C(1) << bits,
                .refcount_table_clusters = 1,
                .compatible_features = COMPATIBLE_LAZY_REFCOUNTS,
                .geometry = geometry_of(bits, order, false),
                .backing_file = backing,
                .backing_format = format,
            };
            struct header out;

            memset(cluster, 0, (size_t)1 << bits);
            assert_int_equal(header_encode(&in, &header_layout_new, cluster, &used), 0);
            assert_int_equal(header_decode(cluster, UINT64_C(8) << bits, 0, &out), 0);
            assert_int_equal(out.version, 3);
            assert_int_equal(out.size, in.size);
            assert_int_equal(out.l1_size, in.l1_size);
            assert_int_equal(out.l1_table_offset, in.l1_table_offset);
            assert_int_equal(out.refcount_table_offset, in.refcount_table_offset);
            assert_int_equal(out.refcount_table_clusters, 1);
            assert_int_equal(out.nb_snapshots, 0);
            assert_int_equal(out.compatible_features, COMPATIBLE_LAZY_REFCOUNTS);
            assert_int_equal(out.geometry.cluster_bits, bits);
            assert_int_equal(out.geometry.refcount_order, order);
            assert_string_equal(out.backing_file, backing);
            assert_string_equal(out.backing_format, format);
            header_destroy(&out);
        }
    free(cluster);
}

static void a_name_that_does_not_fit_is_refused(void **state)
{
    char backing[500];
    uint8_t cluster[512] = { 0 };
    struct header_used used;
    struct header h = { .version = 3,
                        .geometry = geometry_of(9, 4, false),
                        .backing_file = backing };

    (void)state;
    memset(backing, 'x', sizeof backing);
    backing[sizeof backing - 1] = '\0';
    assert_int_equal(header_encode(&h, &header_layout_new, cluster, &used), -1);
    assert_int_equal(error_errno(), ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_out_of_range_is_refused),
        cmocka_unit_test(values_at_the_limit_are_accepted),
        cmocka_unit_test(a_check_may_look_at_a_lost_refcount_table),
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(a_name_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
