/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-check.c - an image is repaired: what was readable stays, and what is said to be well is
 *
 * The input: what to repair (odd: errors, too), and an image.
 *
 * The disk and each snapshot are read before and after, at places all over.  Where reading went
 * well it goes well again and finds the same.  Of an image that a repair calls clean a second
 * check, which starts from the file, must find nothing.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "check/check.h"

#define PLACES 64u
#define PIECE 512u
#define MAX_SEEN 4u /* snapshots that are read */

/* What can be seen of the disk or of one snapshot. */
struct sight {
    char id[32]; /* of the snapshot; "": the disk */
    uint64_t size;
    bool readable[PLACES];
    uint8_t pieces[PLACES][PIECE];
};

struct view {
    uint32_t snapshots;
    unsigned count; /* sights */
    struct sight sights[1 + MAX_SEEN];
};

/* ------------------------------------------------------------------------------------------------
 * Looking
 */

static struct qcow2_image *open_copy(struct store *store, const char *snapshot)
{
    uint64_t length;
    uint8_t *bytes;
    struct store *copy;

    fuzz_require(store_size(store, &length) == 0);
    bytes = malloc(length + 1);
    fuzz_require(bytes != NULL && store_pread(store, bytes, length, 0) == 0);
    copy = fuzz_store(bytes, length);
    free(bytes);
    return fuzz_open(copy, QCOW2_OPEN_READ_ONLY, snapshot);
}

static void see(struct qcow2_image *image, struct sight *s)
{
    s->size = image_size(image);
    for (uint64_t i = 0; i < PLACES && s->size > 0; i++) {
        uint64_t offset = s->size / PLACES * i;
        uint64_t count = min_u64(PIECE, s->size - offset);

        s->readable[i] = image_read(image, s->pieces[i], count, offset) == 0;
    }
}

static void add_sight(struct store *store, const struct snapshot *snapshot, struct view *view)
{
    struct sight *s = &view->sights[view->count];
    struct qcow2_image *image;

    if (snapshot && snapshot->id_size >= sizeof s->id)
        return;
    if (snapshot)
        memcpy(s->id, snapshot->id, snapshot->id_size);
    image = open_copy(store, snapshot ? s->id : NULL);
    if (image == NULL)
        return;
    see(image, s);
    image_close(image);
    view->count++;
}

/* All that can be seen; NULL: the image does not open. */
static struct view *look(struct store *store)
{
    struct qcow2_image *image = open_copy(store, NULL);
    struct view *view;

    if (image == NULL)
        return NULL;
    view = calloc(1, sizeof *view);
    fuzz_require(view != NULL);
    view->snapshots = image->snapshots.count;
    add_sight(store, NULL, view);
    for (uint32_t i = 0; i < view->snapshots && i < MAX_SEEN; i++)
        add_sight(store, &image->snapshots.entries[i], view);
    image_close(image);
    return view;
}

static void require_same(const struct view *before, const struct view *after)
{
    fuzz_require(after != NULL);
    fuzz_require(after->snapshots == before->snapshots);
    fuzz_require(after->count == before->count);
    for (unsigned i = 0; i < before->count; i++) {
        const struct sight *old = &before->sights[i], *new = &after->sights[i];

        fuzz_require(strcmp(old->id, new->id) == 0 && old->size == new->size);
        for (unsigned k = 0; k < PLACES; k++) {
            fuzz_require(!old->readable[k] || new->readable[k]);
            fuzz_require(!old->readable[k] || memcmp(old->pieces[k], new->pieces[k], PIECE) == 0);
        }
    }
}

/* ------------------------------------------------------------------------------------------------
 * Repairing
 */

static bool is_clean(const qcow2_check_result *r)
{
    return r->corruptions == 0 && r->leaks == 0 && r->check_errors == 0;
}

static void repair(struct store *store, bool errors)
{
    qcow2_check_result repaired = { 0 }, again = { 0 };
    struct header header;

    if (fuzz_load_header(store, &header) == -1)
        return;
    if (check_repair(store, &header, errors, NULL, NULL, &repaired) == 0 && is_clean(&repaired)) {
        header_destroy(&header);
        fuzz_require(fuzz_load_header(store, &header) == 0);
        fuzz_require(check_run(store, &header, NULL, NULL, &again) == 0 && is_clean(&again));
        fuzz_require(!(header.incompatible_features & (INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT)));
    }
    header_destroy(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view *before, *after;
    struct store *store;

    if (size == 0)
        return 0;
    store = fuzz_store(data + 1, size - 1);
    before = look(store);
    repair(store, data[0] % 2);
    if (before != NULL) {
        after = look(store);
        require_same(before, after);
        free(after);
    }
    free(before);
    store_close(store);
    return 0;
}
