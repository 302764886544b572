/* SPDX-License-Identifier: BSD-3-Clause */
/* tables.c - taking the tables of an image into memory, and what to do when they are impossible */

#include "table/tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/grow.h"

#define DEFAULT_L2_CACHE (UINT64_C(32) << 20)
#define DEFAULT_REFCOUNT_CACHE (UINT64_C(2) << 20)
#define READ_PIECE (UINT64_C(4) << 20)

int index_list_add(struct index_list *list, uint64_t item)
{
    if (GROW(list->items, list->capacity, list->count + 1) == -1)
        return -1;
    list->items[list->count++] = item;
    return 0;
}

void index_list_clear(struct index_list *list)
{
    free(list->items);
    *list = (struct index_list){ 0 };
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 */

uint64_t *tables_read_entries(struct tables *t, uint64_t offset, uint64_t count, const char *what)
{
    uint64_t bytes = count * sizeof(uint64_t);
    CLEANUP_FREE uint64_t *entries = malloc(bytes ? bytes : 1);

    if (entries == NULL) {
        error_set(ENOMEM, "Could not open '%s': no memory for the %s of %" PRIu64 " bytes",
                  t->store->name, what, bytes);
        return NULL;
    }
    for (uint64_t done = 0; done < bytes; done += READ_PIECE)
        if (store_pread(t->store, (uint8_t *)entries + done, min_u64(READ_PIECE, bytes - done),
                        offset + done) == -1)
            return NULL;
    for (uint64_t i = 0; i < count; i++)
        entries[i] = be64toh(entries[i]);
    return RELEASE(entries);
}

void tables_show_l1(struct tables *t, uint64_t *l1, uint64_t l1_table_offset, uint32_t l1_size)
{
    free(t->l1);
    t->l1 = l1;
    t->l1_size = l1_size;
    t->l1_table_offset = l1_table_offset;
}

static int load_active_l1(struct tables *t)
{
    const struct header *h = &t->header;
    uint64_t *l1 = tables_read_entries(t, h->l1_table_offset, h->l1_size, "L1 table");

    if (l1 == NULL)
        return -1;
    tables_show_l1(t, l1, h->l1_table_offset, h->l1_size);
    return 0;
}

static int load_refcount_table(struct tables *t)
{
    const struct header *h = &t->header;

    t->refcount_table_offset = h->refcount_table_offset;
    t->refcount_table_clusters = h->refcount_table_clusters;
    t->refcount_table_size = ((uint64_t)h->refcount_table_clusters << t->geometry.cluster_bits) /
                             REFCOUNT_TABLE_ENTRY_SIZE;
    t->refcount_table =
        tables_read_entries(t, t->refcount_table_offset, t->refcount_table_size, "refcount table");
    return t->refcount_table ? 0 : -1;
}

/* The parts of the map that the header and the two tables give; the image above adds snapshots. */
static int fill_map(struct tables *t)
{
    struct metadata_map *map = &t->map;

    if (metadata_map_add_range(map, METADATA_HEADER, 0, t->geometry.cluster_size) == -1 ||
        metadata_map_add_range(map, METADATA_ACTIVE_L1, t->l1_table_offset,
                               (uint64_t)t->l1_size * L1_ENTRY_SIZE) == -1 ||
        metadata_map_add_range(map, METADATA_REFCOUNT_TABLE, t->refcount_table_offset,
                               t->refcount_table_size * REFCOUNT_TABLE_ENTRY_SIZE) == -1)
        return -1;
    for (uint32_t i = 0; i < t->l1_size; i++) {
        uint64_t offset = t->l1[i] & L1_OFFSET_MASK;

        if (offset && metadata_map_add_cluster(map, METADATA_ACTIVE_L2, offset) == -1)
            return -1;
    }
    for (uint64_t i = 0; i < t->refcount_table_size; i++) {
        uint64_t offset = t->refcount_table[i] & REFCOUNT_TABLE_OFFSET_MASK;

        if (offset && metadata_map_add_cluster(map, METADATA_REFCOUNT_BLOCK, offset) == -1)
            return -1;
    }
    return 0;
}

static void init_locks(struct tables *t)
{
    pthread_rwlockattr_t attr;

    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&t->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&t->flush.lock, NULL);
    pthread_cond_init(&t->flush.done, NULL);
    pthread_mutex_init(&t->failure_lock, NULL);
}

int tables_open(struct tables *t, struct store *store, struct header *header, bool read_only)
{
    uint64_t length, slice;

    *t = (struct tables){
        .store = store,
        .data = store,
        .read_only = read_only,
        .overlap_checks = METADATA_CACHED,
    };
    init_locks(t);
    t->header = *header;
    *header = (struct header){ 0 };
    t->geometry = t->header.geometry;
    t->lazy_refcounts = t->header.compatible_features & COMPATIBLE_LAZY_REFCOUNTS;
    slice = min_u64(t->geometry.cluster_size, CACHE_SLICE);
    metadata_map_init(&t->map, t->geometry.cluster_bits);
    if (store_size(store, &length) == -1 ||
        cache_init(&t->l2_cache, store, slice, DEFAULT_L2_CACHE, false) == -1 ||
        cache_init(&t->refcount_cache, store, slice, DEFAULT_REFCOUNT_CACHE, true) == -1 ||
        load_active_l1(t) == -1)
        goto fail;
    t->high_water = round_up(length, t->geometry.cluster_size);
    if (!read_only && (load_refcount_table(t) == -1 || fill_map(t) == -1))
        goto fail;
    return 0;
fail:
    tables_close(t);
    return -1;
}

static uint64_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec;
}

int tables_set_caches(struct tables *t, uint64_t l2_bytes, uint64_t refcount_bytes,
                      uint64_t l2_slice, uint64_t clean_interval)
{
    if (l2_slice) {
        cache_destroy(&t->l2_cache);
        if (cache_init(&t->l2_cache, t->store, l2_slice, DEFAULT_L2_CACHE, false) == -1)
            return -1;
    }
    if (l2_bytes)
        cache_set_limit(&t->l2_cache, l2_bytes);
    if (refcount_bytes)
        cache_set_limit(&t->refcount_cache, refcount_bytes);
    t->clean_interval = clean_interval;
    atomic_init(&t->clean_time, seconds() + clean_interval);
    return 0;
}

void tables_clean_caches(struct tables *t)
{
    uint64_t due = atomic_load_explicit(&t->clean_time, memory_order_relaxed), now;

    if (t->clean_interval == 0)
        return;
    now = seconds();
    if (now < due || !atomic_compare_exchange_strong(&t->clean_time, &due, now + t->clean_interval))
        return; /* or somebody else does it */
    WRITE_SCOPE(&t->lock);
    cache_clean(&t->l2_cache);
    cache_clean(&t->refcount_cache);
}

void tables_close(struct tables *t)
{
    header_destroy(&t->header);
    free(t->l1);
    free(t->refcount_table);
    index_list_clear(&t->fresh_l2);
    index_list_clear(&t->fresh_blocks);
    cache_destroy(&t->l2_cache);
    cache_destroy(&t->refcount_cache);
    metadata_map_destroy(&t->map);
    quarantine_destroy(&t->quarantine);
    pthread_mutex_destroy(&t->failure_lock);
    pthread_cond_destroy(&t->flush.done);
    pthread_mutex_destroy(&t->flush.lock);
    pthread_rwlock_destroy(&t->lock);
}

/* ------------------------------------------------------------------------------------------------
 * Failing
 */

int tables_fail(struct tables *t)
{
    LOCK_SCOPE(&t->failure_lock);

    if (!atomic_load(&t->failed)) {
        error_save(&t->failure);
        atomic_store(&t->failed, true);
    }
    return -1;
}

int tables_usable(struct tables *t)
{
    if (!atomic_load_explicit(&t->failed, memory_order_relaxed))
        return 0;
    LOCK_SCOPE(&t->failure_lock);
    return error_restore(&t->failure);
}

int tables_write_header(struct tables *t, uint32_t at, const void *bytes, size_t count)
{
    if (store_pwrite(t->store, bytes, count, at) == -1)
        return -1;
    return store_flush(t->store);
}

/* Returns whether the bit was set on disk, once per open image. */
static bool set_corrupt_bit(struct tables *t)
{
    uint64_t features = t->header.incompatible_features | INCOMPATIBLE_CORRUPT;
    uint8_t bytes[8];

    if (t->read_only || t->header.version < 3 || atomic_load(&t->failed))
        return false;
    store_be64(bytes, features);
    return tables_write_header(t, HEADER_INCOMPATIBLE_AT, bytes, sizeof bytes) == 0;
}

int tables_corrupt(struct tables *t, const char *format, ...)
{
    char what[512];
    va_list args;
    bool marked;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    marked = set_corrupt_bit(t);
    error_set(EIO, "Image '%s' is corrupt: %s%s", t->store->name, what,
              marked ? "; it was marked as corrupt, nothing further is written until 'qcow-img "
                       "check -r all' has repaired it"
                     : "");
    return t->read_only ? -1 : tables_fail(t);
}

int tables_check_overlap(struct tables *t, uint64_t offset, uint64_t count, enum metadata_class own)
{
    enum metadata_class hit = metadata_map_find(&t->map, offset, count, t->overlap_checks & ~own);

    if (hit == METADATA_NONE)
        return 0;
    return tables_corrupt(
        t, "a write of %s at offset 0x%" PRIx64 " (%" PRIu64 " bytes) would overwrite %s",
        metadata_class_name(own), offset, count, metadata_class_name(hit));
}

int tables_check_release(struct tables *t, uint64_t offset, uint64_t count, enum metadata_class own)
{
    enum metadata_class hit = metadata_map_find(&t->map, offset, count, METADATA_CACHED & ~own);

    if (hit == METADATA_NONE)
        return 0;
    return tables_corrupt(t,
                          "%s at offset 0x%" PRIx64 " (%" PRIu64 " bytes) would be freed with %s",
                          metadata_class_name(hit), offset, count, metadata_class_name(own));
}
