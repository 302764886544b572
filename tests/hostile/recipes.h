/* SPDX-License-Identifier: BSD-3-Clause */
/* recipes.h - whole images, and where their structures lie */

#ifndef QCOW2_TESTS_RECIPES_H
#define QCOW2_TESTS_RECIPES_H

#include "hostile/damage.h"

enum structure {
    HEADER,
    EXTENSION, /* the first one */
    FORMAT_NAME,
    FEATURE_NAMES,
    BITMAPS_EXTENSION,
    DATA_FILE_NAME,
    CRYPTO_EXTENSION,
    BACKING_NAME,
    L1,
    L2,
    EXTENDED_L2,
    COMPRESSED_L2,
    STREAM,
    REFCOUNT_TABLE,
    REFCOUNT_BLOCK,
    SNAPSHOT_TABLE,
    SNAPSHOT_L1,
    BITMAP_DIRECTORY,
    BITMAP_TABLE,
    LUKS,
    QCOW1_HEADER,
    QCOW1_L1,
    QCOW1_L2,
    STRUCTURES
};

struct recipe {
    const char *name;
    const char *format;
    const char *options[8][2]; /* of the new image */
    bool (*fill)(const char *filename);
    uint32_t structures; /* that are damaged here, a bit each */
    bool encrypted;
};

extern const struct recipe recipes[];
extern const size_t nb_recipes;

/* The image as a file in memory. */
struct bytes recipe_make(const struct recipe *recipe);

/* Where a structure lies in an image; 0 for one that is not there, except HEADER and its like. */
uint64_t structure_find(const struct bytes *image, enum structure structure);

uint64_t load_number(const struct bytes *image, uint64_t at, uint32_t bytes);

#endif
