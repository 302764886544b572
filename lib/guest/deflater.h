/* SPDX-License-Identifier: BSD-3-Clause */
/* deflater.h - deflate streams, bit for bit those of zlib at its default level, in less time */

#ifndef QCOW2_GUEST_DEFLATER_H
#define QCOW2_GUEST_DEFLATER_H

#include <stddef.h>

struct deflater;

/* window: how far back streams refer, as a power of two, 9 to 15. */
struct deflater *deflater_new(int window);
void deflater_free(struct deflater *deflater);

/* Make the stream of count bytes, less than 1 GiB.  Returns its size; 0: it is longer than room. */
size_t deflater_run(struct deflater *deflater, const void *in, size_t count, void *out,
                    size_t room);

#endif
