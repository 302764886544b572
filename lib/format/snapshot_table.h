/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshot_table.h - the table of internal snapshots, decoded whole and encoded whole */

#ifndef QCOW2_FORMAT_SNAPSHOT_TABLE_H
#define QCOW2_FORMAT_SNAPSHOT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "format/geometry.h"

struct snapshot {
    uint64_t l1_table_offset;
    uint32_t l1_size; /* entries */
    uint32_t date_sec;
    uint32_t date_nsec;
    uint64_t vm_clock_nsec;
    uint64_t vm_state_size; /* bytes */
    uint64_t disk_size;     /* bytes */
    uint64_t icount;        /* UINT64_MAX: not recorded */
    char *id;
    char *name;
    size_t id_size; /* as recorded: at most 65535, may hold any byte */
    size_t name_size;
    uint8_t *extra; /* as recorded, kept on rewrite */
    uint32_t extra_size;
    uint32_t recorded_extra_size; /* larger than extra_size if more was recorded than is allowed */
};

struct snapshot_table {
    struct snapshot *entries;
    uint32_t count;
    uint64_t bytes; /* that the table takes on disk */
};

/* Decode count entries from buf, which holds what the file has from the table's offset on, at most
 * MAX_SNAPSHOT_TABLE_BYTES.  disk_size is what an entry without its own size gets. */
int snapshot_table_decode(struct snapshot_table *table, uint32_t count, const uint8_t *buf,
                          size_t available, uint64_t disk_size, const struct geometry *geometry);

/* What a table has that no table may have. */
struct snapshot_damage {
    uint32_t overhanging; /* entries behind the last that a table has room for: left out */
    uint32_t shortened;   /* entries with too much extra data: what is too much is left out */
    uint32_t incomplete;  /* entries with less extra data than version 3 demands */
};

/* As snapshot_table_decode, for a repair: damage tells what there was. */
int snapshot_table_decode_damaged(struct snapshot_table *table, uint32_t count, const uint8_t *buf,
                                  size_t available, uint64_t disk_size,
                                  const struct geometry *geometry, struct snapshot_damage *damage);

/* Give an entry all the extra data that is known. */
int snapshot_complete_extra(struct snapshot *snapshot);

void snapshot_table_destroy(struct snapshot_table *table);
void snapshot_destroy(struct snapshot *snapshot);

uint64_t snapshot_table_encoded_size(const struct snapshot_table *table);
void snapshot_table_encode(const struct snapshot_table *table, uint8_t *buf);

#endif
