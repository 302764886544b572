/* SPDX-License-Identifier: BSD-3-Clause */
/* qcow1.c - the virtual disk of a qcow image of version 1, which can only be read
 *
 * No table is loaded whole: entries come through a small cache, and what lies in holes of the file
 * is skipped.  Each pointer is held against the length of the file before it is followed.
 *
 * Locks: lock guards tables: shared to look up, exclusive to load.
 */

#include "guest/qcow1.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/grow.h"
#include "format/disk.h"
#include "guest/read.h"
#include "table/cache.h"
#include "table/l1.h"

#define TABLE_CACHE_BYTES (UINT64_C(2) << 20)

struct qcow1 {
    struct disk disk; /* first member: a struct disk pointer is a struct qcow1 pointer */
    struct store *store;
    struct qcow1_header header;
    uint64_t file_length;
    pthread_rwlock_t lock;
    struct cache tables; /* of L1 and L2 entries */
    struct streams streams;
    struct cipher *cipher; /* of an encrypted image; else NULL */
};

static uint64_t cluster_size_of(const struct qcow1 *q)
{
    return UINT64_C(1) << q->header.cluster_bits;
}

static int bad_entry(const struct qcow1 *q, const char *table, uint64_t guest_offset,
                     uint64_t entry, const char *what)
{
    return error_set(EIO, "'%s': %s entry 0x%016" PRIx64 " of guest offset 0x%" PRIx64 " %s",
                     q->disk.name, table, entry, guest_offset, what);
}

/* ------------------------------------------------------------------------------------------------
 * Tables
 */

/* The table entry at a host offset. */
static int read_entry(struct qcow1 *q, uint64_t at, uint64_t *entry)
{
    const uint8_t *bytes;

    {
        READ_SCOPE(&q->lock);
        bytes = cache_find(&q->tables, at);
        if (bytes) {
            *entry = load_be64(bytes);
            return 0;
        }
    }
    WRITE_SCOPE(&q->lock);
    bytes = cache_load(&q->tables, at);
    if (bytes == NULL)
        return -1;
    *entry = load_be64(bytes);
    return 0;
}

/* How many entries of the table that ends at table_end are 0, of which the one at this host offset
 * is the first?  Holes of the file are asked for where that is worth it. */
static uint64_t count_zeroes(struct qcow1 *q, uint64_t at, uint64_t table_end, bool is_first)
{
    struct store_extent extent;

    if ((!is_first && !is_aligned(at, CACHE_SLICE)) ||
        store_extent_at(q->store, table_end - at, at, &extent) == -1 || !extent.hole)
        return 1;
    return max_u64(min_u64(extent.length, table_end - at) / QCOW1_ENTRY_SIZE, 1);
}

/* An entry of a table of so many; same tells how many there are that say the same: several if it is
 * 0. */
static int read_entries(struct qcow1 *q, uint64_t table, uint64_t entries, uint64_t index,
                        uint64_t *entry, uint64_t *same)
{
    uint64_t at = table + index * QCOW1_ENTRY_SIZE, end = table + entries * QCOW1_ENTRY_SIZE;

    if (read_entry(q, at, entry) == -1)
        return -1;
    *same = *entry ? 1 : count_zeroes(q, at, end, index == 0);
    return 0;
}

static int check_l2_offset(const struct qcow1 *q, uint64_t guest_offset, uint64_t l2_offset)
{
    uint64_t bytes = (uint64_t)QCOW1_ENTRY_SIZE << q->header.l2_bits;

    if (!is_aligned(l2_offset, QCOW1_ENTRY_SIZE))
        return bad_entry(q, "L1", guest_offset, l2_offset, "is no place for a table");
    if (!range_within(l2_offset, bytes, q->file_length))
        return bad_entry(q, "L1", guest_offset, l2_offset, "points beyond the end of the file");
    return 0;
}

/* Nobody walks over a table that is named over and over. */
static int check_room(struct qcow1 *q)
{
    const struct qcow1_header *h = &q->header;
    CLEANUP_FREE uint64_t *places = NULL;
    size_t capacity = 0, count = 0;
    uint64_t same;

    for (uint64_t i = 0; i < h->l1_size; i += same) {
        uint64_t place;

        if (read_entries(q, h->l1_table_offset, h->l1_size, i, &place, &same) == -1)
            return -1;
        if (place == 0 || place >= q->file_length)
            continue;
        if (GROW(places, capacity, count + 1) == -1)
            return -1;
        places[count++] = place;
    }
    if (places == NULL)
        return 0;
    return l1_check_places(q->store, q->file_length, cluster_size_of(q), h->l1_table_offset, places,
                           count);
}

/* ------------------------------------------------------------------------------------------------
 * Plans
 */

static int describe_stream(const struct qcow1 *q, uint64_t entry, struct extent *e)
{
    e->kind = EXTENT_COMPRESSED;
    e->host_offset = qcow1_stream_offset(&q->header, entry);
    e->host_length = qcow1_stream_length(&q->header, entry);
    if (e->host_length == 0)
        return bad_entry(q, "L2", e->guest_offset, entry,
                         "describes a compressed cluster of 0 bytes");
    if (!range_within(e->host_offset, e->host_length, q->file_length))
        return bad_entry(q, "L2", e->guest_offset, entry,
                         "describes a compressed cluster outside of the file");
    return 0;
}

/* What an L2 entry says of e's guest range, which lies in its cluster. */
static int describe(const struct qcow1 *q, uint64_t entry, struct extent *e)
{
    if (entry == 0) {
        e->kind = EXTENT_UNALLOCATED;
        return 0;
    }
    if (entry & QCOW1_COMPRESSED)
        return describe_stream(q, entry, e);
    if (!is_aligned(entry, QCOW1_SECTOR))
        return bad_entry(q, "L2", e->guest_offset, entry, "points to no sector boundary");
    if (entry >= q->file_length)
        return bad_entry(q, "L2", e->guest_offset, entry, "points beyond the end of the file");
    e->kind = EXTENT_DATA;
    e->placed = true;
    e->host_offset = entry + (e->guest_offset & (cluster_size_of(q) - 1));
    return 0;
}

/* The first extent of a range: the rest of a cluster, or of what no table says anything of.  Its
 * length is known also when an entry is impossible, or cannot be read. */
static int first_extent(struct qcow1 *q, uint64_t count, uint64_t offset, struct extent *e,
                        bool *unread)
{
    const struct qcow1_header *h = &q->header;
    uint64_t span = UINT64_C(1) << (h->cluster_bits + h->l2_bits), unit = span;
    uint64_t entries = UINT64_C(1) << h->l2_bits, l2_offset, entry = 0, same;

    *e = (struct extent){
        .guest_offset = offset,
        .length = min_u64(count, span - offset % span),
    };
    *unread = true;
    if (read_entries(q, h->l1_table_offset, h->l1_size, offset / span, &l2_offset, &same) == -1)
        return -1;
    if (l2_offset != 0) {
        unit = cluster_size_of(q);
        *unread = check_l2_offset(q, offset, l2_offset) == 0;
        if (!*unread ||
            read_entries(q, l2_offset, entries, offset / unit % entries, &entry, &same) == -1)
            return -1;
    }
    *unread = false;
    e->length = min_u64(count, same * unit - offset % unit);
    return describe(q, entry, e);
}

static int plan_op(struct disk *disk, uint64_t count, uint64_t offset, struct plan *plan)
{
    struct qcow1 *q = (struct qcow1 *)disk;

    for (plan->count = 0; count > 0;) {
        struct extent e;

        if (first_extent(q, count, offset, &e, &plan->unread) == -1) {
            if (plan->count > 0)
                break;
            plan->damaged = error_errno() == ENOMEM ? 0 : e.length;
            return -1;
        }
        if (!plan_add(plan, &e))
            break;
        offset += e.length;
        count -= e.length;
    }
    return 0;
}

static int read_op(struct disk *disk, void *buf, size_t count, uint64_t offset)
{
    struct qcow1 *q = (struct qcow1 *)disk;

    return read_planned(disk, q->store, q->cipher, &q->streams, buf, count, offset);
}

/* ------------------------------------------------------------------------------------------------
 * Life
 */

static int flush_op(struct disk *disk)
{
    (void)disk;
    return 0;
}

static void close_op(struct disk *disk)
{
    struct qcow1 *q = (struct qcow1 *)disk;

    streams_destroy(&q->streams);
    cipher_free(q->cipher);
    cache_destroy(&q->tables);
    pthread_rwlock_destroy(&q->lock);
    free(q);
}

/* Changes never come here: such images open only for reading. */
static const struct disk_ops qcow1_ops = {
    .plan = plan_op,
    .read = read_op,
    .flush = flush_op,
    .close = close_op,
};

struct disk *qcow1_disk_new(struct store *store, const struct qcow1_header *header,
                            struct cipher *cipher)
{
    struct qcow1 *q = calloc(1, sizeof *q);

    if (q == NULL) {
        cipher_free(cipher);
        return error_no_memory();
    }
    q->cipher = cipher;
    q->store = store;
    q->header = *header;
    q->disk = (struct disk){ .ops = &qcow1_ops, .size = header->size, .name = store->name };
    if (store_size(store, &q->file_length) == -1 ||
        streams_init(&q->streams, store, cluster_size_of(q),
                     &(struct compression){ .type = COMPRESSION_DEFLATE }) == -1) {
        cipher_free(cipher);
        free(q);
        return NULL;
    }
    if (cache_init(&q->tables, store, CACHE_SLICE, TABLE_CACHE_BYTES, false) == -1) {
        streams_destroy(&q->streams);
        cipher_free(cipher);
        free(q);
        return NULL;
    }
    pthread_rwlock_init(&q->lock, NULL);
    if (check_room(q) == 0)
        return &q->disk;
    close_op(&q->disk);
    return NULL;
}
