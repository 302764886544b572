/* SPDX-License-Identifier: BSD-3-Clause */
/* deflate_block.c - a block of a deflate stream: its symbols, and the codes they are written in
 *
 * RFC 1951 says how a block is read.  It leaves open which code lengths a writer chooses: Huffman's
 * algorithm has ties, and where a code gets longer than allowed there are several ways out.  Both are
 * decided here as zlib decides them:
 *
 *   ties       of two nodes of the same weight the shallower goes first; of two that are also equally
 *              deep the one that the heap has on top
 *   too long   the longest code that is shorter than the limit becomes one longer, twice as many fit
 *              behind it; then the lengths are dealt out again, the rarest symbol getting the longest
 *
 * so that a stream is, bit for bit, the one that zlib makes.
 */

#include "guest/deflate_block.h"

#include <string.h>

#include "base/bits.h"

#define MAX_BITS 15       /* of a code for literals or distances */
#define MAX_LENGTH_BITS 7 /* of a code for code lengths */
#define NB_LENGTHS 19     /* symbols in which code lengths are written */
#define FIRST_LENGTH_CODE (END_OF_BLOCK + 1)
#define NB_FIXED_LITERALS 288
#define MAX_SYMBOLS NB_FIXED_LITERALS
#define MAX_NODES (2 * MAX_SYMBOLS + 1)

enum { STORED, FIXED, DYNAMIC }; /* kinds of blocks */

/* How code lengths are written: as they are, or a repetition. */
enum { REPEAT_LAST = 16, REPEAT_ZERO = 17, REPEAT_ZERO_LONG = 18 };

static const uint8_t length_order[NB_LENGTHS] = { 16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                  11, 4,  12, 3, 13, 2, 14, 1, 15 };
static const uint8_t length_extra[NB_LITERALS - FIRST_LENGTH_CODE] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
                                                                       1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
                                                                       4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const uint8_t distance_extra[NB_DISTANCES] = { 0, 0, 0,  0,  1,  1,  2,  2,  3,  3,
                                                      4, 4, 5,  5,  6,  6,  7,  7,  8,  8,
                                                      9, 9, 10, 10, 11, 11, 12, 12, 13, 13 };
static const uint8_t repeat_extra[NB_LENGTHS] = {
    [REPEAT_LAST] = 2, [REPEAT_ZERO] = 3, [REPEAT_ZERO_LONG] = 7
};

/* A prefix code. */
struct code {
    uint16_t words[MAX_SYMBOLS]; /* the first bit is the lowest */
    uint8_t lengths[MAX_SYMBOLS];
    unsigned used; /* symbols beyond this do not occur */
};

/* ------------------------------------------------------------------------------------------------
 * Bits
 */

/* At most 32; that there is room is known beforehand. */
static inline void put(struct bit_writer *w, uint32_t value, unsigned count)
{
    w->bits |= (uint64_t)value << w->count;
    w->count += count;
    if (w->count >= 32) {
        uint32_t low = htole32((uint32_t)w->bits);

        memcpy(w->at, &low, sizeof low);
        w->at += sizeof low;
        w->bits >>= 32;
        w->count -= 32;
    }
}

/* Whole bytes go to the stream, the last of them filled up. */
static void put_to_byte(struct bit_writer *w)
{
    for (; w->count > 0; w->count -= w->count < 8 ? w->count : 8) {
        *w->at++ = (uint8_t)w->bits;
        w->bits >>= 8;
    }
}

static bool has_room(const struct bit_writer *w, uint64_t bits)
{
    return (w->count + bits + 7) / 8 <= (uint64_t)(w->end - w->at);
}

bool bit_writer_finish(struct bit_writer *w)
{
    if (!has_room(w, 0))
        return false;
    put_to_byte(w);
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Codes
 */

/* Symbols and the nodes above them, the lightest on top. */
struct forest {
    uint32_t weight[MAX_NODES];
    uint8_t depth[MAX_NODES];
    uint16_t parent[MAX_NODES];
    uint16_t heap[MAX_SYMBOLS + 1]; /* from 1 on */
    unsigned nb_heap;
    uint16_t order[MAX_NODES]; /* nodes in the order in which they were joined */
    unsigned nb_order;
};

static bool goes_first(const struct forest *f, unsigned a, unsigned b)
{
    return f->weight[a] < f->weight[b] ||
           (f->weight[a] == f->weight[b] && f->depth[a] <= f->depth[b]);
}

static void sift_down(struct forest *f, unsigned at)
{
    uint16_t node = f->heap[at];

    for (unsigned below = 2 * at; below <= f->nb_heap; below = 2 * at) {
        if (below < f->nb_heap && goes_first(f, f->heap[below + 1], f->heap[below]))
            below++;
        if (goes_first(f, node, f->heap[below]))
            break;
        f->heap[at] = f->heap[below];
        at = below;
    }
    f->heap[at] = node;
}

/* A code of fewer than two words is none: symbols that do not occur help out. */
static void plant(struct forest *f, const uint32_t *counts, unsigned nb_symbols, struct code *code)
{
    f->nb_heap = f->nb_order = 0;
    code->used = 0;
    for (unsigned i = 0; i < nb_symbols; i++) {
        f->weight[i] = counts[i];
        f->depth[i] = 0;
        if (counts[i] > 0) {
            f->heap[++f->nb_heap] = (uint16_t)i;
            code->used = i + 1;
        }
    }
    while (f->nb_heap < 2) {
        unsigned i = code->used < 3 ? code->used++ : 0;

        f->heap[++f->nb_heap] = (uint16_t)i;
        f->weight[i] = 1;
    }
    for (unsigned i = f->nb_heap / 2; i >= 1; i--)
        sift_down(f, i);
}

/* Returns the root. */
static unsigned grow(struct forest *f, unsigned nb_symbols)
{
    unsigned node = nb_symbols;

    while (f->nb_heap >= 2) {
        uint16_t first = f->heap[1], second;

        f->heap[1] = f->heap[f->nb_heap--];
        sift_down(f, 1);
        second = f->heap[1];
        f->order[f->nb_order++] = first;
        f->order[f->nb_order++] = second;
        f->weight[node] = f->weight[first] + f->weight[second];
        f->depth[node] = (uint8_t)(max_u64(f->depth[first], f->depth[second]) + 1);
        f->parent[first] = f->parent[second] = (uint16_t)node;
        f->heap[1] = (uint16_t)node++;
        sift_down(f, 1);
    }
    return f->heap[1];
}

/* Make room for the words that were cut to the limit. */
static void shorten(uint16_t *of_length, unsigned limit, int too_long)
{
    for (; too_long > 0; too_long -= 2) {
        unsigned bits = limit - 1;

        while (of_length[bits] == 0)
            bits--;
        of_length[bits]--;
        of_length[bits + 1] = (uint16_t)(of_length[bits + 1] + 2);
        of_length[limit]--;
    }
}

/* Deal the lengths out to the symbols, the longest first, in the order in which these were joined. */
static void deal_out(const struct forest *f, const uint16_t *of_length, unsigned limit,
                     unsigned nb_symbols, struct code *code)
{
    unsigned next = 0;

    for (unsigned bits = limit; bits > 0; bits--)
        for (unsigned n = of_length[bits]; n > 0; next++)
            if (f->order[next] < nb_symbols) {
                code->lengths[f->order[next]] = (uint8_t)bits;
                n--;
            }
}

static void find_lengths(const struct forest *f, unsigned root, unsigned nb_symbols, unsigned limit,
                         uint16_t *of_length, struct code *code)
{
    uint8_t length[MAX_NODES];
    int too_long = 0;

    length[root] = 0;
    for (unsigned i = f->nb_order; i-- > 0;) {
        unsigned node = f->order[i], bits = length[f->parent[node]] + 1u;

        if (bits > limit) {
            bits = limit;
            too_long++;
        }
        length[node] = (uint8_t)bits;
        if (node < nb_symbols) {
            code->lengths[node] = (uint8_t)bits;
            of_length[bits]++;
        }
    }
    if (too_long > 0) {
        shorten(of_length, limit, too_long);
        deal_out(f, of_length, limit, nb_symbols, code);
    }
}

static uint16_t reversed(unsigned word, unsigned length)
{
    unsigned result = 0;

    for (; length > 0; length--) {
        result = result << 1 | (word & 1);
        word >>= 1;
    }
    return (uint16_t)result;
}

static void find_words(struct code *code, const uint16_t *of_length, unsigned nb_symbols)
{
    unsigned next[MAX_BITS + 1] = { 0 };

    for (unsigned bits = 1; bits < MAX_BITS; bits++)
        next[bits + 1] = (next[bits] + of_length[bits]) << 1;
    for (unsigned i = 0; i < nb_symbols; i++)
        if (code->lengths[i] > 0)
            code->words[i] = reversed(next[code->lengths[i]]++, code->lengths[i]);
}

static void make_code(struct code *code, const uint32_t *counts, unsigned nb_symbols,
                      unsigned limit)
{
    struct forest forest;
    uint16_t of_length[MAX_BITS + 1] = { 0 };

    memset(code->lengths, 0, sizeof code->lengths);
    plant(&forest, counts, nb_symbols, code);
    find_lengths(&forest, grow(&forest, nb_symbols), nb_symbols, limit, of_length, code);
    find_words(code, of_length, nb_symbols);
}

/* The codes of a block that does not bring its own. */
static void make_fixed(struct code *literals, struct code *distances)
{
    uint16_t of_literals[MAX_BITS + 1] = { [7] = 24, [8] = 152, [9] = 112 };
    uint16_t of_distances[MAX_BITS + 1] = { [5] = NB_DISTANCES };

    for (unsigned i = 0; i < NB_FIXED_LITERALS; i++)
        literals->lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    memset(distances->lengths, 5, NB_DISTANCES);
    find_words(literals, of_literals, NB_FIXED_LITERALS);
    find_words(distances, of_distances, NB_DISTANCES);
}

/* ------------------------------------------------------------------------------------------------
 * The code lengths themselves
 */

/* Both codes' lengths one after the other, repetitions within each written as such. */
struct lengths {
    uint8_t symbols[NB_LITERALS + NB_DISTANCES];
    uint8_t extra[NB_LITERALS + NB_DISTANCES];
    unsigned nb_symbols;
    uint32_t counts[NB_LENGTHS];
    struct code code;
    unsigned nb_codes; /* how many lengths of the code for lengths are written */
};

static void add_length(struct lengths *l, unsigned symbol, unsigned extra)
{
    l->symbols[l->nb_symbols] = (uint8_t)symbol;
    l->extra[l->nb_symbols++] = (uint8_t)extra;
    l->counts[symbol]++;
}

/* What is the same count times in a row; repeated: it follows the same length. */
static void add_run(struct lengths *l, unsigned length, unsigned count, bool repeated)
{
    if (length == 0 && count >= 3) {
        add_length(l, count > 10 ? REPEAT_ZERO_LONG : REPEAT_ZERO, count - (count > 10 ? 11 : 3));
        return;
    }
    if (!repeated && count > 0) {
        add_length(l, length, 0);
        count--;
    }
    if (length > 0 && count >= 3) {
        add_length(l, REPEAT_LAST, count - 3);
        return;
    }
    for (; count > 0; count--)
        add_length(l, length, 0);
}

/* The longest run that one symbol can end. */
static unsigned longest_run(unsigned length, bool repeated)
{
    return length == 0 ? 138 : repeated ? 6 : 7;
}

static void add_lengths(struct lengths *l, const struct code *code)
{
    unsigned next;
    int last = -1;

    for (unsigned i = 0; i < code->used; i = next) {
        unsigned length = code->lengths[i];
        bool repeated = (int)length == last;

        for (next = i + 1; next < code->used && code->lengths[next] == length &&
                           next - i < longest_run(length, repeated);
             next++)
            continue;
        add_run(l, length, next - i, repeated);
        last = (int)length;
    }
}

static void make_lengths(struct lengths *l, const struct code *literals,
                         const struct code *distances)
{
    l->nb_symbols = 0;
    memset(l->counts, 0, sizeof l->counts);
    add_lengths(l, literals);
    add_lengths(l, distances);
    make_code(&l->code, l->counts, NB_LENGTHS, MAX_LENGTH_BITS);
    l->nb_codes = NB_LENGTHS;
    while (l->nb_codes > 4 && l->code.lengths[length_order[l->nb_codes - 1]] == 0)
        l->nb_codes--;
}

static void put_lengths(struct bit_writer *w, const struct lengths *l, unsigned nb_literals,
                        unsigned nb_distances)
{
    put(w, nb_literals - FIRST_LENGTH_CODE, 5);
    put(w, nb_distances - 1, 5);
    put(w, l->nb_codes - 4, 4);
    for (unsigned i = 0; i < l->nb_codes; i++)
        put(w, l->code.lengths[length_order[i]], 3);
    for (unsigned i = 0; i < l->nb_symbols; i++) {
        put(w, l->code.words[l->symbols[i]], l->code.lengths[l->symbols[i]]);
        put(w, l->extra[i], repeat_extra[l->symbols[i]]);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Blocks
 */

void deflate_block_init(struct deflate_block *b)
{
    unsigned length = 0, distance = 0;

    for (unsigned code = 0; code < NB_LITERALS - FIRST_LENGTH_CODE - 1; code++)
        for (unsigned n = 0; n < 1u << length_extra[code]; n++)
            b->length_codes[length++] = (uint8_t)code;
    b->length_codes[MAX_MATCH - MIN_MATCH] = NB_LITERALS - FIRST_LENGTH_CODE - 1;

    for (unsigned code = 0; code < NB_DISTANCES; code++)
        for (unsigned n = 0; n < 1u << distance_extra[code]; n++, distance++)
            b->distance_codes[distance < 256 ? distance : 256 + (distance >> 7)] = (uint8_t)code;
    deflate_block_clear(b);
}

void deflate_block_clear(struct deflate_block *b)
{
    b->nb_symbols = 0;
    memset(b->literals, 0, sizeof b->literals);
    memset(b->distances, 0, sizeof b->distances);
    b->literals[END_OF_BLOCK] = 1;
}

/* The bits that the block's symbols take. */
static uint64_t symbol_bits(const struct deflate_block *b, const struct code *literals,
                            const struct code *distances)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < NB_LITERALS; i++)
        bits += (uint64_t)b->literals[i] *
                (literals->lengths[i] +
                 (i >= FIRST_LENGTH_CODE ? length_extra[i - FIRST_LENGTH_CODE] : 0u));
    for (unsigned i = 0; i < NB_DISTANCES; i++)
        bits += (uint64_t)b->distances[i] * (distances->lengths[i] + distance_extra[i]);
    return bits;
}

static uint64_t length_bits(const struct lengths *l)
{
    uint64_t bits = 5 + 5 + 4 + 3 * l->nb_codes;

    for (unsigned i = 0; i < NB_LENGTHS; i++)
        bits += (uint64_t)l->counts[i] * (l->code.lengths[i] + repeat_extra[i]);
    return bits;
}

/* What a code stands for begins at a multiple of how much that is, so the extra bits are the low ones. */
static void put_symbols(struct bit_writer *w, const struct deflate_block *b,
                        const struct code *literals, const struct code *distances)
{
    for (uint32_t i = 0; i < b->nb_symbols; i++) {
        uint32_t symbol = b->symbols[i], distance = symbol >> 8, code, extra;

        symbol &= 0xff;
        if (distance == 0) {
            put(w, literals->words[symbol], literals->lengths[symbol]);
            continue;
        }
        code = FIRST_LENGTH_CODE + b->length_codes[symbol];
        extra = length_extra[code - FIRST_LENGTH_CODE];
        put(w, literals->words[code] | (symbol & ((1u << extra) - 1)) << literals->lengths[code],
            literals->lengths[code] + extra);
        code = deflate_distance_code(b, distance);
        extra = distance_extra[code];
        put(w,
            distances->words[code] | ((distance - 1) & ((1u << extra) - 1))
                                         << distances->lengths[code],
            distances->lengths[code] + extra);
    }
    put(w, literals->words[END_OF_BLOCK], literals->lengths[END_OF_BLOCK]);
}

static void put_stored(struct bit_writer *w, const uint8_t *raw, size_t count)
{
    put_to_byte(w);
    put(w, (uint32_t)count | (uint32_t)(~count & 0xffff) << 16, 32);
    memcpy(w->at, raw, count);
    w->at += count;
}

static size_t to_bytes(uint64_t bits)
{
    return (bits + 3 + 7) / 8;
}

bool deflate_block_write(struct deflate_block *b, struct bit_writer *w, const uint8_t *raw,
                         size_t count, bool last)
{
    struct code literals, distances, fixed_literals, fixed_distances;
    struct lengths lengths;
    uint64_t dynamic, fixed;
    bool stored;

    make_fixed(&fixed_literals, &fixed_distances);
    make_code(&literals, b->literals, NB_LITERALS, MAX_BITS);
    make_code(&distances, b->distances, NB_DISTANCES, MAX_BITS);
    make_lengths(&lengths, &literals, &distances);
    dynamic = length_bits(&lengths) + symbol_bits(b, &literals, &distances);
    fixed = symbol_bits(b, &fixed_literals, &fixed_distances);
    stored = raw && count + 4 <= min_u64(to_bytes(dynamic), to_bytes(fixed));

    /* a stored block goes on at the next byte */
    if (!has_room(w, stored ? round_up(w->count + 3, 8) - w->count + 32 + 8 * (uint64_t)count
                            : 3 + min_u64(dynamic, fixed)))
        return false;
    if (stored) {
        put(w, STORED << 1 | last, 3);
        put_stored(w, raw, count);
    } else if (to_bytes(fixed) <= to_bytes(dynamic)) {
        put(w, FIXED << 1 | last, 3);
        put_symbols(w, b, &fixed_literals, &fixed_distances);
    } else {
        put(w, DYNAMIC << 1 | last, 3);
        put_lengths(w, &lengths, literals.used, distances.used);
        put_symbols(w, b, &literals, &distances);
    }
    deflate_block_clear(b);
    return true;
}
