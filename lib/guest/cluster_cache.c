/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_cache.c - decompressed clusters, shared by all readers of an image */

#include "guest/cluster_cache.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"

#define CACHE_BYTES (UINT64_C(2) << 20)

void cluster_cache_init(struct cluster_cache *cache, uint64_t cluster_size)
{
    *cache = (struct cluster_cache){ .cluster_size = cluster_size };
    pthread_mutex_init(&cache->lock, NULL);
    cache->limit = (unsigned)max_u64(2, min_u64(CACHE_BYTES / cluster_size, CLUSTER_CACHE_MAX));
}

static void release_locked(struct cluster_cache *cache, struct cached_cluster *c)
{
    if (c == NULL || --c->holders > 0)
        return;
    c->next = cache->idle;
    cache->idle = c;
}

void cluster_cache_destroy(struct cluster_cache *cache)
{
    struct cached_cluster *next;

    for (unsigned i = 0; i < cache->limit; i++)
        release_locked(cache, cache->clusters[i]);
    for (struct cached_cluster *c = cache->idle; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    pthread_mutex_destroy(&cache->lock);
}

void cluster_cache_release(struct cluster_cache *cache, struct cached_cluster *cluster)
{
    LOCK_SCOPE(&cache->lock);

    release_locked(cache, cluster);
}

static struct cached_cluster *take_idle(struct cluster_cache *cache)
{
    LOCK_SCOPE(&cache->lock);
    struct cached_cluster *c = cache->idle;

    if (c != NULL)
        cache->idle = c->next;
    return c;
}

struct cached_cluster *cluster_cache_new(struct cluster_cache *cache, uint64_t host_offset)
{
    struct cached_cluster *c = take_idle(cache);

    if (c == NULL)
        c = malloc(sizeof *c + cache->cluster_size);
    if (c == NULL)
        return error_no_memory();
    c->holders = 1;
    c->host_offset = host_offset;
    return c;
}

struct cached_cluster *cluster_cache_find(struct cluster_cache *cache, uint64_t host_offset)
{
    LOCK_SCOPE(&cache->lock);

    for (unsigned i = 0; i < cache->limit; i++) {
        struct cached_cluster *c = cache->clusters[i];

        if (c && c->host_offset == host_offset) {
            c->stamp = ++cache->clock;
            c->holders++;
            return c;
        }
    }
    return NULL;
}

/* A free place, that of the same stream, or the oldest. */
static unsigned place_for(const struct cluster_cache *cache, uint64_t host_offset)
{
    unsigned oldest = 0;

    for (unsigned i = 0; i < cache->limit; i++) {
        const struct cached_cluster *c = cache->clusters[i];

        if (c == NULL || c->host_offset == host_offset)
            return i;
        if (c->stamp < cache->clusters[oldest]->stamp)
            oldest = i;
    }
    return oldest;
}

void cluster_cache_add(struct cluster_cache *cache, struct cached_cluster *cluster)
{
    LOCK_SCOPE(&cache->lock);
    unsigned place = place_for(cache, cluster->host_offset);

    release_locked(cache, cache->clusters[place]);
    cluster->holders++;
    cluster->stamp = ++cache->clock;
    cache->clusters[place] = cluster;
}

void cluster_cache_forget(struct cluster_cache *cache, uint64_t offset, uint64_t count)
{
    LOCK_SCOPE(&cache->lock);

    for (unsigned i = 0; i < cache->limit; i++) {
        struct cached_cluster *c = cache->clusters[i];

        if (c && c->host_offset >= offset && c->host_offset - offset < count) {
            release_locked(cache, c);
            cache->clusters[i] = NULL;
        }
    }
}
