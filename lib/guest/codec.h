/* SPDX-License-Identifier: BSD-3-Clause */
/* codec.h - compressing and decompressing one cluster
 *
 * The compression itself is libdeflate's, zlib's and libzstd's.  A codec keeps their contexts, one
 * for each thread that is at work at the same time, and hands them out again.  Any thread may call.
 */

#ifndef QCOW2_GUEST_CODEC_H
#define QCOW2_GUEST_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct codec;

/* compression_type: COMPRESSION_DEFLATE or COMPRESSION_ZSTD. */
struct codec *codec_new(uint32_t compression_type);
void codec_free(struct codec *codec);

/* Decompress exactly count bytes; in may hold more than the stream.  The sentence of an error names
 * no file. */
int codec_decompress(struct codec *codec, const void *in, size_t in_count, void *out, size_t count);

/* The size of the stream, 0 if it would not be smaller than count, -1 on errors.  out has room for
 * count bytes.  The same input gives the same stream on every call. */
ssize_t codec_compress(struct codec *codec, const void *in, size_t count, void *out);

#endif
