/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - compare the stored refcounts of an image with the references that its tables hold
 *
 * Where this differs from qemu-img 7.2 on purpose:
 *   - A finding in a table that several L1 tables share is told once; it counts as often as there.
 *   - A snapshot table or bitmap directory that does not decode is a check error, after which
 *     nothing is compared (qemu-img gives up, too, or does not open the image).
 *   - Of L2 tables that do not start at a cluster (512-byte places) only as many bytes are read as
 *     the file is long.
 *   - A table that cannot be read ends the check with the system's error.
 */

#include "check/check.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/checking.h"
#include "format/snapshot_table.h"

/* ------------------------------------------------------------------------------------------------
 * What all phases use
 */

static void tell(struct checking *c, const char *format, va_list args)
{
    char line[1536];

    if (c->message == NULL)
        return;
    vsnprintf(line, sizeof line, format, args);
    c->message(c->opaque, line);
}

void checking_say(struct checking *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(c, format, args);
    va_end(args);
}

void checking_corruption(struct checking *c, uint64_t weight, const char *format, ...)
{
    va_list args;

    c->result->corruptions += weight;
    va_start(args, format);
    tell(c, format, args);
    va_end(args);
}

void checking_give_up(struct checking *c, const char *format, ...)
{
    va_list args;

    c->gave_up = true;
    c->result->check_errors++;
    va_start(args, format);
    tell(c, format, args);
    va_end(args);
}

bool checking_is_inside(const struct checking *c, uint64_t offset, uint64_t count)
{
    uint64_t limit = c->file_end + c->geometry->cluster_size;

    return offset < limit && count < limit - offset;
}

static int refer_cluster(struct checking *c, uint64_t cluster, uint64_t weight)
{
    uint64_t lost;

    if (references_add(&c->references, cluster, weight, &lost) == -1)
        return -1;
    if (lost > 0) {
        checking_corruption(c, lost, "ERROR: overflow cluster offset=0x%" PRIx64,
                            cluster << c->geometry->cluster_bits);
        checking_say(c, "Use qemu-img amend to increase the refcount entry width or qemu-img "
                        "convert to create a clean copy if the image cannot be opened for writing");
    }
    return 0;
}

int checking_refer(struct checking *c, uint64_t offset, uint64_t count, uint64_t weight)
{
    uint32_t bits = c->geometry->cluster_bits;
    uint64_t first, last;

    if (count == 0)
        return 0;
    if (!checking_is_inside(c, offset, count)) {
        checking_corruption(c, weight,
                            "ERROR: counting reference for region exceeding the end of the file by "
                            "one cluster or more: offset 0x%" PRIx64 " size 0x%" PRIx64,
                            offset, count);
        return 0;
    }
    first = offset >> bits;
    last = (offset + count - 1) >> bits;
    c->clusters = max_u64(c->clusters, last + 1);
    for (uint64_t i = first; i <= last; i++) {
        if (last - i >= REFERENCES_PAGE - 1 && references_add_page(&c->references, i, weight))
            i += REFERENCES_PAGE - 1;
        else if (refer_cluster(c, i, weight) == -1)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Counting: what is not a tree
 */

#define MAX_SNAPSHOT_ENTRY_BYTES \
    (sizeof(struct disk_snapshot) + MAX_SNAPSHOT_EXTRA + UINT64_C(2) * UINT16_MAX + 8)

static int read_snapshot_table(struct checking *c, struct snapshot_table *table)
{
    const struct header *h = c->header;
    uint64_t bytes = min_u64(h->nb_snapshots * MAX_SNAPSHOT_ENTRY_BYTES, MAX_SNAPSHOT_TABLE_BYTES);
    CLEANUP_FREE uint8_t *buf = NULL;

    if (h->snapshots_offset >= c->source.length)
        bytes = 0;
    else
        bytes = min_u64(bytes, c->source.length - h->snapshots_offset);
    buf = malloc(bytes + 1);
    if (buf == NULL)
        return error_no_memory(), -1;
    if (source_read(&c->source, buf, bytes, h->snapshots_offset) == -1)
        return -1;
    if (snapshot_table_decode(table, h->nb_snapshots, buf, bytes, h->size, c->geometry) == 0)
        return 0;
    if (error_errno() == ENOMEM)
        return -1;
    checking_give_up(c, "ERROR failed to read the snapshot table: %s", error_message());
    return 0;
}

static int count_snapshot_table(struct checking *c, struct snapshot_table *table)
{
    const struct header *h = c->header;

    if (h->nb_snapshots == 0)
        return 0;
    if (read_snapshot_table(c, table) == -1)
        return -1;
    for (uint32_t i = 0; i < table->count; i++)
        if (h->version >= 3 && table->entries[i].extra_size < SNAPSHOT_EXTRA_MIN_V3)
            checking_corruption(c, 1, "ERROR snapshot table entry %" PRIu32 " is incomplete", i);
    if (h->incompatible_features & INCOMPATIBLE_DATA_FILE)
        checking_corruption(c, 1, "ERROR %" PRIu32 " snapshots in image with data file",
                            h->nb_snapshots);
    if (checking_refer(c, h->snapshots_offset, table->bytes, 1) == -1)
        return -1;
    return checking_count_snapshot_l1s(c, table);
}

static int count_refcount_block(struct checking *c, uint64_t index)
{
    uint64_t entry = c->stored.table[index];
    uint64_t offset = entry & REFCOUNT_TABLE_OFFSET_MASK;
    uint64_t cluster = offset >> c->geometry->cluster_bits;

    if (entry & REFCOUNT_TABLE_RESERVED_MASK) {
        checking_corruption(c, 1, "ERROR refcount table entry %" PRIu64 " has reserved bits set",
                            index);
        return 0;
    }
    if (!is_aligned(offset, c->geometry->cluster_size)) {
        checking_corruption(c, 1,
                            "ERROR refcount block %" PRIu64
                            " is not cluster aligned; refcount table entry corrupted",
                            index);
        return 0;
    }
    if (cluster >= c->clusters) {
        checking_corruption(c, 1, "ERROR refcount block %" PRIu64 " is outside image", index);
        return 0;
    }
    if (offset == 0)
        return 0;
    if (checking_refer(c, offset, c->geometry->cluster_size, 1) == -1)
        return -1;
    if (references_get(&c->references, cluster) != 1)
        checking_corruption(c, 1, "ERROR refcount block %" PRIu64 " refcount=%" PRIu64, index,
                            references_get(&c->references, cluster));
    return 0;
}

static int count_refcount_structures(struct checking *c)
{
    uint64_t bytes = (uint64_t)c->header->refcount_table_clusters << c->geometry->cluster_bits;

    if (checking_refer(c, c->header->refcount_table_offset, bytes, 1) == -1)
        return -1;
    for (uint64_t i = 0; i < c->stored.table_entries; i++)
        if (c->stored.table[i] != 0 && count_refcount_block(c, i) == -1)
            return -1;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Comparing
 */

static void compare_cluster(struct checking *c, uint64_t cluster, uint64_t refcount,
                            uint64_t reference)
{
    const char *what = "Leaked";

    if (refcount > reference) {
        c->result->leaks++;
    } else {
        c->result->corruptions++;
        what = "ERROR";
    }
    checking_say(c, "%s cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64, what, cluster,
                 refcount, reference);
}

static void compare_refcounts(struct checking *c)
{
    uint64_t highest = 0;

    for (uint64_t i = 0; i < c->clusters; i++) {
        uint64_t reference = references_get(&c->references, i), refcount;

        if (!stored_get(&c->stored, i, &refcount)) {
            checking_say(c, "Can't get refcount for cluster %" PRIu64 ": Input/output error", i);
            c->result->check_errors++;
            continue;
        }
        if ((refcount | reference) != 0)
            highest = i;
        if (refcount != reference)
            compare_cluster(c, i, refcount, reference);
    }
    c->result->image_end_offset = (highest + 1) << c->geometry->cluster_bits;
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

static int init(struct checking *c, struct store *store)
{
    const struct geometry *g = c->geometry;

    if (source_init(&c->source, store) == -1)
        return -1;
    c->file_end = round_up(c->source.length, 512);
    c->clusters = div_round_up(c->file_end, g->cluster_size);
    c->unaligned_budget = c->source.length;
    if (c->clusters > INT_MAX)
        return error_set(EFBIG,
                         "%s: the file has %" PRIu64 " clusters of %" PRIu64
                         " bytes, more than can be checked (%d)",
                         store->name, c->clusters, g->cluster_size, INT_MAX);
    /* a reference to the last, unfinished cluster may reach into one more */
    if (references_init(&c->references, c->clusters + 1, g->refcount_max) == -1)
        return -1;
    return stored_load(&c->stored, &c->source, c->header, c->clusters);
}

static void destroy(struct checking *c)
{
    stored_destroy(&c->stored);
    references_destroy(&c->references);
    map_destroy(&c->l2_by_offset);
    free(c->l2_tables);
}

static int count_references(struct checking *c)
{
    struct snapshot_table snapshots = { 0 };
    int result = count_snapshot_table(c, &snapshots);

    snapshot_table_destroy(&snapshots);
    if (result == -1 || c->gave_up)
        return result;
    if (checking_refer(c, 0, c->geometry->cluster_size, 1) == -1 ||
        checking_count_l2_tables(c) == -1 ||
        checking_refer(c, c->header->crypto_offset, c->header->crypto_length, 1) == -1 ||
        checking_count_bitmaps(c) == -1)
        return -1;
    return count_refcount_structures(c);
}

static int run(struct checking *c)
{
    c->result->total_clusters = div_round_up(c->header->size, c->geometry->cluster_size);
    if (checking_count_active_l1(c) == -1 || count_references(c) == -1)
        return -1;
    if (c->gave_up)
        return 0;
    compare_refcounts(c);
    return checking_compare_copied(c);
}

int check_run(struct store *store, const struct header *header, qcow2_check_message *message,
              void *opaque, qcow2_check_result *result)
{
    struct checking c = {
        .header = header,
        .geometry = &header->geometry,
        .message = message,
        .opaque = opaque,
        .result = result,
    };
    int done = -1;

    *result = (qcow2_check_result){ 0 };
    if (init(&c, store) == 0)
        done = run(&c);
    destroy(&c);
    return done;
}
