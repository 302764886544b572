/* SPDX-License-Identifier: BSD-3-Clause */
/* judge.c - is what a power cut left behind acceptable? */

#include "crash/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "check/check.h"

int verdict_set(struct verdict *verdict, const char *rule, const char *format, ...)
{
    va_list args;

    verdict->rule = rule;
    va_start(args, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, args);
    va_end(args);
    return -1;
}

static struct store *beside(struct store *store, enum part part)
{
    struct store *found = recorder_beside(store, part);

    return found ? found : cut_beside(store, part);
}

/* The store of the data file, if the image in the store has one. */
static struct store *data_of(struct store *image)
{
    uint8_t header[HEADER_INCOMPATIBLE_AT + 8];

    if (store_pread(image, header, sizeof header, 0) == -1 || header[7] < 3 ||
        !(load_be64(header + HEADER_INCOMPATIBLE_AT) & INCOMPATIBLE_DATA_FILE))
        return NULL;
    return beside(image, PART_DATA);
}

/* What version 2 does not have is not asked of it. */
static void suit_version(struct store *image, struct runtime_options *runtime)
{
    uint8_t version[4];

    if (store_pread(image, version, sizeof version, offsetof(struct disk_header, version)) == -1 ||
        load_be32(version) >= 3)
        return;
    runtime->lazy_refcounts = runtime->discard_keeps = false;
}

/* One image of a chain. */
static struct qcow2_image *open_alone(struct store *store, enum image_format format, uint32_t flags,
                                      const char *snapshot, const struct runtime_options *runtime)
{
    uint8_t password[] = PASSWORD;
    struct qcow2_open_options options = {
        .format = format,
        .flags = flags,
        .secret = { password, sizeof password - 1 },
        .backing_policy = QCOW2_BACKING_IGNORE,
        .data_store = format == FORMAT_QCOW2 ? data_of(store) : NULL,
        .snapshot = (char *)(uintptr_t)snapshot,
        .repair_dirty = judge_repair_dirty,
    };

    if (runtime != NULL)
        options.runtime = *runtime;
    suit_version(store, &options.runtime);
    options.runtime.discard_named = options.runtime.discard_on = FREED_OTHERWISE; /* and all else */
    return image_open_store(store, &options);
}

/* The image's file below, if it is beside it. */
static int open_below(struct qcow2_image *image, struct store *store, unsigned writable_depth)
{
    const char *name = image_backing_file(image);
    enum part part = name ? part_named(name) : PARTS;
    uint32_t flags = writable_depth == 1 ? 0 : QCOW2_OPEN_READ_ONLY;
    enum image_format format;

    if (part == PARTS || image->disk == NULL)
        return 0;
    if (image_format_parse(image->tables.header.backing_format, &format) == -1)
        return -1;
    image->backing = open_alone(beside(store, part), format, flags, NULL, NULL);
    if (image->backing == NULL)
        return -1;
    image->disk->backing = image->backing->disk;
    image->disk->backing_missing = false;
    return open_below(image->backing, store, writable_depth ? writable_depth - 1 : 0);
}

struct qcow2_image *judge_open_chain(struct store *store, enum image_format format, uint32_t flags,
                                     unsigned writable_depth, const struct runtime_options *runtime)
{
    struct qcow2_image *image = open_alone(store, format, flags, NULL, runtime);

    if (image != NULL && open_below(image, store, writable_depth) == -1) {
        image_close(image);
        return NULL;
    }
    return image;
}

struct qcow2_image *judge_open(struct store *store, struct disk *backing, uint32_t flags,
                               const char *snapshot, const struct runtime_options *runtime)
{
    struct qcow2_image *image = open_alone(store, FORMAT_QCOW2, flags, snapshot, runtime);

    if (image == NULL)
        return NULL;
    if (backing != NULL) {
        image->disk->backing = backing;
        image->disk->backing_missing = false;
    } else if (open_below(image, store, 0) == -1) {
        image_close(image);
        return NULL;
    }
    return image;
}

/* ------------------------------------------------------------------------------------------------
 * Check
 */

bool judge_is_harmless(const char *finding)
{
    unsigned long long entry, refcount;
    const char *at = strstr(finding, "_entry=");

    return strncmp(finding, "ERROR OFLAG_COPIED ", 19) == 0 && at != NULL &&
           sscanf(at, "_entry=%llx refcount=%llu", &entry, &refcount) == 2 && refcount == 1 &&
           !(entry & ENTRY_COPIED);
}

static const char *rule_of(const char *finding)
{
    if (strncmp(finding, "ERROR cluster ", 14) == 0)
        return "floor";
    if (strncmp(finding, "ERROR OFLAG_COPIED ", 19) == 0)
        return "copied";
    return strstr(finding, "end of the file") || strstr(finding, "outside image") ? "pointer"
                                                                                  : "check";
}

static void note_finding(void *opaque, const char *finding)
{
    struct verdict *verdict = opaque;

    if (verdict->rule == NULL && strncmp(finding, "Leaked cluster ", 15) != 0 &&
        !judge_is_harmless(finding))
        verdict_set(verdict, rule_of(finding), "%s", finding);
}

int judge_check(struct store *store, const struct header *header, struct verdict *verdict)
{
    qcow2_check_result result;

    if (check_run(store, header, NULL, NULL, &result) == -1)
        return verdict_set(verdict, "check", "The check fails: %s", error_message());
    if (result.corruptions == 0 && result.check_errors == 0)
        return 0;
    if (check_run(store, header, note_finding, verdict, &result) == -1)
        return verdict_set(verdict, "check", "The check fails: %s", error_message());
    if (verdict->rule == NULL && result.check_errors > 0)
        verdict_set(verdict, "check", "%" PRIu64 " check errors", result.check_errors);
    return verdict->rule == NULL ? 0 : -1;
}

/* ------------------------------------------------------------------------------------------------
 * Looking
 */

uint8_t *seen_disk_room(struct seen_disk *seen, uint64_t size)
{
    seen->size = size;
    if (size >= seen->room) {
        free(seen->bytes);
        seen->room = size + SECTOR;
        seen->bytes = malloc(seen->room);
        if (seen->bytes == NULL)
            abort();
    }
    return seen->bytes;
}

int judge_see(struct qcow2_image *image, struct seen_disk *seen)
{
    uint64_t size = image_size(image);

    return image_read(image, seen_disk_room(seen, size), size, 0);
}

/* Whoever has only a raw data file must see the disk. */
static int compare_raw(struct judge *j, const struct qcow2_image *image, struct verdict *verdict)
{
    uint8_t sector[SECTOR];

    if (!(image->tables.header.autoclear_features & AUTOCLEAR_RAW_DATA_FILE))
        return 0;
    for (uint64_t at = 0; at < j->active.size; at += SECTOR)
        if (store_pread(image->data_store, sector, SECTOR, at) == -1 ||
            memcmp(sector, j->active.bytes + at, SECTOR) != 0)
            return verdict_set(verdict, "raw", "The raw data file differs at 0x%" PRIx64, at);
    return 0;
}

static int see_snapshot(struct judge *j, const struct snapshot *s, struct seen_disk *seen)
{
    struct qcow2_image *image =
        judge_open(judge_image(j), j->backing, QCOW2_OPEN_READ_ONLY, s->id, NULL);
    int r;

    if (image == NULL)
        return -1;
    snprintf(seen->name, sizeof seen->name, "%s", s->name);
    r = judge_see(image, seen);
    if (r == 0)
        r = seen_state_read(&seen->state, image, s->vm_state_size);
    image_close(image);
    return r;
}

static int see_all(struct judge *j, struct qcow2_image *image, struct verdict *verdict)
{
    if (judge_see(image, &j->active) == -1)
        return verdict_set(verdict, "old-new", "The active disk cannot be read: %s",
                           error_message());
    if (compare_raw(j, image, verdict) == -1)
        return -1;
    j->snapshot_count = image->snapshots.count;
    if (j->snapshot_count > MAX_SNAPSHOTS_KEPT)
        return verdict_set(verdict, "view", "There are %zu snapshots", j->snapshot_count);
    for (size_t i = 0; i < j->snapshot_count; i++)
        if (see_snapshot(j, &image->snapshots.entries[i], &j->snapshots[i]) == -1)
            return verdict_set(verdict, "snapshot", "Snapshot '%s' cannot be read: %s",
                               image->snapshots.entries[i].name, error_message());
    return see_bitmaps(image, &j->bitmaps, verdict);
}

/* ------------------------------------------------------------------------------------------------
 * Comparing
 */

bool judge_is_uniform(const uint8_t *sector)
{
    return memcmp(sector, sector + sizeof(uint64_t), SECTOR - sizeof(uint64_t)) == 0;
}

uint64_t judge_stamp(const uint8_t *sector)
{
    uint64_t stamp;

    memcpy(&stamp, sector, sizeof stamp);
    return stamp;
}

static int compare_active(const struct judge *j, const struct view *view, uint64_t moment,
                          struct verdict *verdict)
{
    for (uint64_t i = 0; i < view->size / SECTOR; i++) {
        const uint8_t *bytes = j->active.bytes + i * SECTOR;
        const struct sector *s = &j->oracle->sectors[i];
        uint64_t stamp = judge_stamp(bytes);

        if (judge_is_uniform(bytes) && oracle_admits(j->oracle, view, i, stamp, moment))
            continue;
        return verdict_set(verdict, view->exactly || s->issued ? "old-new" : "durable",
                           "guest offset 0x%" PRIx64 " reads %s%016" PRIx64 ", settled %016" PRIx64
                           ", latest %016" PRIx64 "%s",
                           i * SECTOR, judge_is_uniform(bytes) ? "" : "a mixture that starts with ",
                           stamp, s->settled, s->latest,
                           view->exactly ? " (seen as after the operation)" : "");
    }
    return 0;
}

static int compare_snapshot(const struct seen_disk *seen, const struct frozen *frozen,
                            struct verdict *verdict)
{
    for (uint64_t i = 0; i < frozen->size / SECTOR; i++) {
        const uint8_t *bytes = seen->bytes + i * SECTOR;

        if (!judge_is_uniform(bytes) || judge_stamp(bytes) != frozen->stamps[i])
            return verdict_set(verdict, "snapshot",
                               "snapshot '%s', guest offset 0x%" PRIx64 " reads %016" PRIx64
                               " instead of %016" PRIx64,
                               seen->name, i * SECTOR, judge_stamp(bytes), frozen->stamps[i]);
    }
    if (!seen_state_is(&seen->state, &frozen->state))
        return verdict_set(verdict, "state",
                           "the VM state of snapshot '%s' is not the one of %" PRIu64
                           " bytes that was saved",
                           seen->name, frozen->state.count * SECTOR);
    return 0;
}

static int compare_bitmap(const struct judge *j, const struct seen_bitmap *seen,
                          const struct tracked *tracked, struct verdict *verdict)
{
    if (seen->inconsistent)
        return tracked->enabled
                   ? 0
                   : verdict_set(verdict, "bitmap", "bitmap '%s' is disabled and marked as in use",
                                 seen->name);
    for (uint64_t i = 0; i < j->active.size / SECTOR; i++)
        if (!seen->dirty[i] && tracked_wants(tracked, i, judge_stamp(j->active.bytes + i * SECTOR)))
            return verdict_set(verdict, "bitmap",
                               "%s bitmap '%s' is clean at guest offset 0x%" PRIx64
                               ", which reads %016" PRIx64 " and read %016" PRIx64,
                               tracked->enabled ? "enabled" : "disabled", seen->name, i * SECTOR,
                               judge_stamp(j->active.bytes + i * SECTOR), tracked->baseline[i]);
    return 0;
}

static bool has_bitmaps(const struct judge *j, const struct view *view)
{
    if (j->bitmaps.count != view->bitmap_count)
        return false;
    for (size_t i = 0; i < view->bitmap_count; i++)
        if (strcmp(j->bitmaps.list[i].name, view->bitmaps[i]->name) != 0 ||
            j->bitmaps.list[i].enabled != view->bitmaps[i]->enabled)
            return false;
    return true;
}

static bool has_shape(const struct judge *j, const struct view *view)
{
    if (j->active.size != view->size || j->snapshot_count != view->count || !has_bitmaps(j, view))
        return false;
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(j->snapshots[i].name, view->snapshots[i]->name) != 0 ||
            j->snapshots[i].size != view->snapshots[i]->size)
            return false;
    return true;
}

static int compare_view(const struct judge *j, const struct view *view, uint64_t moment,
                        struct verdict *verdict)
{
    if (!has_shape(j, view))
        return verdict_set(verdict, "view",
                           "the disk has %" PRIu64 " bytes, %zu snapshots and %zu bitmaps instead "
                           "of %" PRIu64 ", %zu and %zu",
                           j->active.size, j->snapshot_count, j->bitmaps.count, view->size,
                           view->count, view->bitmap_count);
    if (compare_active(j, view, moment, verdict) == -1)
        return -1;
    for (size_t i = 0; i < view->count; i++)
        if (compare_snapshot(&j->snapshots[i], view->snapshots[i], verdict) == -1)
            return -1;
    for (size_t i = 0; i < view->bitmap_count; i++)
        if (compare_bitmap(j, &j->bitmaps.list[i], view->bitmaps[i], verdict) == -1)
            return -1;
    return 0;
}

/* A view of the right shape says more about what is wrong than one of another. */
static int compare(const struct judge *j, uint64_t moment, struct verdict *verdict)
{
    const struct oracle *o = j->oracle;
    struct verdict other = { 0 };

    if (compare_view(j, &o->now, moment, verdict) == 0)
        return 0;
    if (o->changing && o->next.moment <= moment) {
        if (compare_view(j, &o->next, moment, &other) == 0) {
            *verdict = (struct verdict){ 0 };
            return 0;
        }
        if (!has_shape(j, &o->now))
            *verdict = other;
    }
    return -1;
}

bool judge_is_dirty(struct store *image)
{
    uint8_t header[HEADER_INCOMPATIBLE_AT + 8];

    return store_pread(image, header, sizeof header, 0) == 0 && header[7] >= 3 &&
           load_be64(header + HEADER_INCOMPATIBLE_AT) & INCOMPATIBLE_DIRTY;
}

int judge_look(struct judge *j, uint64_t moment, struct verdict *verdict)
{
    bool repair = j->damaged || judge_is_dirty(judge_image(j));
    struct qcow2_image *image;
    int r;

    if (repair && judge_repair(j, verdict) == -1)
        return -1;
    image = judge_open(judge_image(j), j->backing, QCOW2_OPEN_READ_ONLY, NULL, NULL);
    if (image == NULL)
        return verdict_set(verdict, "open", "%s", error_message());
    r = repair ? 0 : judge_check(judge_image(j), &image->tables.header, verdict);
    if (r == 0)
        r = see_all(j, image, verdict);
    image_close(image);
    if (r == 0)
        r = compare(j, moment, verdict);
    if (r == 0)
        r = judge_below(j, verdict);
    return r == 0 ? place_check(&j->place, verdict) : r;
}

void judge_destroy(struct judge *j)
{
    free(j->active.bytes);
    for (size_t i = 0; i < MAX_SNAPSHOTS_KEPT; i++) {
        free(j->snapshots[i].bytes);
        seen_state_destroy(&j->snapshots[i].state);
    }
    free(j->second_look.bytes);
    free(j->before_use.bytes);
    free(j->below.bytes);
    seen_bitmaps_destroy(&j->bitmaps);
}
