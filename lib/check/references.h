/* SPDX-License-Identifier: BSD-3-Clause */
/* references.h - how often each host cluster is referenced
 *
 *     pages:    | all=0 | all=1 | counts --+ | all=0 | ...      one slot per 1024 clusters
 *                                          |
 *                               1 1 2 1 0 * 1 ...             one byte per cluster
 *                                         |
 *                               large: cluster -> count        for counts of 255 and more
 *
 * A page whose clusters all have the same count is only that count, so that neither a long file of
 * holes nor a long table takes memory; a page of its own comes with the first cluster that differs.
 * What is counted in memory is then bounded by the entries that were really read from the file.
 *
 * Counts stop at max, the largest value that a refcount of the image can hold.
 */

#ifndef QCOW2_CHECK_REFERENCES_H
#define QCOW2_CHECK_REFERENCES_H

#include <stdbool.h>

#include "check/lookup.h"

#define REFERENCES_PAGE_BITS 10u
#define REFERENCES_PAGE (UINT64_C(1) << REFERENCES_PAGE_BITS)
#define REFERENCES_LARGE 255u

struct references_page {
    uint8_t *counts; /* NULL: every cluster has count all */
    uint64_t all;
};

struct references {
    struct references_page *pages;
    uint64_t clusters;
    uint64_t max;
    struct lookup large;
};

int references_init(struct references *r, uint64_t clusters, uint64_t max);
void references_destroy(struct references *r);

static inline uint64_t references_get(const struct references *r, uint64_t cluster)
{
    const struct references_page *page = &r->pages[cluster >> REFERENCES_PAGE_BITS];
    uint8_t count;

    if (page->counts == NULL)
        return page->all;
    count = page->counts[cluster & (REFERENCES_PAGE - 1)];
    return count < REFERENCES_LARGE ? count : *lookup_find(&r->large, cluster);
}

/* Make room for more clusters, without references. */
int references_grow(struct references *r, uint64_t clusters);

/* The first cluster at or behind cluster with a reference; end if there is none before it. */
uint64_t references_next(const struct references *r, uint64_t cluster, uint64_t end);

/* Add n references to a cluster; *lost is how many of them max left no room for. */
int references_add(struct references *r, uint64_t cluster, uint64_t n, uint64_t *lost);

/* Add n references to each cluster of the page that starts at cluster.  False: this page is not
 * uniform, not whole or would pass max, and each of its clusters must be added by itself. */
bool references_add_page(struct references *r, uint64_t cluster, uint64_t n);

#endif
