/* SPDX-License-Identifier: BSD-3-Clause */
/* header_update.c - the whole header of an image written anew, in one instant
 *
 * A write of the first cluster may be torn at any sector, so only one sector can change everything
 * at once: the first (rule R7).  Of what lies behind it, the old header's bytes stay as they are
 * and the new header's are written before, to a place that the old header does not use:
 *
 *     bytes of the new header behind the first sector | barrier | first sector | barrier
 *
 * A byte that both use must have the same value.  Mostly that is so, because what changes lies in
 * the first sector and the end of the table of feature names keeps its place; a new backing file
 * name goes behind the old one, or into the place before it that an earlier change left.
 *
 * Where it is not so, the new header is put into force in a form that does fit beside the old one,
 * and then, by the same steps, in the usual form.  The forms, tried in this order:
 *
 *     usual      header, extensions, table of feature names, name
 *     short      without the table of feature names: all else fits the first sector, nearly always
 *     padded     the first extension is a padding that reaches behind all that the old header uses,
 *                the other extensions and the name follow there
 *     both
 *
 * A cut in between leaves the new header in that form, which is as valid; the next change finds the
 * usual form again.  In a cluster too small for any of them the change is refused.
 */

#include "table/header_update.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "format/header_encode.h"

struct update {
    struct tables *t;
    const struct header *changed;
    uint64_t size; /* of the cluster */
    uint8_t *disk; /* the cluster as it is on disk */
    struct header_used old;
    uint8_t *cluster; /* the new one */
    struct header_used new;
};

struct form {
    bool feature_names;
    bool padded;
};

static const struct form forms[] = {
    { .feature_names = true },
    { .feature_names = false },
    { .feature_names = true, .padded = true },
    { .feature_names = false, .padded = true },
};

#define USUAL_FORM (&forms[0])

/* ------------------------------------------------------------------------------------------------
 * Ranges of bytes
 */

struct range {
    uint64_t start;
    uint64_t end;
};

#define MOST_RANGES 3

/* What lies behind the first sector of what a header uses. */
static void ranges_of(const struct header_used *used, struct range ranges[MOST_RANGES])
{
    ranges[0] = (struct range){ 0, used->header_end + EXTENSION_HEAD };
    ranges[1] = (struct range){ used->extensions_at, used->extensions_end };
    ranges[2] = (struct range){ used->name_at, used->name_end };
    for (int i = 0; i < MOST_RANGES; i++)
        ranges[i].start = max_u64(ranges[i].start, HEADER_SECTOR);
}

static uint64_t end_of(const struct header_used *used)
{
    return max_u64(used->extensions_end, used->name_end);
}

/* Whether one write of the first sector leads from the header on disk to the new one. */
static bool fits_beside(const struct update *u)
{
    struct range old[MOST_RANGES], new[MOST_RANGES];

    if (u->new.name_at != 0 && u->new.name_at < u->new.extensions_end)
        return false;
    ranges_of(&u->old, old);
    ranges_of(&u->new, new);
    for (int i = 0; i < MOST_RANGES; i++)
        for (int k = 0; k < MOST_RANGES; k++) {
            uint64_t start = max_u64(old[i].start, new[k].start);
            uint64_t end = min_u64(old[i].end, new[k].end);

            if (start < end && memcmp(u->disk + start, u->cluster + start, end - start) != 0)
                return false;
        }
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Finding a form and its places
 */

static int encode(struct update *u, const struct header_layout *layout)
{
    memset(u->cluster, 0, u->size);
    return header_encode(u->changed, layout, u->cluster, &u->new);
}

/* Where extensions behind a padding are in nobody's way: the old header's, nor that of the usual
 * form. */
static uint64_t padded_place(struct update *u)
{
    uint64_t end = max_u64(end_of(&u->old), HEADER_SECTOR);

    if (encode(u, &header_layout_new) == 0)
        end = max_u64(end, end_of(&u->new));
    return round_up(end, 8);
}

/* Encode the header in this form, with the name where it fits. */
static bool try_form(struct update *u, const struct form *form)
{
    struct header_layout layout = { .feature_names = form->feature_names };
    size_t name_size = u->changed->backing_file ? strlen(u->changed->backing_file) : 0;
    uint64_t places[4] = { 0 }; /* the first: right behind the extensions */
    int count = name_size > 0 ? 4 : 1;

    layout.extensions_at = form->padded ? padded_place(u) : 0;
    if (encode(u, &layout) == 0 && fits_beside(u))
        return true;
    if (name_size > u->size)
        return false;
    places[1] = u->old.name_at;
    places[2] = round_up(max_u64(end_of(&u->old), u->new.extensions_end), 8);
    places[3] = u->size - name_size;
    for (int i = 1; i < count; i++) {
        layout.name_at = places[i];
        if (encode(u, &layout) == 0 && fits_beside(u))
            return true;
    }
    return false;
}

static const struct form *find_form(struct update *u)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (try_form(u, &forms[i]))
            return &forms[i];
    if (encode(u, &(struct header_layout){ 0 }) == 0)
        error_set(ENOSPC,
                  "The first cluster of '%s', of %" PRIu64 " bytes, has no room for a new header "
                  "beside the old one",
                  u->t->store->name, u->size);
    else
        error_prefix("'%s': ", u->t->store->name);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

/* The bytes behind the first sector that are not there yet. */
static int write_beside(struct update *u)
{
    struct range new[MOST_RANGES];

    ranges_of(&u->new, new);
    for (int i = 0; i < MOST_RANGES; i++) {
        uint64_t start = new[i].start, count = new[i].end - start;

        if (start >= new[i].end || memcmp(u->disk + start, u->cluster + start, count) == 0)
            continue;
        if (store_pwrite(u->t->store, u->cluster + start, count, start) == -1)
            return -1;
        memcpy(u->disk + start, u->cluster + start, count);
    }
    return 0;
}

static int put_into_force(struct update *u)
{
    if (write_beside(u) == -1)
        return -1;
    if (store_flush(u->t->store) == -1 ||
        tables_write_header(u->t, 0, u->cluster, HEADER_SECTOR) == -1)
        return tables_fail(u->t); /* which header is in force is unknown */
    memcpy(u->disk, u->cluster, HEADER_SECTOR);
    u->old = u->new;
    return 0;
}

/* Zeroes where nothing means anything: no hurry, and no harm where it is not possible. */
static void tidy(struct update *u)
{
    struct range used[MOST_RANGES];

    memset(u->cluster, 0, u->size);
    ranges_of(&u->old, used);
    for (int i = 0; i < MOST_RANGES; i++)
        if (used[i].start < used[i].end)
            memcpy(u->cluster + used[i].start, u->disk + used[i].start,
                   used[i].end - used[i].start);
    for (uint64_t at = HEADER_SECTOR; at < u->size; at += HEADER_SECTOR)
        if (memcmp(u->disk + at, u->cluster + at, HEADER_SECTOR) != 0 &&
            store_pwrite(u->t->store, u->cluster + at, HEADER_SECTOR, at) == -1)
            return;
}

/* The change has taken effect: what follows is only its form, and fails for itself.  Nothing is
 * tidied when nobody knows which form is in force. */
static void finish(struct update *u, const struct form *form)
{
    struct error error;

    error_save(&error);
    if (form != USUAL_FORM && try_form(u, USUAL_FORM))
        put_into_force(u);
    if (tables_usable(u->t) == 0)
        tidy(u);
    error_restore(&error);
}

static int update(struct update *u)
{
    const struct form *form = find_form(u);

    if (form == NULL || put_into_force(u) == -1)
        return -1;
    finish(u, form);
    return 0;
}

/* With the header that is in force.  The caller frees disk and cluster. */
static int begin(struct update *u)
{
    u->disk = malloc(u->size);
    u->cluster = malloc(u->size);
    if (u->disk == NULL || u->cluster == NULL)
        return error_no_memory(), -1;
    if (tables_usable(u->t) == -1 || store_pread(u->t->store, u->disk, u->size, 0) == -1)
        return -1;
    header_used_by(u->disk, u->size, &u->old);
    return 0;
}

static void end(struct update *u)
{
    free(u->disk);
    free(u->cluster);
}

int header_update_fits(struct tables *t, const struct header *changed)
{
    struct update u = { .t = t, .changed = changed, .size = t->geometry.cluster_size };
    int r = begin(&u) == 0 && find_form(&u) ? 0 : -1;

    end(&u);
    return r;
}

int header_update(struct tables *t, struct header *changed)
{
    struct update u = { .t = t, .changed = changed, .size = t->geometry.cluster_size };
    int r = begin(&u) == 0 && update(&u) == 0 ? 0 : -1;

    end(&u);
    if (r == -1)
        return -1;
    header_destroy(&t->header);
    t->header = *changed;
    *changed = (struct header){ 0 };
    return 0;
}
