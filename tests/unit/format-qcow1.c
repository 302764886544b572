/* SPDX-License-Identifier: BSD-3-Clause */
/* format-qcow1.c - what qcow1_header_decode refuses, with which sentence and which errno
 *
 * A row is a good header with one or two fields changed.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "format/disk.h"
#include "format/qcow1.h"

#define FILE_LENGTH 0x10000u

/* A big-endian number of so many bytes; 0 bytes: no patch. */
struct patch {
    uint32_t at;
    uint32_t bytes;
    uint64_t value;
};

#define MOST_PATCHES 3

struct row {
    const char *sentence; /* a part of it; NULL: the header is good */
    int errnum;
    struct patch patches[MOST_PATCHES];
};

#define MAGIC 0, 4
#define FORMAT_VERSION 4, 4
#define BACKING_OFFSET 8, 8
#define BACKING_SIZE 16, 4
#define SIZE 24, 8
#define CLUSTER_BITS 32, 1
#define L2_BITS 33, 1
#define CRYPT 36, 4
#define L1_OFFSET 40, 8

static const struct row rows[] = {
    { "not in qcow format", EINVAL, { { MAGIC, 0x514649fa } } },
    { "does not support qcow version 0", ENOTSUP, { { FORMAT_VERSION, 0 } } },
    { "does not support qcow version 2", ENOTSUP, { { FORMAT_VERSION, 2 } } },
    { "too small", EINVAL, { { SIZE, 0 } } },
    { "too small", EINVAL, { { SIZE, 1 } } },
    { "Cluster size must be between", EINVAL, { { CLUSTER_BITS, 0 } } },
    { "Cluster size must be between", EINVAL, { { CLUSTER_BITS, 8 } } },
    { "Cluster size must be between", EINVAL, { { CLUSTER_BITS, 17 } } },
    { "Cluster size must be between", EINVAL, { { CLUSTER_BITS, 255 } } },
    { "L2 table size must be between", EINVAL, { { L2_BITS, 0 } } },
    { "L2 table size must be between", EINVAL, { { L2_BITS, 5 } } },
    { "L2 table size must be between", EINVAL, { { L2_BITS, 14 } } },
    { "L2 table size must be between", EINVAL, { { L2_BITS, 64 } } },
    { "invalid encryption method", EINVAL, { { CRYPT, 2 } } },
    { "invalid encryption method", EINVAL, { { CRYPT, UINT32_MAX } } },
    /* sizes whose L1 table would wrap around, or would not fit into memory or the file */
    { "Image too large", EINVAL, { { SIZE, UINT64_MAX } } },
    { "Image too large", EINVAL, { { SIZE, UINT64_C(1) << 63 } } },
    { "Image too large", EINVAL, { { SIZE, INT64_MAX }, { CLUSTER_BITS, 9 }, { L2_BITS, 6 } } },
    { "Image too large", EINVAL, { { SIZE, (UINT64_C(1) << 52) + 1 }, { L2_BITS, 12 } } },
    { "beyond the end of the file", EINVAL, { { SIZE, UINT64_C(1) << 40 } } },
    { "beyond the end of the file", EINVAL, { { L1_OFFSET, FILE_LENGTH } } },
    { "beyond the end of the file", EINVAL, { { L1_OFFSET, FILE_LENGTH - 8 } } },
    { "beyond the end of the file", EINVAL, { { L1_OFFSET, UINT64_MAX - 7 } } },
    { "L1 table offset invalid", EINVAL, { { L1_OFFSET, 0 } } },
    { "L1 table offset invalid", EINVAL, { { L1_OFFSET, 40 } } },
    { "L1 table offset invalid", EINVAL, { { L1_OFFSET, 0x1001 } } },
    { "Backing file name too long", EINVAL, { { BACKING_OFFSET, 48 }, { BACKING_SIZE, 1024 } } },
    { "Backing file name too long", EINVAL, { { BACKING_OFFSET, 48 }, { BACKING_SIZE, -1 } } },
    { "name at 0x10000 lies beyond",
      EINVAL,
      { { BACKING_OFFSET, FILE_LENGTH }, { BACKING_SIZE, 1 } } },
    { "lies beyond", EINVAL, { { BACKING_OFFSET, UINT64_MAX }, { BACKING_SIZE, 1023 } } },

    { NULL, 0, { { SIZE, 2 } } },
    { NULL, 0, { { SIZE, 1048577 } } },
    { NULL, 0, { { CRYPT, 1 } } },
    { NULL, 0, { { CLUSTER_BITS, 9 }, { L2_BITS, 6 } } },
    { NULL, 0, { { CLUSTER_BITS, 16 }, { L2_BITS, 13 } } },
    { NULL, 0, { { L1_OFFSET, FILE_LENGTH - 16 } } },
    { NULL, 0, { { BACKING_SIZE, UINT32_MAX } } }, /* no offset: no name */
    { NULL, 0, { { BACKING_OFFSET, 48 }, { BACKING_SIZE, 1023 } } },
};

static void good_header(struct disk_qcow1_header *disk)
{
    *disk = (struct disk_qcow1_header){
        .magic = htobe32(QCOW2_MAGIC),
        .version = htobe32(1),
        .size = htobe64(3 << 20),
        .cluster_bits = 12,
        .l2_bits = 9,
        .l1_table_offset = htobe64(0x1000),
    };
}

static void apply(void *bytes, const struct patch *patches)
{
    for (unsigned i = 0; i < MOST_PATCHES && patches[i].bytes > 0; i++)
        for (uint32_t k = 0; k < patches[i].bytes; k++)
            ((uint8_t *)bytes)[patches[i].at + k] =
                (uint8_t)(patches[i].value >> 8 * (patches[i].bytes - 1 - k));
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct disk_qcow1_header disk;
        struct qcow1_header h;
        int r;

        good_header(&disk);
        apply(&disk, rows[i].patches);
        r = qcow1_header_decode(&disk, FILE_LENGTH, &h);
        if (rows[i].sentence == NULL) {
            if (r == -1)
                fail_msg("row %zu is refused: %s", i, error_message());
            continue;
        }
        if (r == 0)
            fail_msg("row %zu is accepted, and ought to be refused: %s", i, rows[i].sentence);
        if (strstr(error_message(), rows[i].sentence) == NULL)
            fail_msg("row %zu: '%s' instead of '%s'", i, error_message(), rows[i].sentence);
        assert_int_equal(error_errno(), rows[i].errnum);
    }
}

static void test_fields(void **state)
{
    const struct patch patches[MOST_PATCHES] = { { BACKING_OFFSET, 0x100 },
                                                 { BACKING_SIZE, 7 },
                                                 { SIZE, (3 << 20) + 513 } };
    struct disk_qcow1_header disk;
    struct qcow1_header h;

    (void)state;
    good_header(&disk);
    apply(&disk, patches);
    assert_int_equal(qcow1_header_decode(&disk, FILE_LENGTH, &h), 0);
    assert_int_equal(h.size, (3 << 20) + 512); /* whole sectors */
    assert_int_equal(h.l1_size, 2);
    assert_int_equal(h.l1_table_offset, 0x1000);
    assert_int_equal(h.cluster_bits, 12);
    assert_int_equal(h.l2_bits, 9);
    assert_int_equal(h.backing_file_offset, 0x100);
    assert_int_equal(h.backing_file_size, 7);
    assert_int_equal(qcow1_stream_offset(&h, QCOW1_COMPRESSED | UINT64_C(0x5123456789abc)),
                     UINT64_C(0x5123456789abc) & ((UINT64_C(1) << 51) - 1));
    assert_int_equal(qcow1_stream_length(&h, QCOW1_COMPRESSED | UINT64_C(0xabc) << 51 | 77), 0xabc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
