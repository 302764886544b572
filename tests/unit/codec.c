/* SPDX-License-Identifier: BSD-3-Clause */
/* codec.c - what the codec makes it reads, and what is wrong it refuses
 *
 * Buffers come from the heap in just the size that the codec is told, so that a sanitizer or
 * valgrind sees any byte beyond them.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"
#include "base/error.h"
#include "format/disk.h"
#include "guest/codec.h"
#include "guest/compressor.h"

#define CLUSTER 65536u
#define MAKERS 8
#define NO_HEADER_WIDE (-15) /* windowBits of zlib: a window of 32 KiB */
#define NO_HEADER_QCOW2 (-12)
#define ZLIB_HEADER 15

static const uint32_t types[] = { COMPRESSION_DEFLATE, COMPRESSION_ZSTD };

struct bytes {
    uint8_t *data;
    size_t size;
};

static struct bytes new_bytes(size_t size)
{
    struct bytes b = { malloc(size ? size : 1), size };

    assert_non_null(b.data);
    return b;
}

static void fill_randomly(struct bytes b, size_t from, long seed)
{
    unsigned short random[3] = { 7, (unsigned short)seed, (unsigned short)(seed >> 16) };

    for (size_t i = from; i < b.size; i++)
        b.data[i] = (uint8_t)(nrand48(random) >> 8);
}

/* Repeats itself every few bytes, never for long, and in the same way every 40000. */
static struct bytes new_text(size_t size)
{
    struct bytes b = new_bytes(size);

    for (size_t i = 0; i < size; i++) {
        uint32_t noise = (uint32_t)(i % 40000) * 2654435761u;

        b.data[i] = (uint8_t)("a disk image"[i % 12] + (noise % 16 == 0 ? noise >> 28 : 0));
    }
    return b;
}

static struct codec *codec_of(uint32_t type)
{
    return codec_new(&(struct compression){ .type = type });
}

/* ------------------------------------------------------------------------------------------------
 * Streams of other makers
 */

static struct bytes deflate_by_zlib(struct bytes in, int window_bits)
{
    struct bytes out = new_bytes(compressBound(in.size) + 64);
    z_stream z = { .next_in = in.data, .avail_in = (uInt)in.size };

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out.data;
    z.avail_out = (uInt)out.size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.size = z.total_out;
    deflateEnd(&z);
    return out;
}

/* As many frames; with a checksum each, and an empty last block. */
static struct bytes zstd_frames(struct bytes in, size_t frames)
{
    struct bytes out = new_bytes(ZSTD_compressBound(in.size) + 64 * frames);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_outBuffer output = { out.data, out.size, 0 };

    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    for (size_t i = 0; i < frames; i++) {
        size_t from = in.size / frames * i, to = i + 1 < frames ? from + in.size / frames : in.size;
        ZSTD_inBuffer input = { in.data + from, to - from, 0 };

        assert_int_equal(ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush), 0);
        assert_int_equal(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0);
    }
    ZSTD_freeCCtx(context);
    out.size = output.pos;
    return out;
}

/* ------------------------------------------------------------------------------------------------
 * Verdicts
 */

/* Decompress from a copy of just that size into a cluster of just that size. */
static int decompress(struct codec *codec, const uint8_t *stream, size_t size, struct bytes out)
{
    struct bytes in = new_bytes(size);
    int r;

    memcpy(in.data, stream, size);
    memset(out.data, 0xee, out.size);
    r = codec_decompress(codec, in.data, size, out.data, out.size);
    free(in.data);
    return r;
}

static void assert_reads(uint32_t type, struct bytes stream, struct bytes wanted)
{
    struct codec *codec = codec_of(type);
    struct bytes out = new_bytes(wanted.size);

    assert_int_equal(decompress(codec, stream.data, stream.size, out), 0);
    assert_memory_equal(out.data, wanted.data, wanted.size);
    free(out.data);
    codec_free(codec);
}

static void assert_refuses(uint32_t type, struct bytes stream, size_t cluster_size)
{
    struct codec *codec = codec_of(type);
    struct bytes out = new_bytes(cluster_size);

    assert_int_equal(decompress(codec, stream.data, stream.size, out), -1);
    assert_int_equal(error_errno(), EIO);
    assert_non_null(strstr(error_message(), "stream is damaged: "));
    free(out.data);
    codec_free(codec);
}

/* The stream of a cluster, which becomes smaller. */
static struct bytes compress_cluster(struct codec *codec, struct bytes in)
{
    struct bytes out = new_bytes(in.size);
    ssize_t size = codec_compress(codec, in.data, in.size, out.data);

    assert_in_range(size, 1, in.size - 1);
    out.size = (size_t)size;
    return out;
}

/* ------------------------------------------------------------------------------------------------
 * What is good
 */

static void check_round_trip(uint32_t type, struct bytes in)
{
    struct codec *codec = codec_of(type), *other = codec_of(type);
    struct bytes stream = compress_cluster(codec, in), same = compress_cluster(other, in);
    struct bytes again = compress_cluster(codec, in);
    struct bytes longer = new_bytes(stream.size + 511), out = new_bytes(in.size);

    assert_int_equal(stream.size, again.size);
    assert_memory_equal(stream.data, again.data, stream.size);
    assert_int_equal(stream.size, same.size);
    assert_memory_equal(stream.data, same.data, stream.size);

    /* what follows in the last sector is of no interest */
    memcpy(longer.data, stream.data, stream.size);
    fill_randomly(longer, stream.size, 3);
    for (size_t extra = 0; extra < 512; extra += 73) {
        assert_int_equal(decompress(codec, longer.data, stream.size + extra, out), 0);
        assert_memory_equal(out.data, in.data, in.size);
    }
    free(stream.data);
    free(same.data);
    free(again.data);
    free(longer.data);
    free(out.data);
    codec_free(codec);
    codec_free(other);
}

static void clusters_of_all_sizes_come_back(void **state)
{
    (void)state;
    for (size_t size = 512; size <= 2u << 20; size *= 2) {
        struct bytes text = new_text(size), half = new_text(size), zeroes = new_bytes(size);

        fill_randomly(half, size / 2, 1);
        memset(zeroes.data, 0, size);
        for (int i = 0; i < 2; i++) {
            check_round_trip(types[i], text);
            check_round_trip(types[i], half);
            check_round_trip(types[i], zeroes);
        }
        free(text.data);
        free(half.data);
        free(zeroes.data);
    }
}

static void what_does_not_become_smaller_is_no_stream(void **state)
{
    (void)state;
    for (size_t size = 512; size <= 2u << 20; size *= 4) {
        struct bytes in = new_bytes(size), out = new_bytes(size);

        fill_randomly(in, 0, (long)size);
        for (int i = 0; i < 2; i++) {
            struct codec *codec = codec_of(types[i]);

            assert_int_equal(codec_compress(codec, in.data, size, out.data), 0);
            codec_free(codec);
        }
        free(in.data);
        free(out.data);
    }
}

static void deflate_of_any_window_is_read(void **state)
{
    struct bytes in = new_text(CLUSTER), stream = deflate_by_zlib(in, NO_HEADER_WIDE);

    (void)state;
    assert_reads(COMPRESSION_DEFLATE, stream, in);
    free(in.data);
    free(stream.data);
}

static void deflate_that_fills_the_cluster_need_not_end(void **state)
{
    struct bytes in = new_text(CLUSTER + 100), stream, part;

    fill_randomly(in, CLUSTER, 9);
    stream = part = deflate_by_zlib(in, NO_HEADER_QCOW2);
    part.size -= 50;
    (void)state;
    in.size = CLUSTER;
    assert_reads(COMPRESSION_DEFLATE, stream, in);
    assert_reads(COMPRESSION_DEFLATE, part, in);
    free(in.data);
    free(stream.data);
}

static void zstd_of_several_frames_is_read(void **state)
{
    struct bytes in = new_text(CLUSTER);

    (void)state;
    for (size_t frames = 1; frames <= 7; frames += 2) {
        struct bytes stream = zstd_frames(in, frames);

        assert_reads(COMPRESSION_ZSTD, stream, in);
        free(stream.data);
    }
    free(in.data);
}

/* A frame may name a window of 2 GiB for a cluster of 512 bytes; no memory is taken for it. */
static void zstd_windows_cost_nothing(void **state)
{
    uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd, /* magic */
                        0,                      /* a window, no size, no checksum */
                        0,                      /* log2 of the window less 10, times 8 */
                        0x03, 0x10, 0x00, 7 };  /* the last block: 512 times the byte 7 */
    struct bytes stream = { frame, sizeof frame }, wanted = new_bytes(512), out = new_bytes(512);
    struct codec *codec = codec_of(COMPRESSION_ZSTD);
    size_t before = mallinfo2().hblkhd;

    (void)state;
    memset(wanted.data, 7, wanted.size);
    for (unsigned log = 10; log <= 31; log++) {
        frame[5] = (uint8_t)((log - 10) << 3);
        assert_int_equal(decompress(codec, stream.data, stream.size, out), 0);
        assert_memory_equal(out.data, wanted.data, wanted.size);
    }
    assert_in_range(mallinfo2().hblkhd, 0, before + (1u << 20));
    codec_free(codec);
    free(wanted.data);
    free(out.data);
}

/* ------------------------------------------------------------------------------------------------
 * What is bad
 */

static void truncated_streams_are_refused(void **state)
{
    struct bytes in = new_text(CLUSTER), out = new_bytes(CLUSTER);

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct codec *codec = codec_of(types[i]);
        struct bytes stream = compress_cluster(codec, in);

        /* the last bytes of a deflate stream may be nothing but its end */
        for (size_t size = 0; size + 4 < stream.size; size += 1 + size / 50)
            assert_int_equal(decompress(codec, stream.data, size, out), -1);
        assert_int_equal(decompress(codec, stream.data, stream.size, out), 0);
        free(stream.data);
        codec_free(codec);
    }
    free(in.data);
    free(out.data);
}

static void streams_of_less_than_a_cluster_are_refused(void **state)
{
    struct bytes in = new_text(CLUSTER - 1), deflated = deflate_by_zlib(in, NO_HEADER_QCOW2);
    struct bytes frames = zstd_frames(in, 2);

    (void)state;
    assert_refuses(COMPRESSION_DEFLATE, deflated, CLUSTER);
    assert_refuses(COMPRESSION_ZSTD, frames, CLUSTER);
    free(in.data);
    free(deflated.data);
    free(frames.data);
}

static void streams_of_the_other_type_are_refused(void **state)
{
    struct bytes in = new_text(CLUSTER), deflated = deflate_by_zlib(in, NO_HEADER_QCOW2);
    struct bytes wrapped = deflate_by_zlib(in, ZLIB_HEADER), frames = zstd_frames(in, 1);

    (void)state;
    assert_refuses(COMPRESSION_ZSTD, deflated, CLUSTER);
    assert_refuses(COMPRESSION_DEFLATE, frames, CLUSTER);
    assert_refuses(COMPRESSION_DEFLATE, wrapped, CLUSTER);
    free(in.data);
    free(deflated.data);
    free(wrapped.data);
    free(frames.data);
}

/* Of a deflate stream that goes on for 64 MiB the cluster is taken and not a byte more; of a zstd
 * frame that does, nothing. */
static void bombs_do_no_harm(void **state)
{
    struct bytes in = new_bytes(64u << 20), deflated, frame, frames;

    (void)state;
    memset(in.data, 0, in.size);
    deflated = deflate_by_zlib(in, NO_HEADER_QCOW2);
    frame = zstd_frames(in, 1);
    frames = zstd_frames(in, 3);
    assert_in_range(deflated.size, 1, 128u << 10);
    assert_refuses(COMPRESSION_ZSTD, frame, CLUSTER);
    assert_refuses(COMPRESSION_ZSTD, frames, CLUSTER);
    in.size = CLUSTER;
    assert_reads(COMPRESSION_DEFLATE, deflated, in);
    free(in.data);
    free(deflated.data);
    free(frame.data);
    free(frames.data);
}

/* An error leaves nothing behind in the contexts: what is good is read right after it. */
static void damage_and_garbage_do_no_harm(void **state)
{
    struct bytes in = new_text(CLUSTER), out = new_bytes(CLUSTER), garbage = new_bytes(3000);
    unsigned short random[3] = { 1, 2, 3 };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct codec *codec = codec_of(types[i]);
        struct bytes stream = compress_cluster(codec, in), bad = new_bytes(stream.size);

        for (int round = 0; round < 3000; round++) {
            fill_randomly(garbage, 0, round);
            decompress(codec, garbage.data, (size_t)nrand48(random) % garbage.size, out);
            assert(bad.size > 0);
            memcpy(bad.data, stream.data, stream.size);
            for (int k = round % 3; k >= 0; k--)
                bad.data[(size_t)nrand48(random) % bad.size] ^=
                    (uint8_t)(1 + nrand48(random) % 255);
            decompress(codec, bad.data, bad.size, out);
        }
        assert_int_equal(decompress(codec, stream.data, stream.size, out), 0);
        assert_memory_equal(out.data, in.data, in.size);
        free(stream.data);
        free(bad.data);
        codec_free(codec);
    }
    free(in.data);
    free(out.data);
    free(garbage.data);
}

/* ------------------------------------------------------------------------------------------------
 * Many threads
 */

/* No assertions: cmocka's are for the main thread. */
static void *compress_and_read(void *opaque)
{
    struct codec *codec = opaque;
    struct bytes in = new_text(CLUSTER), stream = new_bytes(CLUSTER), out = new_bytes(CLUSTER);
    const char *failure = NULL;

    for (size_t i = 0; i < 50 && !failure; i++) {
        ssize_t size;

        memset(in.data, (int)i, i * 100);
        size = codec_compress(codec, in.data, in.size, stream.data);
        if (size <= 0 || decompress(codec, stream.data, (size_t)size, out) == -1 ||
            memcmp(in.data, out.data, in.size) != 0)
            failure = "a thread read other bytes than it wrote";
    }
    free(in.data);
    free(stream.data);
    free(out.data);
    return (void *)(uintptr_t)failure;
}

static void threads_share_a_codec(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct codec *codec = codec_of(types[i]);
        pthread_t threads[4];

        for (int k = 0; k < 4; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, compress_and_read, codec), 0);
        for (int k = 0; k < 4; k++) {
            void *failure;

            pthread_join(threads[k], &failure);
            assert_null(failure);
        }
        codec_free(codec);
    }
}

/* Noise, what was there a little before, runs of one byte: short pieces of each. */
static void fill_like_programs(struct bytes b, long seed)
{
    unsigned short random[3] = { 7, (unsigned short)seed, (unsigned short)(seed >> 16) };
    size_t end;

    for (size_t i = 0; i < b.size;) {
        long kind = nrand48(random) % 10;
        size_t back = 3 + (size_t)nrand48(random) % 400;

        end = min_u64(b.size, i + 2 + (size_t)nrand48(random) % (kind == 9 ? 38 : 20));
        for (; i < end; i++)
            b.data[i] = kind < 5                ? (uint8_t)(nrand48(random) >> 8)
                        : kind < 9 && back <= i ? b.data[i - back]
                                                : 0;
    }
}

/* Threads have compressors of their own: which of them makes a stream must not be seen. */
static void compressors_make_the_same_streams(void **state)
{
    static const struct compression kinds[] = {
        { COMPRESSION_DEFLATE, LEVEL_DEFAULT, 0 }, { COMPRESSION_DEFLATE, LEVEL_FAST, 0 },
        { COMPRESSION_DEFLATE, LEVEL_FAST, 15 },   { COMPRESSION_DEFLATE, LEVEL_DEFAULT, 15 },
        { COMPRESSION_ZSTD, LEVEL_DEFAULT, 0 },
    };
    struct bytes in = new_bytes(512), first = new_bytes(512), other = new_bytes(512);

    (void)state;
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        struct compressor *compressors[MAKERS];

        for (int k = 0; k < MAKERS; k++)
            assert_non_null(compressors[k] = compressor_new(&kinds[kind]));
        for (int i = 0; i < 4000; i++) {
            ssize_t made;

            fill_like_programs(in, i);
            made = compressor_run(compressors[0], in.data, in.size, first.data);
            for (int k = 1; k < MAKERS; k++) {
                assert_int_equal(compressor_run(compressors[k], in.data, in.size, other.data),
                                 made);
                assert_memory_equal(first.data, other.data, (size_t)made);
            }
        }
        for (int k = 0; k < MAKERS; k++)
            compressor_free(compressors[k]);
    }
    free(in.data);
    free(first.data);
    free(other.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_of_all_sizes_come_back),
        cmocka_unit_test(what_does_not_become_smaller_is_no_stream),
        cmocka_unit_test(deflate_of_any_window_is_read),
        cmocka_unit_test(deflate_that_fills_the_cluster_need_not_end),
        cmocka_unit_test(zstd_of_several_frames_is_read),
        cmocka_unit_test(zstd_windows_cost_nothing),
        cmocka_unit_test(truncated_streams_are_refused),
        cmocka_unit_test(streams_of_less_than_a_cluster_are_refused),
        cmocka_unit_test(streams_of_the_other_type_are_refused),
        cmocka_unit_test(bombs_do_no_harm),
        cmocka_unit_test(damage_and_garbage_do_no_harm),
        cmocka_unit_test(threads_share_a_codec),
        cmocka_unit_test(compressors_make_the_same_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
