/* SPDX-License-Identifier: BSD-3-Clause */
/* audit-content.c - what the disks of an image hold, the active one and those of its snapshots
 *
 *     how much comes out of how little    by the map, in pieces
 *     what a disk itself looks like       its first sector and its last
 *
 * Any snapshot may be the active disk of tomorrow.  There may be 65536 of them, all large and
 * costly, so processor time is counted: what there was none left for is a finding.  Of a kind of
 * finding one snapshot is told.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "cleanup.h"
#include "disguise.h"
#include "image-open.h"
#include "json.h"
#include "message.h"

enum {
    EXPANSION = 100,         /* a disk hardly ever compresses better */
    SNAPSHOT_SECONDS = 2,    /* of processor time, for all of them, and */
    MIB_PER_SECOND = 4,      /* for so much of the file another one */
    EXTENTS_PER_LOOK = 1024, /* at the clock */
};

#define FIRST_PIECE (UINT64_C(1) << 30)
#define LARGEST_PIECE (UINT64_C(1) << 60)
#define SHORT_TIME 0.01 /* seconds, in which a piece was mapped that might be larger */

typedef struct {
    audit *audit;
    const qcow2_info *info;
    qcow2_image *image;
    char *disk;      /* whose it is: "the disk" */
    double deadline; /* of the process, in seconds; 0: none */
    bool told_size, told_start, told_damage;
} content;

static double seconds_spent(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static bool is_late(const content *c)
{
    return c->deadline > 0 && seconds_spent() > c->deadline;
}

/* Returns whether it is the first of its kind. */
static bool tell(bool *told)
{
    bool first = !*told;

    *told = true;
    return first;
}

static void find_damage(content *c)
{
    if (tell(&c->told_damage))
        audit_find(c->audit, AUDIT_DANGER, "damaged", "%s", qcow2_get_error());
}

/* ------------------------------------------------------------------------------------------------
 * Expansion
 */

typedef struct {
    const content *content;
    uint64_t plain, compressed; /* bytes of the disk */
    unsigned extents;
    bool is_late;
} mapped_bytes;

static int add_extent(void *opaque, const qcow2_extent *extent)
{
    mapped_bytes *sum = opaque;

    if (extent->status & QCOW2_EXTENT_COMPRESSED)
        sum->compressed += extent->length;
    else if (extent->status & QCOW2_EXTENT_DATA)
        sum->plain += extent->length;
    if (++sum->extents % EXTENTS_PER_LOOK == 0)
        sum->is_late = is_late(sum->content);
    return sum->is_late;
}

/* The pieces of a disk of exbibytes with nothing in it grow. */
static int map_disk(const content *c, mapped_bytes *sum)
{
    uint64_t size = qcow2_get_size(c->image), piece = FIRST_PIECE, length;

    for (uint64_t offset = 0; offset < size && !sum->is_late; offset += length) {
        double before = seconds_spent();

        length = size - offset < piece ? size - offset : piece;
        if (qcow2_map(c->image, length, offset, QCOW2_MAP_SHALLOW, add_extent, sum) == -1)
            return -1;
        sum->is_late |= is_late(c);
        if (seconds_spent() - before < SHORT_TIME && piece < LARGEST_PIECE)
            piece *= 2;
    }
    return 0;
}

static void judge_size(content *c, const mapped_bytes *sum)
{
    uint64_t length = c->info->file_length;

    if (sum->plain > length && tell(&c->told_size))
        audit_find(c->audit, AUDIT_DANGER, "shared-clusters",
                   "%" PRIu64 " bytes of %s are said to lie in a file of %" PRIu64 " bytes",
                   sum->plain, c->disk, length);
    if (sum->compressed / EXPANSION > length && tell(&c->told_size))
        audit_find(c->audit, AUDIT_DANGER, "compressed-bomb",
                   "%" PRIu64 " bytes of %s are compressed into a file of %" PRIu64 " bytes",
                   sum->compressed, c->disk, length);
}

/* ------------------------------------------------------------------------------------------------
 * Disguise
 */

static int note_status(void *opaque, const qcow2_extent *extent)
{
    *(uint32_t *)opaque |= extent->status;
    return 0;
}

/* Does what lies there come from the backing file, which is not opened?  -1: nobody knows. */
static int is_below(const content *c, uint64_t offset)
{
    uint32_t status = 0;

    if (!c->info->backing_filename)
        return 0;
    if (qcow2_map(c->image, DISGUISE_SECTOR, offset, QCOW2_MAP_SHALLOW, note_status, &status))
        return -1;
    return !(status & QCOW2_EXTENT_PRESENT);
}

static bool read_sector(content *c, unsigned char sector[DISGUISE_SECTOR], uint64_t offset)
{
    int below = is_below(c, offset);

    if (below == 0 && qcow2_pread(c->image, sector, DISGUISE_SECTOR, offset, 0) == 0)
        return true;
    if (below != 1)
        find_damage(c);
    return false;
}

/* A raw copy of the disk would be taken for an image by whoever guesses formats. */
static void examine_looks(content *c)
{
    unsigned char sector[DISGUISE_SECTOR];
    uint64_t size = qcow2_get_size(c->image);
    const char *format = NULL;

    if (size < DISGUISE_SECTOR)
        return;
    if (read_sector(c, sector, 0))
        format = disguise_of(sector);
    if (!format && read_sector(c, sector, size - DISGUISE_SECTOR))
        format = disguise_of_end(sector);
    if (format && tell(&c->told_start))
        audit_find(c->audit, AUDIT_DANGER, "image-inside",
                   "%s itself looks like a %s image: a raw copy of it would be taken for one",
                   c->disk, format);
}

/* ------------------------------------------------------------------------------------------------
 * Disks
 */

/* A raw disk is as large as its file. */
static void examine_active(content *c)
{
    mapped_bytes sum = { .content = c };

    c->disk = xstrdup("the disk");
    examine_looks(c);
    if (strcmp(c->info->format, "raw") == 0)
        return;
    if (map_disk(c, &sum) == -1)
        find_damage(c);
    else
        json_put(c->audit->facts, "mapped-bytes", json_number(sum.plain + sum.compressed));
    judge_size(c, &sum);
}

/* Returns whether there was time for it. */
typedef bool examiner(content *c);

static bool examine_size(content *c)
{
    mapped_bytes sum = { .content = c };

    if (map_disk(c, &sum) == -1)
        find_damage(c);
    judge_size(c, &sum);
    return !sum.is_late;
}

static bool examine_first_and_last(content *c)
{
    examine_looks(c);
    return true;
}

static bool examine_snapshot(content *c, uint32_t index, examiner *examine)
{
    if (qcow2_snapshot_show(c->image, index) == -1) {
        find_damage(c);
        return true;
    }
    free(c->disk);
    c->disk =
        xasprintf("the disk of snapshot %" PRIu32 " of %" PRIu32, index + 1, c->info->nb_snapshots);
    return examine(c);
}

/* Returns how many there was time for. */
static uint32_t for_snapshots(content *c, double seconds, examiner *examine)
{
    uint32_t seen = 0;

    c->deadline = seconds_spent() + seconds;
    while (seen < c->info->nb_snapshots && !is_late(c) && examine_snapshot(c, seen, examine))
        seen++;
    return seen;
}

static double time_for_snapshots(const qcow2_info *info)
{
    uint64_t bytes = info->actual_size == UINT64_MAX ? 0 : info->actual_size;

    return SNAPSHOT_SECONDS + (double)bytes / (MIB_PER_SECOND * 1048576.0);
}

/* What a disk looks like is soon found out, and told of all before the sizes are. */
static void examine_snapshots(content *c)
{
    double seconds = time_for_snapshots(c->info) / 2;
    uint32_t count = c->info->nb_snapshots, seen, measured;

    c->told_size = c->told_start = c->told_damage = false;
    seen = for_snapshots(c, seconds, examine_first_and_last);
    measured = for_snapshots(c, seconds, examine_size);
    seen = measured < seen ? measured : seen;
    if (seen < count)
        audit_find(c->audit, AUDIT_DANGER, "unseen-snapshots",
                   "the disks of %" PRIu32 " of %" PRIu32
                   " snapshots were not looked at, or not wholly: that would take too long",
                   count - seen, count);
}

void audit_content(audit *a, const qcow2_info *info, uint32_t flags)
{
    CLEANUP_FREE char *why = NULL;
    CLEANUP_IMAGE qcow2_image *image = NULL;
    image_source source = {
        .filename = a->filename,
        .is_path = true,
        .format = info->format,
        .flags = flags,
        .backing = QCOW2_BACKING_IGNORE,
    };
    content c = { .audit = a, .info = info };

    if (info->crypt_method || info->features & QCOW2_FEATURE_DATA_FILE)
        return;
    c.image = image = try_open_image(&source, &why);
    if (!image) {
        audit_find(a, AUDIT_DANGER, "damaged", "%s", why);
        return;
    }
    examine_active(&c);
    if (info->nb_snapshots > 0)
        examine_snapshots(&c);
    free(c.disk);
}
