/* SPDX-License-Identifier: BSD-3-Clause */
/* after.c - life after the cut: the image in use, and in the eyes of qemu-img
 *
 * Stale COPIED flags, and clusters that are free on disk and still referred to, harm only when the
 * image is written again.  So some sectors of shared and other clusters are, and what was not is
 * compared with what was seen before.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "check/check.h"
#include "crash/judge.h"
#include "crash/random.h"

#define USES 6 /* requests between two flushes */

/* ------------------------------------------------------------------------------------------------
 * Use
 */

static void fill(uint8_t *bytes, uint64_t count, uint64_t stamp)
{
    for (uint64_t i = 0; i < count; i += sizeof stamp)
        memcpy(bytes + i, &stamp, sizeof stamp);
}

/* One request, which also changes what is expected. */
static int use_once(struct judge *j, struct qcow2_image *image)
{
    uint64_t cluster = image->tables.geometry.cluster_size;
    uint64_t sectors = j->active.size / SECTOR;
    uint64_t at = random_below(&j->random, sectors) * SECTOR;
    uint64_t count = min_u64(SECTOR * (1 + random_below(&j->random, 4)), j->active.size - at);

    switch (random_below(&j->random, 6)) {
    case 0:
        at = round_down(at, cluster);
        count = min_u64(cluster, j->active.size - at);
        memset(j->active.bytes + at, 0, count);
        return image_zero(image, count, at, QCOW2_MAY_UNMAP);
    case 1:
        at = round_down(at, cluster);
        count = min_u64(2 * cluster, j->active.size - at);
        fill(j->active.bytes + at, count, random_next(&j->random));
        return image_write(image, j->active.bytes + at, count, at, 0);
    default:
        fill(j->active.bytes + at, count, random_next(&j->random));
        return image_write(image, j->active.bytes + at, count, at, 0);
    }
}

/* Leaked counts may have reached their limit. */
static int create_snapshot(struct judge *j, struct qcow2_image *image)
{
    struct seen_disk *new = &j->snapshots[j->snapshot_count];

    if (j->snapshot_count == MAX_SNAPSHOTS_KEPT || image->data_store)
        return 0;
    if (image_snapshot_create(image, "after") == -1)
        return error_errno() == EINVAL ? 0 : -1;
    j->snapshot_count++;
    snprintf(new->name, sizeof new->name, "after");
    memcpy(seen_disk_room(new, j->active.size), j->active.bytes, j->active.size);
    return 0;
}

static int delete_snapshot(struct judge *j, struct qcow2_image *image)
{
    struct seen_disk gone = j->snapshots[0];

    if (j->snapshot_count == 0)
        return 0;
    if (image_snapshot_delete(image, gone.name) == -1)
        return -1;
    j->snapshot_count--;
    memmove(j->snapshots, j->snapshots + 1, j->snapshot_count * sizeof gone);
    j->snapshots[j->snapshot_count] = gone;
    return 0;
}

static int use(struct judge *j, struct qcow2_image *image)
{
    for (int i = 0; i < 3 * USES; i++) {
        if (use_once(j, image) == -1 || (i % USES == USES - 1 && image_flush(image) == -1))
            return -1;
        if (i == USES && random_below(&j->random, 3) == 0 && create_snapshot(j, image) == -1)
            return -1;
        if (i == 2 * USES && random_below(&j->random, 3) == 0 && delete_snapshot(j, image) == -1)
            return -1;
    }
    return image_flush(image);
}

/* What a larger disk shows behind the old end are zeroes, whatever lay there once. */
static int grow_and_shrink(struct judge *j, struct qcow2_image *image)
{
    uint64_t size = j->active.size, count = SECTOR * (1 + random_below(&j->random, 300));
    uint8_t *bytes = seen_disk_room(&j->second_look, count);

    if (image->data_store || j->bitmaps.count > 0)
        return 0;
    if (image_resize(image, size + count, 0) == -1) /* not every image of version 2 can */
        return error_errno() == ENOTSUP ? 0 : -1;
    if (image_read(image, bytes, count, size) == -1)
        return -1;
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            return error_set(EIO, "Guest offset 0x%" PRIx64 ", which is new, reads 0x%02x",
                             size + i, bytes[i]);
    return image_resize(image, size, QCOW2_RESIZE_SHRINK);
}

static int same_disk(struct judge *j, const struct seen_disk *expected, const char *snapshot,
                     struct verdict *verdict)
{
    const char *what = snapshot ? expected->name : "the active disk";
    uint8_t *bytes = seen_disk_room(&j->second_look, expected->size);
    struct qcow2_image *image;
    int r;

    image = judge_open(judge_image(j), j->backing, QCOW2_OPEN_READ_ONLY, snapshot, NULL);
    if (image == NULL)
        return verdict_set(verdict, "later", "%s does not open: %s", what, error_message());
    r = image_read(image, bytes, expected->size, 0);
    image_close(image);
    if (r == -1)
        return verdict_set(verdict, "later", "%s cannot be read: %s", what, error_message());
    for (uint64_t at = 0; at < expected->size; at += SECTOR)
        if (memcmp(bytes + at, expected->bytes + at, SECTOR) != 0)
            return verdict_set(verdict, "later", "%s has changed at guest offset 0x%" PRIx64, what,
                               at);
    return 0;
}

static const struct seen_bitmap *same_bitmap(const struct seen_bitmaps *all,
                                             const struct seen_bitmap *as)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].name, as->name) == 0 && all->list[i].enabled == as->enabled &&
            all->list[i].inconsistent == as->inconsistent)
            return &all->list[i];
    return NULL;
}

/* Bits that were set are, and those of sectors that changed are, too, if the bitmap is enabled. */
static int same_bits(struct judge *j, const struct seen_bitmap *old, const struct seen_bitmap *new,
                     struct verdict *verdict)
{
    for (uint64_t i = 0; i < j->active.size / SECTOR; i++) {
        bool changed =
            memcmp(j->before_use.bytes + i * SECTOR, j->active.bytes + i * SECTOR, SECTOR) != 0;

        if (!new->dirty[i] && (old->dirty[i] || (old->enabled && changed)))
            return verdict_set(verdict, "later", "bitmap '%s' is clean at guest offset 0x%" PRIx64,
                               old->name, i * SECTOR);
    }
    return 0;
}

/* What was written after the cut is in the bitmaps, and they are as good as they were. */
static int same_bitmaps(struct judge *j, struct verdict *verdict)
{
    struct seen_bitmaps now = { 0 };
    struct qcow2_image *image =
        judge_open(judge_image(j), j->backing, QCOW2_OPEN_READ_ONLY, NULL, NULL);
    int r;

    if (image == NULL)
        return verdict_set(verdict, "later", "%s", error_message());
    r = see_bitmaps(image, &now, verdict);
    image_close(image);
    for (size_t i = 0; i < j->bitmaps.count && r == 0; i++) {
        const struct seen_bitmap *old = &j->bitmaps.list[i], *new = same_bitmap(&now, old);

        if (new == NULL)
            r = verdict_set(verdict, "later", "bitmap '%s' is not what it was", old->name);
        else if (!old->inconsistent)
            r = same_bits(j, old, new, verdict);
    }
    seen_bitmaps_destroy(&now);
    return r;
}

static void note_corruption(void *opaque, const char *finding)
{
    struct verdict *verdict = opaque;

    if (verdict->rule == NULL && strncmp(finding, "ERROR", 5) == 0 && !judge_is_harmless(finding))
        verdict_set(verdict, "later", "%s", finding);
}

static int check_again(struct judge *j, struct verdict *verdict)
{
    struct qcow2_image *image =
        judge_open(judge_image(j), j->backing, QCOW2_OPEN_READ_ONLY, NULL, NULL);
    qcow2_check_result result;
    int r;

    if (image == NULL)
        return verdict_set(verdict, "later", "%s", error_message());
    r = check_run(judge_image(j), &image->tables.header, note_corruption, verdict, &result);
    image_close(image);
    if (r == -1)
        return verdict_set(verdict, "later", "The check fails: %s", error_message());
    return verdict->rule ? -1 : 0;
}

int judge_use(struct judge *j, struct verdict *verdict)
{
    struct qcow2_image *image =
        judge_open(judge_image(j), j->backing, j->open_flags, NULL, &j->runtime);
    int r, closed;

    if (image == NULL)
        return verdict_set(verdict, "later", "It does not open for writing: %s", error_message());
    memcpy(seen_disk_room(&j->before_use, j->active.size), j->active.bytes, j->active.size);
    r = random_below(&j->random, 3) == 0 ? grow_and_shrink(j, image) : 0;
    if (r == 0 && j->active.size > 0)
        r = use(j, image);
    if (r == -1)
        verdict_set(verdict, "later", "It cannot be written: %s", error_message());
    closed = image_close(image);
    if (r == -1)
        return -1;
    if (closed == -1)
        return verdict_set(verdict, "later", "It cannot be closed: %s", error_message());
    if (check_again(j, verdict) == -1 || same_disk(j, &j->active, NULL, verdict) == -1)
        return -1;
    for (size_t i = 0; i < j->snapshot_count; i++)
        if (same_disk(j, &j->snapshots[i], j->snapshots[i].name, verdict) == -1)
            return -1;
    if (j->bitmaps.count > 0 && same_bitmaps(j, verdict) == -1)
        return -1;
    return place_check(&j->place, verdict);
}

/* ------------------------------------------------------------------------------------------------
 * qemu-img
 */

/* What both programs find. */
struct findings {
    uint64_t leaks;
    uint64_t errors;
    char first[256]; /* error that is not a clear COPIED flag */
};

static void count_finding(void *opaque, const char *line)
{
    struct findings *f = opaque;
    bool harmless = judge_is_harmless(line);

    if (strncmp(line, "Leaked cluster ", 15) == 0)
        f->leaks++;
    if (strncmp(line, "ERROR", 5) != 0)
        return;
    f->errors++;
    if (!harmless && f->first[0] == '\0')
        snprintf(f->first, sizeof f->first, "%.200s", line);
}

static int write_out(struct judge *j, const char *directory, enum part part)
{
    uint64_t length = j->cut->length[part];
    uint8_t *bytes = malloc(length + 1);
    char path[256];
    FILE *file;
    int r = -1;

    snprintf(path, sizeof path, "%s/%s", directory, part_places[part].name);
    file = fopen(path, "wb");
    if (bytes != NULL && file != NULL &&
        store_pread(&j->cut->files[part].store, bytes, length, 0) == 0 &&
        fwrite(bytes, 1, length, file) == length)
        r = 0;
    if (file != NULL && fclose(file) != 0)
        r = -1;
    free(bytes);
    return r;
}

/* The data file is one that qemu-img never reads. */
static int write_all_out(struct judge *j, const char *directory)
{
    return write_out(j, directory, PART_IMAGE) == -1 || write_out(j, directory, PART_BASE) == -1
               ? -1
               : write_out(j, directory, PART_OTHER);
}

static int run_qemu(const char *options, bool encrypted, struct findings *f)
{
    char command[640], line[512];
    FILE *output;
    int status;

    snprintf(command, sizeof command,
             "qemu-img check --object secret,id=pw,data='" PASSWORD "' --image-opts '%s%s' 2>&1",
             options, encrypted ? ",encrypt.key-secret=pw" : "");
    output = popen(command, "r");
    if (output == NULL)
        return -1;
    while (fgets(line, sizeof line, output) != NULL)
        count_finding(f, line);
    status = pclose(output);
    return status == 1 << 8 || status == 127 << 8 ? -1 : 0;
}

int judge_ask_qemu(struct judge *j, const char *directory, struct verdict *verdict)
{
    struct findings ours = { 0 }, theirs = { 0 };
    struct qcow2_image *image =
        judge_open(judge_image(j), j->backing, QCOW2_OPEN_READ_ONLY, NULL, NULL);
    qcow2_check_result result;
    char path[256], options[512];

    snprintf(path, sizeof path, "%s/%s", directory, part_places[PART_IMAGE].name);
    place_for_qemu(&j->place, path, options, sizeof options);
    if (image == NULL ||
        check_run(judge_image(j), &image->tables.header, count_finding, &ours, &result) == -1 ||
        write_all_out(j, directory) == -1 ||
        run_qemu(options, image_is_encrypted(image), &theirs) == -1) {
        if (image != NULL)
            image_close(image);
        return verdict_set(verdict, "agree", "qemu-img check of %s could not be run", path);
    }
    image_close(image);
    if (theirs.first[0] != '\0' || ours.leaks != theirs.leaks || ours.errors != theirs.errors)
        return verdict_set(verdict, "agree",
                           "qemu-img finds %" PRIu64 " errors and %" PRIu64 " leaks, we %" PRIu64
                           " and %" PRIu64 ": %s",
                           theirs.errors, theirs.leaks, ours.errors, ours.leaks, theirs.first);
    return 0;
}
