/* SPDX-License-Identifier: BSD-3-Clause */
/* repair.c - changing the image under check: writing, and the marks in the header */

#include "check/repair.h"

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static int write_features(struct checking *c, uint32_t at, uint64_t features)
{
    uint8_t bytes[8];

    store_be64(bytes, features);
    if (store_pwrite(c->source.store, bytes, sizeof bytes, at) == -1)
        return -1;
    return store_flush(c->source.store);
}

/* Who does not know a feature must not let it seem up to date. */
static int begin(struct checking *c)
{
    struct header *h = c->repair->header;

    c->repair->begun = true;
    if (!(h->autoclear_features & ~AUTOCLEAR_KNOWN))
        return 0;
    h->autoclear_features &= AUTOCLEAR_KNOWN;
    return write_features(c, HEADER_AUTOCLEAR_AT, h->autoclear_features);
}

int repair_write(struct checking *c, const void *buf, size_t count, uint64_t offset)
{
    if (!c->repair->begun && begin(c) == -1)
        return -1;
    return store_pwrite(c->source.store, buf, count, offset);
}

int repair_barrier(struct checking *c)
{
    return c->repair->begun ? store_flush(c->source.store) : 0;
}

int repair_header(struct checking *c, uint32_t at, const void *bytes, size_t count)
{
    if (repair_barrier(c) == -1 || repair_write(c, bytes, count, at) == -1)
        return -1;
    return repair_barrier(c);
}

/* ------------------------------------------------------------------------------------------------
 * Marks
 */

/* The image is dirty while a refcount may be wrong, and corrupt while anything is. */
int repair_marks(struct checking *c)
{
    struct header *h = c->repair->header;
    uint64_t features = h->incompatible_features;
    uint8_t bytes[8];

    if (c->result->check_errors == 0 && !c->inexact)
        features &= ~INCOMPATIBLE_DIRTY;
    if (c->result->check_errors == 0 && c->result->corruptions == 0)
        features &= ~INCOMPATIBLE_CORRUPT;
    if (features == h->incompatible_features)
        return repair_barrier(c);
    store_be64(bytes, features);
    if (repair_header(c, HEADER_INCOMPATIBLE_AT, bytes, sizeof bytes) == -1)
        return -1;
    h->incompatible_features = features;
    return 0;
}
