/* SPDX-License-Identifier: BSD-3-Clause */
/* bad-images.h - images that somebody damaged, as a table: a row per case */

#ifndef QCOW2_TESTS_BAD_IMAGES_H
#define QCOW2_TESTS_BAD_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "unit/header-fields.h"

/* What is whole before it is damaged.  All have 4 MiB, of which 0 to 8 KiB and 2 MiB to 2 MiB + 4
 * KiB were written.  With 4 KiB clusters:
 *
 *     0x0000 header      0x1000 refcount table   0x2000 refcount block   0x3000 L1 table
 *     0x4000 L2 table 0  0x5000, 0x6000 data     0x7000 L2 table 1       0x8000 data
 *
 * and with a snapshot   0x9000 its L1 table      0xa000 snapshot table */
enum recipe {
    PLAIN,
    VERSION_2,
    SNAPSHOT,
    COMPRESSED, /* the clusters at 0 are; the others are not */
    LARGE,      /* 64 KiB clusters: the header has a feature name table */
    BITMAPS,    /* two, "one" and "two", the first of which has seen the writes */
    EXTENDED,   /* 16 KiB clusters, extended L2 entries; L2 table 0 at 0x10000, data at 0x14000 */
};

/* Where the damage is met first. */
enum stage {
    AT_OPEN,     /* nobody can open it */
    AT_OPEN_RW,  /* only reading is possible */
    AT_READ,     /* reading guest offset 0 fails */
    AT_WRITE,    /* reading goes well, the write at write_offset is refused */
    AT_SNAPSHOT, /* the snapshot cannot be read */
    AT_CHECK,    /* only the check sees it */
    NOWHERE,     /* it is not damage */
};

#define MOST_PATCHES 4

struct bad_image {
    const char *name;
    enum recipe recipe;
    enum stage stage;
    const char *sentence;  /* a part of what is said */
    uint64_t write_offset; /* guest */
    struct patch patches[MOST_PATCHES];
    uint64_t length; /* of the file, bytes; 0: as it is */
};

/* The rows of one file. */
struct bad_images {
    const struct bad_image *rows;
    size_t count;
};

extern const struct bad_images bad_header, bad_tables, bad_refcounts, bad_snapshots, bad_bitmaps;

#endif
