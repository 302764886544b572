/* SPDX-License-Identifier: BSD-3-Clause */
/* codec.h - compressing and decompressing one cluster
 *
 * A codec keeps the contexts of the libraries that do the work, one for each
 * thread that is at work at the same time, and hands them out again.  Any thread may call.
 */

#ifndef QCOW2_GUEST_CODEC_H
#define QCOW2_GUEST_CODEC_H

#include "guest/compressor.h"

struct codec;

struct codec *codec_new(const struct compression *compression);
void codec_free(struct codec *codec);
/* As it was made. */
const struct compression *codec_compression(const struct codec *codec);

/* Decompress exactly count bytes; in may hold more than the stream.  The sentence of an error names
 * no file. */
int codec_decompress(struct codec *codec, const void *in, size_t in_count, void *out, size_t count);

/* The size of the stream, 0 if it would not be smaller than count, -1 on errors.  out has room for
 * count bytes.  The same input gives the same stream on every call. */
ssize_t codec_compress(struct codec *codec, const void *in, size_t count, void *out);

#endif
