/* SPDX-License-Identifier: BSD-3-Clause */
/* session.c - an image in use, every step of it under the oracle's eyes */

#include "crash/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "crash/random.h"

#define MAX_GROWTH 2 /* the largest disk, in sizes of the first */

static uint64_t max_sectors(const struct shape *shape)
{
    return (uint64_t)MAX_GROWTH * shape->size;
}

/* ------------------------------------------------------------------------------------------------
 * Before and after each request
 */

void session_wrong(struct session *s, const char *rule, const char *format, ...)
{
    va_list args;

    s->over = true;
    if (s->verdict.rule != NULL)
        return;
    s->verdict.rule = rule;
    va_start(args, format);
    vsnprintf(s->verdict.text, sizeof s->verdict.text, format, args);
    va_end(args);
}

/* Of those that somebody must be told of. */
static uint64_t told_faults(const struct session *s)
{
    return s->recorder->faults - s->place.untold;
}

void session_forgive(struct session *s)
{
    s->faults_before = told_faults(s);
}

bool session_ask(struct session *s, const char *format, ...)
{
    va_list args;

    if (s->over || s->image == NULL)
        return false;
    s->recorder->moment = ++s->oracle.moment;
    session_forgive(s);
    if (s->states.effort->verbose) {
        printf("  %3" PRIu64 " ", s->oracle.moment);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("\n");
    }
    return true;
}

static bool fault_happened(const struct session *s)
{
    return s->recorder->faults > 0;
}

/* Does the image, in use, show what was last written? */
static void compare_live(struct session *s)
{
    uint64_t size = image_size(s->image), stamp;

    if (size != s->oracle.now.size) {
        session_wrong(s, "live", "The disk has %" PRIu64 " bytes, not %" PRIu64, size,
                      s->oracle.now.size);
        return;
    }
    if (image_read(s->image, s->bytes, size, 0) == -1) {
        session_wrong(s, "live", "The disk cannot be read: %s", error_message());
        return;
    }
    for (uint64_t i = 0; i < size; i += sizeof stamp) {
        const struct sector *sector = &s->oracle.sectors[i / SECTOR];

        memcpy(&stamp, s->bytes + i, sizeof stamp);
        oracle_resolve(&s->oracle, i / SECTOR, stamp);
        if (stamp != sector->latest)
            session_wrong(s, "live",
                          "Guest offset 0x%" PRIx64 " reads %016" PRIx64 " instead of %016" PRIx64,
                          i, stamp, sector->latest);
    }
}

/* After each request, whatever became of it. */
static void end(struct session *s, int r)
{
    if (r == 0 && told_faults(s) > s->faults_before)
        session_wrong(s, "fault", "A request failed below, and nobody was told");
    if (s->states.verdict.rule != NULL)
        s->over = true;
    if (!s->over)
        compare_live(s);
}

/* A request failed. */
static void failed(struct session *s, const char *what)
{
    if (!fault_happened(s))
        session_wrong(s, "live", "%s failed: %s", what, error_message());
}

/* ------------------------------------------------------------------------------------------------
 * Guest requests
 */

static void issue(struct session *s, uint64_t at, uint64_t count, uint64_t stamp)
{
    for (uint64_t i = at; i < at + count; i++)
        oracle_issue(&s->oracle, i, stamp);
}

void session_end_request(struct session *s, const char *what, int r, uint64_t at, uint64_t count,
                         bool fua)
{
    if (r == -1) {
        failed(s, what);
        oracle_doubt(&s->oracle, at, count);
    } else if (fua) {
        oracle_settle(&s->oracle, at, count);
    }
    end(s, r);
}

/* Fill the bytes of a request with stamps of their own. */
static void issue_new(struct session *s, uint64_t at, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t stamp = ++s->next_stamp << 24 | (at + i);

        for (size_t k = 0; k < SECTOR; k += sizeof stamp)
            memcpy(s->bytes + i * SECTOR + k, &stamp, sizeof stamp);
        oracle_issue(&s->oracle, at + i, stamp);
    }
}

void session_write(struct session *s, uint64_t at, uint64_t count, bool fua)
{
    int r;

    if (!session_ask(s, "write 0x%" PRIx64 " + 0x%" PRIx64 "%s", at * SECTOR, count * SECTOR,
                     fua ? " with FUA" : ""))
        return;
    issue_new(s, at, count);
    r = image_write(s->image, s->bytes, count * SECTOR, at * SECTOR, fua ? QCOW2_FUA : 0);
    session_end_request(s, "A write", r, at, count, fua);
}

static void compress(struct session *s, uint64_t at, uint64_t count)
{
    uint64_t cluster = (UINT64_C(1) << s->shape->cluster_bits) / SECTOR;
    uint64_t end = min_u64(round_up(at + count, cluster), session_size(s));
    int r;

    at = round_down(at, cluster);
    if (!session_ask(s, "compress 0x%" PRIx64 " + 0x%" PRIx64, at * SECTOR, (end - at) * SECTOR))
        return;
    s->compressed = true;
    issue_new(s, at, end - at);
    r = image_write_compressed(s->image, s->bytes, (end - at) * SECTOR, at * SECTOR, 0);
    session_end_request(s, "A compressed write", r, at, end - at, false);
}

void session_compress(struct session *s, uint64_t at, uint64_t count)
{
    if (s->shape->data_file || s->shape->luks) {
        session_write(s, at, count, false);
        return;
    }
    compress(s, at, count);
}

void session_zero(struct session *s, uint64_t at, uint64_t count, bool unmap)
{
    int r;

    if (!session_ask(s, "zero 0x%" PRIx64 " + 0x%" PRIx64 "%s", at * SECTOR, count * SECTOR,
                     unmap ? " unmap" : ""))
        return;
    issue(s, at, count, 0);
    r = image_zero(s->image, count * SECTOR, at * SECTOR, unmap ? QCOW2_MAY_UNMAP : 0);
    session_end_request(s, "Zeroing", r, at, count, false);
}

/* Whole clusters go, parts stay; version 2 cannot hide a backing file. */
void session_discard(struct session *s, uint64_t at, uint64_t count)
{
    uint64_t cluster = (UINT64_C(1) << s->shape->cluster_bits) / SECTOR;
    uint64_t first = round_up(at, cluster);
    uint64_t last = at + count == session_size(s) ? at + count : round_down(at + count, cluster);
    int r;

    if (!session_ask(s, "discard 0x%" PRIx64 " + 0x%" PRIx64, at * SECTOR, count * SECTOR))
        return;
    if (first >= last || (s->version < 3 && s->image->disk->backing != NULL))
        first = last = at;
    issue(s, first, last - first, 0);
    r = image_discard(s->image, count * SECTOR, at * SECTOR, 0);
    session_end_request(s, "Discarding", r, first, last - first, false);
}

void session_flush(struct session *s)
{
    int r;

    if (!session_ask(s, "flush"))
        return;
    r = image_flush(s->image);
    if (r == -1)
        failed(s, "Flushing");
    else if (s->recorder->flush_failed)
        session_wrong(s, "fault", "A flush succeeded after one that failed");
    else
        oracle_settle_all(&s->oracle);
    end(s, r);
}

/* ------------------------------------------------------------------------------------------------
 * Opening and closing
 */

static uint32_t open_flags(const struct session *s)
{
    return s->shape->discard ? QCOW2_OPEN_DISCARD : 0;
}

int session_open(struct session *s)
{
    s->image = judge_open(session_image(s), s->backing, open_flags(s), NULL, &s->runtime);
    return s->image ? 0 : -1;
}

/* What is done while no image is open. */
typedef int between(struct session *s);

static void close_and_open(struct session *s, between *meanwhile, const char *what)
{
    int r = image_close(s->image);

    s->image = NULL;
    if (r == -1) {
        failed(s, "Closing");
        s->over = true;
        return;
    }
    oracle_settle_all(&s->oracle);
    if (meanwhile(s) == -1 || session_open(s) == -1) {
        failed(s, what);
        s->over = true;
        return;
    }
    end(s, 0);
}

static int look_at_bitmaps(struct session *s)
{
    session_check_bitmaps(s);
    return 0;
}

void session_reopen(struct session *s)
{
    if (session_ask(s, "close and open"))
        close_and_open(s, look_at_bitmaps, "Opening again");
}

void session_repair(struct session *s)
{
    if (session_ask(s, "close, damage, repair and open"))
        close_and_open(s, session_damage_and_repair, "A repair, or opening after it,");
}

/* ------------------------------------------------------------------------------------------------
 * Changes of the whole
 */

void session_end_change(struct session *s, const char *what, int r, bool may_refuse)
{
    if (r == 0) {
        oracle_settle_all(&s->oracle);
        oracle_accept(&s->oracle);
        session_forgive(s);
    } else if (may_refuse && !fault_happened(s) && error_errno() != EIO) {
        oracle_withdraw(&s->oracle);
    } else {
        failed(s, what);
        s->over = true;
    }
    end(s, r);
}

static uint32_t resize_flags(struct session *s, uint64_t size)
{
    static const uint32_t modes[] = { QCOW2_RESIZE_METADATA, QCOW2_RESIZE_FALLOC,
                                      QCOW2_RESIZE_FULL };
    const size_t count = sizeof modes / sizeof modes[0];
    uint64_t pick;

    if (size < session_size(s))
        return QCOW2_RESIZE_SHRINK;
    if (s->shape->preallocated)
        return QCOW2_RESIZE_METADATA;
    pick = random_below(&s->random, 3 * count);
    return pick < count ? modes[pick] : 0;
}

void session_resize(struct session *s, uint64_t size)
{
    uint32_t flags = resize_flags(s, size);
    struct view next;

    if (!session_ask(s, "resize 0x%" PRIx64 ", flags %#x", size * SECTOR, flags))
        return;
    next = oracle_copy_view(&s->oracle);
    next.size = size * SECTOR;
    if (size < session_size(s)) /* what is cut off may be gone before the disk is smaller */
        issue(s, size, session_size(s) - size, 0);
    oracle_propose(&s->oracle, &next);
    session_end_change(s, "Resizing", image_resize(s->image, size * SECTOR, flags),
                       s->version < 3 && (s->image->disk->backing || next.count > 0));
}

/* Each snapshot, and the active disk, may refer to a cluster once, and one of them twice while it
 * is created or applied.  Compressed clusters share theirs with others. */
static bool counts_suffice(const struct session *s)
{
    uint32_t bits = s->refcount_bits;

    return s->compressed ? bits >= 16 : bits >= 4 || s->oracle.now.count + 2 < 1u << bits;
}

void session_freeze(struct session *s, const struct vm_state *state)
{
    qcow2_snapshot given = { .vm_state_size = state->count * SECTOR };
    struct view next;
    struct frozen *frozen;
    char name[16];
    int r;

    if (session_snapshots(s) == MAX_SNAPSHOTS_KEPT || s->shape->data_file)
        return;
    snprintf(name, sizeof name, "s%u", s->snapshots_made++);
    if (!session_ask(s, "snapshot create %s", name))
        return;
    next = oracle_copy_view(&s->oracle);
    frozen = oracle_freeze(&s->oracle, name);
    frozen->state = *state;
    next.snapshots[next.count++] = frozen;
    next.exactly = frozen_hold(frozen);
    oracle_propose(&s->oracle, &next);
    given.name = name;
    r = image_snapshot_create_with(s->image, &given);
    session_end_change(s, "Creating a snapshot", r, !counts_suffice(s));
}

void session_snapshot_create(struct session *s)
{
    session_freeze(s, &(struct vm_state){ 0 });
}

void session_snapshot_apply(struct session *s, size_t index)
{
    struct frozen *frozen;
    struct view next;
    int r;

    if (index >= session_snapshots(s))
        return;
    frozen = s->oracle.now.snapshots[index];
    if (!session_ask(s, "snapshot apply %s", frozen->name))
        return;
    next = oracle_copy_view(&s->oracle);
    next.size = frozen->size;
    next.exactly = frozen_hold(frozen);
    oracle_propose(&s->oracle, &next);
    r = image_snapshot_apply(s->image, frozen->name);
    session_end_change(s, "Applying a snapshot", r, !counts_suffice(s));
    if (r == 0)
        session_compare_state(s, &frozen->state);
}

void session_snapshot_delete(struct session *s, size_t index)
{
    struct view next;
    char name[16];

    if (index >= session_snapshots(s))
        return;
    snprintf(name, sizeof name, "%s", s->oracle.now.snapshots[index]->name);
    if (!session_ask(s, "snapshot delete %s", name))
        return;
    next = oracle_copy_view(&s->oracle);
    frozen_release(next.snapshots[index]);
    next.count--;
    for (size_t i = index; i < next.count; i++)
        next.snapshots[i] = next.snapshots[i + 1];
    oracle_propose(&s->oracle, &next);
    session_end_change(s, "Deleting a snapshot", image_snapshot_delete(s->image, name), false);
}

/* ------------------------------------------------------------------------------------------------
 * The beginning and the end
 */

static int make_start(struct session *s)
{
    uint32_t flags = open_flags(s);

    place_init(&s->place, recorder_image(s->recorder), s->shape->place, flags);
    s->place.faults = &s->recorder->faults;
    place_init(&s->states.judge.place, cut_image(s->states.judge.cut), s->shape->place, flags);
    return session_make_image(s) == -1 ? -1 : session_open(s);
}

int session_begin(struct session *s, const struct shape *shape, const struct effort *effort,
                  struct hash_set *distinct, uint64_t seed)
{
    uint64_t bytes = max_sectors(shape) * SECTOR;

    *s = (struct session){
        .shape = shape,
        .version = shape->version,
        .refcount_bits = shape->refcount_bits,
        .random = seed,
        .runtime = { .l2_cache_size = shape->l2_cache,
                     .lazy_refcounts_named = shape->lazy_opened,
                     .lazy_refcounts = shape->lazy_opened,
                     .discard_keeps = shape->keeps },
        .recorder = recorder_new(),
        .bytes = malloc(bytes),
    };
    if (s->recorder == NULL || s->bytes == NULL ||
        oracle_init(&s->oracle, (uint64_t)shape->size * SECTOR, bytes) == -1 ||
        states_init(&s->states, effort, s->recorder, &s->oracle, distinct, random_mix(seed)) ==
            -1 ||
        make_start(s) == -1) {
        session_wrong(s, "live", "The image could not be made: %s", error_message());
        return -1;
    }
    s->compressed = shape->qemu;
    s->next_stamp = seed % 0xffff << 20;
    s->recorder->verbose = effort->verbose;
    s->recorder->scribble = shape->scribble;
    s->states.judge.backing = s->backing;
    s->states.judge.open_flags = open_flags(s);
    s->states.judge.runtime = s->runtime;
    s->recorder->flushes = s->recorder->requests = 0;
    s->recorder->observer = effort->at_end ? states_pass : states_visit;
    s->recorder->opaque = &s->states;
    return 0;
}

/* Closing flushes; what is left after it is looked at, too. */
static void close_image(struct session *s)
{
    int r;

    s->recorder->moment = ++s->oracle.moment;
    session_forgive(s);
    r = image_close(s->image);
    if (r == 0 && told_faults(s) > s->faults_before)
        session_wrong(s, "fault", "Closing succeeded although a request failed");
    else if (r == 0 && judge_is_dirty(session_image(s)))
        session_wrong(s, "live", "The closed image is marked as dirty");
    else if (r == 0 && !s->oracle.changing) {
        oracle_settle_all(&s->oracle);
        session_check_bitmaps(s);
    } else if (r == -1 && !fault_happened(s))
        session_wrong(s, "live", "Closing failed: %s", error_message());
}

void session_end(struct session *s)
{
    if (s->image != NULL)
        close_image(s);
    place_leave(&s->place);
    if (s->verdict.rule == NULL && s->states.judge.cut != NULL)
        states_visit(&s->states);
    if (s->verdict.rule == NULL)
        s->verdict = s->states.verdict;
    s->requests = s->recorder ? s->recorder->requests : 0;
    states_destroy(&s->states);
    oracle_destroy(&s->oracle);
    if (s->backing != NULL)
        s->backing->ops->close(s->backing);
    store_close(s->backing_store);
    recorder_free(s->recorder);
    free(s->bytes);
}
