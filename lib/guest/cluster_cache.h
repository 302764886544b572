/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_cache.h - decompressed clusters, shared by all readers of an image
 *
 * Small sequential reads of a compressed image so decompress each cluster once.  A cluster is known
 * by the host offset of its stream, which means the same content until that place is written again:
 * then the writer forgets it.
 *
 * Any thread may call.  A held cluster stays valid while others replace it.  The memory of a
 * cluster that nobody needs any more is that of the next one: what one thread takes and another
 * gives back would otherwise stay in the heaps of both.
 */

#ifndef QCOW2_GUEST_CLUSTER_CACHE_H
#define QCOW2_GUEST_CLUSTER_CACHE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct cached_cluster {
    struct cached_cluster *next; /* that is idle */
    unsigned holders;
    uint64_t host_offset; /* of the stream */
    uint64_t stamp;       /* when it was last asked for */
    uint8_t data[];       /* cluster_size bytes */
};

#define CLUSTER_CACHE_MAX 32

struct cluster_cache {
    pthread_mutex_t lock; /* guards the rest; a leaf */
    struct cached_cluster *clusters[CLUSTER_CACHE_MAX];
    struct cached_cluster *idle;
    uint64_t cluster_size;
    unsigned limit;
    uint64_t clock;
};

void cluster_cache_init(struct cluster_cache *cache, uint64_t cluster_size);
void cluster_cache_destroy(struct cluster_cache *cache);

/* Hold a cluster, or NULL if it is not there. */
struct cached_cluster *cluster_cache_find(struct cluster_cache *cache, uint64_t host_offset);
/* Hold a new cluster, to be filled; NULL with the error set. */
struct cached_cluster *cluster_cache_new(struct cluster_cache *cache, uint64_t host_offset);
/* Keep a new one, in the place of the one least recently asked for. */
void cluster_cache_add(struct cluster_cache *cache, struct cached_cluster *cluster);
/* Hold it no longer. */
void cluster_cache_release(struct cluster_cache *cache, struct cached_cluster *cluster);
/* The streams that begin in the range are about to be replaced. */
void cluster_cache_forget(struct cluster_cache *cache, uint64_t offset, uint64_t count);

#endif
