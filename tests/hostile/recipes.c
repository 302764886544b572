/* SPDX-License-Identifier: BSD-3-Clause */
/* recipes.c - whole images, and where their structures lie */

#include "hostile/recipes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "format/disk.h"
#include "interop/twin-tools.h"
#include "qcow2.h"

#define FILENAME "whole"
#define PIECE 8192u

static const char password[] = "hostile";

/* ------------------------------------------------------------------------------------------------
 * Filling
 */

static qcow2_image *open_to_fill(const char *filename)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_image *image;

    qcow2_open_options_set_backing_policy(options, QCOW2_BACKING_ALLOW);
    qcow2_open_options_set_data_file_policy(options, QCOW2_DATA_FILE_ALLOW);
    qcow2_open_options_set_secret(options, password, strlen(password));
    image = qcow2_open(filename, options);
    qcow2_open_options_free(options);
    return image;
}

static bool write_pieces(qcow2_image *image, bool compressed)
{
    static uint8_t buf[PIECE];

    memset(buf, 0x11, sizeof buf);
    return (compressed ? qcow2_pwrite_compressed(image, buf, sizeof buf, 0, 0)
                       : qcow2_pwrite(image, buf, sizeof buf, 0, 0)) == 0 &&
           qcow2_pwrite(image, buf, sizeof buf, 65536, 0) == 0 &&
           qcow2_zero(image, 4096, 131072, 0) == 0;
}

static bool fill_data(const char *filename)
{
    qcow2_image *image = open_to_fill(filename);

    return image && write_pieces(image, false) && qcow2_close(image) == 0;
}

static bool fill_streams(const char *filename)
{
    qcow2_image *image = open_to_fill(filename);

    return image && write_pieces(image, true) && qcow2_close(image) == 0;
}

static bool fill_snapshots(const char *filename)
{
    qcow2_image *image = open_to_fill(filename);

    return image && write_pieces(image, false) && qcow2_snapshot_create(image, "one") == 0 &&
           write_pieces(image, false) && qcow2_snapshot_create(image, "two") == 0 &&
           write_pieces(image, false) && qcow2_close(image) == 0;
}

static bool fill_bitmaps(const char *filename)
{
    qcow2_image *image = open_to_fill(filename);

    return image && qcow2_bitmap_add(image, "one", 4096, QCOW2_BITMAP_ENABLED) == 0 &&
           qcow2_bitmap_add(image, "two", 512, 0) == 0 && write_pieces(image, false) &&
           qcow2_close(image) == 0;
}

/* Its disk is an image. */
static bool fill_nested(const char *filename)
{
    static uint8_t buf[65536];
    qcow2_image *image = open_to_fill(filename);
    FILE *file = fopen("plain", "rb");
    size_t size = file ? fread(buf, 1, sizeof buf, file) : 0;

    return image && size > 0 && fclose(file) == 0 && qcow2_pwrite(image, buf, size, 0, 0) == 0 &&
           qcow2_close(image) == 0;
}

/* ------------------------------------------------------------------------------------------------
 * The recipes
 */

#define BIT(structure) (1u << (structure))

#define SIZE             \
    {                    \
        "size", "262144" \
    }
#define SMALL                  \
    {                          \
        "cluster_size", "4096" \
    }

const struct recipe recipes[] = {
    { "plain",
      "qcow2",
      { SIZE, SMALL },
      fill_data,
      BIT(HEADER) | BIT(EXTENSION) | BIT(L1) | BIT(L2) | BIT(REFCOUNT_TABLE) | BIT(REFCOUNT_BLOCK),
      false },
    { "nested",
      "qcow2",
      { { "size", "65536" }, SMALL },
      fill_nested,
      BIT(L1) | BIT(L2),
      false },
    { "version2",
      "qcow2",
      { SIZE, { "cluster_size", "512" }, { "compat", "0.10" } },
      fill_data,
      BIT(HEADER) | BIT(L1) | BIT(L2),
      false },
    { "large", "qcow2", { SIZE }, fill_data, BIT(FEATURE_NAMES) | BIT(EXTENSION), false },
    { "bits1",
      "qcow2",
      { SIZE, SMALL, { "refcount_bits", "1" } },
      fill_data,
      BIT(REFCOUNT_TABLE) | BIT(REFCOUNT_BLOCK),
      false },
    { "bits64",
      "qcow2",
      { SIZE, SMALL, { "refcount_bits", "64" } },
      fill_data,
      BIT(REFCOUNT_BLOCK),
      false },
    { "extended",
      "qcow2",
      { SIZE, { "cluster_size", "16384" }, { "extended_l2", "on" } },
      fill_data,
      BIT(EXTENDED_L2) | BIT(L1),
      false },
    { "deflate", "qcow2", { SIZE, SMALL }, fill_streams, BIT(COMPRESSED_L2) | BIT(STREAM), false },
    { "zstd",
      "qcow2",
      { SIZE, SMALL, { "compression_type", "zstd" } },
      fill_streams,
      BIT(COMPRESSED_L2) | BIT(STREAM),
      false },
    { "snapshots",
      "qcow2",
      { SIZE, SMALL },
      fill_snapshots,
      BIT(SNAPSHOT_TABLE) | BIT(SNAPSHOT_L1),
      false },
    { "bitmaps",
      "qcow2",
      { SIZE, SMALL },
      fill_bitmaps,
      BIT(BITMAPS_EXTENSION) | BIT(BITMAP_DIRECTORY) | BIT(BITMAP_TABLE),
      false },
    { "overlay",
      "qcow2",
      { SIZE, SMALL, { "backing_file", CANARY }, { "backing_fmt", "raw" } },
      fill_data,
      BIT(BACKING_NAME) | BIT(FORMAT_NAME),
      false },
    { "data-file",
      "qcow2",
      { SIZE, SMALL, { "data_file", CANARY } },
      fill_data,
      BIT(DATA_FILE_NAME) | BIT(L2),
      false },
    { "encrypted",
      "qcow2",
      { SIZE,
        SMALL,
        { "encrypt.format", "luks" },
        { "encrypt.cipher-alg", "aes-128" },
        { "encrypt.cipher-mode", "cbc" },
        { "encrypt.ivgen-alg", "plain64" },
        { "encrypt.iter-time", "1" } },
      fill_data,
      BIT(CRYPTO_EXTENSION),
      true },
    { "luks",
      "luks",
      { SIZE,
        { "cipher-alg", "aes-128" },
        { "cipher-mode", "cbc" },
        { "ivgen-alg", "plain64" },
        { "iter-time", "1" } },
      NULL,
      BIT(LUKS),
      true },
    { "qcow1",
      "qcow",
      { { NULL, NULL } },
      NULL,
      BIT(QCOW1_HEADER) | BIT(QCOW1_L1) | BIT(QCOW1_L2),
      false },
};

const size_t nb_recipes = sizeof recipes / sizeof recipes[0];

/* ------------------------------------------------------------------------------------------------
 * Making
 */

static struct bytes read_file(const char *filename)
{
    struct bytes b = { 0 };
    int fd = open(filename, O_RDONLY);
    struct stat st;

    if (fd == -1 || fstat(fd, &st) == -1)
        die("%s is not there", filename);
    b.size = (size_t)st.st_size;
    b.data = malloc(b.size + 1);
    if (b.data == NULL || pread(fd, b.data, b.size, 0) != (ssize_t)b.size)
        die("cannot read %s", filename);
    close(fd);
    return b;
}

/* Nobody writes version 1 here: one that QEMU wrote is kept among the seeds of the fuzz targets. */
static struct bytes old_image(void)
{
    const char *source = getenv("abs_top_srcdir");
    char name[4096];

    snprintf(name, sizeof name, "%s/tests/fuzz/seeds/fuzz-qcow1/plain", source ? source : ".");
    return read_file(name);
}

struct bytes recipe_make(const struct recipe *recipe)
{
    qcow2_create_options *options = qcow2_create_options_new();
    struct bytes image;

    if (strcmp(recipe->format, "qcow") == 0) {
        qcow2_create_options_free(options);
        return old_image();
    }
    qcow2_create_options_set_format(options, recipe->format);
    for (size_t i = 0; i < 8 && recipe->options[i][0]; i++)
        if (qcow2_create_options_set(options, recipe->options[i][0], recipe->options[i][1]) == -1)
            die("%s: %s", recipe->name, qcow2_get_error());
    if (recipe->encrypted)
        qcow2_create_options_set_secret(options, password, strlen(password));
    if (qcow2_create(FILENAME, options) == -1 || (recipe->fill && !recipe->fill(FILENAME)))
        die("%s: %s", recipe->name, qcow2_get_error());
    qcow2_create_options_free(options);
    image = read_file(FILENAME);
    if (recipe == &recipes[0]) /* of which another recipe is made */
        rename(FILENAME, recipe->name);
    unlink(FILENAME);
    return image;
}

/* ------------------------------------------------------------------------------------------------
 * Finding
 */

uint64_t load_number(const struct bytes *image, uint64_t at, uint32_t bytes)
{
    uint8_t number[8] = { 0 };

    if (at + bytes <= image->size)
        memcpy(number + 8 - bytes, image->data + at, bytes);
    return load_be64(number);
}

static uint64_t pointer(const struct bytes *image, uint64_t at)
{
    return load_number(image, at, 8) & UINT64_C(0x00fffffffffffe00);
}

static uint64_t header_end(const struct bytes *image)
{
    return load_number(image, 4, 4) == 2 ? 72 : load_number(image, 100, 4);
}

/* Where the data of an extension lie. */
static uint64_t extension(const struct bytes *image, uint32_t type)
{
    uint64_t at = header_end(image);

    for (uint32_t found; (found = (uint32_t)load_number(image, at, 4)) != 0;
         at += 8 + round_up(load_number(image, at + 4, 4), 8))
        if (found == type)
            return at + 8;
    return 0;
}

/* The first stream: where the descriptor at the beginning of the L2 table says. */
static uint64_t stream(const struct bytes *image, uint64_t l2)
{
    uint32_t bits = 70 - (uint32_t)load_number(image, 20, 4);

    return load_number(image, l2, 8) & ((UINT64_C(1) << bits) - 1);
}

uint64_t structure_find(const struct bytes *image, enum structure structure)
{
    uint64_t l2 = pointer(image, load_number(image, 40, 8));

    switch (structure) {
    case HEADER: return 0;
    case EXTENSION: return header_end(image);
    case FORMAT_NAME: return extension(image, EXTENSION_BACKING_FORMAT);
    case FEATURE_NAMES: return extension(image, EXTENSION_FEATURE_NAMES);
    case BITMAPS_EXTENSION: return extension(image, EXTENSION_BITMAPS);
    case DATA_FILE_NAME: return extension(image, EXTENSION_DATA_FILE);
    case CRYPTO_EXTENSION: return extension(image, EXTENSION_CRYPTO);
    case LUKS:
        return load_number(image, 0, 4) == QCOW2_MAGIC
                   ? load_number(image, extension(image, EXTENSION_CRYPTO), 8)
                   : 0;
    case BACKING_NAME: return load_number(image, 8, 8);
    case L1: return load_number(image, 40, 8);
    case L2:
    case EXTENDED_L2:
    case COMPRESSED_L2: return l2;
    case STREAM: return stream(image, l2);
    case REFCOUNT_TABLE: return load_number(image, 48, 8);
    case REFCOUNT_BLOCK: return load_number(image, load_number(image, 48, 8), 8);
    case SNAPSHOT_TABLE: return load_number(image, 64, 8);
    case SNAPSHOT_L1: return load_number(image, load_number(image, 64, 8), 8);
    case BITMAP_DIRECTORY: return load_number(image, extension(image, EXTENSION_BITMAPS) + 16, 8);
    case BITMAP_TABLE: return load_number(image, structure_find(image, BITMAP_DIRECTORY), 8);
    case QCOW1_L1: return load_number(image, 40, 8);
    case QCOW1_L2: return load_number(image, load_number(image, 40, 8), 8);
    default: return 0;
    }
}
