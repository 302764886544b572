/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_cache.c - decompressed clusters, shared by all readers of an image */

#include "guest/cluster_cache.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/cleanup.h"

#define CACHE_BYTES (UINT64_C(2) << 20)

void cluster_cache_init(struct cluster_cache *cache, uint64_t cluster_size)
{
    *cache = (struct cluster_cache){ 0 };
    pthread_mutex_init(&cache->lock, NULL);
    cache->limit = (unsigned)max_u64(2, min_u64(CACHE_BYTES / cluster_size, CLUSTER_CACHE_MAX));
}

void cluster_cache_destroy(struct cluster_cache *cache)
{
    for (unsigned i = 0; i < cache->limit; i++)
        cluster_cache_release(cache->clusters[i]);
    pthread_mutex_destroy(&cache->lock);
}

void cluster_cache_release(struct cached_cluster *cluster)
{
    if (cluster && atomic_fetch_sub(&cluster->holders, 1) == 1)
        free(cluster);
}

struct cached_cluster *cluster_cache_find(struct cluster_cache *cache, uint64_t host_offset)
{
    LOCK_SCOPE(&cache->lock);

    for (unsigned i = 0; i < cache->limit; i++) {
        struct cached_cluster *c = cache->clusters[i];

        if (c && c->host_offset == host_offset) {
            c->stamp = ++cache->clock;
            atomic_fetch_add(&c->holders, 1);
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

    cluster_cache_release(cache->clusters[place]);
    atomic_fetch_add(&cluster->holders, 1);
    cluster->stamp = ++cache->clock;
    cache->clusters[place] = cluster;
}

void cluster_cache_forget(struct cluster_cache *cache, uint64_t offset, uint64_t count)
{
    LOCK_SCOPE(&cache->lock);

    for (unsigned i = 0; i < cache->limit; i++) {
        struct cached_cluster *c = cache->clusters[i];

        if (c && c->host_offset >= offset && c->host_offset - offset < count) {
            cluster_cache_release(c);
            cache->clusters[i] = NULL;
        }
    }
}
