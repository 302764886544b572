/* SPDX-License-Identifier: BSD-3-Clause */
/* references.c - how often each host cluster is referenced */

#include "check/references.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"

int references_init(struct references *r, uint64_t clusters, uint64_t max)
{
    uint64_t pages = (clusters >> REFERENCES_PAGE_BITS) + 1;

    *r = (struct references){ .clusters = clusters, .max = max };
    r->pages = calloc(pages, sizeof r->pages[0]);
    return r->pages ? 0 : (error_no_memory(), -1);
}

void references_destroy(struct references *r)
{
    if (r->pages)
        for (uint64_t i = 0; i <= r->clusters >> REFERENCES_PAGE_BITS; i++)
            free(r->pages[i].counts);
    free(r->pages);
    lookup_destroy(&r->large);
    *r = (struct references){ 0 };
}

int references_grow(struct references *r, uint64_t clusters)
{
    uint64_t old_pages = (r->clusters >> REFERENCES_PAGE_BITS) + 1;
    uint64_t pages = (clusters >> REFERENCES_PAGE_BITS) + 1;
    uint64_t first = round_down(r->clusters, REFERENCES_PAGE), room = r->clusters - first;
    uint64_t wanted = min_u64(REFERENCES_PAGE, clusters - first);
    struct references_page *more = realloc(r->pages, pages * sizeof more[0]), *last;

    if (more == NULL)
        return error_no_memory(), -1;
    memset(more + old_pages, 0, (pages - old_pages) * sizeof more[0]);
    r->pages = more;
    last = &r->pages[old_pages - 1];
    if (last->counts) { /* it had as many counts as there were clusters */
        uint8_t *counts = realloc(last->counts, wanted);

        if (counts == NULL)
            return error_no_memory(), -1;
        memset(counts + room, 0, wanted - room);
        last->counts = counts;
    }
    r->clusters = clusters;
    return 0;
}

uint64_t references_next(const struct references *r, uint64_t cluster, uint64_t end)
{
    while (cluster < end && references_get(r, cluster) == 0) {
        bool empty = r->pages[cluster >> REFERENCES_PAGE_BITS].counts == NULL;

        cluster = empty ? round_down(cluster, REFERENCES_PAGE) + REFERENCES_PAGE : cluster + 1;
    }
    return min_u64(cluster, end);
}

static int set_large(struct references *r, uint64_t cluster, uint64_t count)
{
    uint64_t *value = lookup_insert(&r->large, cluster, count);

    if (value == NULL)
        return -1;
    *value = count;
    return 0;
}

/* Give a uniform page counts of its own: as many as the image has clusters there. */
static int split(struct references *r, struct references_page *page, uint64_t first)
{
    uint64_t clusters = min_u64(REFERENCES_PAGE, r->clusters - first);

    page->counts = malloc(clusters);
    if (page->counts == NULL)
        return error_no_memory(), -1;
    memset(page->counts, (int)min_u64(page->all, REFERENCES_LARGE), clusters);
    if (page->all >= REFERENCES_LARGE)
        for (uint64_t i = 0; i < clusters; i++)
            if (set_large(r, first + i, page->all) == -1)
                return -1;
    return 0;
}

int references_add(struct references *r, uint64_t cluster, uint64_t n, uint64_t *lost)
{
    struct references_page *page = &r->pages[cluster >> REFERENCES_PAGE_BITS];
    uint64_t before, count;
    uint8_t *small;

    if (page->counts == NULL && split(r, page, round_down(cluster, REFERENCES_PAGE)) == -1)
        return -1;
    before = references_get(r, cluster);
    count = n < r->max - before ? before + n : r->max;
    *lost = n - (count - before);
    small = &page->counts[cluster & (REFERENCES_PAGE - 1)];
    if (count < REFERENCES_LARGE) {
        *small = (uint8_t)count;
        return 0;
    }
    *small = REFERENCES_LARGE;
    return set_large(r, cluster, count);
}

bool references_add_page(struct references *r, uint64_t cluster, uint64_t n)
{
    struct references_page *page = &r->pages[cluster >> REFERENCES_PAGE_BITS];

    if (!is_aligned(cluster, REFERENCES_PAGE) || REFERENCES_PAGE > r->clusters - cluster ||
        page->counts != NULL || n > r->max - page->all)
        return false;
    page->all += n;
    return true;
}
