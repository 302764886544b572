/* SPDX-License-Identifier: BSD-3-Clause */
/* deflate_block.h - a block of a deflate stream: its symbols, and the codes they are written in */

#ifndef QCOW2_GUEST_DEFLATE_BLOCK_H
#define QCOW2_GUEST_DEFLATE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIN_MATCH 3
#define MAX_MATCH 258

#define NB_LITERALS 286 /* bytes, the end of the block, and lengths */
#define NB_DISTANCES 30
#define END_OF_BLOCK 256

/* After so many a block ends. */
#define BLOCK_SYMBOLS 32767u

/* The stream as it grows, the first bit of a byte being its lowest. */
struct bit_writer {
    uint8_t *at, *end;
    uint64_t bits; /* not yet in the stream */
    unsigned count;
};

struct deflate_block {
    uint32_t symbols[BLOCK_SYMBOLS]; /* a byte, or length - MIN_MATCH | distance << 8 */
    uint32_t nb_symbols;
    uint32_t literals[NB_LITERALS]; /* how often each occurs */
    uint32_t distances[NB_DISTANCES];
    uint8_t length_codes[MAX_MATCH - MIN_MATCH + 1]; /* by length - MIN_MATCH */
    uint8_t distance_codes[512]; /* by distance - 1 below 256, then by 256 + (distance - 1) / 128 */
};

void deflate_block_init(struct deflate_block *block);
void deflate_block_clear(struct deflate_block *block);

/* Write the block and empty it: in the shortest of the three ways, or stored, if raw, its count bytes, is
 * not NULL, and as long as that is not longer.  False: there is no room for it. */
bool deflate_block_write(struct deflate_block *block, struct bit_writer *writer, const uint8_t *raw,
                         size_t count, bool last);

/* Write what is left of the last byte. */
bool bit_writer_finish(struct bit_writer *writer);

static inline unsigned deflate_distance_code(const struct deflate_block *block, uint32_t distance)
{
    uint32_t d = distance - 1;

    return block->distance_codes[d < 256 ? d : 256 + (d >> 7)];
}

/* Both return whether the block is full. */
static inline bool deflate_block_literal(struct deflate_block *block, uint8_t byte)
{
    block->symbols[block->nb_symbols++] = byte;
    block->literals[byte]++;
    return block->nb_symbols == BLOCK_SYMBOLS;
}

static inline bool deflate_block_match(struct deflate_block *block, uint32_t length,
                                       uint32_t distance)
{
    block->symbols[block->nb_symbols++] = (length - MIN_MATCH) | distance << 8;
    block->literals[END_OF_BLOCK + 1 + block->length_codes[length - MIN_MATCH]]++;
    block->distances[deflate_distance_code(block, distance)]++;
    return block->nb_symbols == BLOCK_SYMBOLS;
}

#endif
