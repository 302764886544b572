/* SPDX-License-Identifier: BSD-3-Clause */
/* chain.c - an image above others that lie on the same medium: rebased, and committed
 *
 * A cut leaves of each file what had arrived of it.  Whatever that is, the image shows what it
 * showed: it is opened above the file that its own header names, as that file is after the cut.  So
 * a name that is switched before the content is durable is found out, and an image that is emptied
 * before the base is durable. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "crash/random.h"
#include "crash/session.h"

#define STAMP_BELOW UINT64_C(0xbe10000000000000)

static struct store *file_of(const struct session *s, enum part part)
{
    return &s->recorder->files[part].store;
}

static const char *format_name(const struct shape *shape, enum part part)
{
    const char *format = part == PART_BASE ? shape->base_format : shape->other_format;

    return format ? format : "qcow2";
}

static enum image_format format_of(const struct shape *shape, enum part part)
{
    return strcmp(format_name(shape, part), "raw") == 0 ? FORMAT_RAW : FORMAT_QCOW2;
}

static uint32_t sectors_of(const struct shape *shape, enum part part)
{
    return part == PART_BASE ? shape->base : part == PART_OTHER ? shape->other : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The beginning
 */

static void fill_with_stamps(uint8_t *bytes, uint64_t mark, uint64_t at, uint64_t count)
{
    for (uint64_t i = 0; i < count * SECTOR; i += sizeof mark) {
        uint64_t stamp = STAMP_BELOW | mark << 32 | (at + i / SECTOR);

        memcpy(bytes + i, &stamp, sizeof stamp);
    }
}

/* Some places are the same in both files. */
static int write_below(struct session *s, struct qcow2_image *image, enum part part)
{
    uint64_t size = image_size(image) / SECTOR;

    for (int i = 0; i < 8; i++) {
        uint64_t at = random_below(&s->random, size);
        uint64_t count = 1 + random_below(&s->random, min_u64(size - at, size / 3 + 1));
        uint64_t mark = random_below(&s->random, 3) ? part : 0;

        fill_with_stamps(s->bytes, mark, at, count);
        if (image_write(image, s->bytes, count * SECTOR, at * SECTOR, 0) == -1)
            return -1;
        at = random_below(&s->random, size);
        if (image_zero(image, min_u64(3, size - at) * SECTOR, at * SECTOR, QCOW2_MAY_UNMAP) == -1)
            return -1;
    }
    return 0;
}

static int make_file(struct session *s, enum part part)
{
    const struct shape *shape = s->shape;
    char name[16], format[8];
    bool backed = part == PART_BASE && shape->deep;
    struct qcow2_create_options options = {
        .format = FORMAT_QCOW2,
        .size = (uint64_t)sectors_of(shape, part) * SECTOR,
        .version = 3,
        .cluster_size = UINT64_C(512) << random_below(&s->random, 5),
        .refcount_bits = 16,
        .backing_file = backed ? name : NULL,
        .backing_format = backed ? format : NULL,
    };
    struct qcow2_image *image;
    int r;

    snprintf(name, sizeof name, "%s", part_places[PART_OTHER].name);
    snprintf(format, sizeof format, "%s", format_name(shape, PART_OTHER));
    if (format_of(shape, part) == FORMAT_RAW ? store_truncate(file_of(s, part), options.size) == -1
                                             : image_format_store(file_of(s, part), &options) == -1)
        return -1;
    image = judge_open_chain(file_of(s, part), format_of(shape, part), 0, 0, NULL);
    if (image == NULL)
        return -1;
    r = write_below(s, image, part);
    return image_close(image) == -1 ? -1 : r;
}

int session_make_below(struct session *s)
{
    if (s->shape->other && make_file(s, PART_OTHER) == -1)
        return -1;
    return s->shape->base ? make_file(s, PART_BASE) : 0;
}

/* What an image shows. */
static struct frozen *freeze(struct qcow2_image *image)
{
    uint64_t size = image_size(image);
    CLEANUP_FREE uint8_t *bytes = malloc(size);
    struct frozen *f = calloc(1, sizeof *f);

    if (bytes == NULL || f == NULL)
        abort();
    *f = (struct frozen){ .size = size,
                          .users = 1,
                          .stamps = calloc(size / SECTOR, sizeof f->stamps[0]) };
    if (f->stamps == NULL)
        abort();
    if (image_read(image, bytes, size, 0) == -1) {
        frozen_release(f);
        return NULL;
    }
    for (uint64_t i = 0; i < size / SECTOR; i++)
        f->stamps[i] = judge_stamp(bytes + i * SECTOR);
    return f;
}

static struct frozen *freeze_file(struct session *s, enum part part)
{
    enum image_format format = part == PART_IMAGE ? FORMAT_QCOW2 : format_of(s->shape, part);
    struct qcow2_image *image =
        judge_open_chain(file_of(s, part), format, QCOW2_OPEN_READ_ONLY, 0, NULL);
    struct frozen *frozen = image ? freeze(image) : NULL;

    if (image != NULL)
        image_close(image);
    return frozen;
}

int session_learn_chain(struct session *s)
{
    struct frozen *top;

    if (s->shape->base == 0)
        return 0;
    for (enum part part = PART_BASE; part <= PART_OTHER; part++)
        if (sectors_of(s->shape, part) &&
            (s->oracle.below[part].now = freeze_file(s, part)) == NULL)
            return -1;
    top = freeze_file(s, PART_IMAGE);
    if (top == NULL)
        return -1;
    for (uint64_t i = 0; i < s->shape->size; i++)
        s->oracle.sectors[i].settled = s->oracle.sectors[i].latest = top->stamps[i];
    frozen_release(top);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Rebasing
 */

/* What the image shows above another file, without any care. */
static struct frozen *freeze_above(struct session *s, struct qcow2_image *below)
{
    struct qcow2_image *image =
        judge_open(session_image(s), below ? below->disk : NULL, QCOW2_OPEN_READ_ONLY, NULL, NULL);
    struct frozen *frozen;

    if (image == NULL)
        return NULL;
    if (below == NULL)
        image->disk->backing = NULL;
    frozen = freeze(image);
    image_close(image);
    return frozen;
}

/* What is below the image changes only while it is open anew. */
static int open_again(struct session *s)
{
    int r = image_close(s->image);

    s->image = NULL;
    return r == -1 ? -1 : session_open(s);
}

static struct qcow2_image *open_file(struct session *s, enum part part)
{
    return judge_open_chain(file_of(s, part), format_of(s->shape, part), QCOW2_OPEN_READ_ONLY, 0,
                            NULL);
}

void session_rebase(struct session *s, enum part part, bool unsafe)
{
    struct qcow2_image *below = NULL;
    struct view next;
    int r;

    session_flush(s);
    unsafe = unsafe && s->recorder->faults == 0; /* else the medium may lack what the image shows */
    if (!session_ask(s, "rebase %s to %s", unsafe ? "unsafely" : "safely",
                     part == PARTS ? "nothing" : part_places[part].name))
        return;
    if (part != PARTS && (below = open_file(s, part)) == NULL) {
        session_wrong(s, "live", "%s cannot be opened: %s", part_places[part].name,
                      error_message());
        return;
    }
    next = oracle_copy_view(&s->oracle);
    if (unsafe)
        next.exactly = freeze_above(s, below);
    oracle_propose(&s->oracle, &next);
    r = image_rebase(s->image, part == PARTS ? "" : part_places[part].name,
                     part == PARTS ? NULL : format_name(s->shape, part), below,
                     unsafe ? QCOW2_REBASE_UNSAFE : 0, NULL, NULL);
    if (r == 0)
        r = open_again(s);
    session_end_change(s, "Rebasing", r, false);
    if (below != NULL)
        image_close(below);
}

/* ------------------------------------------------------------------------------------------------
 * Committing
 */

/* Which file is at a depth below the image. */
static enum part part_below(const struct session *s, unsigned depth)
{
    const struct qcow2_image *image = s->image;
    const char *name = NULL;

    for (; depth > 0 && image != NULL; depth--) {
        name = image_backing_file(image);
        image = image->backing;
    }
    return depth == 0 && name != NULL ? part_named(name) : PARTS;
}

/* The content of the image, and what the base has beyond. */
static struct frozen *freeze_committed(const struct session *s, const struct frozen *base)
{
    struct frozen *f = oracle_freeze(&s->oracle, "");
    uint64_t sectors = f->size / SECTOR;

    if (base->size <= f->size)
        return f;
    f->stamps = reallocarray(f->stamps, base->size / SECTOR, sizeof f->stamps[0]);
    if (f->stamps == NULL)
        abort();
    memcpy(f->stamps + sectors, base->stamps + sectors,
           (base->size / SECTOR - sectors) * sizeof f->stamps[0]);
    f->size = base->size;
    return f;
}

/* What is between the image and its base, or above the base without being the image's, goes bad. */
static void forget_between(struct session *s, enum part base)
{
    struct below *between = &s->oracle.below[PART_BASE];

    if (base != PART_OTHER || !s->shape->deep)
        return;
    frozen_release(between->now);
    between->now = NULL;
}

static int open_to_commit(struct session *s, unsigned depth)
{
    int r = image_close(s->image);

    s->image = NULL;
    if (r == -1)
        return -1;
    oracle_settle_all(&s->oracle);
    s->image = judge_open_chain(session_image(s), FORMAT_QCOW2,
                                s->shape->discard ? QCOW2_OPEN_DISCARD : 0, depth, &s->runtime);
    return s->image ? 0 : -1;
}

/* What is committed may have been written just now: tables that wait for a flush. */
static void write_unflushed(struct session *s)
{
    uint64_t size = session_size(s);

    for (uint64_t left = random_below(&s->random, 5); left > 0; left--) {
        uint64_t at = random_below(&s->random, size);
        uint64_t count = 1 + random_below(&s->random, min_u64(size - at, size / 8 + 1));

        if (random_below(&s->random, 3) > 0)
            session_write(s, at, count, false);
        else
            session_zero(s, at, count, true);
    }
}

void session_commit(struct session *s, unsigned depth, bool keep)
{
    enum part part = s->image ? part_below(s, depth) : PARTS;
    struct frozen *base;
    struct view same;
    int r;

    if (part == PARTS || !session_ask(s, "open to commit into %s", part_places[part].name))
        return;
    base = freeze_file(s, part);
    if (base == NULL || open_to_commit(s, depth) == -1) {
        if (s->recorder->faults == 0)
            session_wrong(s, "live", "It cannot be opened to be committed: %s", error_message());
        s->over = true;
        frozen_release(base);
        return;
    }
    write_unflushed(s);
    if (!session_ask(s, "commit into %s%s", part_places[part].name, keep ? ", kept" : "")) {
        frozen_release(base);
        return;
    }
    forget_between(s, part);
    s->oracle.below[part].next = freeze_committed(s, base);
    frozen_release(base);
    same = oracle_copy_view(&s->oracle);
    oracle_propose(&s->oracle, &same);
    r = image_commit(s->image, depth, 0, keep ? QCOW2_COMMIT_KEEP : 0, NULL, NULL);
    if (r == 0) {
        oracle_accept_below(&s->oracle);
        r = open_again(s);
    } else if (s->recorder->faults == 0) {
        frozen_release(s->oracle.below[part].next); /* refused */
        s->oracle.below[part].next = NULL;
    }
    session_end_change(s, "Committing", r, depth > 1 && !keep);
}

/* ------------------------------------------------------------------------------------------------
 * The judge
 */

static bool shows(const struct frozen *frozen, uint64_t sector, uint64_t stamp)
{
    return frozen && stamp == (sector < frozen->size / SECTOR ? frozen->stamps[sector] : 0);
}

static int compare(const struct judge *j, const char *name, const struct below *below,
                   struct verdict *verdict)
{
    if (j->below.size != below->now->size &&
        (below->next == NULL || j->below.size != below->next->size))
        return verdict_set(verdict, "below", "%s has %" PRIu64 " bytes", name, j->below.size);
    for (uint64_t i = 0; i < j->below.size / SECTOR; i++) {
        const uint8_t *bytes = j->below.bytes + i * SECTOR;
        uint64_t stamp = judge_stamp(bytes);

        if (!judge_is_uniform(bytes) ||
            (!shows(below->now, i, stamp) && !shows(below->next, i, stamp)))
            return verdict_set(verdict, "below",
                               "%s reads %016" PRIx64 " at guest offset 0x%" PRIx64, name, stamp,
                               i * SECTOR);
    }
    return 0;
}

static int look_at(struct judge *j, enum part part, struct verdict *verdict)
{
    static const uint8_t magic[] = { 'Q', 'F', 'I', 0xfb };
    struct store *store = &j->cut->files[part].store;
    const char *name = part_places[part].name;
    struct qcow2_image *image;
    uint8_t start[4];
    int r = 0;

    if (store_pread(store, start, sizeof start, 0) == -1)
        return -1;
    image = judge_open_chain(store, memcmp(start, magic, sizeof magic) ? FORMAT_RAW : FORMAT_QCOW2,
                             QCOW2_OPEN_READ_ONLY, 0, NULL);
    if (image == NULL)
        return verdict_set(verdict, "open", "%s: %s", name, error_message());
    if (image->format == FORMAT_QCOW2)
        r = judge_check(store, &image->tables.header, verdict);
    if (r == 0 && judge_see(image, &j->below) == -1)
        r = verdict_set(verdict, "below", "%s cannot be read: %s", name, error_message());
    image_close(image);
    return r;
}

int judge_below(struct judge *j, struct verdict *verdict)
{
    for (enum part part = PART_BASE; part <= PART_OTHER; part++) {
        const struct below *below = &j->oracle->below[part];

        if (below->now != NULL && (look_at(j, part, verdict) == -1 ||
                                   compare(j, part_places[part].name, below, verdict) == -1))
            return -1;
    }
    return 0;
}
