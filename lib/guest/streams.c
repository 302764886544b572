/* SPDX-License-Identifier: BSD-3-Clause */
/* streams.c - reading the compressed clusters of a store */

#include "guest/streams.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"

int streams_init(struct streams *s, struct store *store, uint64_t cluster_size,
                 const struct compression *compression)
{
    s->codec = codec_new(compression);
    if (s->codec == NULL)
        return -1;
    s->store = store;
    s->cluster_size = cluster_size;
    cluster_cache_init(&s->clusters, cluster_size);
    return 0;
}

void streams_destroy(struct streams *s)
{
    cluster_cache_destroy(&s->clusters);
    codec_free(s->codec);
}

int streams_change_codec(struct streams *streams, uint32_t compression_type)
{
    struct compression compression = *codec_compression(streams->codec);
    struct codec *codec;

    if (compression.type == compression_type)
        return 0;
    compression.type = compression_type;
    if (compression_check(&compression) == -1)
        compression = (struct compression){ .type = compression_type };
    codec = codec_new(&compression);
    if (codec == NULL)
        return -1;
    codec_free(streams->codec);
    streams->codec = codec;
    return 0;
}

static int decompress(struct streams *s, const struct extent *e, uint8_t *to)
{
    CLEANUP_FREE uint8_t *stream = malloc(e->host_length);

    if (stream == NULL)
        return error_no_memory(), -1;
    if (store_pread(s->store, stream, e->host_length, e->host_offset) == -1)
        return -1;
    if (codec_decompress(s->codec, stream, e->host_length, to, s->cluster_size) == 0)
        return 0;
    return error_prefix("'%s', guest offset 0x%" PRIx64 ", compressed cluster at 0x%" PRIx64 ": ",
                        s->store->name, e->guest_offset, e->host_offset);
}

/* A cluster that nobody has in memory. */
static struct cached_cluster *load(struct streams *s, const struct extent *e)
{
    struct cached_cluster *c = cluster_cache_new(&s->clusters, e->host_offset);

    if (c == NULL)
        return NULL;
    if (decompress(s, e, c->data) == 0) {
        cluster_cache_add(&s->clusters, c);
        return c;
    }
    cluster_cache_release(&s->clusters, c);
    return NULL;
}

int streams_read(struct streams *s, const struct extent *e, void *buf)
{
    struct cached_cluster *c = cluster_cache_find(&s->clusters, e->host_offset);

    if (c == NULL)
        c = load(s, e);
    if (c == NULL)
        return -1;
    memcpy(buf, c->data + (e->guest_offset & (s->cluster_size - 1)), e->length);
    cluster_cache_release(&s->clusters, c);
    return 0;
}
