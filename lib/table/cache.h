/* SPDX-License-Identifier: BSD-3-Clause */
/* cache.h - slices of metadata tables in memory
 *
 * A slice is a part of a table, 4 KiB unless somebody wishes otherwise, known by its host offset. A
 * lookup in a huge table so loads little.  The cache holds more than its limit when that is the
 * only way: a dirty slice of a cache that must not write on its own (L2) stays until a flush.
 *
 * Locking: cache_find may run under a shared lock; everything else needs the owner's exclusive
 * lock. A pointer from cache_find or cache_load is good until the lock is released or the next
 * cache_load.
 */

#ifndef QCOW2_TABLE_CACHE_H
#define QCOW2_TABLE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define CACHE_SLICE 4096u         /* bytes, where tables are no smaller */
#define CACHE_CLEAN_INTERVAL 600u /* seconds */

struct cache_slice {
    uint64_t offset;        /* in the store */
    uint8_t *data;          /* NULL: its memory was freed */
    bool dirty;             /* newer than on disk */
    bool writeback;         /* a copy is on its way to disk: must not be evicted and reloaded */
    atomic_bool referenced; /* used since the clock hand came by */
    uint32_t next;          /* in the hash chain, CACHE_NONE ends it */
};

#define CACHE_NONE UINT32_MAX

struct cache {
    struct store *store;
    uint32_t slice_size; /* bytes */
    uint32_t limit;      /* slices that the cache should hold at most */
    bool write_on_evict; /* a dirty slice may be written at any moment */

    struct cache_slice *slices;
    uint32_t count;
    size_t capacity;
    uint32_t dirty_count;
    uint32_t hand;
    uint32_t *buckets;
    uint32_t bucket_count; /* a power of two */
};

/* slice_size is a power of two, at most a table's size. */
int cache_init(struct cache *cache, struct store *store, uint64_t slice_size, uint64_t bytes,
               bool write_on_evict);
void cache_destroy(struct cache *cache);
void cache_set_limit(struct cache *cache, uint64_t bytes);

/* The start of the slice that holds this host offset. */
static inline uint64_t cache_slice_start(const struct cache *cache, uint64_t offset)
{
    return offset & ~(uint64_t)(cache->slice_size - 1);
}

/* The slice's bytes at a host offset, or NULL if it is not in memory. */
uint8_t *cache_find(struct cache *cache, uint64_t offset);
/* As cache_find, reading it if need be; NULL with the error set. */
uint8_t *cache_load(struct cache *cache, uint64_t offset);
/* The slice that holds offset, which is in memory, has changed. */
void cache_mark_dirty(struct cache *cache, uint64_t offset);
/* Forget what lies in the range, changes included. */
void cache_drop(struct cache *cache, uint64_t offset, uint64_t count);
/* Write the dirty slices of the range now and mark them clean. */
int cache_write_range(struct cache *cache, uint64_t offset, uint64_t count);
int cache_write_all(struct cache *cache);
/* Free the memory of slices that are as on disk and that nobody used since the last call. */
void cache_clean(struct cache *cache);

/* Copies of dirty slices on their way to disk. */
struct cache_batch {
    uint64_t *offsets;
    uint8_t *data;  /* slice_size bytes each */
    uint64_t bytes; /* of data */
    uint32_t count;
};

/* Copy all dirty slices, in the order of their offsets, and mark them clean and in writeback. */
int cache_batch_take(struct cache *cache, struct cache_batch *batch);
/* No lock needed. */
int cache_batch_write(const struct cache *cache, const struct cache_batch *batch);
/* Writeback is over: its slices may be evicted. */
void cache_batch_finish(struct cache *cache, const struct cache_batch *batch);
/* Without cache_batch_finish the slices, which are newer than on disk, stay in memory. */
void cache_batch_free(struct cache_batch *batch);

#endif
