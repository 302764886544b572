/* SPDX-License-Identifier: BSD-3-Clause */
/* streams.h - reading the compressed clusters of a store, each decompressed once for all who ask
 * soon
 *
 * Any thread may call.
 */

#ifndef QCOW2_GUEST_STREAMS_H
#define QCOW2_GUEST_STREAMS_H

#include "guest/cluster_cache.h"
#include "guest/codec.h"
#include "guest/disk.h"
#include "store/store.h"

struct streams {
    struct store *store;   /* not owned */
    uint64_t cluster_size; /* bytes that each stream holds */
    struct codec *codec;
    struct cluster_cache clusters; /* decompressed ones */
};

int streams_init(struct streams *streams, struct store *store, uint64_t cluster_size,
                 const struct compression *compression);
void streams_destroy(struct streams *streams);
/* Streams are of this type from now on, at the same level if it has one of that number or name,
 * else at its default level.  Nobody reads or writes one meanwhile. */
int streams_change_codec(struct streams *streams, uint32_t compression_type);

/* The content of an extent of kind EXTENT_COMPRESSED. */
int streams_read(struct streams *streams, const struct extent *extent, void *buf);

#endif
