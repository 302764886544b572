/* SPDX-License-Identifier: BSD-3-Clause */
/* compare.c - the stored refcounts against the counts
 *
 * Where a leak is corrected to 0, the space of the cluster is given back to the host; but not when
 * the image has errors as well, because what a wrong entry no longer refers to may be wanted yet.
 */

#include <inttypes.h>

#include "check/checking.h"
#include "check/repair.h"

/* Clusters next to each other that have become free. */
struct freed {
    bool wanted; /* punch holes for them */
    uint64_t first;
    uint64_t count;
};

static int punch(struct checking *c, struct freed *freed)
{
    uint32_t bits = c->geometry->cluster_bits;
    uint64_t count = freed->count;

    freed->count = 0;
    if (count == 0 || !freed->wanted)
        return 0;
    return store_discard(c->source.store, count << bits, freed->first << bits);
}

static int add_freed(struct checking *c, struct freed *freed, uint64_t cluster)
{
    if (freed->count > 0 && freed->first + freed->count != cluster && punch(c, freed) == -1)
        return -1;
    if (freed->count == 0)
        freed->first = cluster;
    freed->count++;
    return 0;
}

/* Returns whether the stored refcount is to be corrected. */
static bool tell(struct checking *c, uint64_t cluster, uint64_t refcount, uint64_t reference,
                 uint32_t correct)
{
    bool leak = refcount > reference;
    bool repairing = refcount > 0 && correct & (leak ? CORRECT_LEAKS : CORRECT_ERRORS);
    qcow2_check_result *r = c->result;

    if (refcount == 0)
        c->rebuild = true; /* a count may have been 0 for more than this cluster */
    if (repairing)
        *(leak ? &r->leaks_fixed : &r->corruptions_fixed) += 1;
    else
        *(leak ? &r->leaks : &r->corruptions) += 1;
    if (refcount == 0 && !repairing)
        r->uncounted++;
    c->inexact |= !repairing;
    checking_say(c, "%s cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64,
                 repairing ? "Repairing"
                 : leak    ? "Leaked"
                           : "ERROR",
                 cluster, refcount, reference);
    return repairing;
}

static int compare_cluster(struct checking *c, uint64_t cluster, uint32_t correct,
                           struct freed *freed)
{
    uint64_t reference = references_get(&c->references, cluster), refcount;

    if (!stored_get(&c->stored, cluster, &refcount)) {
        checking_say(c, "Can't get refcount for cluster %" PRIu64 ": Input/output error", cluster);
        c->result->check_errors++;
        c->inexact = true;
        return 0;
    }
    if ((refcount | reference) != 0)
        c->result->image_end_offset = (cluster + 1) << c->geometry->cluster_bits;
    if (refcount == reference || !tell(c, cluster, refcount, reference, correct))
        return 0;
    stored_set(&c->stored, cluster, reference);
    return reference == 0 ? add_freed(c, freed, cluster) : 0;
}

static int write_block(void *opaque, const uint8_t *block, uint64_t count, uint64_t offset)
{
    return repair_write(opaque, block, count, offset);
}

int checking_compare_refcounts(struct checking *c, uint32_t correct)
{
    struct freed freed = { .wanted = c->repair && c->repair->punches };

    c->inexact = false;
    c->result->image_end_offset = c->geometry->cluster_size;
    for (uint64_t i = 0; i < c->clusters; i++)
        if (compare_cluster(c, i, correct, &freed) == -1)
            return -1;
    if (!correct)
        return 0;
    if (stored_write(&c->stored, write_block, c) == -1 || repair_barrier(c) == -1)
        return -1;
    return punch(c, &freed);
}
