/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshot_table.c - the table of internal snapshots, decoded whole and encoded whole */

#include "format/snapshot_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"

static uint64_t entry_size(const struct snapshot *s)
{
    return round_up(sizeof(struct disk_snapshot) + s->extra_size + s->id_size + s->name_size, 8);
}

/* The same, of the entry that was decoded, without the padding behind it. */
static uint64_t recorded_size(const struct snapshot *s)
{
    return sizeof(struct disk_snapshot) + s->recorded_extra_size + s->id_size + s->name_size;
}

static int validate(const struct snapshot *s, uint32_t number, const struct geometry *g)
{
    uint64_t l1_bytes = (uint64_t)s->l1_size * L1_ENTRY_SIZE;

    if (l1_bytes > MAX_L1_BYTES)
        return error_set(EFBIG,
                         "Snapshot L1 table too large: snapshot %" PRIu32 " has %" PRIu32
                         " entries (at most %" PRIu64 ")",
                         number, s->l1_size, (uint64_t)(MAX_L1_BYTES / L1_ENTRY_SIZE));
    if (!is_aligned(s->l1_table_offset, g->cluster_size) || s->l1_table_offset >= MAX_HOST_OFFSET)
        return error_set(EINVAL,
                         "Snapshot L1 table offset invalid: snapshot %" PRIu32 " has 0x%" PRIx64
                         " (expected a multiple of the cluster size)",
                         number, s->l1_table_offset);
    if (s->l1_size > 0 && s->l1_table_offset == 0)
        return error_set(EINVAL,
                         "Snapshot L1 table offset invalid: snapshot %" PRIu32
                         " has its L1 table in the header cluster",
                         number);
    if (s->disk_size > INT64_MAX || geometry_l1_entries(g, s->disk_size) > s->l1_size)
        return error_set(EINVAL,
                         "Snapshot L1 table is too small: snapshot %" PRIu32 " of %" PRIu64
                         " bytes has %" PRIu32 " entries",
                         number, s->disk_size, s->l1_size);
    return 0;
}

static void decode_extra(struct snapshot *s)
{
    if (s->extra_size >= SNAPSHOT_EXTRA_VM_STATE_SIZE_AT + 8)
        s->vm_state_size = load_be64(s->extra + SNAPSHOT_EXTRA_VM_STATE_SIZE_AT);
    if (s->extra_size >= SNAPSHOT_EXTRA_DISK_SIZE_AT + 8)
        s->disk_size = load_be64(s->extra + SNAPSHOT_EXTRA_DISK_SIZE_AT);
    if (s->extra_size >= SNAPSHOT_EXTRA_ICOUNT_AT + 8)
        s->icount = load_be64(s->extra + SNAPSHOT_EXTRA_ICOUNT_AT);
}

static int refuse_truncated(uint32_t number)
{
    return error_set(
        ENODATA, "Snapshot table is truncated: entry %" PRIu32 " lies beyond the end of the file",
        number);
}

static void decode_fixed(struct snapshot *s, const uint8_t *buf)
{
    struct disk_snapshot disk;

    memcpy(&disk, buf, sizeof disk);
    s->l1_table_offset = be64toh(disk.l1_table_offset);
    s->l1_size = be32toh(disk.l1_size);
    s->id_size = be16toh(disk.id_size);
    s->name_size = be16toh(disk.name_size);
    s->date_sec = be32toh(disk.date_sec);
    s->date_nsec = be32toh(disk.date_nsec);
    s->vm_clock_nsec = be64toh(disk.vm_clock_nsec);
    s->vm_state_size = be32toh(disk.vm_state_size);
    s->recorded_extra_size = be32toh(disk.extra_data_size);
    s->extra_size = (uint32_t)min_u64(s->recorded_extra_size, MAX_SNAPSHOT_EXTRA);
    s->icount = UINT64_MAX;
}

/* What is behind the fixed part. */
static int decode_rest(struct snapshot *s, const uint8_t *extra)
{
    const uint8_t *id = extra + s->recorded_extra_size;

    if ((s->extra = (uint8_t *)text_copy(extra, s->extra_size)) == NULL ||
        (s->id = text_copy(id, s->id_size)) == NULL ||
        (s->name = text_copy(id + s->id_size, s->name_size)) == NULL)
        return -1;
    decode_extra(s);
    return 0;
}

enum { DECODED = 0, OVERHANGS = 1 };

/* damage is NULL where none is allowed.  available bytes are in buf, of a table that began used
 * bytes before. */
static int decode_entry(struct snapshot *s, uint32_t number, const uint8_t *buf, uint64_t used,
                        size_t available, const struct geometry *g, struct snapshot_damage *damage)
{
    bool fits = available >= sizeof(struct disk_snapshot);

    if (fits)
        decode_fixed(s, buf);
    if (fits && s->recorded_extra_size > MAX_SNAPSHOT_EXTRA && damage == NULL)
        return error_set(EFBIG,
                         "Too much extra metadata in snapshot table entry %" PRIu32 ": %" PRIu32
                         " bytes (at most %u)",
                         number, s->recorded_extra_size, MAX_SNAPSHOT_EXTRA);
    if (!fits || recorded_size(s) > available)
        return damage && used + available >= MAX_SNAPSHOT_TABLE_BYTES ? OVERHANGS
                                                                      : refuse_truncated(number);
    if (decode_rest(s, buf + sizeof(struct disk_snapshot)) == -1)
        return -1;
    if (damage) {
        damage->shortened += s->recorded_extra_size > MAX_SNAPSHOT_EXTRA;
        damage->incomplete += s->recorded_extra_size < SNAPSHOT_EXTRA_MIN_V3;
    }
    return validate(s, number, g);
}

/* The first entries of table, which has room for count. */
static int decode_entries(struct snapshot_table *table, uint32_t count, const uint8_t *buf,
                          size_t available, uint64_t disk_size, const struct geometry *g,
                          struct snapshot_damage *damage)
{
    uint64_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct snapshot *s = &table->entries[i];
        int r;

        table->count = i + 1;
        s->disk_size = disk_size;
        r = decode_entry(s, i, buf + used, used, available - used, g, damage);
        if (r == -1)
            return -1;
        if (r == OVERHANGS) {
            damage->overhanging = count - i;
            table->count = i;
            break;
        }
        used = min_u64(round_up(used + recorded_size(s), 8), available);
    }
    table->bytes = used;
    return 0;
}

static int decode(struct snapshot_table *table, uint32_t count, const uint8_t *buf,
                  size_t available, uint64_t disk_size, const struct geometry *g,
                  struct snapshot_damage *damage)
{
    *table = (struct snapshot_table){ 0 };
    /* each entry needs 40 bytes: no more memory is taken than the file justifies */
    if ((uint64_t)count * sizeof(struct disk_snapshot) > available)
        return error_set(EINVAL,
                         "Snapshot table is truncated: %" PRIu32
                         " snapshots do not fit in the %zu bytes of the file behind it",
                         count, available);
    table->entries = calloc(count ? count : 1, sizeof table->entries[0]);
    if (table->entries == NULL)
        return error_no_memory(), -1;
    if (decode_entries(table, count, buf, available, disk_size, g, damage) == 0)
        return 0;
    snapshot_table_destroy(table);
    return -1;
}

int snapshot_table_decode(struct snapshot_table *table, uint32_t count, const uint8_t *buf,
                          size_t available, uint64_t disk_size, const struct geometry *geometry)
{
    return decode(table, count, buf, available, disk_size, geometry, NULL);
}

int snapshot_table_decode_damaged(struct snapshot_table *table, uint32_t count, const uint8_t *buf,
                                  size_t available, uint64_t disk_size,
                                  const struct geometry *geometry, struct snapshot_damage *damage)
{
    *damage = (struct snapshot_damage){ 0 };
    return decode(table, count, buf, available, disk_size, geometry, damage);
}

int snapshot_complete_extra(struct snapshot *s)
{
    uint8_t *extra;

    if (s->extra_size >= SNAPSHOT_EXTRA_KNOWN)
        return 0;
    extra = calloc(1, SNAPSHOT_EXTRA_KNOWN);
    if (extra == NULL)
        return error_no_memory(), -1;
    store_be64(extra + SNAPSHOT_EXTRA_VM_STATE_SIZE_AT, s->vm_state_size);
    store_be64(extra + SNAPSHOT_EXTRA_DISK_SIZE_AT, s->disk_size);
    store_be64(extra + SNAPSHOT_EXTRA_ICOUNT_AT, s->icount);
    free(s->extra);
    s->extra = extra;
    s->extra_size = SNAPSHOT_EXTRA_KNOWN;
    return 0;
}

void snapshot_destroy(struct snapshot *snapshot)
{
    free(snapshot->id);
    free(snapshot->name);
    free(snapshot->extra);
}

void snapshot_table_destroy(struct snapshot_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        snapshot_destroy(&table->entries[i]);
    free(table->entries);
    *table = (struct snapshot_table){ 0 };
}

uint64_t snapshot_table_encoded_size(const struct snapshot_table *table)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < table->count; i++)
        size += entry_size(&table->entries[i]);
    return size;
}

void snapshot_table_encode(const struct snapshot_table *table, uint8_t *buf)
{
    memset(buf, 0, snapshot_table_encoded_size(table));
    for (uint32_t i = 0; i < table->count; i++) {
        const struct snapshot *s = &table->entries[i];
        struct disk_snapshot disk = {
            .l1_table_offset = htobe64(s->l1_table_offset),
            .l1_size = htobe32(s->l1_size),
            .id_size = htobe16((uint16_t)s->id_size),
            .name_size = htobe16((uint16_t)s->name_size),
            .date_sec = htobe32(s->date_sec),
            .date_nsec = htobe32(s->date_nsec),
            .vm_clock_nsec = htobe64(s->vm_clock_nsec),
            .vm_state_size =
                htobe32(s->vm_state_size > UINT32_MAX ? 0 : (uint32_t)s->vm_state_size),
            .extra_data_size = htobe32(s->extra_size),
        };
        uint8_t *to = buf;

        memcpy(to, &disk, sizeof disk);
        to += sizeof disk;
        memcpy(to, s->extra, s->extra_size);
        to += s->extra_size;
        memcpy(to, s->id, s->id_size);
        memcpy(to + s->id_size, s->name, s->name_size);
        buf += entry_size(s);
    }
}
