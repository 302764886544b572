/* SPDX-License-Identifier: BSD-3-Clause */
/* cache.c - slices of metadata tables in memory
 *
 * A hash table with chains over one array of slices; a clock hand goes round the array to find what
 * to evict.  A slice that was dropped stays in the array with offset SLICE_UNUSED until the hand
 * finds it.
 */

#include "table/cache.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/grow.h"
#include "base/error.h"

#define SLICE_UNUSED UINT64_MAX
#define SLICE_ALIGNMENT 4096u
#define COALESCE_MAX (1u << 20)

int cache_init(struct cache *cache, struct store *store, uint64_t slice_size, uint64_t bytes,
               bool write_on_evict)
{
    *cache = (struct cache){
        .store = store,
        .slice_size = (uint32_t)slice_size,
        .write_on_evict = write_on_evict,
        .bucket_count = 64,
    };
    cache_set_limit(cache, bytes);
    cache->buckets = malloc(cache->bucket_count * sizeof cache->buckets[0]);
    if (cache->buckets == NULL)
        return error_no_memory(), -1;
    memset(cache->buckets, 0xff, cache->bucket_count * sizeof cache->buckets[0]);
    return 0;
}

void cache_destroy(struct cache *cache)
{
    for (uint32_t i = 0; i < cache->count; i++)
        free(cache->slices[i].data);
    free(cache->slices);
    free(cache->buckets);
    *cache = (struct cache){ 0 };
}

void cache_set_limit(struct cache *cache, uint64_t bytes)
{
    cache->limit = (uint32_t)min_u64(max_u64(bytes / cache->slice_size, 8), UINT32_MAX / 2);
}

/* ---- The hash ---- */

static uint32_t *bucket_of(const struct cache *cache, uint64_t offset)
{
    uint64_t hash = offset / cache->slice_size * UINT64_C(0x9e3779b97f4a7c15);

    return &cache->buckets[(hash >> 32) & (cache->bucket_count - 1)];
}

static struct cache_slice *lookup(const struct cache *cache, uint64_t start)
{
    for (uint32_t i = *bucket_of(cache, start); i != CACHE_NONE; i = cache->slices[i].next)
        if (cache->slices[i].offset == start)
            return &cache->slices[i];
    return NULL;
}

static void hash_insert(struct cache *cache, uint32_t index)
{
    uint32_t *bucket = bucket_of(cache, cache->slices[index].offset);

    cache->slices[index].next = *bucket;
    *bucket = index;
}

static void hash_remove(struct cache *cache, uint32_t index)
{
    uint32_t *link = bucket_of(cache, cache->slices[index].offset);

    while (*link != index)
        link = &cache->slices[*link].next;
    *link = cache->slices[index].next;
    cache->slices[index].offset = SLICE_UNUSED;
}

static int hash_grow(struct cache *cache)
{
    uint32_t count = cache->bucket_count * 2;
    uint32_t *buckets = malloc(count * sizeof buckets[0]);

    if (buckets == NULL)
        return error_no_memory(), -1;
    memset(buckets, 0xff, count * sizeof buckets[0]);
    free(cache->buckets);
    cache->buckets = buckets;
    cache->bucket_count = count;
    for (uint32_t i = 0; i < cache->count; i++)
        if (cache->slices[i].offset != SLICE_UNUSED)
            hash_insert(cache, i);
    return 0;
}

/* ---- Finding a place for a slice ---- */

static int add_slice(struct cache *cache, uint32_t *index)
{
    if (GROW(cache->slices, cache->capacity, cache->count + 1) == -1)
        return -1;
    if (cache->count >= cache->bucket_count && hash_grow(cache) == -1)
        return -1;
    cache->slices[cache->count] = (struct cache_slice){ .offset = SLICE_UNUSED };
    *index = cache->count++;
    return 0;
}

static int write_slice(struct cache *cache, struct cache_slice *s)
{
    if (store_pwrite(cache->store, s->data, cache->slice_size, s->offset) == -1)
        return -1;
    s->dirty = false;
    cache->dirty_count--;
    return 0;
}

/* Whether the slice under the hand can make room; 1 yes, 0 no, -1 error. */
static int try_evict(struct cache *cache, uint32_t index)
{
    struct cache_slice *s = &cache->slices[index];

    if (s->offset == SLICE_UNUSED)
        return 1;
    if (s->writeback || (s->dirty && !cache->write_on_evict))
        return 0;
    if (atomic_exchange_explicit(&s->referenced, false, memory_order_relaxed))
        return 0;
    if (s->dirty && write_slice(cache, s) == -1)
        return -1;
    hash_remove(cache, index);
    return 1;
}

static int place_for_slice(struct cache *cache, uint32_t *index)
{
    if (cache->count >= cache->limit) {
        /* the first round may only clear the referenced flags */
        for (uint32_t step = 0; step < 2 * cache->count; step++) {
            uint32_t at = cache->hand;
            int r;

            cache->hand = at + 1 < cache->count ? at + 1 : 0;
            r = try_evict(cache, at);
            if (r != 0) {
                *index = at;
                return r == 1 ? 0 : -1;
            }
        }
    }
    return add_slice(cache, index);
}

/* ---- Use ---- */

uint8_t *cache_find(struct cache *cache, uint64_t offset)
{
    uint64_t start = cache_slice_start(cache, offset);
    struct cache_slice *s = lookup(cache, start);

    if (s == NULL)
        return NULL;
    if (!atomic_load_explicit(&s->referenced, memory_order_relaxed))
        atomic_store_explicit(&s->referenced, true, memory_order_relaxed);
    return s->data + (offset - start);
}

uint8_t *cache_load(struct cache *cache, uint64_t offset)
{
    uint64_t start = cache_slice_start(cache, offset);
    uint8_t *found = cache_find(cache, offset);
    struct cache_slice *s;
    uint32_t index;

    if (found != NULL)
        return found;
    if (place_for_slice(cache, &index) == -1)
        return NULL;
    s = &cache->slices[index];
    if (s->data == NULL)
        s->data = malloc(cache->slice_size); /* aligned ones would take twice the memory */
    if (s->data == NULL)
        return error_no_memory();
    if (store_pread(cache->store, s->data, cache->slice_size, start) == -1)
        return NULL; /* the place stays unused */
    s->offset = start;
    s->dirty = s->writeback = false;
    atomic_store_explicit(&s->referenced, true, memory_order_relaxed);
    hash_insert(cache, index);
    return s->data + (offset - start);
}

void cache_mark_dirty(struct cache *cache, uint64_t offset)
{
    struct cache_slice *s = lookup(cache, cache_slice_start(cache, offset));

    if (!s->dirty) {
        s->dirty = true;
        cache->dirty_count++;
    }
}

void cache_drop(struct cache *cache, uint64_t offset, uint64_t count)
{
    for (uint64_t at = offset; at < offset + count; at += cache->slice_size) {
        struct cache_slice *s = lookup(cache, at);

        if (s == NULL)
            continue;
        if (s->dirty)
            cache->dirty_count--;
        s->dirty = s->writeback = false;
        hash_remove(cache, (uint32_t)(s - cache->slices));
    }
}

int cache_write_range(struct cache *cache, uint64_t offset, uint64_t count)
{
    for (uint64_t at = offset; at < offset + count; at += cache->slice_size) {
        struct cache_slice *s = lookup(cache, at);

        if (s != NULL && s->dirty && write_slice(cache, s) == -1)
            return -1;
    }
    return 0;
}

int cache_write_all(struct cache *cache)
{
    for (uint32_t i = 0; i < cache->count && cache->dirty_count > 0; i++)
        if (cache->slices[i].dirty && write_slice(cache, &cache->slices[i]) == -1)
            return -1;
    return 0;
}

void cache_clean(struct cache *cache)
{
    for (uint32_t i = 0; i < cache->count; i++) {
        struct cache_slice *s = &cache->slices[i];

        if (s->dirty || s->writeback ||
            atomic_exchange_explicit(&s->referenced, false, memory_order_relaxed))
            continue;
        if (s->offset != SLICE_UNUSED)
            hash_remove(cache, i);
        free(s->data);
        s->data = NULL;
    }
}

/* ---- Batches ---- */

static int compare_offsets(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Copies come and go with every flush, from whatever thread: what is large is given back to the
 * system and not to the heaps of them all. */
#define BATCH_MAPPED (UINT64_C(128) << 10)

static uint8_t *batch_data_new(uint64_t bytes)
{
    void *data;

    if (bytes < BATCH_MAPPED)
        return aligned_alloc(SLICE_ALIGNMENT, bytes);
    data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? NULL : data;
}

static void batch_data_free(uint8_t *data, uint64_t bytes)
{
    if (bytes < BATCH_MAPPED)
        free(data);
    else if (data != NULL)
        munmap(data, bytes);
}

int cache_batch_take(struct cache *cache, struct cache_batch *batch)
{
    uint32_t count = cache->dirty_count;

    *batch = (struct cache_batch){ 0 };
    if (count == 0)
        return 0;
    batch->offsets = malloc(count * sizeof batch->offsets[0]);
    batch->bytes = round_up((uint64_t)count * cache->slice_size, SLICE_ALIGNMENT);
    batch->data = batch_data_new(batch->bytes);
    if (batch->offsets == NULL || batch->data == NULL) {
        cache_batch_free(batch);
        return error_no_memory(), -1;
    }
    for (uint32_t i = 0; i < cache->count; i++)
        if (cache->slices[i].dirty)
            batch->offsets[batch->count++] = cache->slices[i].offset;
    qsort(batch->offsets, batch->count, sizeof batch->offsets[0], compare_offsets);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct cache_slice *s = lookup(cache, batch->offsets[i]);

        memcpy(batch->data + (size_t)i * cache->slice_size, s->data, cache->slice_size);
        s->dirty = false;
        s->writeback = true;
    }
    cache->dirty_count = 0;
    return 0;
}

int cache_batch_write(const struct cache *cache, const struct cache_batch *batch)
{
    for (uint32_t i = 0, n; i < batch->count; i += n) {
        uint64_t size = cache->slice_size;

        for (n = 1; i + n < batch->count && n * size < COALESCE_MAX; n++)
            if (batch->offsets[i + n] != batch->offsets[i] + n * size)
                break;
        if (store_pwrite(cache->store, batch->data + i * size, n * size, batch->offsets[i]) == -1)
            return -1;
    }
    return 0;
}

void cache_batch_finish(struct cache *cache, const struct cache_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct cache_slice *s = lookup(cache, batch->offsets[i]);

        if (s != NULL)
            s->writeback = false;
    }
}

void cache_batch_free(struct cache_batch *batch)
{
    free(batch->offsets);
    batch_data_free(batch->data, batch->bytes);
    *batch = (struct cache_batch){ 0 };
}
