/* SPDX-License-Identifier: BSD-3-Clause */
/* cut.c - what one power cut leaves behind: a store of its own */

#include "crash/cut.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "store/iov.h"

#define SECTORS (MEDIUM_MAX / SECTOR)

static const uint8_t no_bytes[SECTOR];

static const struct store_ops cut_ops;

static enum part part_of(const struct store *store)
{
    return ((const struct cut_file *)store)->part;
}

static struct cut *to_cut(const struct store *store)
{
    return ((const struct cut_file *)store)->cut;
}

struct store *cut_beside(struct store *store, enum part part)
{
    return store->ops == &cut_ops ? &to_cut(store)->files[part].store : NULL;
}

static const uint8_t *durable_sector(const struct cut *cut, uint64_t number)
{
    return cut->recorder->durable + number * SECTOR;
}

/* ------------------------------------------------------------------------------------------------
 * Sectors
 */

static void put_sector(struct cut *cut, uint64_t number, const uint8_t *bytes)
{
    if (cut->sectors[number] == durable_sector(cut, number))
        cut->dirty[cut->dirty_count++] = (uint32_t)number;
    cut->sectors[number] = bytes;
}

/* A copy of the sector that may be changed. */
static uint8_t *own_sector(struct cut *cut, uint64_t number)
{
    const uint8_t *old = cut->sectors[number];
    uint8_t *own;

    if (old >= cut->room && old < cut->room + MEDIUM_MAX)
        return cut->room + (old - cut->room);
    own = cut->room + cut->room_used;
    cut->room_used += SECTOR;
    memcpy(own, old, SECTOR);
    put_sector(cut, number, own);
    return own;
}

/* Bytes of one sector, which stay where they are for the life of the state. */
static void put_bytes(struct cut *cut, uint64_t offset, const uint8_t *bytes, size_t count)
{
    if (count == SECTOR)
        put_sector(cut, offset / SECTOR, bytes);
    else
        memcpy(own_sector(cut, offset / SECTOR) + offset % SECTOR, bytes, count);
}

static void set_length(struct cut *cut, enum part part, uint64_t part_length)
{
    uint64_t length = part_start(part) + part_length, old = part_start(part) + cut->length[part];

    cut->length[part] = part_length;
    if (length >= old)
        return;
    if (length % SECTOR)
        memset(own_sector(cut, length / SECTOR) + length % SECTOR, 0, SECTOR - length % SECTOR);
    for (uint64_t at = round_up(length, SECTOR); at < old; at += SECTOR)
        put_sector(cut, at / SECTOR, no_bytes);
}

void cut_reset(struct cut *cut)
{
    for (size_t i = 0; i < cut->dirty_count; i++)
        cut->sectors[cut->dirty[i]] = durable_sector(cut, cut->dirty[i]);
    cut->dirty_count = 0;
    cut->room_used = 0;
    memcpy(cut->length, cut->recorder->durable_length, sizeof cut->length);
}

/* ------------------------------------------------------------------------------------------------
 * Changes
 */

uint64_t change_sectors(const struct change *change)
{
    if (change->kind == CHANGE_LENGTH || change->count == 0)
        return 1;
    return (change->offset + change->count - 1) / SECTOR - change->offset / SECTOR + 1;
}

void cut_arrive(struct cut *cut, const struct change *change, sector_coin *coin, void *opaque)
{
    uint64_t end = change->offset + change->count;

    if (change->kind == CHANGE_LENGTH) {
        set_length(cut, change->part, change->offset);
        return;
    }
    for (uint64_t at = change->offset; at < end;) {
        size_t count = min_u64(end - at, SECTOR - at % SECTOR);

        if (coin == NULL || coin(opaque, at / SECTOR))
            put_bytes(cut, at, change->data + (at - change->offset), count);
        at += count;
    }
}

/* A sector as a reader sees it: nothing lies beyond the length. */
static uint64_t hash_visible(const struct cut *cut, uint64_t number)
{
    uint64_t start = number * SECTOR;
    enum part part = part_at(start);
    uint64_t end = part_start(part) + cut->length[part];
    uint8_t bytes[SECTOR] = { 0 };

    if (start >= end)
        return 0;
    if (start + SECTOR <= end)
        return sector_hash(number, cut->sectors[number]);
    memcpy(bytes, cut->sectors[number], end - start);
    return sector_hash(number, bytes);
}

uint64_t cut_hash(const struct cut *cut)
{
    uint64_t hash = cut->recorder->durable_hash;

    for (size_t i = 0; i < cut->dirty_count; i++)
        hash += hash_visible(cut, cut->dirty[i]) -
                sector_hash(cut->dirty[i], durable_sector(cut, cut->dirty[i]));
    for (enum part part = PART_IMAGE; part < PARTS; part++)
        hash += cut->length[part] * (UINT64_C(0xc4ceb9fe1a85ec53) + UINT64_C(2) * part);
    return hash;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

static int cut_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    const struct cut *cut = to_cut(store);
    uint64_t start = part_start(part_of(store));
    uint64_t end = start + min_u64(offset + count, cut->length[part_of(store)]);
    uint8_t *to = buf;

    offset += start;
    while (offset < end) {
        const uint8_t *from = cut->sectors[offset / SECTOR] + offset % SECTOR;
        size_t piece = SECTOR - offset % SECTOR;

        while (offset + piece < end && cut->sectors[(offset + piece) / SECTOR] == from + piece)
            piece += SECTOR;
        piece = min_u64(piece, end - offset);
        memcpy(to, from, piece);
        to += piece;
        offset += piece;
        count -= piece;
    }
    memset(to, 0, count);
    return 0;
}

static int check_room(const struct store *store, uint64_t count, uint64_t offset)
{
    if (range_within(offset, count, part_end(part_of(store)) - part_start(part_of(store))))
        return 0;
    return error_set(EFBIG, "A change at offset 0x%" PRIx64 " goes beyond what is kept", offset);
}

/* What lay beyond the end did not arrive: a longer store has zeroes there. */
static void lengthen(struct cut *cut, enum part part, uint64_t part_length)
{
    uint64_t old = part_start(part) + cut->length[part], length = part_start(part) + part_length;

    for (uint64_t at = round_up(old, SECTOR); at < length; at += SECTOR)
        put_sector(cut, at / SECTOR, no_bytes);
    if (old % SECTOR && length > old)
        memset(own_sector(cut, old / SECTOR) + old % SECTOR, 0, SECTOR - old % SECTOR);
    cut->length[part] = max_u64(cut->length[part], part_length);
}

static int cut_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct cut *cut = to_cut(store);
    struct iov_cursor cursor = iov_start(iov, iovcnt);
    uint64_t end = offset + iov_total(iov, iovcnt);

    if (check_room(store, end - offset, offset) == -1)
        return -1;
    lengthen(cut, part_of(store), end);
    offset += part_start(part_of(store));
    end += part_start(part_of(store));
    while (offset < end) {
        size_t piece = min_u64(end - offset, SECTOR - offset % SECTOR);

        iov_gather(&cursor, own_sector(cut, offset / SECTOR) + offset % SECTOR, piece);
        offset += piece;
    }
    return 0;
}

static int cut_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    (void)store;
    (void)count;
    (void)offset;
    (void)may_punch;
    return error_set(ENOTSUP, "Zeroes have to be written");
}

/* A hole over a cluster that is still in use shows. */
static int cut_discard(struct store *store, uint64_t count, uint64_t offset)
{
    struct cut *cut = to_cut(store);
    uint64_t start = part_start(part_of(store));
    uint64_t end = start + min_u64(offset + count, round_down(cut->length[part_of(store)], SECTOR));

    offset += start;
    for (uint64_t at = round_up(offset, SECTOR); at + SECTOR <= end; at += SECTOR)
        put_sector(cut, at / SECTOR, no_bytes);
    return 0;
}

static int cut_flush(struct store *store)
{
    (void)store;
    return 0;
}

static int cut_size(struct store *store, uint64_t *size)
{
    *size = to_cut(store)->length[part_of(store)];
    return 0;
}

static int cut_truncate(struct store *store, uint64_t size)
{
    struct cut *cut = to_cut(store);

    if (check_room(store, size, 0) == -1)
        return -1;
    if (size > cut->length[part_of(store)])
        lengthen(cut, part_of(store), size);
    else
        set_length(cut, part_of(store), size);
    return 0;
}

static int cut_extent(struct store *store, uint64_t count, uint64_t offset,
                      struct store_extent *extent)
{
    uint64_t length = to_cut(store)->length[part_of(store)];

    if (offset < length)
        *extent = (struct store_extent){ .length = min_u64(count, length - offset) };
    else
        *extent = (struct store_extent){ .length = count, .hole = true };
    return 0;
}

static void cut_close(struct store *store)
{
    (void)store;
}

static const struct store_ops cut_ops = {
    .pread = cut_pread,
    .pwritev = cut_pwritev,
    .zero = cut_zero,
    .discard = cut_discard,
    .flush = cut_flush,
    .size = cut_size,
    .truncate = cut_truncate,
    .extent = cut_extent,
    .allocated = cut_size,
    .close = cut_close,
};

struct cut *cut_new(const struct recorder *recorder)
{
    struct cut *cut = calloc(1, sizeof *cut);

    if (cut == NULL)
        return error_no_memory();
    *cut = (struct cut){
        .recorder = recorder,
        .sectors = calloc(SECTORS, sizeof cut->sectors[0]),
        .dirty = calloc(SECTORS, sizeof cut->dirty[0]),
        .room = malloc(MEDIUM_MAX),
    };
    if (cut->sectors == NULL || cut->dirty == NULL || cut->room == NULL) {
        cut_free(cut);
        return error_no_memory();
    }
    for (enum part part = PART_IMAGE; part < PARTS; part++)
        cut->files[part] = (struct cut_file){
            .store = { .ops = &cut_ops, .name = part_places[part].name },
            .part = part,
            .cut = cut,
        };
    for (uint64_t i = 0; i < SECTORS; i++)
        cut->sectors[i] = durable_sector(cut, i);
    cut_reset(cut);
    return cut;
}

void cut_free(struct cut *cut)
{
    if (cut == NULL)
        return;
    free(cut->sectors);
    free(cut->dirty);
    free(cut->room);
    free(cut);
}
