/* SPDX-License-Identifier: BSD-3-Clause */
/* compressor.h - making the stream of one cluster: which library does it, at which level
 *
 *     type      window       "fast"     default      "best"        a number
 *     deflate   2^9..2^14    igzip 1    zlib 6       zlib 9        zlib 1 to 9
 *     deflate   2^15         igzip 1    libdeflate 6 libdeflate 12 libdeflate 1 to 12
 *     zstd      -            zstd 1     zstd 3       zstd 19       zstd 1 to 19
 *
 * The default window of deflate is 2^12, 4 KiB: what other programs declare when they read. Without
 * igzip "fast" is level 1 of what the default is made with.
 */

#ifndef QCOW2_GUEST_COMPRESSOR_H
#define QCOW2_GUEST_COMPRESSOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LEVEL_DEFAULT = 0, LEVEL_FAST = -1, LEVEL_BEST = -2 };

struct compression {
    uint32_t type; /* COMPRESSION_DEFLATE or COMPRESSION_ZSTD */
    int level;     /* LEVEL_..., or a number from 1 on */
    int window;    /* log2 of the bytes that a deflate stream refers back to; 0: the default */
};

/* "default", "fast", "best" or a number; a number.  The sentence of an error calls the value by
 * name. What is possible depends on the type: compression_check. */
int compression_parse_level(const char *name, const char *value, int *level);
int compression_parse_window(const char *name, const char *value, int *window);

/* Is there such a compression? */
int compression_check(const struct compression *compression);

/* Load the one library that is otherwise loaded when it is first needed: -1 if it is not there. */
int compressor_load_library(void);

/* The means of one thread; any number of clusters, one at a time. */
struct compressor;

struct compressor *compressor_new(const struct compression *compression);
void compressor_free(struct compressor *compressor);

/* The size of the stream, 0 if it would not be smaller than count, -1 on errors.  out has room for
 * count bytes.  The same input gives the same stream on every call. */
ssize_t compressor_run(struct compressor *compressor, const void *in, size_t count, void *out);

#endif
