/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-snapshots.c - a snapshot table: decoded, encoded and decoded again, it says the same
 *
 * The input: the number of entries (2 bytes), the log2 of the cluster size, the table.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "format/snapshot_table.h"

#define DISK_SIZE (UINT64_C(1) << 30)

static void encode_and_decode(const struct snapshot_table *table, const struct geometry *geometry)
{
    uint64_t size = snapshot_table_encoded_size(table);
    uint8_t *bytes = calloc(1, size + 1);
    struct snapshot_table again;

    fuzz_require(bytes != NULL);
    snapshot_table_encode(table, bytes);
    fuzz_require(snapshot_table_decode(&again, table->count, bytes, size, DISK_SIZE, geometry) ==
                 0);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct snapshot *a = &table->entries[i], *b = &again.entries[i];

        fuzz_require(a->l1_table_offset == b->l1_table_offset && a->l1_size == b->l1_size);
        fuzz_require(a->disk_size == b->disk_size && a->vm_state_size == b->vm_state_size);
        fuzz_require(a->icount == b->icount && a->extra_size <= b->extra_size);
        fuzz_require(a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0);
        fuzz_require(a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0);
    }
    snapshot_table_destroy(&again);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot_table table;
    struct geometry geometry;
    uint32_t bits;

    if (size < 3)
        return 0;
    bits = MIN_CLUSTER_BITS + data[2] % (MAX_CLUSTER_BITS - MIN_CLUSTER_BITS + 1);
    geometry = geometry_of(bits, 4, false);
    if (snapshot_table_decode(&table, load_be16(data), data + 3, size - 3, DISK_SIZE, &geometry) ==
        0)
        encode_and_decode(&table, &geometry);
    snapshot_table_destroy(&table);
    return 0;
}
