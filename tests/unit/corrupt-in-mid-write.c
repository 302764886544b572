/* SPDX-License-Identifier: BSD-3-Clause */
/* corrupt-in-mid-write.c - impossible metadata, met while an image is in use and has changes to
 * write
 *
 * The request that meets it fails and says what was found where.  The image is marked as corrupt,
 * and that is the last change of the file: neither what waited to be written, nor another request,
 * nor closing writes anything.  Afterwards the image opens to be read, and not to be written.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits.h"
#include "base/error.h"
#include "crash/record.h"
#include "format/disk.h"
#include "image/image.h"

#define CLUSTER 4096u
#define PER_L2 (CLUSTER / 8u * CLUSTER) /* bytes of the disk that an L2 table maps */
#define C ENTRY_COPIED

/* Where things are in an image that was written at 0 and at PER_L2. */
#define REFCOUNT_TABLE 0x1000u
#define REFCOUNT_BLOCK 0x2000u
#define L1 0x3000u
#define L2_FIRST 0x4000u
#define L2_SECOND 0x6000u
#define DATA_SECOND 0x7000u

#define COUNT(cluster) (REFCOUNT_BLOCK + 2 * (cluster))

/* How the damage is met. */
enum request {
    OVERWRITE, /* of the cluster at PER_L2 */
    ALLOCATE,  /* a new cluster of the second L2 table */
    DISCARD,   /* the cluster at PER_L2, and flush: it is freed when what referred to it is gone */
};

static const struct {
    const char *name;
    uint64_t at;    /* where a number is replaced, */
    uint32_t bytes; /* big endian, of so many bytes, */
    uint64_t value; /* by this one */
    enum request request;
    const char *what, *where; /* parts of the sentence */
} damages[] = {
    { "L2 table not aligned", L1 + 8, 8, C | 0x6200, OVERWRITE, "multiple of the cluster",
      "0x6200" },
    { "L2 table beyond the end", L1 + 8, 8, C | 0x900000, OVERWRITE, "beyond the end", "0x900000" },
    { "L2 table is the L1 table", L1 + 8, 8, C | L1, ALLOCATE, "", "0x3000" },
    { "L2 table is the refcount table", L1 + 8, 8, C | REFCOUNT_TABLE, ALLOCATE, "", "0x1000" },
    { "data not aligned", L2_SECOND, 8, C | 0x7200, OVERWRITE, "no cluster boundary",
      "0x8000000000007200" },
    { "data beyond the end", L2_SECOND, 8, C | 0x900000, OVERWRITE, "beyond the end",
      "0x8000000000900000" },
    { "data is the L1 table", L2_SECOND, 8, C | L1, OVERWRITE, "would overwrite", "0x3200" },
    { "data is the first L2 table", L2_SECOND, 8, C | L2_FIRST, OVERWRITE, "would overwrite",
      "0x4200" },
    { "data is its own L2 table", L2_SECOND, 8, C | L2_SECOND, OVERWRITE, "would overwrite",
      "0x6200" },
    { "data is the refcount table", L2_SECOND, 8, C | REFCOUNT_TABLE, OVERWRITE, "would overwrite",
      "0x1200" },
    { "data is the refcount block", L2_SECOND, 8, C | REFCOUNT_BLOCK, OVERWRITE, "would overwrite",
      "0x2200" },
    { "discarded data is the L1 table", L2_SECOND, 8, C | L1, DISCARD, "would be freed", "0x3000" },
    { "discarded data has no count", COUNT(7), 2, 0, DISCARD, "refcount", "0x7000" },
    { "refcount block not aligned", REFCOUNT_TABLE, 8, 0x2200, ALLOCATE, "multiple of the cluster",
      "0x2200" },
    { "refcount block beyond the end", REFCOUNT_TABLE, 8, 0x900000, ALLOCATE, "beyond the end",
      "0x900000" },
    { "refcount block is the L1 table", REFCOUNT_TABLE, 8, L1, ALLOCATE, "", "0x" },
    { "refcount block is an L2 table", REFCOUNT_TABLE, 8, L2_SECOND, ALLOCATE, "", "0x" },
    { "refcount block is the refcount table", REFCOUNT_TABLE, 8, REFCOUNT_TABLE, ALLOCATE, "",
      "refcount" },
    { "header has no count", COUNT(0), 2, 0, ALLOCATE, "header", "" },
    { "refcount table has no count", COUNT(1), 2, 0, ALLOCATE, "would overwrite", "0x1000" },
    { "refcount block has no count", COUNT(2), 2, 0, ALLOCATE, "would overwrite", "0x2000" },
    { "L1 table has no count", COUNT(3), 2, 0, ALLOCATE, "would overwrite", "0x3000" },
    { "L2 table has no count", COUNT(4), 2, 0, ALLOCATE, "would overwrite", "0x4000" },
};

static uint8_t bytes[CLUSTER];

static struct qcow2_image *open_on(struct recorder *r, uint32_t flags)
{
    const struct qcow2_open_options options = { .format = FORMAT_QCOW2, .flags = flags };

    return image_open_store(recorder_image(r), &options);
}

static struct recorder *make_image(void)
{
    const struct qcow2_create_options options = {
        .size = 2 * PER_L2, .version = 3, .cluster_size = CLUSTER, .refcount_bits = 16
    };
    struct recorder *r = recorder_new();
    struct qcow2_image *image;

    assert_non_null(r);
    assert_int_equal(image_format_store(recorder_image(r), &options), 0);
    image = open_on(r, 0);
    assert_non_null(image);
    assert_int_equal(image_write(image, bytes, CLUSTER, 0, 0), 0);
    assert_int_equal(image_flush(image), 0);
    assert_int_equal(image_write(image, bytes, CLUSTER, PER_L2, 0), 0);
    assert_int_equal(image_close(image), 0);
    assert_int_equal(load_be64(r->now + L1 + 8), C | L2_SECOND);
    assert_int_equal(load_be64(r->now + L2_SECOND), C | DATA_SECOND);
    return r;
}

static void put(struct recorder *r, uint64_t at, uint32_t count, uint64_t value)
{
    uint8_t word[8];

    store_be64(word, value);
    memcpy(r->now + at, word + 8 - count, count);
}

/* Something waits to be written: an L2 entry. */
static void leave_a_change(struct qcow2_image *image)
{
    assert_int_equal(image_zero(image, CLUSTER, 0, QCOW2_MAY_UNMAP), 0);
}

static int request(struct qcow2_image *image, enum request request)
{
    switch (request) {
    case OVERWRITE: return image_write(image, bytes, 512, PER_L2 + 512, 0);
    case ALLOCATE: return image_write(image, bytes, CLUSTER, PER_L2 + CLUSTER, 0);
    case DISCARD: {
        int r = image_discard(image, CLUSTER, PER_L2, 0);

        return r == 0 ? image_flush(image) : r;
    }
    }
    return 0;
}

static void assert_told(const char *what, const char *where)
{
    const char *said = error_message();

    if (!strstr(said, "is corrupt: ") || !strstr(said, "it was marked as corrupt") ||
        !strstr(said, what) || !strstr(said, where))
        fail_msg("the sentence is: %s", said);
}

static void assert_nothing_goes(struct qcow2_image *image)
{
    assert_int_equal(image_write(image, bytes, CLUSTER, 16 * CLUSTER, 0), -1);
    assert_int_equal(image_write(image, bytes, 512, 0, QCOW2_FUA), -1);
    assert_int_equal(image_zero(image, CLUSTER, 0, 0), -1);
    assert_int_equal(image_discard(image, CLUSTER, 0, 0), -1);
    assert_int_equal(image_flush(image), -1);
    assert_int_equal(image_snapshot_create(image, "late"), -1);
    assert_int_equal(image_resize(image, 3 * PER_L2, 0), -1);
}

/* The corrupt bit is the only difference to what was there when the damage was met. */
static void assert_marked_only(const struct recorder *r, uint8_t *before, uint64_t length)
{
    before[HEADER_INCOMPATIBLE_AT + 7] |= (uint8_t)INCOMPATIBLE_CORRUPT;
    assert_int_equal(r->length[PART_IMAGE], length);
    assert_memory_equal(r->now, before, length);
}

static void meet(size_t row)
{
    struct recorder *r = make_image();
    struct qcow2_image *image;
    uint64_t length, requests;
    uint8_t *before;

    put(r, damages[row].at, damages[row].bytes, damages[row].value);
    image = open_on(r, 0);
    assert_non_null(image);
    leave_a_change(image);
    length = r->length[PART_IMAGE];
    before = malloc(length);
    assert_non_null(before);
    memcpy(before, r->now, length);

    assert_int_equal(request(image, damages[row].request), -1);
    assert_told(damages[row].what, damages[row].where);
    if (damages[row].request == DISCARD)
        memcpy(before, r->now, length);
    assert_marked_only(r, before, length);
    requests = r->requests;
    assert_nothing_goes(image);
    assert_int_equal(image_close(image), -1);
    assert_int_equal(r->requests, requests);
    assert_marked_only(r, before, length);
    free(before);

    assert_null(open_on(r, 0));
    assert_non_null(strstr(error_message(), "corrupt"));
    image = open_on(r, QCOW2_OPEN_READ_ONLY);
    assert_non_null(image);
    assert_int_equal(image_close(image), 0);
    recorder_free(r);
}

static void the_mark_is_the_last_change(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof damages / sizeof damages[0]; row++) {
        print_message("%s\n", damages[row].name);
        meet(row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_mark_is_the_last_change) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
