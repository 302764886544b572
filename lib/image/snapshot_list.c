/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshot_list.c - the list of internal snapshots: loaded, searched, shown, one of them opened */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "image/image_store.h"
#include "table/l1.h"

/* ------------------------------------------------------------------------------------------------
 * Loading
 */

#define FIRST_READ 65536u /* enough for most lists */

/* Does the file end before the table does? */
static bool is_cut(const struct header *h, uint64_t available)
{
    return error_errno() == ENODATA ||
           available < (uint64_t)h->nb_snapshots * sizeof(struct disk_snapshot);
}

/* The disk can be read without them. */
static int read_without(struct qcow2_image *image, uint64_t length)
{
    const struct header *h = &image->tables.header;

    if (length <= h->snapshots_offset)
        error_set(ENODATA,
                  "Snapshot table lies beyond the end of the file: it starts at 0x%" PRIx64
                  ", the file ends at 0x%" PRIx64,
                  h->snapshots_offset, length);
    image->snapshots_lost = strdup(error_message());
    return image->snapshots_lost ? 0 : (error_no_memory(), -1);
}

/* The table's length is known only when it is decoded: read more until it fits. */
int image_load_snapshots(struct qcow2_image *image)
{
    const struct header *h = &image->tables.header;
    uint64_t length, available;

    if (h->nb_snapshots == 0)
        return 0;
    if (store_size(image->store, &length) == -1)
        return -1;
    available = h->snapshots_offset < length
                    ? min_u64(length - h->snapshots_offset, MAX_SNAPSHOT_TABLE_BYTES)
                    : 0;
    for (uint64_t size = min_u64(available, FIRST_READ);; size = min_u64(available, size * 8)) {
        CLEANUP_FREE uint8_t *buf = malloc(size ? size : 1);

        if (buf == NULL)
            return error_no_memory(), -1;
        if (store_pread(image->store, buf, size, h->snapshots_offset) == -1)
            return -1;
        if (snapshot_table_decode(&image->snapshots, h->nb_snapshots, buf, size, h->size,
                                  &h->geometry) == 0)
            return 0;
        if (size < available)
            continue;
        if (image_read_only(image) && is_cut(h, available))
            return read_without(image, length);
        return image_could_not_open(image->filename);
    }
}

int image_reload_snapshots(struct qcow2_image *image)
{
    snapshot_table_destroy(&image->snapshots);
    return image_load_snapshots(image);
}

static int map_l2_tables(struct qcow2_image *image, const struct snapshot *s)
{
    struct tables *t = &image->tables;
    CLEANUP_FREE uint64_t *l1 = image_snapshot_l1(image, s);

    if (l1 == NULL)
        return -1;
    for (uint32_t i = 0; i < s->l1_size; i++) {
        uint64_t offset = l1[i] & L1_OFFSET_MASK;

        if (offset != 0 && offset < t->high_water &&
            metadata_map_add_cluster(&t->map, METADATA_INACTIVE_L2, offset) == -1)
            return -1;
    }
    return 0;
}

/* Only where somebody wants them looked at: there may be many, and all L1 tables are read. */
static int map_inactive_l2(struct qcow2_image *image)
{
    struct tables *t = &image->tables;

    if (!(t->overlap_checks & METADATA_INACTIVE_L2))
        return 0;
    metadata_map_clear_clusters(&t->map, METADATA_INACTIVE_L2);
    for (uint32_t i = 0; i < image->snapshots.count; i++)
        if (map_l2_tables(image, &image->snapshots.entries[i]) == -1)
            return -1;
    return 0;
}

int image_map_snapshots(struct qcow2_image *image)
{
    struct metadata_map *map = &image->tables.map;
    uint32_t count = image->snapshots.count;
    struct metadata_l1 *list = calloc(count ? count : 1, sizeof list[0]);
    size_t n = 0;

    if (list == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct snapshot *s = &image->snapshots.entries[i];

        if (s->l1_size > 0)
            list[n++] = (struct metadata_l1){
                .offset = s->l1_table_offset,
                .end = s->l1_table_offset + (uint64_t)s->l1_size * L1_ENTRY_SIZE,
            };
    }
    metadata_map_set_inactive_l1(map, list, n);
    metadata_map_clear_ranges(map, METADATA_SNAPSHOT_TABLE);
    if (metadata_map_add_range(map, METADATA_SNAPSHOT_TABLE, image->tables.header.snapshots_offset,
                               image->snapshots.bytes) == -1)
        return -1;
    return map_inactive_l2(image);
}

/* ------------------------------------------------------------------------------------------------
 * One of them
 */

static int require_list(const struct qcow2_image *image)
{
    return image->snapshots_lost ? error_set(ENODATA, "The snapshots of '%s' are lost: %s",
                                             image->filename, image->snapshots_lost)
                                 : 0;
}

int64_t image_snapshot_find(const struct qcow2_image *image, const char *id_or_name)
{
    const struct snapshot_table *table = &image->snapshots;

    if (require_list(image) == -1)
        return -1;
    for (uint32_t i = 0; i < table->count; i++)
        if (strcmp(table->entries[i].id, id_or_name) == 0)
            return i;
    for (uint32_t i = 0; i < table->count; i++)
        if (strcmp(table->entries[i].name, id_or_name) == 0)
            return i;
    return error_set(ENOENT, "Could not find snapshot '%s' in '%s'", id_or_name, image->filename);
}

uint64_t *image_snapshot_l1(struct qcow2_image *image, const struct snapshot *s)
{
    uint64_t length;

    if (store_size(image->store, &length) == -1)
        return NULL;
    if (!range_within(s->l1_table_offset, (uint64_t)s->l1_size * L1_ENTRY_SIZE, length)) {
        error_set(EINVAL,
                  "The L1 table of snapshot '%s' at offset 0x%" PRIx64
                  " lies beyond the end of '%s'",
                  s->name, s->l1_table_offset, image->filename);
        return NULL;
    }
    return tables_read_entries(&image->tables, s->l1_table_offset, s->l1_size,
                               "L1 table of a snapshot");
}

static int show(struct qcow2_image *image, const struct snapshot *s)
{
    uint64_t *l1 = image_snapshot_l1(image, s);

    if (l1 == NULL)
        return -1;
    tables_show_l1(&image->tables, l1, s->l1_table_offset, s->l1_size);
    image->disk->size = round_down(s->disk_size, 512);
    return l1_check_room(&image->tables) == -1 ? image_could_not_open(image->filename) : 0;
}

static int check_showing(const struct qcow2_image *image)
{
    if (image_read_only(image))
        return 0;
    return error_set(EINVAL, "A snapshot of '%s' can only be opened read-only", image->filename);
}

int image_show_snapshot(struct qcow2_image *image, const char *id_or_name)
{
    int64_t index = image_snapshot_find(image, id_or_name);

    if (index == -1 || check_showing(image) == -1)
        return -1;
    return show(image, &image->snapshots.entries[index]);
}

int image_snapshot_show(struct qcow2_image *image, uint32_t index)
{
    WRITE_SCOPE(&image->operations);

    if (image->disk == NULL)
        return error_set(EINVAL, "'%s' was opened for its metadata only", image->filename);
    if (image->format != FORMAT_QCOW2 || index >= image->snapshots.count)
        return error_set(ENOENT, "'%s' has no snapshot at index %" PRIu32, image->filename, index);
    if (check_showing(image) == -1)
        return -1;
    if (image->backing)
        return error_set(EINVAL,
                         "Snapshots of '%s' are not shown one after the other while its backing "
                         "file is open",
                         image->filename);
    WRITE_SCOPE(&image->tables.lock);
    return show(image, &image->snapshots.entries[index]);
}

/* ------------------------------------------------------------------------------------------------
 * List
 */

struct listed {
    qcow2_snapshot snapshot;
    char *id, *name;
};

static void free_list(struct listed *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(list[i].id);
        free(list[i].name);
    }
    free(list);
}

/* A copy that does not change while it is shown. */
static struct listed *copy_list(struct qcow2_image *image, uint32_t *count)
{
    struct listed *list;
    READ_SCOPE(&image->operations);

    *count = image->snapshots.count;
    list = calloc(*count ? *count : 1, sizeof list[0]);
    if (list == NULL)
        return error_no_memory();
    for (uint32_t i = 0; i < *count; i++) {
        const struct snapshot *s = &image->snapshots.entries[i];

        list[i].id = strdup(s->id);
        list[i].name = strdup(s->name);
        if (list[i].id == NULL || list[i].name == NULL) {
            free_list(list, *count);
            return error_no_memory();
        }
        list[i].snapshot = (qcow2_snapshot){
            .id = list[i].id,
            .name = list[i].name,
            .vm_state_size = s->vm_state_size,
            .disk_size = s->disk_size,
            .date_sec = s->date_sec,
            .date_nsec = s->date_nsec,
            .vm_clock_nsec = s->vm_clock_nsec,
            .icount = s->icount,
        };
    }
    return list;
}

/* A raw image has those of the image in whose disk it lies. */
int image_snapshot_list(struct qcow2_image *image, qcow2_snapshot_callback *callback, void *opaque)
{
    uint64_t offset;
    struct qcow2_image *beneath =
        image->format == FORMAT_RAW ? image_store_beneath(image->store, &offset) : NULL;
    struct listed *list;
    uint32_t count;
    int r = 0;

    if (beneath != NULL)
        return image_snapshot_list(beneath, callback, opaque);
    if (image->format != FORMAT_QCOW2)
        return error_set(ENOTSUP, "'%s' is a %s image: it has no snapshots", image->filename,
                         image_format_name(image->format));
    if (require_list(image) == -1)
        return -1;
    list = copy_list(image, &count);
    if (list == NULL)
        return -1;
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = callback(opaque, &list[i].snapshot);
    free_list(list, count);
    return r;
}
