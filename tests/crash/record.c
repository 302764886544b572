/* SPDX-License-Identifier: BSD-3-Clause */
/* record.c - a store that remembers every change since the last barrier
 *
 * A write that makes the store longer is two changes: the length, which a file system keeps apart
 * from the data, and the bytes.
 */

#include "crash/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "store/iov.h"

#define GARBAGE 0xdb

const struct part_place part_places[PARTS] = {
    [PART_IMAGE] = { "disk.qcow2", 0, UINT64_C(104) << 20 },
    [PART_DATA] = { "disk.data", UINT64_C(104) << 20, UINT64_C(112) << 20 },
    [PART_BASE] = { "base.img", UINT64_C(112) << 20, UINT64_C(120) << 20 },
    [PART_OTHER] = { "other.img", UINT64_C(120) << 20, MEDIUM_MAX },
};

enum part part_at(uint64_t place)
{
    enum part part = PART_IMAGE;

    while (part < PARTS && place >= part_places[part].end)
        part++;
    return part;
}

enum part part_named(const char *name)
{
    enum part part = PART_IMAGE;

    while (part < PARTS && strcmp(part_places[part].name, name) != 0)
        part++;
    return part;
}

static const struct store_ops recorder_ops;

static enum part part_of(const struct store *store)
{
    return ((const struct recorder_file *)store)->part;
}

static struct recorder *to_recorder(const struct store *store)
{
    return ((const struct recorder_file *)store)->recorder;
}

struct store *recorder_beside(struct store *store, enum part part)
{
    return store->ops == &recorder_ops ? &to_recorder(store)->files[part].store : NULL;
}

uint64_t sector_hash(uint64_t number, const uint8_t *bytes)
{
    uint64_t hash = (number + 1) * UINT64_C(0x9e3779b97f4a7c15), any = 0;

    for (size_t i = 0; i < SECTOR; i += sizeof hash) {
        uint64_t word;

        memcpy(&word, bytes + i, sizeof word);
        any |= word;
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    return any ? hash : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The journal
 */

static struct change *journal_add(struct recorder *r, enum part part, enum change_kind kind,
                                  uint64_t offset, uint64_t count)
{
    struct change *change;

    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        struct change *journal = reallocarray(r->journal, capacity, sizeof journal[0]);

        if (journal == NULL)
            return error_no_memory();
        r->journal = journal;
        r->capacity = capacity;
    }
    change = &r->journal[r->count];
    *change = (struct change){
        .kind = kind, .part = part, .offset = offset, .count = count, .moment = r->moment
    };
    change->data = kind == CHANGE_BYTES ? malloc(count) : NULL;
    if (kind == CHANGE_BYTES && change->data == NULL)
        return error_no_memory();
    r->count++;
    return change;
}

static int set_length(struct recorder *r, enum part part, uint64_t length)
{
    if (journal_add(r, part, CHANGE_LENGTH, length, 0) == NULL)
        return -1;
    if (length < r->length[part])
        memset(r->now + part_start(part) + length, 0, r->length[part] - length);
    r->length[part] = length;
    return 0;
}

/* Enter a change of bytes; the caller fills in what is returned and then calls appear. */
static struct change *change_bytes(struct recorder *r, enum part part, uint64_t offset,
                                   uint64_t count)
{
    if (offset + count > r->length[part] && set_length(r, part, offset + count) == -1)
        return NULL;
    return journal_add(r, part, CHANGE_BYTES, part_start(part) + offset, count);
}

static void appear(struct recorder *r, const struct change *change)
{
    memcpy(r->now + change->offset, change->data, change->count);
}

static void hash_durable(struct recorder *r, uint64_t start, uint64_t end, uint64_t sign)
{
    for (uint64_t at = round_down(start, SECTOR); at < end; at += SECTOR)
        r->durable_hash += sign * sector_hash(at / SECTOR, r->durable + at);
}

static void make_durable(struct recorder *r, const struct change *change)
{
    uint64_t start = change->offset, end = change->offset + change->count;

    if (change->kind == CHANGE_LENGTH) {
        start += part_start(change->part);
        end = max_u64(start, part_start(change->part) + r->durable_length[change->part]);
    }
    hash_durable(r, start, end, UINT64_MAX);
    if (change->kind == CHANGE_LENGTH) {
        memset(r->durable + start, 0, end - start);
        r->durable_length[change->part] = change->offset;
    } else {
        memcpy(r->durable + start, change->data, change->count);
    }
    hash_durable(r, start, end, 1);
}

static void settle_part(struct recorder *r, enum part part)
{
    size_t left = 0;

    for (size_t i = 0; i < r->count; i++) {
        struct change *change = &r->journal[i];

        if (change->part != part) {
            r->journal[left++] = *change;
            continue;
        }
        make_durable(r, change);
        free(change->data);
    }
    r->count = left;
}

void recorder_settle(struct recorder *r)
{
    for (enum part part = PART_IMAGE; part < PARTS; part++)
        settle_part(r, part);
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

/* Is this a request that is to fail?  It makes the store end at end. */
static int maybe_fail(struct store *store, const char *what, uint64_t end)
{
    struct recorder *r = to_recorder(store);
    bool due = r->fault.full ? r->requests + 1 >= r->fault.at && end > r->length[part_of(store)]
                             : r->requests + 1 == r->fault.at;

    r->requests++;
    if (r->fault.at == 0 || !due)
        return 0;
    r->faults++;
    if (r->verbose)
        printf("      this %s fails (request %" PRIu64 ")\n", what, r->requests);
    return error_set(r->fault.errnum, "The %s of '%s' fails, as planned", what, store->name);
}

static int check_room(const struct store *store, uint64_t count, uint64_t offset)
{
    if (range_within(offset, count, part_end(part_of(store)) - part_start(part_of(store))))
        return 0;
    return error_set(EFBIG, "A change of '%s' at offset 0x%" PRIx64 " goes beyond what is kept",
                     store->name, offset);
}

static int recorder_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    const struct recorder *r = to_recorder(store);
    uint64_t start = part_start(part_of(store)), room = part_end(part_of(store)) - start;
    size_t inside = offset < room ? min_u64(count, room - offset) : 0;

    memcpy(buf, r->now + (inside ? start + offset : 0), inside);
    memset((uint8_t *)buf + inside, 0, count - inside);
    return 0;
}

static int recorder_pwritev(struct store *store, const struct iovec *iov, int iovcnt,
                            uint64_t offset)
{
    struct recorder *r = to_recorder(store);
    struct iov_cursor cursor = iov_start(iov, iovcnt);
    size_t count = iov_total(iov, iovcnt);
    struct change *change;

    if (maybe_fail(store, "write", offset + count) == -1 || check_room(store, count, offset) == -1)
        return -1;
    change = change_bytes(r, part_of(store), offset, count);
    if (change == NULL)
        return -1;
    iov_gather(&cursor, change->data, count);
    appear(r, change);
    return 0;
}

static int fill(struct store *store, uint64_t count, uint64_t offset, int byte)
{
    struct recorder *r = to_recorder(store);
    struct change *change;

    if (count == 0)
        return 0;
    change = change_bytes(r, part_of(store), offset, count);
    if (change == NULL)
        return -1;
    memset(change->data, byte, count);
    appear(r, change);
    return 0;
}

static int recorder_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    (void)may_punch;
    if (maybe_fail(store, "zeroing", offset + count) == -1 ||
        check_room(store, count, offset) == -1)
        return -1;
    return fill(store, count, offset, 0);
}

static int recorder_discard(struct store *store, uint64_t count, uint64_t offset)
{
    struct recorder *r = to_recorder(store);
    uint64_t end = min_u64(offset + count, r->length[part_of(store)]);

    if (check_room(store, count, offset) == -1)
        return -1;
    return offset < end ? fill(store, end - offset, offset, r->scribble ? GARBAGE : 0) : 0;
}

static int recorder_flush(struct store *store)
{
    struct recorder *r = to_recorder(store);

    if (maybe_fail(store, "flush", 0) == -1) {
        r->flush_failed = true;
        return -1;
    }
    if (r->flush_failed)
        return error_set(EIO, "An earlier flush of '%s' failed", store->name);
    if (r->observer != NULL)
        r->observer(r->opaque);
    r->flushes++;
    if (!r->lose_flushes && r->flushes != r->lost_flush)
        settle_part(r, part_of(store));
    return 0;
}

static int recorder_size(struct store *store, uint64_t *size)
{
    *size = to_recorder(store)->length[part_of(store)];
    return 0;
}

static int recorder_truncate(struct store *store, uint64_t size)
{
    struct recorder *r = to_recorder(store);

    if (maybe_fail(store, "truncation", size) == -1 || check_room(store, size, 0) == -1)
        return -1;
    return set_length(r, part_of(store), size);
}

static int recorder_extent(struct store *store, uint64_t count, uint64_t offset,
                           struct store_extent *extent)
{
    uint64_t length = to_recorder(store)->length[part_of(store)];

    if (offset < length)
        *extent = (struct store_extent){ .length = min_u64(count, length - offset) };
    else
        *extent = (struct store_extent){ .length = count, .hole = true };
    return 0;
}

static int recorder_allocated(struct store *store, uint64_t *bytes)
{
    return recorder_size(store, bytes);
}

/* The image above is opened and closed many times; the store stays. */
static void recorder_close(struct store *store)
{
    (void)store;
}

static const struct store_ops recorder_ops = {
    .pread = recorder_pread,
    .pwritev = recorder_pwritev,
    .zero = recorder_zero,
    .discard = recorder_discard,
    .flush = recorder_flush,
    .size = recorder_size,
    .truncate = recorder_truncate,
    .extent = recorder_extent,
    .allocated = recorder_allocated,
    .close = recorder_close,
};

struct recorder *recorder_new(void)
{
    struct recorder *r = calloc(1, sizeof *r);

    if (r == NULL)
        return error_no_memory();
    for (enum part part = PART_IMAGE; part < PARTS; part++)
        r->files[part] = (struct recorder_file){
            .store = { .ops = &recorder_ops, .name = part_places[part].name },
            .part = part,
            .recorder = r,
        };
    r->now = calloc(1, MEDIUM_MAX);
    r->durable = calloc(1, MEDIUM_MAX);
    if (r->now == NULL || r->durable == NULL) {
        recorder_free(r);
        return error_no_memory();
    }
    return r;
}

void recorder_free(struct recorder *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++)
        free(r->journal[i].data);
    free(r->journal);
    free(r->now);
    free(r->durable);
    free(r);
}
