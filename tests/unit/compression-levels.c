/* SPDX-License-Identifier: BSD-3-Clause */
/* compression-levels.c - streams of every level and window: what they refer back to, and that they
 * are the same each time
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "format/disk.h"
#include "guest/codec.h"
#include "guest/streams.h"

#define LARGEST (1u << 18)
#define DISTANCE 20000u /* what repeats itself does so at this distance */

/* Bytes that do not repeat themselves within DISTANCE, and then do. */
static void fill(uint8_t *bytes, size_t count)
{
    unsigned short random[3] = { 3, 1, 4 };

    for (size_t i = 0; i < count; i++)
        bytes[i] = i < DISTANCE ? (uint8_t)(nrand48(random) >> 8 & (i / 2000 % 2 ? 0xff : 0x0f))
                                : bytes[i - DISTANCE];
}

/* Inflate keeping no more of the output than the window: false if the stream asks for more. */
static bool inflates_within(int window, const uint8_t *stream, size_t size, const uint8_t *wanted,
                            size_t count)
{
    uint8_t piece[256];
    z_stream z = { .next_in = (Bytef *)(uintptr_t)stream, .avail_in = (uInt)size };
    size_t done = 0;
    int r = Z_OK;

    assert_int_equal(inflateInit2(&z, -window), Z_OK);
    while (r == Z_OK && done < count) {
        z.next_out = piece;
        z.avail_out = sizeof piece;
        r = inflate(&z, Z_SYNC_FLUSH);
        if (r != Z_OK && r != Z_STREAM_END)
            break;
        assert_memory_equal(piece, wanted + done, sizeof piece - z.avail_out);
        done += sizeof piece - z.avail_out;
    }
    inflateEnd(&z);
    return done == count;
}

static size_t check_stream(const struct compression *c, const uint8_t *in, size_t count)
{
    struct codec *codec = codec_new(c), *other = codec_new(c);
    uint8_t *stream = malloc(count), *again = malloc(count), *out = malloc(count);
    ssize_t size = codec_compress(codec, in, count, stream);

    assert_in_range(size, 1, count - 1);
    assert_int_equal(codec_compress(codec, in, count, again), size);
    assert_memory_equal(stream, again, size);
    assert_int_equal(codec_compress(other, in, count, again), size);
    assert_memory_equal(stream, again, size);
    assert_int_equal(codec_decompress(codec, stream, (size_t)size, out, count), 0);
    assert_memory_equal(in, out, count);
    if (c->type == COMPRESSION_DEFLATE &&
        !inflates_within(c->window ? c->window : 12, stream, (size_t)size, in, count))
        fail_msg("level %d, window %d: a stream refers farther back", c->level, c->window);
    codec_free(codec);
    codec_free(other);
    free(stream);
    free(again);
    free(out);
    return (size_t)size;
}

static void every_level_keeps_to_its_window(void **state)
{
    static const int windows[] = { 0, 9, 10, 11, 12, 13, 14, 15 };
    uint8_t *in = malloc(LARGEST);

    (void)state;
    fill(in, LARGEST);
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++)
        for (int level = LEVEL_BEST; level <= 12; level++)
            for (size_t count = 512; count <= LARGEST; count *= 8) {
                struct compression c = { COMPRESSION_DEFLATE, level, windows[w] };

                if (compression_check(&c) == 0)
                    check_stream(&c, in, count);
            }
    free(in);
}

/* The check above can fail. */
static void a_wide_window_is_wider(void **state)
{
    const struct compression wide = { COMPRESSION_DEFLATE, LEVEL_DEFAULT, 15 };
    const struct compression narrow = { COMPRESSION_DEFLATE, LEVEL_DEFAULT, 0 };
    struct codec *codec = codec_new(&wide);
    uint8_t *in = malloc(65536), *stream = malloc(65536);
    ssize_t size;

    (void)state;
    fill(in, 65536);
    size = codec_compress(codec, in, 65536, stream);
    assert_in_range(size, 1, 65535);
    assert_false(inflates_within(12, stream, (size_t)size, in, 65536));
    assert_true(inflates_within(15, stream, (size_t)size, in, 65536));
    assert_true((size_t)size < check_stream(&narrow, in, 65536) / 2);
    codec_free(codec);
    free(in);
    free(stream);
}

static void zstd_levels_make_the_same_each_time(void **state)
{
    uint8_t *in = malloc(65536);

    (void)state;
    fill(in, 65536);
    for (int level = LEVEL_BEST; level <= 19; level++)
        check_stream(&(struct compression){ .type = COMPRESSION_ZSTD, .level = level }, in, 65536);
    free(in);
}

/* A stream that only just fits.  (libdeflate wants some bytes of room that it does not fill.) */
static void streams_may_fill_all_but_a_byte(void **state)
{
    static const struct compression all[] = {
        { COMPRESSION_DEFLATE, LEVEL_DEFAULT, 0 },
        { COMPRESSION_DEFLATE, LEVEL_BEST, 0 },
        { COMPRESSION_ZSTD, LEVEL_DEFAULT, 0 },
        { COMPRESSION_ZSTD, LEVEL_BEST, 0 },
    };
    uint8_t in[512], out[512];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct codec *codec = codec_new(&all[i]);
        ssize_t largest = 0;

        for (unsigned seed = 0; seed < 4000; seed++) {
            unsigned short random[3] = { (unsigned short)seed, 7, 7 };
            unsigned equal = seed % 40;
            ssize_t size;

            for (size_t k = 0; k < sizeof in; k++)
                in[k] = k < equal ? 'q' : (uint8_t)(nrand48(random) >> 8);
            size = codec_compress(codec, in, sizeof in, out);
            assert_in_range(size + 1, 1, sizeof in);
            largest = size > largest ? size : largest;
        }
        if (largest < (ssize_t)sizeof in - 3)
            fail_msg("row %zu: no stream is longer than %zd bytes", i, largest);
        codec_free(codec);
    }
}

static void what_there_is_not_is_refused(void **state)
{
    static const struct {
        struct compression compression;
        const char *sentence;
    } rows[] = {
        { { COMPRESSION_DEFLATE, 10, 0 }, "level 10 is too high: here 9 is the highest" },
        { { COMPRESSION_DEFLATE, 10, 14 }, "level 10 is too high: here 9 is the highest" },
        { { COMPRESSION_DEFLATE, 13, 15 }, "level 13 is too high: here 12 is the highest" },
        { { COMPRESSION_ZSTD, 20, 0 }, "level 20 is too high: here 19 is the highest" },
        { { COMPRESSION_ZSTD, 0, 12 }, "zstd has no window" },
    };
    static const char *const bad[] = {
        "", "0", "-1", "20", "9x", "fastest", "99999999999999999999"
    };
    static const char *const bad_windows[] = { "", "8", "16", "-12", "12.5", "4096" };
    int value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_null(codec_new(&rows[i].compression));
        if (strstr(error_message(), rows[i].sentence) == NULL)
            fail_msg("'%s' instead of '%s'", error_message(), rows[i].sentence);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(compression_parse_level("x", bad[i], &value), -1);
    for (size_t i = 0; i < sizeof bad_windows / sizeof bad_windows[0]; i++)
        assert_int_equal(compression_parse_window("x", bad_windows[i], &value), -1);
    assert_int_equal(value, 77);
    assert_int_equal(compression_parse_level("x", "best", &value), 0);
    assert_int_equal(value, LEVEL_BEST);
    assert_int_equal(compression_parse_level("x", "fast", &value), 0);
    assert_int_equal(value, LEVEL_FAST);
}

static void another_type_keeps_the_level_if_it_can(void **state)
{
    static const struct {
        struct compression before;
        uint32_t type;
        struct compression after;
    } rows[] = {
        { { COMPRESSION_DEFLATE, 9, 15 }, COMPRESSION_DEFLATE, { COMPRESSION_DEFLATE, 9, 15 } },
        { { COMPRESSION_ZSTD, 19, 0 }, COMPRESSION_ZSTD, { COMPRESSION_ZSTD, 19, 0 } },
        { { COMPRESSION_ZSTD, 5, 0 }, COMPRESSION_DEFLATE, { COMPRESSION_DEFLATE, 5, 0 } },
        { { COMPRESSION_ZSTD, LEVEL_BEST, 0 },
          COMPRESSION_DEFLATE,
          { COMPRESSION_DEFLATE, LEVEL_BEST, 0 } },
        { { COMPRESSION_ZSTD, 19, 0 }, COMPRESSION_DEFLATE, { COMPRESSION_DEFLATE, 0, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct streams streams;

        assert_int_equal(streams_init(&streams, NULL, 65536, &rows[i].before), 0);
        assert_int_equal(streams_change_codec(&streams, rows[i].type), 0);
        assert_memory_equal(codec_compression(streams.codec), &rows[i].after, sizeof rows[i].after);
        streams_destroy(&streams);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_keeps_to_its_window),
        cmocka_unit_test(a_wide_window_is_wider),
        cmocka_unit_test(zstd_levels_make_the_same_each_time),
        cmocka_unit_test(streams_may_fill_all_but_a_byte),
        cmocka_unit_test(what_there_is_not_is_refused),
        cmocka_unit_test(another_type_keeps_the_level_if_it_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
