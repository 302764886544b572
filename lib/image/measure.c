/* SPDX-License-Identifier: BSD-3-Clause */
/* measure.c - how large a new image would become
 *
 * The parts of a qcow2 image of which every cluster is allocated: header, L1 table, L2 tables (each
 * whole), data, and the refcount table and blocks that count all of these and themselves.
 * "Required" has the same metadata and only the data that a source holds; it is an upper bound.
 */

#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "image/create_check.h"
#include "image/image.h"

/* Clusters of the refcount table and blocks of an image that has this many other clusters. */
static uint64_t refcount_clusters(uint64_t others, uint64_t cluster_size, uint32_t refcount_bits)
{
    uint64_t per_block = cluster_size * 8 / refcount_bits;
    uint64_t per_table = cluster_size / REFCOUNT_TABLE_ENTRY_SIZE;
    uint64_t blocks = 0, table = 0, last;

    do {
        last = blocks + table;
        blocks = div_round_up(others + table + blocks, per_block);
        table = div_round_up(blocks, per_table);
    } while (blocks + table != last);
    return blocks + table;
}

static uint64_t l2_tables_for(const struct qcow2_create_options *o, uint64_t data_clusters)
{
    uint64_t entry_size = o->extended_l2 ? EXTENDED_L2_ENTRY_SIZE : L2_ENTRY_SIZE;

    return div_round_up(data_clusters * entry_size, o->cluster_size);
}

static uint64_t encryption_clusters(const struct qcow2_create_options *o)
{
    return o->crypt_method == CRYPT_LUKS ? div_round_up(luks_length(&o->luks.spec), o->cluster_size)
                                         : 0;
}

bool image_maps_all(const struct qcow2_create_options *o)
{
    return o->preallocation != PREALLOCATION_OFF || o->data_file_raw;
}

/* Clusters of the file as it is when it was created, but refcount table and blocks. */
static uint64_t created_clusters(const struct qcow2_create_options *o)
{
    uint64_t data_clusters = div_round_up(o->size, o->cluster_size);
    uint64_t l2_tables = l2_tables_for(o, data_clusters);
    uint64_t clusters =
        1 + div_round_up(l2_tables * L1_ENTRY_SIZE, o->cluster_size) + encryption_clusters(o);

    if (!image_maps_all(o))
        return clusters;
    return clusters + l2_tables + (o->data_file ? 0 : data_clusters);
}

uint32_t image_refcount_table_clusters(const struct qcow2_create_options *o)
{
    uint64_t others = created_clusters(o);
    uint64_t created = others + refcount_clusters(others, o->cluster_size, o->refcount_bits);
    uint64_t expected = o->data_file ? 0 : o->expected_length / o->cluster_size;
    uint64_t blocks =
        div_round_up(max_u64(created, expected), o->cluster_size * 8 / o->refcount_bits);
    uint64_t table = div_round_up(blocks * REFCOUNT_TABLE_ENTRY_SIZE, o->cluster_size);

    return (uint32_t)min_u64(table, MAX_REFCOUNT_TABLE_BYTES / o->cluster_size);
}

/* Bytes of everything but the data. */
static uint64_t metadata_size(const struct qcow2_create_options *o, uint64_t data_clusters)
{
    uint64_t l2_tables = l2_tables_for(o, data_clusters);
    uint64_t l1_clusters = div_round_up(l2_tables * L1_ENTRY_SIZE, o->cluster_size);
    uint64_t tables = 1 + l1_clusters + l2_tables + encryption_clusters(o);

    return (tables + refcount_clusters(tables + data_clusters, o->cluster_size, o->refcount_bits)) *
           o->cluster_size;
}

/* The clusters of the new image that hold data of the source. */
struct count {
    uint64_t cluster_size;
    uint64_t clusters;
    uint64_t next; /* the first cluster that is not counted yet */
};

static int count_extent(void *opaque, const qcow2_extent *extent)
{
    struct count *count = opaque;
    uint64_t end = extent->guest_offset + extent->length;
    uint64_t first = max_u64(extent->guest_offset / count->cluster_size, count->next);
    uint64_t last = div_round_up(end, count->cluster_size);

    if (extent->status & QCOW2_EXTENT_ZERO || !(extent->status & QCOW2_EXTENT_PRESENT))
        return 0;
    if (last > first) {
        count->clusters += last - first;
        count->next = last;
    }
    return 0;
}

static int measure_qcow2(const struct qcow2_create_options *o, struct qcow2_image *source,
                         uint64_t size, qcow2_measurement *m)
{
    uint64_t data = div_round_up(size, o->cluster_size);
    struct count count = { .cluster_size = o->cluster_size };
    bool all = o->backing_file || o->preallocation == PREALLOCATION_FALLOC ||
               o->preallocation == PREALLOCATION_FULL;

    if (create_check_cluster_size(o) == -1)
        return -1;
    if (size > INT64_MAX - o->cluster_size || l2_tables_for(o, data) * L1_ENTRY_SIZE > MAX_L1_BYTES)
        return error_set(EFBIG, "The image size is too large for file format 'qcow2' (try using a "
                                "larger cluster size)");
    m->fully_allocated = metadata_size(o, data) + data * o->cluster_size;
    if (source && !all && image_map(source, size, 0, 0, count_extent, &count) == -1)
        return -1;
    m->required =
        all ? m->fully_allocated : metadata_size(o, data) + count.clusters * o->cluster_size;
    if (source == NULL || o->version < 3)
        return 0;
    return image_bitmap_measure(source, o->cluster_size, &m->bitmaps);
}

int image_measure(const struct qcow2_create_options *o, struct qcow2_image *source,
                  qcow2_measurement *m)
{
    uint64_t size = source ? image_size_now(source) : o->size, disk_size;

    if (size > INT64_MAX - 512)
        return error_set(EFBIG, "The image size is too large");
    disk_size = round_up(size, 512);
    m->required = o->format == FORMAT_LUKS ? disk_size + luks_length(&o->luks.spec) : disk_size;
    m->fully_allocated = m->required;
    return o->format == FORMAT_QCOW2 ? measure_qcow2(o, source, size, m) : 0;
}
