/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshot.c - internal snapshots: create, apply, delete
 *
 * Each operation has one instant at which it takes effect: one write of the header.  Before it,
 * everything that the new state needs is durable; after it, what only the old state needed loses
 * its references.  A cut before the instant leaves the image as it was, a cut after it as it will
 * be, with leaked clusters and cleared COPIED flags at worst (rules R1, R2, R4, R5, R7 of
 * tables.h).
 *
 *   create   L1 copy and new snapshot table written; COPIED cleared in the active tables | barrier
 *            | refcounts of the active tree raised | barrier | header: snapshot table | barrier |
 *            old snapshot table released
 *   apply    a new active L1 table, copied from the snapshot's, written; COPIED cleared in the
 *            snapshot's L2 tables; refcounts of its tree raised | barrier | header: size and L1
 *            table | barrier | refcounts of the old active tree lowered | barrier | COPIED set
 *            where true
 *   delete   new snapshot table written | barrier | header: snapshot table | barrier | refcounts of
 *            the snapshot's tree lowered | barrier | COPIED set where true
 *
 * The active state then gives up the VM state that a created snapshot has taken over (vm_state.c).
 *
 * All requests are kept out while an operation runs.  Applying a snapshot changes what a guest
 * sees: bitmaps note where.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "image/vm_state.h"
#include "table/clusters.h"
#include "table/flush.h"
#include "table/l1.h"
#include "table/tree.h"

/* ------------------------------------------------------------------------------------------------
 * Pieces
 */

/* Write an L1 table into new clusters, COPIED cleared. */
static int write_l1(struct tables *t, const uint64_t *l1, uint32_t count, struct clusters *taken)
{
    if (clusters_take(taken, t, (uint64_t)count * L1_ENTRY_SIZE) == -1)
        return -1;
    return l1_write(t, l1, count, taken->offset, L1_CLEAR_COPIED);
}

int image_write_snapshots(struct tables *t, struct snapshot_table *table, struct clusters *taken)
{
    CLEANUP_FREE uint8_t *buf = NULL;

    table->bytes = snapshot_table_encoded_size(table);
    if (table->bytes > MAX_SNAPSHOT_TABLE_BYTES)
        return error_set(
            EFBIG, "The snapshot table of '%s' would be too large (at most %" PRIu64 " bytes)",
            t->store->name, (uint64_t)MAX_SNAPSHOT_TABLE_BYTES);
    buf = malloc(table->bytes ? table->bytes : 1);
    if (buf == NULL)
        return error_no_memory(), -1;
    snapshot_table_encode(table, buf);
    if (clusters_take(taken, t, table->bytes) == -1)
        return -1;
    return table->bytes > 0 ? store_pwrite(t->store, buf, table->bytes, taken->offset) : 0;
}

/* One reference more for all of a tree, durably.  When that is not possible, nothing has changed,
 * unless the image has failed. */
static int raise_durably(struct tables *t, const struct tree *tree)
{
    struct error error;

    if (tree_raise(t, tree) == -1)
        return -1;
    if (tables_flush(t) == 0)
        return 0;
    error_save(&error);
    if (tables_usable(t) == 0 && tree_lower(t, tree, FREED_BY_SNAPSHOT) == -1)
        tables_fail(t);
    return error_restore(&error);
}

/* The instant at which a snapshot is created or deleted. */
static int switch_table(struct tables *t, const struct snapshot_table *table, uint64_t offset)
{
    uint8_t bytes[12];

    store_be32(bytes, table->count);
    store_be64(bytes + 4, offset);
    if (tables_write_header(t, HEADER_SNAPSHOTS_AT, bytes, sizeof bytes) == -1)
        return tables_fail(t);
    t->header.nb_snapshots = table->count;
    t->header.snapshots_offset = offset;
    return 0;
}

/* The image's list is now this one; what is out of bounds for writes follows it. */
static int adopt_table(struct qcow2_image *image, struct snapshot_table *table)
{
    WRITE_SCOPE(&image->tables.lock);

    image->snapshots = *table;
    *table = (struct snapshot_table){ 0 };
    return image_map_snapshots(image);
}

/* After references are gone for good: counts durable, then flags, then flags durable.  The
 * operation is done already: what is refused once is tried again. */
static int settle_copied(struct tables *t)
{
    for (int tries = 0; tries < 2; tries++)
        if (tables_flush(t) == 0 && tree_update_copied(t) == 0)
            return tables_settle_afterwards(t);
    return -1;
}

/* How it went on after the instant. */
static int done(int r, const char *name, const char *what)
{
    return r == 0 ? 0 : error_prefix("Snapshot '%s' is %s, but: ", name, what);
}

/* ------------------------------------------------------------------------------------------------
 * Create
 */

/* One more than the largest number among the ids. */
static uint64_t next_id(const struct snapshot_table *table)
{
    uint64_t max = 0;

    for (uint32_t i = 0; i < table->count; i++) {
        char *end;
        uint64_t id = strtoull(table->entries[i].id, &end, 10);

        if (*end == '\0' && id > max && id < UINT64_MAX)
            max = id;
    }
    return max + 1;
}

static int describe(const struct qcow2_image *image, const qcow2_snapshot *given,
                    struct snapshot *s)
{
    char *id;

    *s = (struct snapshot){
        .l1_size = image->tables.l1_size,
        .date_sec = given->date_sec,
        .date_nsec = given->date_nsec,
        .vm_clock_nsec = given->vm_clock_nsec,
        .vm_state_size = given->vm_state_size,
        .disk_size = image->disk->size,
        .icount = given->icount,
        .name = strdup(given->name),
        .name_size = strlen(given->name),
    };
    if (asprintf(&id, "%" PRIu64, next_id(&image->snapshots)) != -1)
        s->id = id;
    if (s->name == NULL || s->id == NULL) {
        snapshot_destroy(s);
        return error_no_memory(), -1;
    }
    s->id_size = strlen(s->id);
    if (snapshot_complete_extra(s) == -1) {
        snapshot_destroy(s);
        return -1;
    }
    return 0;
}

/* The list with one entry more; the old entries stay the image's. */
static int extended_table(const struct qcow2_image *image, const struct snapshot *s,
                          struct snapshot_table *table)
{
    uint32_t count = image->snapshots.count;

    *table = (struct snapshot_table){ .count = count + 1 };
    table->entries = calloc(count + 1, sizeof table->entries[0]);
    if (table->entries == NULL)
        return error_no_memory(), -1;
    if (count > 0)
        memcpy(table->entries, image->snapshots.entries, count * sizeof table->entries[0]);
    table->entries[count] = *s;
    return 0;
}

/* Until the instant. */
static int create_prepare(struct tables *t, const struct tree *active)
{
    if (tree_clear_copied(t, active) == -1 || tree_clear_active_l1(t) == -1 ||
        tables_flush(t) == -1)
        return -1;
    return raise_durably(t, active);
}

/* The instant was not reached: everything as it was, if that is possible. */
static int create_abandon(struct tables *t)
{
    struct error error;

    error_save(&error);
    if (tables_usable(t) == 0 && tree_update_copied(t) == 0)
        tables_settle(t);
    return error_restore(&error);
}

/* After the instant. */
static int create_adopt(struct qcow2_image *image, struct snapshot_table *table,
                        uint64_t old_offset, uint64_t old_bytes)
{
    struct tables *t = &image->tables;

    free(image->snapshots.entries); /* the entries themselves moved into table */
    if (adopt_table(image, table) == -1 || tree_release(t, old_offset, old_bytes) == -1)
        return tables_fail(t);
    return tables_settle_afterwards(t);
}

static int create_switch(struct qcow2_image *image, struct snapshot_table *table)
{
    struct tables *t = &image->tables;
    struct snapshot *s = &table->entries[table->count - 1];
    uint64_t old_offset = t->header.snapshots_offset, old_bytes = image->snapshots.bytes;
    const struct tree active = { t->l1, t->l1_size };
    CLEANUP_CLUSTERS struct clusters l1 = { 0 };
    CLEANUP_CLUSTERS struct clusters list = { 0 };

    if (tables_settle(t) == -1 || tree_check_raise(t, &active) == -1 ||
        write_l1(t, t->l1, t->l1_size, &l1) == -1)
        return -1;
    s->l1_table_offset = l1.offset;
    if (image_write_snapshots(t, table, &list) == -1)
        return -1;
    if (create_prepare(t, &active) == -1)
        return create_abandon(t);
    if (switch_table(t, table, list.offset) == -1)
        return -1;
    clusters_keep(&l1);
    clusters_keep(&list);
    return done(create_adopt(image, table, old_offset, old_bytes), s->name, "created");
}

/* Clusters of a data file have one place each: there is none for what a snapshot would keep. */
static int require_snapshots(struct qcow2_image *image, const char *operation)
{
    if (image_require_writable_qcow2(image, operation) == -1)
        return -1;
    if (tables_has_data_file(&image->tables))
        return error_set(ENOTSUP, "%s is not possible: '%s' has an external data file", operation,
                         image->filename);
    return 0;
}

static int check_given(const struct qcow2_image *image, const qcow2_snapshot *given)
{
    if (image->snapshots.count >= MAX_SNAPSHOTS)
        return error_set(EFBIG, "'%s' has %u snapshots, no more are possible", image->filename,
                         MAX_SNAPSHOTS);
    if (strlen(given->name) > UINT16_MAX)
        return error_set(EINVAL, "The snapshot name is too long (at most %d bytes)", UINT16_MAX);
    if (given->date_nsec >= 1000000000)
        return error_set(EINVAL, "A second does not have %" PRIu32 " nanoseconds",
                         given->date_nsec);
    return image_vm_state_fits(image, given->vm_state_size);
}

int image_snapshot_create_with(struct qcow2_image *image, const qcow2_snapshot *given)
{
    struct snapshot_table table;
    struct snapshot s;
    int r;
    WRITE_SCOPE(&image->operations);

    if (require_snapshots(image, "Creating a snapshot") == -1 || check_given(image, given) == -1 ||
        describe(image, given, &s) == -1)
        return -1;
    if (extended_table(image, &s, &table) == -1) {
        snapshot_destroy(&s);
        return -1;
    }
    r = create_switch(image, &table);
    if (table.entries != NULL) { /* not adopted: only the new entry is ours */
        snapshot_destroy(&table.entries[table.count - 1]);
        free(table.entries);
    }
    if (r == -1)
        return -1;
    /* there is a snapshot, even if what it has taken over cannot be given up */
    image_vm_state_drop(image, given->vm_state_size);
    return done(tables_usable(&image->tables), given->name, "created");
}

int image_snapshot_create(struct qcow2_image *image, const char *name)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return image_snapshot_create_with(image, &(qcow2_snapshot){
                                                 .name = name,
                                                 .date_sec = (uint32_t)now.tv_sec,
                                                 .date_nsec = (uint32_t)now.tv_nsec,
                                             });
}

/* ------------------------------------------------------------------------------------------------
 * Apply
 */

/* An active L1 table as the snapshot has it, no smaller than today's. */
static uint64_t *active_l1_of(struct qcow2_image *image, const struct snapshot *s,
                              uint32_t *l1_size)
{
    CLEANUP_FREE uint64_t *from = image_snapshot_l1(image, s);
    uint64_t *l1;

    if (from == NULL)
        return NULL;
    *l1_size = image->tables.l1_size > s->l1_size ? image->tables.l1_size : s->l1_size;
    l1 = calloc(*l1_size ? *l1_size : 1, sizeof l1[0]);
    if (l1 == NULL)
        return error_no_memory();
    for (uint32_t i = 0; i < s->l1_size; i++)
        l1[i] = from[i] & L1_OFFSET_MASK;
    return l1;
}

/* The old active tree and its L1 table have lost their last place in the header. */
static int release_active(struct tables *t, const struct tree *old, uint64_t old_offset)
{
    if (tree_lower(t, old, FREED_BY_SNAPSHOT) == -1 ||
        tree_release(t, old_offset, (uint64_t)old->l1_size * L1_ENTRY_SIZE) == -1)
        return tables_fail(t);
    return settle_copied(t);
}

static int adopt_active(struct tables *t, uint64_t *l1, uint64_t l1_offset, uint32_t l1_size)
{
    WRITE_SCOPE(&t->lock);

    return l1_adopt_locked(t, l1, l1_offset, l1_size) == -1 ? tables_fail(t) : 0;
}

/* Until the instant: the new L1 table and all that it needs, durable. */
static int apply_prepare(struct tables *t, const struct tree *next, struct clusters *l1)
{
    if (tree_check_raise(t, next) == -1 || write_l1(t, next->l1, next->l1_size, l1) == -1 ||
        tree_clear_copied(t, next) == -1 || tables_flush(t) == -1)
        return -1;
    return raise_durably(t, next);
}

/* The instant.  If it is not reached, everything becomes as it was. */
static int apply_instant(struct qcow2_image *image, const struct tree *next, uint64_t l1_offset,
                         uint64_t size)
{
    struct tables *t = &image->tables;
    struct error error;

    if (bitmaps_switch_l1(image, size, l1_offset, next->l1_size) == 0)
        return 0;
    if (tables_usable(t) == -1)
        return -1;
    error_save(&error);
    if (tree_lower(t, next, FREED_BY_SNAPSHOT) == -1)
        return tables_fail(t);
    return error_restore(&error);
}

static int apply_switch(struct qcow2_image *image, const struct snapshot *s)
{
    struct tables *t = &image->tables;
    uint64_t size = round_down(s->disk_size, 512), old_size = image->disk->size;
    uint64_t old_offset = t->l1_table_offset;
    CLEANUP_FREE uint64_t *old_l1 = malloc((size_t)t->l1_size * L1_ENTRY_SIZE + 1);
    CLEANUP_FREE uint64_t *new_l1 = NULL;
    CLEANUP_CLUSTERS struct clusters taken = { 0 };
    struct tree old = { old_l1, t->l1_size }, new;

    if (old_l1 == NULL)
        return error_no_memory(), -1;
    if (tables_settle(t) == -1)
        return -1;
    memcpy(old_l1, t->l1, (size_t)t->l1_size * L1_ENTRY_SIZE);
    new.l1 = new_l1 = active_l1_of(image, s, &new.l1_size);
    if (new_l1 == NULL || bitmaps_note_trees(image, &old, &new, min_u64(size, old_size)) == -1 ||
        apply_prepare(t, &new, &taken) == -1 ||
        apply_instant(image, &new, taken.offset, size) == -1 ||
        adopt_active(t, RELEASE(new_l1), clusters_keep(&taken), new.l1_size) == -1)
        return -1;
    image->disk->size = size;
    return done(release_active(t, &old, old_offset), s->name, "applied");
}

int image_snapshot_apply(struct qcow2_image *image, const char *id_or_name)
{
    int64_t index;
    WRITE_SCOPE(&image->operations);

    if (require_snapshots(image, "Applying a snapshot") == -1)
        return -1;
    index = image_snapshot_find(image, id_or_name);
    if (index == -1 || bitmaps_mark(image) == -1)
        return -1;
    return apply_switch(image, &image->snapshots.entries[index]);
}

/* ------------------------------------------------------------------------------------------------
 * Delete
 */

/* The list without one entry; the entries stay the image's. */
static int reduced_table(const struct qcow2_image *image, uint32_t without,
                         struct snapshot_table *table)
{
    const struct snapshot_table *all = &image->snapshots;

    *table = (struct snapshot_table){ .count = all->count - 1 };
    table->entries = calloc(all->count, sizeof table->entries[0]);
    if (table->entries == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0, n = 0; i < all->count; i++)
        if (i != without)
            table->entries[n++] = all->entries[i];
    return 0;
}

/* After the instant: s, which is no longer in the list, gives up what it held. */
static int release_snapshot(struct tables *t, const struct snapshot *s, const uint64_t *l1)
{
    const struct tree tree = { l1, s->l1_size };

    if (tree_lower(t, &tree, FREED_BY_SNAPSHOT) == -1 ||
        tree_release(t, s->l1_table_offset, (uint64_t)s->l1_size * L1_ENTRY_SIZE) == -1)
        return tables_fail(t);
    return settle_copied(t);
}

static int delete_switch(struct qcow2_image *image, uint32_t index)
{
    struct tables *t = &image->tables;
    struct snapshot s = image->snapshots.entries[index];
    uint64_t old_offset = t->header.snapshots_offset, old_bytes = image->snapshots.bytes;
    CLEANUP_FREE uint64_t *l1 = NULL;
    CLEANUP_CLUSTERS struct clusters list = { 0 };
    struct snapshot_table table;
    int r = -1;

    if (tables_settle(t) == -1)
        return -1;
    l1 = image_snapshot_l1(image, &s);
    if (l1 == NULL || reduced_table(image, index, &table) == -1)
        return -1;
    if (image_write_snapshots(t, &table, &list) == -1 || tables_flush(t) == -1 ||
        switch_table(t, &table, list.offset) == -1) {
        free(table.entries);
        return -1;
    }
    clusters_keep(&list);
    free(image->snapshots.entries);
    if (adopt_table(image, &table) == -1 || tree_release(t, old_offset, old_bytes) == -1)
        tables_fail(t);
    else
        r = release_snapshot(t, &s, l1);
    r = done(r, s.name, "deleted");
    snapshot_destroy(&s);
    return r;
}

int image_snapshot_delete(struct qcow2_image *image, const char *id_or_name)
{
    int64_t index;
    WRITE_SCOPE(&image->operations);

    if (image_require_writable_qcow2(image, "Deleting a snapshot") == -1)
        return -1;
    index = image_snapshot_find(image, id_or_name);
    if (index != -1 && require_snapshots(image, "Deleting a snapshot") == -1)
        return -1;
    return index == -1 ? -1 : delete_switch(image, (uint32_t)index);
}
