/* SPDX-License-Identifier: BSD-3-Clause */
/* wholes.c - images that are hostile as a whole: bombs, names that mean other things than files,
 * lists that are cut off or contradict themselves, key slots on top of each other */

#include "hostile/wholes.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "format/disk.h"
#include "hostile/recipes.h"
#include "interop/twin-tools.h"

#define CLUSTER 4096u /* of the recipes that are used here */

/* ------------------------------------------------------------------------------------------------
 * Small images that make much work
 */

static void grow(struct bytes *image, size_t size)
{
    image->data = realloc(image->data, size + 1);
    if (image->data == NULL)
        die("no memory");
    memset(image->data + image->size, 0, size - image->size);
    image->size = size;
}

static void set(struct bytes *image, uint64_t at, uint32_t bytes, uint64_t number)
{
    uint8_t buf[8];

    store_be64(buf, number);
    memcpy(image->data + at, buf + 8 - bytes, bytes);
}

/* An L1 table of so many entries that all name the L2 table there is. */
static void name_one_l2_table(struct bytes *image, uint32_t entries)
{
    uint64_t at = round_up(image->size, 4096), l2 = structure_find(image, L2);
    uint64_t bits = load_number(image, 20, 4);

    grow(image, at + round_up(entries * UINT64_C(8), 4096));
    for (uint64_t i = 0; i < entries; i++)
        set(image, at + 8 * i, 8, l2 | UINT64_C(1) << 63);
    set(image, 36, 4, entries);
    set(image, 40, 8, at);
    set(image, 24, 8, entries * (UINT64_C(1) << (2 * bits - 3)));
}

static void many_tables(struct bytes *image, const struct whole *w)
{
    (void)w;
    name_one_l2_table(image, 32768);
}

/* Snapshots that all have the L1 table of the disk. */
static void many_snapshots(struct bytes *image, const struct whole *w)
{
    const uint32_t count = 8192, size = 64;
    uint64_t at = round_up(image->size, 4096);

    (void)w;
    grow(image, at + (uint64_t)count * size);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t entry = at + i * size;

        set(image, entry, 8, structure_find(image, L1));
        set(image, entry + 8, 4, load_number(image, 36, 4));
        set(image, entry + 12, 2, 4);
        set(image, entry + 36, 4, 16);
        set(image, entry + 48, 8, load_number(image, 24, 8));
        set(image, entry + 56, 4, 0x30303030 + i % 10 + (i / 10 % 10 << 8) + (i / 100 % 10 << 16));
    }
    set(image, 60, 4, count);
    set(image, 64, 8, at);
}

/* Each L2 entry is the same cluster. */
static void one_cluster(struct bytes *image, const struct whole *w)
{
    uint64_t l2 = structure_find(image, L2);

    (void)w;
    for (uint64_t i = 1; i < 512; i++)
        set(image, l2 + 8 * i, 8, load_number(image, l2, 8));
}

/* A stream that goes on and on: of stored blocks of no bytes, none of them the last. */
static void empty_blocks(struct bytes *image, const struct whole *w)
{
    uint64_t at = round_up(image->size, 4096), end = at + (64 << 10);

    (void)w;
    grow(image, end);
    for (uint64_t i = at; i + 5 <= end; i += 5)
        set(image, i, 5, UINT64_C(0x000000ffff));
    set(image, structure_find(image, L2), 8, UINT64_C(0x7c00000000000000) | at);
}

/* Frames of zstd that hold nothing, and a last one that wants a window of 2 GiB. */
static void empty_frames(struct bytes *image, const struct whole *w)
{
    uint64_t at = round_up(image->size, 4096), end = at + 4096;

    (void)w;
    grow(image, end);
    for (uint64_t i = at; i + 9 <= end; i += 9) {
        set(image, i, 4, 0x28b52ffd);
        set(image, i + 4, 5, UINT64_C(0x2000010000));
    }
    set(image, at + UINT64_C(9) * 100, 6, UINT64_C(0x28b52ffd00a8));
    set(image, structure_find(image, L2), 8, UINT64_C(0x5c00000000000000) | at);
}

/* The largest disk that the L1 table allows, nothing of it allocated. */
static void large_disk(struct bytes *image, const struct whole *w)
{
    const uint32_t entries = 32768;
    uint64_t at = round_up(image->size, 4096);

    (void)w;
    grow(image, at + UINT64_C(8) * entries);
    set(image, 36, 4, entries);
    set(image, 40, 8, at);
    set(image, 24, 8, entries * (UINT64_C(1) << 21));
}

static void own_backing_file(struct bytes *image, const struct whole *w)
{
    (void)w;
    memcpy(image->data + structure_find(image, BACKING_NAME), "image\0", 6);
    set(image, 16, 4, 5);
    memcpy(image->data + structure_find(image, FORMAT_NAME), "qcow2", 5);
    set(image, structure_find(image, FORMAT_NAME) - 4, 4, 5);
}

/* ------------------------------------------------------------------------------------------------
 * Names
 */

/* As long as it is wherever it fits: behind all else in the first cluster. */
static void record_backing(struct bytes *image, const char *name)
{
    uint64_t at = structure_find(image, BACKING_NAME);

    memset(image->data + at, 0, CLUSTER - at);
    memcpy(image->data + at, name, strlen(name));
    set(image, 16, 4, strlen(name));
}

static void name_backing(struct bytes *image, const struct whole *w)
{
    record_backing(image, w->text);
}

/* The old extension becomes one that nobody knows; the new one is the last. */
static void name_data_file(struct bytes *image, const struct whole *w)
{
    uint64_t at = structure_find(image, EXTENSION);

    set(image, structure_find(image, DATA_FILE_NAME) - 8, 4, 0x64617461);
    while (load_number(image, at, 4) != 0)
        at += 8 + round_up(load_number(image, at + 4, 4), 8);
    memset(image->data + at, 0, CLUSTER - at);
    set(image, at, 4, EXTENSION_DATA_FILE);
    set(image, at + 4, 4, strlen(w->text));
    memcpy(image->data + at + 8, w->text, strlen(w->text));
}

/* json:{"file":{"file":... as deep as a name is long. */
static void deep_name(struct bytes *image, const struct whole *w)
{
    static const char start[] = "json:{\"driver\":\"raw\"",
                      level[] = ",\"file\":{\"driver\":\"raw\"";
    char name[1024] = { 0 };
    size_t depth;

    (void)w;
    strcat(name, start);
    for (depth = 1; strlen(name) + strlen(level) + depth < 980; depth++)
        strcat(name, level);
    strcat(name, ",\"filename\":\"canary\"");
    for (; depth > 0; depth--)
        strcat(name, "}");
    record_backing(image, name);
}

static void long_name(struct bytes *image, const struct whole *w)
{
    char name[1024] = { 0 };

    memset(name, *w->text, sizeof name - 1);
    record_backing(image, name);
}

/* ------------------------------------------------------------------------------------------------
 * Lists
 */

/* Move bytes to the end of the file, which is cut off behind so many of them. */
static uint64_t move_to_end(struct bytes *image, uint64_t from, uint64_t count, uint64_t kept)
{
    uint64_t at = round_up(image->size, CLUSTER);

    grow(image, at + count);
    memcpy(image->data + at, image->data + from, count);
    image->size = at + kept;
    return at;
}

static void cut_snapshots(struct bytes *image, const struct whole *w)
{
    set(image, 64, 8, move_to_end(image, structure_find(image, SNAPSHOT_TABLE), 256, w->number));
}

static void count_snapshots(struct bytes *image, const struct whole *w)
{
    set(image, 60, 4, w->number);
}

/* The second entry is the first one once more, its id included. */
static void same_snapshots(struct bytes *image, const struct whole *w)
{
    uint64_t at = structure_find(image, SNAPSHOT_TABLE);
    uint64_t size = 40 + load_number(image, at + 36, 4) + load_number(image, at + 12, 2) +
                    load_number(image, at + 14, 2);

    (void)w;
    memcpy(image->data + at + round_up(size, 8), image->data + at, size);
}

static void cut_directory(struct bytes *image, const struct whole *w)
{
    uint64_t extension = structure_find(image, BITMAPS_EXTENSION);

    set(image, extension + 16, 8,
        move_to_end(image, structure_find(image, BITMAP_DIRECTORY),
                    load_number(image, extension + 8, 8), w->number));
}

static void size_directory(struct bytes *image, const struct whole *w)
{
    set(image, structure_find(image, BITMAPS_EXTENSION) + 8, 8, w->number);
}

static void count_bitmaps(struct bytes *image, const struct whole *w)
{
    set(image, structure_find(image, BITMAPS_EXTENSION), 4, w->number);
}

/* Where the second entry begins. */
static uint64_t second_bitmap(const struct bytes *image)
{
    uint64_t at = structure_find(image, BITMAP_DIRECTORY);

    return at + round_up(24 + load_number(image, at + 18, 2) + load_number(image, at + 20, 4), 8);
}

/* Both have the first one's table, and name. */
static void same_bitmaps(struct bytes *image, const struct whole *w)
{
    (void)w;
    memcpy(image->data + second_bitmap(image),
           image->data + structure_find(image, BITMAP_DIRECTORY), 27);
}

static void same_bitmap_table(struct bytes *image, const struct whole *w)
{
    (void)w;
    memcpy(image->data + second_bitmap(image),
           image->data + structure_find(image, BITMAP_DIRECTORY), 12);
}

/* The first bitmap's table is a structure of the image's own. */
static void bitmap_table_on(struct bytes *image, const struct whole *w)
{
    set(image, structure_find(image, BITMAP_DIRECTORY), 8,
        structure_find(image, (enum structure)w->number));
}

/* Its bits are. */
static void bitmap_bits_on(struct bytes *image, const struct whole *w)
{
    set(image, structure_find(image, BITMAP_TABLE), 8,
        structure_find(image, (enum structure)w->number));
}

static void snapshot_on(struct bytes *image, const struct whole *w)
{
    set(image, structure_find(image, SNAPSHOT_TABLE), 8,
        structure_find(image, (enum structure)w->number));
}

/* ------------------------------------------------------------------------------------------------
 * LUKS
 */

#define SLOT_AT(n) (208u + 48u * (n))
#define ACTIVE 0x00ac71f3u

/* All slots are active, and cost so many iterations each. */
static void costly_slots(struct bytes *image, const struct whole *w)
{
    uint64_t luks = structure_find(image, LUKS);

    for (unsigned i = 0; i < 8; i++) {
        set(image, luks + SLOT_AT(i), 4, ACTIVE);
        set(image, luks + SLOT_AT(i) + 4, 4, w->number);
    }
}

/* The material of all active slots is that of the first. */
static void same_material(struct bytes *image, const struct whole *w)
{
    uint64_t luks = structure_find(image, LUKS);

    (void)w;
    for (unsigned i = 1; i < 8; i++)
        memcpy(image->data + luks + SLOT_AT(i), image->data + luks + SLOT_AT(0), 48);
}

static void slot_material(struct bytes *image, const struct whole *w)
{
    set(image, structure_find(image, LUKS) + SLOT_AT(0) + 40, 4, w->number);
}

static void payload(struct bytes *image, const struct whole *w)
{
    set(image, structure_find(image, LUKS) + 104, 4, w->number);
}

/* ------------------------------------------------------------------------------------------------
 * The table
 */

#define BACKING(label, name)                                     \
    {                                                            \
        "backing-" label, "overlay", name_backing, .text = name, \
    }
#define DATA_FILE(label, name)                                         \
    {                                                                  \
        "data-file-" label, "data-file", name_data_file, .text = name, \
    }
/* Names of files that are there are those of this folder: what is named may be written. */
#define NAMES(KIND)                                                                                \
    KIND("itself", "image"), KIND("itself-here", "./image"), KIND("itself-file", "file:image"),    \
        KIND("itself-json", "json:{\"driver\":\"qcow2\",\"file.filename\":\"image\"}"),            \
        KIND("window", "json:{\"driver\":\"raw\",\"offset\":512,\"size\":1024,\"file\":"           \
                       "{\"driver\":\"file\",\"filename\":\"canary\"}}"),                          \
        KIND("far-window", "json:{\"driver\":\"raw\",\"offset\":9223372036854775296,\"size\":512," \
                           "\"file.filename\":\"canary\"}"),                                       \
        KIND("own-window",                                                                         \
             "json:{\"driver\":\"raw\",\"offset\":4096,\"file.filename\":\"image\"}"),             \
        KIND("not-json", "json:{\"driver\":"), KIND("file", "file:canary"),                        \
        KIND("nbd", "nbd:unix:nowhere:exportname=x"),                                              \
        KIND("nbd-uri", "nbd+unix:///?socket=canary"), KIND("nbd-refused", "nbd://127.0.0.1:1/x"), \
        KIND("fat", "fat:rw:."), KIND("protocol", "ssh://nobody@127.0.0.1:1/x"),                   \
        KIND("folder", "."), KIND("pipe", "pipe"), KIND("device", "/dev/zero"),                    \
        KIND("input", "/dev/stdin"), KIND("upward", "../nothing/x"),                               \
        KIND("odd", "a\033[2J\nb\"'\\:,=")

const struct whole wholes[] = {
    { "one-l2-table-many-times", "plain", many_tables, .endless = true },
    { "one-l2-table-many-times-streams", "deflate", many_tables, .endless = true },
    { "one-cluster-many-times", "plain", .make = one_cluster },
    { "one-stream-many-times", "deflate", .make = one_cluster },
    { "many-snapshots", "snapshots", .make = many_snapshots },
    { "deflate-without-end", "deflate", .make = empty_blocks },
    { "zstd-without-end", "zstd", .make = empty_frames },
    { "large-disk", "plain", .make = large_disk },
    { "own-backing-file", "overlay", .make = own_backing_file },

    NAMES(BACKING),
    BACKING("no-name", ""),
    { "backing-deep", "overlay", .make = deep_name },
    { "backing-long", "overlay", long_name, .text = "x" },
    { "backing-long-upward", "overlay", long_name, .text = "/" },
    NAMES(DATA_FILE),
    DATA_FILE("no-name", ""),

    { "snapshot-table-cut-0", "snapshots", cut_snapshots, .number = 0 },
    { "snapshot-table-cut-7", "snapshots", cut_snapshots, .number = 7 },
    { "snapshot-table-cut-39", "snapshots", cut_snapshots, .number = 39 },
    { "snapshot-table-cut-48", "snapshots", cut_snapshots, .number = 48 },
    { "snapshot-table-cut-66", "snapshots", cut_snapshots, .number = 66 },
    { "snapshot-table-cut-100", "snapshots", cut_snapshots, .number = 100 },
    { "snapshots-three", "snapshots", count_snapshots, .number = 3 },
    { "snapshots-too-many", "snapshots", count_snapshots, .number = 65536 },
    { "snapshots-none", "snapshots", count_snapshots, .number = 0 },
    { "snapshots-the-same", "snapshots", .make = same_snapshots },
    { "snapshot-on-header", "snapshots", snapshot_on, .number = HEADER },
    { "snapshot-on-l2", "snapshots", snapshot_on, .number = L2 },
    { "snapshot-on-refcounts", "snapshots", snapshot_on, .number = REFCOUNT_BLOCK },

    { "directory-cut-0", "bitmaps", cut_directory, .number = 0 },
    { "directory-cut-23", "bitmaps", cut_directory, .number = 23 },
    { "directory-cut-33", "bitmaps", cut_directory, .number = 33 },
    { "directory-of-0", "bitmaps", size_directory, .number = 0 },
    { "directory-of-31", "bitmaps", size_directory, .number = 31 },
    { "directory-of-32", "bitmaps", size_directory, .number = 32 },
    { "directory-of-4096", "bitmaps", size_directory, .number = 4096 },
    { "directory-of-all", "bitmaps", size_directory, .number = UINT64_MAX },
    { "bitmaps-none", "bitmaps", count_bitmaps, .number = 0 },
    { "bitmaps-three", "bitmaps", count_bitmaps, .number = 3 },
    { "bitmaps-too-many", "bitmaps", count_bitmaps, .number = 65536 },
    { "bitmaps-the-same", "bitmaps", .make = same_bitmaps },
    { "bitmaps-of-one-table", "bitmaps", .make = same_bitmap_table },
    { "bitmap-table-on-header", "bitmaps", bitmap_table_on, .number = HEADER },
    { "bitmap-table-on-l1", "bitmaps", bitmap_table_on, .number = L1 },
    { "bitmap-bits-on-l2", "bitmaps", bitmap_bits_on, .number = L2 },
    { "bitmap-bits-on-refcounts", "bitmaps", bitmap_bits_on, .number = REFCOUNT_BLOCK },
    { "bitmap-bits-on-directory", "bitmaps", bitmap_bits_on, .number = BITMAP_DIRECTORY },

    { "slots-of-no-cost", "luks", costly_slots, .number = 0 },
    { "slots-of-great-cost", "luks", costly_slots, .number = 100000 },
    { "slots-of-the-same-material", "luks", .make = same_material },
    { "slot-material-in-header", "luks", slot_material, .number = 1 },
    { "slot-material-in-payload", "luks", slot_material, .number = 5000 },
    { "slot-material-nowhere", "luks", slot_material, .number = UINT32_MAX },
    { "payload-in-header", "luks", payload, .number = 1 },
    { "payload-in-material", "luks", payload, .number = 16 },
    { "payload-nowhere", "luks", payload, .number = UINT32_MAX },
    { "encrypted-slots-of-no-cost", "encrypted", costly_slots, .number = 0 },
    { "encrypted-slots-of-great-cost", "encrypted", costly_slots, .number = 100000 },
    { "encrypted-slots-of-the-same-material", "encrypted", .make = same_material },
    { "encrypted-slot-material-in-header", "encrypted", slot_material, .number = 1 },
    { "encrypted-slot-material-nowhere", "encrypted", slot_material, .number = UINT32_MAX },
    { "encrypted-payload-nowhere", "encrypted", payload, .number = UINT32_MAX },
};

const size_t nb_wholes = sizeof wholes / sizeof wholes[0];
