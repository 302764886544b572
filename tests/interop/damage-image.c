/* SPDX-License-Identifier: BSD-3-Clause */
/* damage-image.c - damage the tables of a qcow2 file, the same way for the same seed
 *
 *     damage-image FILE SEED
 *
 * One to four strokes.  A stroke picks a table (L1 or L2 of the disk or of a snapshot, refcount
 * table or block, snapshot table), in it a place of eight bytes, more often one that is not zero,
 * and changes it to something that a table could hold.  The header is left alone.  Prints each
 * stroke.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/disk.h"
#include "format/geometry.h"

struct victim {
    int fd;
    uint64_t length;
    struct disk_header header; /* as on disk */
    struct geometry geometry;
    uint64_t random;
};

struct region {
    const char *name;
    uint64_t offset;
    uint64_t bytes;
};

static uint64_t draw(struct victim *v, uint64_t below)
{
    v->random ^= v->random << 13;
    v->random ^= v->random >> 7;
    v->random ^= v->random << 17;
    return v->random % (below ? below : 1);
}

static uint64_t read_word(struct victim *v, uint64_t offset)
{
    uint8_t word[8] = { 0 };

    if (offset < v->length && pread(v->fd, word, sizeof word, (off_t)offset) == -1)
        err(1, "pread");
    return load_be64(word);
}

static void write_word(struct victim *v, uint64_t offset, uint64_t value)
{
    uint8_t word[8];

    store_be64(word, value);
    if (pwrite(v->fd, word, sizeof word, (off_t)offset) != sizeof word)
        err(1, "pwrite");
}

static struct region active_l1(struct victim *v)
{
    return (struct region){ "L1", be64toh(v->header.l1_table_offset),
                            be32toh(v->header.l1_size) * UINT64_C(8) };
}

static struct region snapshot_table(struct victim *v)
{
    return (struct region){ "snapshot table", be64toh(v->header.snapshots_offset),
                            be32toh(v->header.nb_snapshots) ? 56 : 0 };
}

static struct region snapshot_l1(struct victim *v)
{
    uint64_t entry = be64toh(v->header.snapshots_offset);

    if (v->header.nb_snapshots == 0)
        return snapshot_table(v);
    return (struct region){ "snapshot L1", read_word(v, entry),
                            read_word(v, entry + 8) >> 32 << 3 };
}

static struct region l2_of(struct victim *v, struct region l1)
{
    for (int i = 0; i < 16; i++) {
        uint64_t entry = read_word(v, l1.offset + draw(v, l1.bytes / 8) * 8) & L1_OFFSET_MASK;

        if (entry != 0 && entry < v->length)
            return (struct region){ "L2", entry, v->geometry.cluster_size };
    }
    return l1;
}

static struct region refcount_table(struct victim *v)
{
    return (struct region){ "refcount table", be64toh(v->header.refcount_table_offset),
                            be32toh(v->header.refcount_table_clusters) * v->geometry.cluster_size };
}

static struct region refcount_block(struct victim *v)
{
    struct region table = refcount_table(v);

    return (struct region){ "refcount block", read_word(v, table.offset) & L1_OFFSET_MASK,
                            v->geometry.cluster_size };
}

static struct region pick_region(struct victim *v)
{
    switch (draw(v, 10)) {
    case 0: return active_l1(v);
    case 1: return refcount_table(v);
    case 2:
    case 3: return refcount_block(v);
    case 4: return snapshot_l1(v);
    case 5: return l2_of(v, snapshot_l1(v));
    case 6: return snapshot_table(v);
    default: return l2_of(v, active_l1(v));
    }
}

/* Mostly a word that is not zero. */
static uint64_t pick_place(struct victim *v, struct region region)
{
    uint64_t words = region.bytes / 8, at = region.offset;

    for (int i = 0; i < 64; i++) {
        at = region.offset + draw(v, i % 2 ? min_u64(words, 32) : words) * 8;
        if (read_word(v, at) != 0 && draw(v, 8) != 0)
            break;
    }
    return at;
}

static uint64_t change(struct victim *v, struct region region, uint64_t old)
{
    uint64_t cluster_size = v->geometry.cluster_size;
    uint64_t some_cluster = draw(v, v->length / cluster_size + 3) * cluster_size;

    switch (draw(v, 10)) {
    case 0: return 0;
    case 1: return old ^ ENTRY_COPIED;
    case 2: return old ^ L2_COMPRESSED;
    case 3: return old ^ 1;
    case 4: return old + cluster_size;
    case 5: return read_word(v, pick_place(v, region));
    case 6: return ENTRY_COPIED | some_cluster;
    case 7: return some_cluster + draw(v, 8) * 512;
    default: return old ^ UINT64_C(1) << draw(v, 64);
    }
}

static void strike(struct victim *v)
{
    struct region region = pick_region(v);
    uint64_t at, old, new;

    if (draw(v, 40) == 0) {
        v->length -= draw(v, 3 * v->geometry.cluster_size);
        printf("truncate to 0x%" PRIx64 "\n", v->length);
        if (ftruncate(v->fd, (off_t)v->length) == -1)
            err(1, "ftruncate");
        return;
    }
    if (region.bytes < 8 || region.offset == 0 ||
        !range_within(region.offset, region.bytes, v->length))
        region = active_l1(v);
    if (region.bytes < 8)
        return;
    at = pick_place(v, region);
    old = read_word(v, at);
    new = change(v, region, old);
    printf("%s at 0x%" PRIx64 ": 0x%016" PRIx64 " -> 0x%016" PRIx64 "\n", region.name, at, old,
           new);
    write_word(v, at, new);
}

int main(int argc, char **argv)
{
    struct victim v;
    struct stat st;
    int order = 4;
    bool extended = false;

    if (argc != 3)
        errx(1, "usage: damage-image FILE SEED");
    v.fd = open(argv[1], O_RDWR);
    if (v.fd == -1 || fstat(v.fd, &st) == -1)
        err(1, "%s", argv[1]);
    v.length = (uint64_t)st.st_size;
    if (pread(v.fd, &v.header, sizeof v.header, 0) != sizeof v.header)
        errx(1, "%s: no header", argv[1]);
    if (be32toh(v.header.version) > 2) {
        order = (int)be32toh(v.header.refcount_order);
        extended = be64toh(v.header.incompatible_features) & INCOMPATIBLE_EXTENDED_L2;
    }
    v.geometry = geometry_of(be32toh(v.header.cluster_bits), (uint32_t)order, extended);
    v.random = (strtoull(argv[2], NULL, 10) + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 16; i++)
        draw(&v, 1);
    for (uint64_t strokes = 1 + draw(&v, 4); strokes > 0; strokes--)
        strike(&v);
    return close(v.fd) == 0 ? 0 : 1;
}
