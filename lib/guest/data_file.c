/* SPDX-License-Identifier: BSD-3-Clause */
/* data_file.c - guest clusters in an external data file */

#include "guest/data_file.h"

#include <errno.h>

/* The file seldom changes its length: it is asked for only when what is known does not suffice. */
static int look_at_end(struct tables *t, uint64_t offset, bool *within)
{
    uint64_t length;

    *within = offset < atomic_load_explicit(&t->data_length, memory_order_relaxed);
    if (*within)
        return 0;
    if (store_size(t->data, &length) == -1)
        return -1;
    *within = offset < length;
    if (*within)
        atomic_store(&t->data_length, length);
    return 0;
}

int data_file_find_flaw(struct guest *g, uint64_t guest_offset, const struct l2_entry *entry,
                        const char **flaw)
{
    uint64_t cluster = geometry_cluster_start(&g->tables->geometry, guest_offset);
    bool within = true;

    *flaw = NULL;
    if (!tables_has_data_file(g->tables))
        return 0;
    if (entry->bitmap & L2_BITMAP_ALLOCATED && look_at_end(g->tables, cluster, &within) == -1)
        return -1;
    if (l2_entry_is_compressed(*entry))
        *flaw = "describes a compressed cluster, which no image with a data file has";
    else if (entry->placed && l2_entry_host_offset(*entry) != cluster)
        *flaw = "does not match the guest offset, as it must in a data file";
    else if (!within)
        *flaw = "points beyond the end of the data file";
    return 0;
}

int data_file_clear(struct guest *g, uint64_t start, uint64_t end, bool may_unmap)
{
    struct tables *t = g->tables;
    bool punch = may_unmap && t->discard & FREED_BY_REQUEST;
    uint64_t count = start < g->disk.size ? min_u64(end, g->disk.size) - start : 0;

    if (!tables_has_data_file(t) || count == 0)
        return 0;
    if (data_file_is_raw(t))
        return store_zero(t->data, count, start, punch);
    if (punch && t->data->ops->zero(t->data, count, start, true) == -1 && error_errno() != ENOTSUP)
        return -1;
    return 0;
}
