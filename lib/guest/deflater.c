/* SPDX-License-Identifier: BSD-3-Clause */
/* deflater.c - deflate streams, bit for bit those of zlib at its default level, in less time
 *
 * Which streams an image holds decides where its clusters lie, so they are the ones that QEMU would
 * write.  What zlib does at level 6 (with its greatest memory level) is this.  At each place it looks
 * for the longest earlier occurrence of what comes, the nearest of equally long ones, and takes it
 * unless there is a longer one a byte later.  It finds them in chains: every place is in the chain of
 * places where a hash of three bytes is the same, latest first, and it looks at no more than SEARCH of
 * them (SEARCH_LESS, if the match to be beaten is GOOD) and is content with one that is NICE.
 *
 * Nearly all that it looks at in such a chain has just the three bytes in common.  Here every place is
 * in a second chain, of four bytes, too, and carries its number within the first one:
 *
 *      place    100   230   310   420   555        abc?   the chain of three bytes: all five
 *      number     1     2     3     4     5        abcd   the chain of four: 100, 420
 *
 * A match of four bytes or more is in the second chain, and how many steps away it is in the first one
 * is a difference of numbers.  Only where no such match is to be had is the first chain followed, to
 * the nearest match of three.
 *
 * zlib works in a buffer of twice the window, whose second half it moves to the first when it is full.
 * That shows in three ways: matches begin at most REACH back; none begins at the start of the buffer,
 * which stands for "nowhere"; and a block that began before that cannot be stored any more.
 */

#include "guest/deflater.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "guest/deflate_block.h"

#define SEARCH 128
#define SEARCH_LESS 32
#define GOOD 8
#define LAZY 16 /* what is as long is taken without a look at the next place */
#define NICE 128
#define TOO_FAR 4096 /* for a match of three bytes to be worth it */

#define AHEAD (MAX_MATCH + MIN_MATCH + 1) /* zlib's buffer is filled up when there is less in it */
#define NO_MATCH (MIN_MATCH - 1)

#define THREE_BITS 16
#define FOUR_BITS 13

/* Places are kept modulo 2^16.  Before any gets older than that, those older than this are made no
 * older. */
#define OLDEST (1 << 15)

struct deflater {
    int32_t window; /* bytes */
    struct deflate_block block;
    struct bit_writer writer;

    const uint8_t *in;
    int32_t count;
    int32_t base;        /* where zlib's buffer would begin */
    int32_t block_start; /* of the block's bytes */
    int32_t forget_at;   /* the place where old places are to be made no older */

    uint16_t last_three[1 << THREE_BITS]; /* places, by hash; 0 to begin with: nowhere */
    uint16_t last_four[1 << FOUR_BITS];

    /* Of the last places, as many as the window has bytes: */
    uint16_t *three, *four; /* how far back the place before it is in its chains */
    uint16_t *number;       /* in the chain of three bytes, modulo 2^16 */
};

struct match {
    int32_t length; /* NO_MATCH: there is none */
    int32_t start;
};

struct deflater *deflater_new(int window)
{
    size_t size = (size_t)1 << window;
    struct deflater *d = malloc(sizeof *d + 3 * size * sizeof *d->three);

    if (d == NULL)
        return error_no_memory();
    d->window = (int32_t)size;
    d->three = (uint16_t *)(d + 1);
    d->four = d->three + size;
    d->number = d->four + size;
    deflate_block_init(&d->block);
    return d;
}

void deflater_free(struct deflater *d)
{
    free(d);
}

/* ------------------------------------------------------------------------------------------------
 * Chains
 */

static uint32_t load_32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* zlib's own, so that the same places share a chain. */
static uint32_t hash_three(const uint8_t *p)
{
    return ((uint32_t)p[0] << 12 ^ (uint32_t)p[1] << 6 ^ p[2]) & ((1u << THREE_BITS) - 1);
}

static uint32_t hash_four(const uint8_t *p)
{
    return load_32(p) * UINT32_C(0x9e3779b1) >> (32 - FOUR_BITS);
}

/* Puts a place into its chains; returns the one before it in that of three bytes. */
static inline int32_t insert(struct deflater *d, int32_t place)
{
    int32_t mask = d->window - 1, ahead = d->count - place;
    const uint8_t *here = d->in + place;
    uint16_t *last, back;

    if (ahead < MIN_MATCH)
        return 0;
    last = &d->last_three[hash_three(here)];
    back = (uint16_t)(place - *last);
    *last = (uint16_t)place;
    d->three[place & mask] = back;
    d->number[place & mask] = (uint16_t)(d->number[(place - back) & mask] + 1);
    if (ahead > MIN_MATCH) {
        last = &d->last_four[hash_four(here)];
        d->four[place & mask] = (uint16_t)(place - *last);
        *last = (uint16_t)place;
    }
    return place - back;
}

static void make_no_older(uint16_t *places, size_t count, int32_t place)
{
    for (size_t i = 0; i < count; i++)
        if ((uint16_t)(place - places[i]) > OLDEST)
            places[i] = (uint16_t)(place - OLDEST);
}

static void forget_old(struct deflater *d, int32_t place)
{
    make_no_older(d->last_three, 1 << THREE_BITS, place);
    make_no_older(d->last_four, 1 << FOUR_BITS, place);
    d->forget_at = place + OLDEST / 4 * 3;
}

/* ------------------------------------------------------------------------------------------------
 * Matches
 */

static int32_t reach(const struct deflater *d)
{
    return d->window - AHEAD;
}

/* How many bytes, at most limit, are the same. */
static int32_t common_length(const uint8_t *a, const uint8_t *b, int32_t limit)
{
    int32_t n = 0;

    for (; n + 8 <= limit; n += 8) {
        uint64_t x, y;

        memcpy(&x, a + n, sizeof x);
        memcpy(&y, b + n, sizeof y);
        if (x != y)
            return n + __builtin_ctzll(le64toh(x ^ y)) / 8;
    }
    while (n < limit && a[n] == b[n])
        n++;
    return n;
}

/* The places that may be looked at lie behind this one.  The first of a chain may be a byte farther. */
static int32_t limit_of(const struct deflater *d, int32_t place, int32_t first)
{
    int32_t limit = place - reach(d);

    if (limit < d->base)
        limit = d->base;
    return first > limit ? limit : first - 1;
}

/* A match of four bytes or more that is longer than m. */
static void find_long(const struct deflater *d, int32_t place, int32_t first, int32_t steps,
                      struct match *m)
{
    const uint8_t *in = d->in, *here = in + place;
    int32_t mask = d->window - 1, ahead = d->count - place, limit = limit_of(d, place, first);
    int32_t most = ahead < MAX_MATCH ? ahead : MAX_MATCH, nice = ahead < NICE ? ahead : NICE;
    int32_t length = m->length < MIN_MATCH ? MIN_MATCH : m->length, looked_at = 0;
    uint32_t begin, end;

    if (ahead <= length)
        return;
    begin = load_32(here);
    end = load_32(here + length - 3);
    for (int32_t at = place - d->four[place & mask]; at > limit; at -= d->four[at & mask]) {
        int32_t found;

        if (load_32(in + at + length - 3) != end && ++looked_at < steps)
            continue;
        if (load_32(in + at) != begin)
            continue;
        if ((uint16_t)(d->number[place & mask] - d->number[at & mask]) > steps)
            return;
        found = 4 + common_length(here + 4, in + at + 4, most - 4);
        if (found <= length)
            continue;
        length = found;
        *m = (struct match){ length, at };
        if (length >= nice)
            return;
        end = load_32(here + length - 3);
    }
}

static void find_three(const struct deflater *d, int32_t place, int32_t first, int32_t steps,
                       struct match *m)
{
    int32_t mask = d->window - 1, limit = limit_of(d, place, first);

    for (int32_t at = first; at > limit && steps > 0; at -= d->three[at & mask], steps--) {
        if (memcmp(d->in + at, d->in + place, MIN_MATCH) == 0) {
            if (place - at <= TOO_FAR)
                *m = (struct match){ MIN_MATCH, at };
            return;
        }
    }
}

/* The match at a place, if it is longer than the one at the place before.  first: of the chain. */
static struct match find_match(const struct deflater *d, int32_t place, int32_t first,
                               int32_t before)
{
    struct match m = { before, 0 };
    int32_t steps = before >= GOOD ? SEARCH_LESS : SEARCH;

    if (first > d->base && before < LAZY && place - first <= reach(d)) {
        find_long(d, place, first, steps, &m);
        if (m.length < MIN_MATCH)
            find_three(d, place, first, steps, &m);
    }
    if (m.length == before)
        m.length = NO_MATCH;
    return m;
}

/* ------------------------------------------------------------------------------------------------
 * Streams
 */

static bool end_block(struct deflater *d, int32_t place, bool last)
{
    const uint8_t *raw = d->block_start >= d->base ? d->in + d->block_start : NULL;
    int32_t count = place - d->block_start;

    d->block_start = place;
    return deflate_block_write(&d->block, &d->writer, raw, (size_t)count, last);
}

/* zlib would fill its buffer up here. */
static void move_base(struct deflater *d, int32_t place)
{
    int32_t buffered = d->base + 2 * d->window < d->count ? d->base + 2 * d->window : d->count;

    if (buffered - place < AHEAD && place - d->base >= d->window + reach(d))
        d->base += d->window;
}

static bool make_blocks(struct deflater *d)
{
    struct match match = { NO_MATCH, 0 };
    bool held_back = false; /* the byte before: a match may begin there, or at this place */
    int32_t place = 0;

    while (place < d->count) {
        struct match before = match;
        bool full = false;

        move_base(d, place);
        if (place >= d->forget_at)
            forget_old(d, place);
        match = find_match(d, place, insert(d, place), before.length);
        if (before.length >= MIN_MATCH && match.length <= before.length) {
            int32_t end = place - 1 + before.length;

            full = deflate_block_match(&d->block, (uint32_t)before.length,
                                       (uint32_t)(place - 1 - before.start));
            while (++place < end)
                insert(d, place);
            held_back = false;
            match.length = NO_MATCH;
            if (full && !end_block(d, place, false))
                return false;
            continue;
        }
        if (held_back)
            full = deflate_block_literal(&d->block, d->in[place - 1]);
        if (full && !end_block(d, place, false))
            return false;
        held_back = true;
        place++;
    }
    if (held_back)
        deflate_block_literal(&d->block, d->in[place - 1]);
    return end_block(d, place, true);
}

size_t deflater_run(struct deflater *d, const void *in, size_t count, void *out, size_t room)
{
    uint8_t *start = out;

    d->in = in;
    d->count = (int32_t)count;
    d->base = d->block_start = 0;
    d->forget_at = count > UINT16_MAX + 1 ? OLDEST : INT32_MAX;
    d->writer = (struct bit_writer){ start, start + room, 0, 0 };
    deflate_block_clear(&d->block);
    memset(d->last_three, 0, sizeof d->last_three);
    memset(d->last_four, 0, sizeof d->last_four);
    d->number[0] = 0;
    if (!make_blocks(d) || !bit_writer_finish(&d->writer))
        return 0;
    return (size_t)(d->writer.at - start);
}
