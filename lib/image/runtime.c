/* SPDX-License-Identifier: BSD-3-Clause */
/* runtime.c - how an image behaves while it is open: overlap checks, discards, caches */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "base/bits.h"
#include "image/image.h"
#include "table/quarantine.h"

static int refuse(const char *why)
{
    return error_set(EINVAL, "%s", why);
}

/* ------------------------------------------------------------------------------------------------
 * Overlap checks
 */

static int set_overlap_checks(struct tables *t, const struct runtime_options *r)
{
    const struct overlap_template *chosen =
        r->overlap_check ? r->overlap_check : r->overlap_template;
    uint32_t classes = chosen ? chosen->classes : METADATA_CACHED;

    if (r->overlap_check && r->overlap_template && r->overlap_check != r->overlap_template)
        return error_set(EINVAL,
                         "Conflicting values for qcow2 options 'overlap-check' ('%s') and "
                         "'overlap-check.template' ('%s')",
                         r->overlap_check->name, r->overlap_template->name);
    t->overlap_checks = (classes & ~r->overlap_named) | r->overlap_on;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Discards
 */

static void set_discard(struct tables *t, const struct runtime_options *r, bool discard)
{
    const uint32_t standard = FREED_BY_REQUEST | FREED_BY_SNAPSHOT;

    t->discard = FREED_BY_SHRINKING;
    if (discard)
        t->discard |= (standard & ~r->discard_named) | r->discard_on;
    t->discard_keeps = r->discard_keeps;
}

/* ------------------------------------------------------------------------------------------------
 * Caches
 */

/* Shares of one size for both: L2 tables come first, up to what maps the whole disk. */
static int share_cache(const struct tables *t, const struct runtime_options *r, uint64_t *l2,
                       uint64_t *refcount)
{
    uint64_t total = r->cache_size, least = 4 * t->geometry.cluster_size;
    uint64_t most = (t->header.size >> t->geometry.cluster_bits) * t->geometry.l2_entry_size +
                    t->geometry.cluster_size;

    if (r->l2_cache_size && r->refcount_cache_size)
        return refuse(
            "cache-size, l2-cache-size and refcount-cache-size may not be set at the same "
            "time");
    if (r->l2_cache_size > total)
        return refuse("l2-cache-size may not exceed cache-size");
    if (r->refcount_cache_size > total)
        return refuse("refcount-cache-size may not exceed cache-size");
    if (r->refcount_cache_size)
        *l2 = max_u64(total - r->refcount_cache_size, 1);
    else if (r->l2_cache_size)
        *refcount = max_u64(total - r->l2_cache_size, 1);
    else if (total >= most && total - most >= least) {
        *l2 = most;
        *refcount = total - most;
    } else {
        *refcount = max_u64(min_u64(total, least), 1);
        *l2 = max_u64(total - *refcount, 1);
    }
    return 0;
}

static int set_caches(struct tables *t, const struct runtime_options *r)
{
    uint64_t l2 = r->l2_cache_size, refcount = r->refcount_cache_size;
    uint64_t slice = r->l2_cache_entry_size, size = t->geometry.cluster_size;

    if (r->cache_size && share_cache(t, r, &l2, &refcount) == -1)
        return -1;
    if (slice && (slice < 512 || slice > size || slice & (slice - 1)))
        return error_set(EINVAL,
                         "L2 cache entry size must be a power of two between 512 and the cluster "
                         "size (%" PRIu64 ")",
                         size);
    if (r->clean_interval_named && r->clean_interval > UINT_MAX)
        return refuse("Cache clean interval too big");
    return tables_set_caches(t, l2, refcount, slice,
                             r->clean_interval_named ? r->clean_interval : CACHE_CLEAN_INTERVAL);
}

int image_set_runtime(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    const struct runtime_options *r = &options->runtime;
    struct tables *t = &image->tables;

    if (r->lazy_refcounts && t->header.version < 3)
        return refuse("Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility "
                      "level");
    if (r->discard_keeps && t->header.version < 3)
        return refuse("discard-no-unref is only supported since qcow2 version 3");
    if (set_overlap_checks(t, r) == -1 || set_caches(t, r) == -1)
        return -1;
    set_discard(t, r, image->flags & QCOW2_OPEN_DISCARD);
    if (r->lazy_refcounts_named)
        t->lazy_refcounts = r->lazy_refcounts;
    return 0;
}
