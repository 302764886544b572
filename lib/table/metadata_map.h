/* SPDX-License-Identifier: BSD-3-Clause */
/* metadata_map.h - where the metadata of an image lie, so that no write hits them by mistake
 *
 * Every write is held against this map before it is issued.  A write to a structure ignores its own
 * class, and the user may choose the classes that are looked at.  L2 tables and refcount blocks,
 * one cluster each and many, are in a hash; the L1 tables of snapshots, which may be many, too, are
 * a sorted list; the others are a few ranges.
 *
 * Locking: metadata_map_find under a shared lock, changes under the exclusive one.
 */

#ifndef QCOW2_TABLE_METADATA_MAP_H
#define QCOW2_TABLE_METADATA_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metadata_class {
    METADATA_NONE = 0, /* guest data */
    METADATA_HEADER = 1 << 0,
    METADATA_ACTIVE_L1 = 1 << 1,
    METADATA_ACTIVE_L2 = 1 << 2,
    METADATA_REFCOUNT_TABLE = 1 << 3,
    METADATA_REFCOUNT_BLOCK = 1 << 4,
    METADATA_SNAPSHOT_TABLE = 1 << 5,
    METADATA_INACTIVE_L1 = 1 << 6,
    METADATA_INACTIVE_L2 = 1 << 7, /* of a snapshot; in the map only where somebody asked for it */
    METADATA_BITMAP_DIRECTORY = 1 << 8,
    METADATA_CRYPTO = 1 << 9,
    METADATA_ANY_L2 = METADATA_ACTIVE_L2 | METADATA_INACTIVE_L2,
};

/* Sets of classes that a write is held against: what never moves far, what costs nothing to look
 * up, everything. */
#define METADATA_CONSTANT                                                                       \
    (METADATA_HEADER | METADATA_ACTIVE_L1 | METADATA_REFCOUNT_TABLE | METADATA_SNAPSHOT_TABLE | \
     METADATA_BITMAP_DIRECTORY | METADATA_CRYPTO)
#define METADATA_CACHED \
    (METADATA_CONSTANT | METADATA_ACTIVE_L2 | METADATA_REFCOUNT_BLOCK | METADATA_INACTIVE_L1)
#define METADATA_ALL (METADATA_CACHED | METADATA_INACTIVE_L2)

struct metadata_range {
    uint64_t offset;
    uint64_t count;
    enum metadata_class class;
};

/* The L1 table of a snapshot.  They may overlap in a damaged image. */
struct metadata_l1 {
    uint64_t offset;
    uint64_t end;
    uint64_t max_end; /* of this one and all before it in the sorted list */
};

struct metadata_slot {
    uint64_t cluster;     /* index; 0: free slot (the header is never in the hash) */
    uint32_t l2_count;    /* active L1 entries that point here */
    uint32_t block_count; /* refcount table entries that point here */
    bool inactive_l2;     /* so do L1 entries of snapshots */
};

struct metadata_map {
    uint32_t cluster_bits;
    struct metadata_range *ranges;
    size_t range_count;
    size_t range_capacity;
    struct metadata_l1 *inactive_l1; /* sorted by offset */
    size_t inactive_l1_count;
    struct metadata_slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t used;
};

void metadata_map_init(struct metadata_map *map, uint32_t cluster_bits);
void metadata_map_destroy(struct metadata_map *map);

/* Ranges: several of a class may be there; setting replaces all of the class. */
int metadata_map_add_range(struct metadata_map *map, enum metadata_class class, uint64_t offset,
                           uint64_t count);
void metadata_map_clear_ranges(struct metadata_map *map, enum metadata_class class);

/* Replace the L1 tables of snapshots; the list, with offset and end filled in, is taken over. */
void metadata_map_set_inactive_l1(struct metadata_map *map, struct metadata_l1 *list, size_t count);

/* class: METADATA_ACTIVE_L2, METADATA_INACTIVE_L2 or METADATA_REFCOUNT_BLOCK. */
int metadata_map_add_cluster(struct metadata_map *map, enum metadata_class class,
                             uint64_t host_offset);
/* Not of METADATA_INACTIVE_L2: those go all at once. */
void metadata_map_remove_cluster(struct metadata_map *map, enum metadata_class class,
                                 uint64_t host_offset);
/* Remove all clusters of a class. */
void metadata_map_clear_clusters(struct metadata_map *map, enum metadata_class class);

/* The first class of a set that the range touches (rounded out to clusters), or METADATA_NONE. */
enum metadata_class metadata_map_find(const struct metadata_map *map, uint64_t offset,
                                      uint64_t count, uint32_t classes);

const char *metadata_class_name(enum metadata_class class);

#endif
