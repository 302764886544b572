/* SPDX-License-Identifier: BSD-3-Clause */
/* compressor.c - making the stream of one cluster: which library does it, at which level
 *
 * Each library is a maker: how to begin with it, how to make a stream, how to end.  Every stream is
 * made without a memory of the ones before it.
 */

#include "guest/compressor.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"
#include "base/text.h"
#include "format/disk.h"

#ifdef HAVE_ISAL
#include <isa-l.h>

#include "base/library.h"
#endif

#define MIN_WINDOW 9
#define DEFAULT_WINDOW 12
#define WIDE_WINDOW 15
#define ZLIB_MEMORY_LEVEL 9
#define MAX_ZLIB_LEVEL 9
#define MAX_LIBDEFLATE_LEVEL 12
#define MAX_ZSTD_LEVEL 19 /* those above it are made for more memory */

struct compressor {
    const struct maker *maker;
    void *state; /* the maker's */
    int level;   /* the maker's own number */
    int window;
};

struct maker {
    void *(*begin)(const struct compressor *compressor); /* NULL with the error set */
    /* As compressor_run; out has room for one byte less than count. */
    size_t (*make)(void *state, const void *in, size_t count, void *out, size_t room);
    void (*end)(void *state);
    int levels[3]; /* by -LEVEL_...: what default, fast and best mean */
    int max_level;
};

/* ------------------------------------------------------------------------------------------------
 * zlib: any window
 */

static void *zlib_begin(const struct compressor *c)
{
    z_stream *z = calloc(1, sizeof *z);

    if (z == NULL)
        return error_no_memory();
    /* negative: no header */
    if (deflateInit2(z, c->level, Z_DEFLATED, -c->window, ZLIB_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        free(z);
        return error_no_memory();
    }
    return z;
}

static size_t zlib_make(void *state, const void *in, size_t count, void *out, size_t room)
{
    z_stream *z = state;

    deflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)count;
    z->next_out = out;
    z->avail_out = (uInt)room;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? room - z->avail_out : 0;
}

static void zlib_end(void *state)
{
    deflateEnd(state);
    free(state);
}

static const struct maker zlib_maker = {
    .begin = zlib_begin,
    .make = zlib_make,
    .end = zlib_end,
    .levels = { 6, 1, MAX_ZLIB_LEVEL },
    .max_level = MAX_ZLIB_LEVEL,
};

/* ------------------------------------------------------------------------------------------------
 * libdeflate: the widest window only
 */

static void *libdeflate_begin(const struct compressor *c)
{
    struct libdeflate_compressor *made = libdeflate_alloc_compressor(c->level);

    return made ? made : error_no_memory();
}

static size_t libdeflate_make(void *state, const void *in, size_t count, void *out, size_t room)
{
    return libdeflate_deflate_compress(state, in, count, out, room);
}

static void libdeflate_end(void *state)
{
    libdeflate_free_compressor(state);
}

static const struct maker libdeflate_maker = {
    .begin = libdeflate_begin,
    .make = libdeflate_make,
    .end = libdeflate_end,
    .levels = { 6, 1, MAX_LIBDEFLATE_LEVEL },
    .max_level = MAX_LIBDEFLATE_LEVEL,
};

/* ------------------------------------------------------------------------------------------------
 * igzip: the fast level
 *
 * Of its own levels this is the third: what the first two make of some clusters depends on where in
 * memory the stream's state lies, and so on the thread.
 */

#ifdef HAVE_ISAL

#define IGZIP_LEVEL 3

#define IGZIP_FUNCTIONS(X) X(isal_deflate_init) X(isal_deflate)

static struct {
    IGZIP_FUNCTIONS(LIBRARY_MEMBER)
} igzip;

static struct library igzip_library = {
    .name = LIBRARY_NAME("isal", ISAL_MAJOR_VERSION),
    .user = "The compression level 'fast'",
    LIBRARY_TABLE(IGZIP_FUNCTIONS, igzip),
};

int compressor_load_library(void)
{
    return library_load(&igzip_library);
}

struct igzip {
    int window;
    struct isal_zstream stream;
    uint8_t memory[ISAL_DEF_LVL3_DEFAULT];
};

static void *igzip_begin(const struct compressor *c)
{
    struct igzip *g;

    if (compressor_load_library() == -1)
        return NULL;
    g = calloc(1, sizeof *g);
    if (g == NULL)
        return error_no_memory();
    g->window = c->window;
    return g;
}

static size_t igzip_make(void *state, const void *in, size_t count, void *out, size_t room)
{
    struct igzip *g = state;
    struct isal_zstream *z = &g->stream;

    igzip.isal_deflate_init(z);
    z->level = IGZIP_LEVEL;
    z->level_buf = g->memory;
    z->level_buf_size = sizeof g->memory;
    z->hist_bits = (uint16_t)g->window;
    z->end_of_stream = 1;
    z->next_in = (uint8_t *)(uintptr_t)in;
    z->avail_in = (uint32_t)count;
    z->next_out = out;
    z->avail_out = (uint32_t)room;
    if (igzip.isal_deflate(z) != COMP_OK || z->internal_state.state != ZSTATE_END)
        return 0;
    return z->total_out;
}

static const struct maker igzip_maker = {
    .begin = igzip_begin,
    .make = igzip_make,
    .end = free,
    .levels = { 1, 1, 1 },
    .max_level = 1,
};

#else

int compressor_load_library(void)
{
    return 0;
}

#endif

/* ------------------------------------------------------------------------------------------------
 * zstd
 */

static void *zstd_begin(const struct compressor *c)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();

    if (context == NULL)
        return error_no_memory();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, c->level);
    return context;
}

/* As a stream, which, other than a call in one piece, is content with just the room it needs. */
static size_t zstd_make(void *state, const void *in, size_t count, void *out, size_t room)
{
    ZSTD_inBuffer input = { in, count, 0 };
    ZSTD_outBuffer output = { out, room, 0 };

    ZSTD_CCtx_reset(state, ZSTD_reset_session_only);
    return ZSTD_compressStream2(state, &output, &input, ZSTD_e_end) == 0 ? output.pos : 0;
}

static void zstd_end(void *state)
{
    ZSTD_freeCCtx(state);
}

static const struct maker zstd_maker = {
    .begin = zstd_begin,
    .make = zstd_make,
    .end = zstd_end,
    .levels = { ZSTD_CLEVEL_DEFAULT, 1, MAX_ZSTD_LEVEL },
    .max_level = MAX_ZSTD_LEVEL,
};

/* ------------------------------------------------------------------------------------------------
 * Choosing
 */

static const struct maker *maker_of(const struct compression *c)
{
    if (c->type == COMPRESSION_ZSTD)
        return &zstd_maker;
#ifdef HAVE_ISAL
    if (c->level == LEVEL_FAST)
        return &igzip_maker;
#endif
    return c->window == WIDE_WINDOW ? &libdeflate_maker : &zlib_maker;
}

static int bad_value(const char *name, const char *value, const char *expected)
{
    return error_set(EINVAL, "Parameter '%s' expects %s, not '%s'", name, expected, value);
}

int compression_parse_level(const char *name, const char *value, int *level)
{
    static const char *const words[] = { "default", "fast", "best" };
    uint64_t number;

    for (int i = 0; i < 3; i++) {
        if (strcmp(value, words[i]) == 0) {
            *level = -i;
            return 0;
        }
    }
    if (text_parse_number(value, &number) == -1 || number < 1 || number > MAX_ZSTD_LEVEL)
        return bad_value(name, value, "'fast', 'default', 'best' or a number from 1 to 19");
    *level = (int)number;
    return 0;
}

int compression_parse_window(const char *name, const char *value, int *window)
{
    uint64_t number;

    if (text_parse_number(value, &number) == -1 || number < MIN_WINDOW || number > WIDE_WINDOW)
        return bad_value(name, value, "the logarithm of a size, from 9 to 15");
    *window = (int)number;
    return 0;
}

int compression_check(const struct compression *c)
{
    int max_level = maker_of(c)->max_level;

    if (c->type == COMPRESSION_ZSTD && c->window != 0)
        return error_set(EINVAL, "The compression type zstd has no window to choose");
    if (c->level <= max_level)
        return 0;
    return error_set(EINVAL, "The compression level %d is too high: here %d is the highest%s",
                     c->level, max_level,
                     c->type == COMPRESSION_DEFLATE && max_level == MAX_ZLIB_LEVEL
                         ? " (with a window of 15, 12)"
                         : "");
}

struct compressor *compressor_new(const struct compression *compression)
{
    struct compressor *c = calloc(1, sizeof *c);

    if (c == NULL)
        return error_no_memory();
    c->maker = maker_of(compression);
    c->level = compression->level > 0 ? compression->level : c->maker->levels[-compression->level];
    c->window = compression->window ? compression->window : DEFAULT_WINDOW;
    c->state = c->maker->begin(c);
    if (c->state == NULL) {
        free(c);
        return NULL;
    }
    return c;
}

void compressor_free(struct compressor *c)
{
    if (c == NULL)
        return;
    c->maker->end(c->state);
    free(c);
}

ssize_t compressor_run(struct compressor *c, const void *in, size_t count, void *out)
{
    return (ssize_t)c->maker->make(c->state, in, count, out, count - 1);
}
