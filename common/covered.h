/* SPDX-License-Identifier: BSD-3-Clause */
/* covered.h - the parts of a range that were given: are they all of it?
 *
 * An NBD server answers a read in parts, in any order, and may leave some out or give one twice.
 * Parts in order move a mark.  One that comes before its turn is noted in a bitmap, byte by byte,
 * which takes an eighth of the range's memory and is hardly ever needed.
 */

#ifndef QCOW_COMMON_COVERED_H
#define QCOW_COMMON_COVERED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct covered {
    uint64_t count; /* bytes of the range */
    uint64_t mark;  /* all before it were given */
    uint8_t *later; /* a bit for each byte that was given out of turn; NULL: none was */
};

static inline void covered_note(uint8_t *bits, uint64_t from, uint64_t end)
{
    for (; from < end && from % 8 != 0; from++)
        bits[from / 8] |= (uint8_t)(1u << from % 8);
    memset(bits + from / 8, 0xff, (end - from) / 8);
    for (from += (end - from) / 8 * 8; from < end; from++)
        bits[from / 8] |= (uint8_t)(1u << from % 8);
}

/* False: there is no memory to note it, or it does not lie in the range. */
static inline bool covered_add(struct covered *c, uint64_t offset, uint64_t length)
{
    if (offset > c->count || length > c->count - offset)
        return false;
    if (offset <= c->mark) {
        c->mark = offset + length > c->mark ? offset + length : c->mark;
        return true;
    }
    if (c->later == NULL)
        c->later = calloc(1, c->count / 8 + 1);
    if (c->later == NULL)
        return false;
    covered_note(c->later, offset, offset + length);
    return true;
}

static inline bool covered_all(const struct covered *c)
{
    uint64_t at = c->mark;

    while (c->later != NULL && at < c->count && c->later[at / 8] >> at % 8 & 1)
        at += at % 8 == 0 && c->later[at / 8] == 0xff ? 8 : 1;
    return at >= c->count;
}

#endif
