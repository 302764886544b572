/* SPDX-License-Identifier: BSD-3-Clause */
/* codec.c - compressing and decompressing one cluster
 *
 * Deflate streams have no zlib header, and may use any window.  A stream that fills the cluster is
 * good even if it would go on.  libdeflate reads what ends properly, several times faster than
 * zlib; zlib reads the rest.  A zstd cluster is one or more frames.
 */

#include "guest/codec.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "format/disk.h"

#define DEFLATE_READ_WINDOW -15 /* log2 of the window, negative: no header */

/* What one thread works with; made as needed. */
struct context {
    struct context *next;
    struct compressor *compressor;
    struct libdeflate_decompressor *inflater;
    bool inflate_ready;
    z_stream inflate;
    ZSTD_DCtx *zstd_reader;
};

struct codec {
    struct compression compression;
    pthread_mutex_t lock; /* guards idle */
    struct context *idle;
};

/* ------------------------------------------------------------------------------------------------
 * Contexts
 */

struct codec *codec_new(const struct compression *compression)
{
    struct codec *codec;

    if (compression_check(compression) == -1)
        return NULL;
    codec = calloc(1, sizeof *codec);
    if (codec == NULL)
        return error_no_memory();
    codec->compression = *compression;
    pthread_mutex_init(&codec->lock, NULL);
    return codec;
}

static void context_free(struct context *c)
{
    compressor_free(c->compressor);
    if (c->inflater)
        libdeflate_free_decompressor(c->inflater);
    if (c->inflate_ready)
        inflateEnd(&c->inflate);
    ZSTD_freeDCtx(c->zstd_reader);
    free(c);
}

void codec_free(struct codec *codec)
{
    if (codec == NULL)
        return;
    while (codec->idle) {
        struct context *c = codec->idle;

        codec->idle = c->next;
        context_free(c);
    }
    pthread_mutex_destroy(&codec->lock);
    free(codec);
}

const struct compression *codec_compression(const struct codec *codec)
{
    return &codec->compression;
}

static struct context *take_context(struct codec *codec)
{
    struct context *c;

    {
        LOCK_SCOPE(&codec->lock);
        c = codec->idle;
        if (c)
            codec->idle = c->next;
    }
    if (c == NULL)
        c = calloc(1, sizeof *c);
    return c ? c : error_no_memory();
}

static void return_context(struct codec *codec, struct context *c)
{
    LOCK_SCOPE(&codec->lock);

    c->next = codec->idle;
    codec->idle = c;
}

/* ------------------------------------------------------------------------------------------------
 * Reading
 */

static int bad_stream(const char *kind, const char *why)
{
    return error_set(EIO, "the %s stream is damaged: %s", kind, why);
}

/* Slower, and content with a stream that fills the cluster without ending. */
static int inflate_until_full(struct context *c, const void *in, size_t in_count, void *out,
                              size_t count)
{
    z_stream *z = &c->inflate;

    if (!c->inflate_ready && inflateInit2(z, DEFLATE_READ_WINDOW) != Z_OK)
        return error_no_memory(), -1;
    c->inflate_ready = true;
    inflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)in_count;
    z->next_out = out;
    z->avail_out = (uInt)count;
    inflate(z, Z_FINISH);
    if (z->avail_out > 0)
        return bad_stream("deflate", z->msg ? z->msg : "it ends before the cluster is full");
    return 0;
}

static int read_deflate(struct context *c, const void *in, size_t in_count, void *out, size_t count)
{
    size_t used, made;

    if (c->inflater == NULL && (c->inflater = libdeflate_alloc_decompressor()) == NULL)
        return error_no_memory(), -1;
    if (libdeflate_deflate_decompress_ex(c->inflater, in, in_count, out, count, &used, &made) ==
            LIBDEFLATE_SUCCESS &&
        made == count)
        return 0;
    return inflate_until_full(c, in, in_count, out, count);
}

/* A frame goes straight to where it belongs.  Read as a stream it would first go through a window
 * whose size the frame chooses, up to 128 MiB for a cluster of 512 bytes. */
static int read_zstd(struct context *c, const void *in, size_t in_count, void *out, size_t count)
{
    const uint8_t *from = in;
    uint8_t *to = out;

    if (c->zstd_reader == NULL && (c->zstd_reader = ZSTD_createDCtx()) == NULL)
        return error_no_memory(), -1;
    while (count > 0) {
        size_t frame = ZSTD_findFrameCompressedSize(from, in_count), made;

        if (ZSTD_getErrorCode(frame) == ZSTD_error_srcSize_wrong)
            return bad_stream("zstd", "it ends before the cluster is full");
        made = ZSTD_isError(frame) ? frame
                                   : ZSTD_decompressDCtx(c->zstd_reader, to, count, from, frame);
        if (ZSTD_getErrorCode(made) == ZSTD_error_dstSize_tooSmall)
            return bad_stream("zstd", "a frame holds more than the cluster");
        if (ZSTD_isError(made))
            return bad_stream("zstd", ZSTD_getErrorName(made));
        from += frame;
        in_count -= frame;
        to += made;
        count -= made;
    }
    return 0;
}

int codec_decompress(struct codec *codec, const void *in, size_t in_count, void *out, size_t count)
{
    struct context *c = take_context(codec);
    int r;

    if (c == NULL)
        return -1;
    r = (codec->compression.type == COMPRESSION_ZSTD ? read_zstd : read_deflate)(c, in, in_count,
                                                                                 out, count);
    return_context(codec, c);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

ssize_t codec_compress(struct codec *codec, const void *in, size_t count, void *out)
{
    struct context *c = take_context(codec);
    ssize_t r = -1;

    if (c == NULL)
        return -1;
    if (c->compressor == NULL)
        c->compressor = compressor_new(&codec->compression);
    if (c->compressor)
        r = compressor_run(c->compressor, in, count, out);
    return_context(codec, c);
    return r;
}
