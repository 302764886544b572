/* SPDX-License-Identifier: BSD-3-Clause */
/* qcow1.c - the virtual disk of a qcow image of version 1, which can only be read
 *
 * No table is loaded whole: entries come through a small cache, so that opening an image costs the
 * same whatever its header claims.  Each pointer is held against the length of the file before it is
 * followed.
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
#include "format/disk.h"
#include "guest/read.h"
#include "table/cache.h"

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

/* The L2 table of a guest offset; 0: none. */
static int find_l2(struct qcow1 *q, uint64_t guest_offset, uint64_t *l2_offset)
{
    const struct qcow1_header *h = &q->header;
    uint64_t index = guest_offset >> (h->cluster_bits + h->l2_bits);
    uint64_t bytes = (uint64_t)QCOW1_ENTRY_SIZE << h->l2_bits;

    if (read_entry(q, h->l1_table_offset + index * QCOW1_ENTRY_SIZE, l2_offset) == -1)
        return -1;
    if (*l2_offset == 0)
        return 0;
    if (!is_aligned(*l2_offset, QCOW1_ENTRY_SIZE))
        return bad_entry(q, "L1", guest_offset, *l2_offset, "is no place for a table");
    if (!range_within(*l2_offset, bytes, q->file_length))
        return bad_entry(q, "L1", guest_offset, *l2_offset, "points beyond the end of the file");
    return 0;
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

/* The first extent of a range: the rest of a cluster, or of what an absent L2 table would cover. */
static int first_extent(struct qcow1 *q, uint64_t count, uint64_t offset, struct extent *e)
{
    const struct qcow1_header *h = &q->header;
    uint64_t l2_offset, entry = 0, span;

    if (find_l2(q, offset, &l2_offset) == -1)
        return -1;
    span = l2_offset ? cluster_size_of(q) : UINT64_C(1) << (h->cluster_bits + h->l2_bits);
    if (l2_offset) {
        uint64_t index = offset >> h->cluster_bits & ((UINT64_C(1) << h->l2_bits) - 1);

        if (read_entry(q, l2_offset + index * QCOW1_ENTRY_SIZE, &entry) == -1)
            return -1;
    }
    *e = (struct extent){
        .guest_offset = offset,
        .length = min_u64(count, span - (offset & (span - 1))),
    };
    return describe(q, entry, e);
}

static int plan_op(struct disk *disk, uint64_t count, uint64_t offset, struct plan *plan)
{
    struct qcow1 *q = (struct qcow1 *)disk;

    for (plan->count = 0; count > 0;) {
        struct extent e;

        if (first_extent(q, count, offset, &e) == -1)
            return -1;
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
    return &q->disk;
}
