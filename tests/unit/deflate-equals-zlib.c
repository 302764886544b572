/* SPDX-License-Identifier: BSD-3-Clause */
/* deflate-equals-zlib.c - streams at the default level are zlib's, bit for bit, whatever they hold
 *
 * SEED: what the buffers draw from.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "guest/deflater.h"
#include "unit/seed.h"

#define LARGEST (1u << 18)
#define WINDOW 12
#define REACH ((1u << WINDOW) - 262)
#define GUARD 0xa5
#define NB_BUFFERS 400

static unsigned seed;
static unsigned short random_state[3];

static uint32_t below(uint32_t n)
{
    return (uint32_t)nrand48(random_state) % n;
}

/* ------------------------------------------------------------------------------------------------
 * What is compressed
 */

static void add_noise(uint8_t *to, size_t count)
{
    uint32_t alphabet = 1u << below(9);

    for (size_t i = 0; i < count; i++)
        to[i] = (uint8_t)below(alphabet);
}

static void add_run(uint8_t *to, size_t count)
{
    memset(to, (int)below(3), count);
}

/* Words of a few letters: many short matches, many places in a chain. */
static void add_words(uint8_t *to, size_t count)
{
    uint32_t nb_words = 1 + below(200), letters = 2 + below(24);

    for (size_t i = 0; i < count;) {
        uint32_t word = below(nb_words) * 2654435761u, length = 2 + word % 9;

        for (; length > 0 && i < count; length--, word = word * 1103515245 + 12345)
            to[i++] = (uint8_t)('a' + (word >> 16) % letters);
        if (i < count)
            to[i++] = ' ';
    }
}

/* Records of a table that are nearly the same. */
static void add_records(uint8_t *to, size_t count)
{
    size_t size = 4 + below(60);

    for (size_t i = 0; i < count; i++)
        to[i] = i < size || below(40) == 0 ? (uint8_t)below(256) : to[i - size];
}

/* Fill a buffer with stretches, some of them from before, at about the greatest distance. */
static void fill(uint8_t *bytes, size_t count)
{
    static void (*const kinds[])(uint8_t *, size_t) = { add_noise, add_run, add_words,
                                                        add_records };

    for (size_t i = 0; i < count;) {
        uint32_t kind = below(6), back = kind == 5 ? REACH - 4 + below(9) : 1 + below(6000);
        size_t n = 1 + below(1u << below(17));

        n = n < count - i ? n : count - i;
        if (kind < 4)
            kinds[kind](bytes + i, n);
        else if (back > i)
            add_noise(bytes + i, n);
        else
            for (size_t k = i; k < i + n; k++)
                bytes[k] = bytes[k - back];
        i += n;
    }
}

/* ------------------------------------------------------------------------------------------------
 * Both
 */

/* 0: it does not fit into room bytes. */
static size_t zlib_makes(int window, const uint8_t *in, size_t count, uint8_t *out, size_t room)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)count };
    int r;

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -window, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out;
    z.avail_out = (uInt)room;
    r = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return r == Z_STREAM_END ? room - z.avail_out : 0;
}

static void compare(struct deflater *d, int window, const uint8_t *in, size_t count)
{
    size_t most = count + count / 8 + 64;
    uint8_t *theirs = malloc(most), *ours = malloc(most + 1);
    size_t size = zlib_makes(window, in, count, theirs, most), made;

    assert_true(size > 0);
    for (size_t room = size - 1; room <= size; room++) {
        memset(ours, GUARD, most + 1);
        made = deflater_run(d, in, count, ours, room);
        if (made != (room < size ? 0 : size) || ours[room] != GUARD ||
            (made > 0 && memcmp(ours, theirs, made) != 0))
            fail_msg("SEED=%u: %zu bytes, window %d: zlib makes %zu, here with room for %zu %zu",
                     seed, count, window, size, room, made);
    }
    free(theirs);
    free(ours);
}

static void random_buffers(void **state)
{
    uint8_t *in = calloc(1, LARGEST);

    (void)state;
    random_state[0] = (unsigned short)seed;
    random_state[1] = (unsigned short)(seed >> 16);
    random_state[2] = 77;
    for (int window = 9; window <= 15; window++) {
        struct deflater *d = deflater_new(window);

        assert_non_null(d);
        for (unsigned i = 0; i < (window == WINDOW ? NB_BUFFERS : NB_BUFFERS / 20); i++) {
            size_t count = below(4) > 0 ? 512u << below(10) : 1 + below(LARGEST);

            fill(in, count);
            compare(d, window, in, count);
        }
        deflater_free(d);
    }
    free(in);
}

/* Less than a match, and the ends of zlib's buffer. */
static void every_small_size(void **state)
{
    uint8_t in[2 * (1u << WINDOW) + 64];
    struct deflater *d = deflater_new(WINDOW);

    (void)state;
    assert_non_null(d);
    memset(in, 'x', sizeof in);
    for (size_t count = 1; count <= sizeof in; count += count < 600 || count > 7600 ? 1 : 97)
        compare(d, WINDOW, in, count);
    fill(in, sizeof in);
    for (size_t count = 1; count <= sizeof in; count += count < 600 || count > 7600 ? 1 : 97)
        compare(d, WINDOW, in, count);
    deflater_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_size),
        cmocka_unit_test(random_buffers),
    };

    if (strstr(zlibVersion(), "zlib-ng")) {
        printf("skipped: this zlib makes other streams: %s\n", zlibVersion());
        return 77;
    }
    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
