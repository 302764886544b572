/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - where in its file an image lies */

#include "crash/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "crash/judge.h"
#include "image/image_store.h"
#include "store/window.h"

/*     0        WINDOW_START                      AROUND_SIZE - WINDOW_REST
 *     | frame  | the image's                               | frame |
 */
#define WINDOW_START (3 * SECTOR)
#define WINDOW_REST (5 * SECTOR)
#define AROUND_SIZE (8u << 20) /* of the file, or of the disk */
#define WINDOW_SIZE (AROUND_SIZE - WINDOW_START - WINDOW_REST)
#define AROUND_CLUSTER 4096u
#define FRAME 0xf7

static int open_place(struct place *p)
{
    struct qcow2_image *around;

    if (p->opened != NULL)
        return 0;
    if (p->kind == PLACE_WINDOW) {
        p->opened = store_window_new(p->file, WINDOW_START, WINDOW_SIZE);
    } else {
        around = judge_open_chain(p->file, FORMAT_QCOW2, p->flags, 0, NULL);
        p->opened = around ? image_store_new(around) : NULL;
    }
    return p->opened ? 0 : -1;
}

void place_leave(struct place *p)
{
    uint64_t before = p->faults ? *p->faults : 0;

    if (p->opened != NULL)
        store_close(p->opened);
    p->opened = NULL;
    p->untold += p->faults ? *p->faults - before : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

/* The way there, from where a function may return. */
#define THERE(store)                        \
    ({                                      \
        struct place *p_ = (void *)(store); \
        if (open_place(p_) == -1)           \
            return -1;                      \
        p_->opened;                         \
    })

static int place_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    return store_pread(THERE(store), buf, count, offset);
}

static int place_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    return store_pwritev(THERE(store), iov, iovcnt, offset);
}

static int place_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    struct store *there = THERE(store);

    return there->ops->zero(there, count, offset, may_punch);
}

static int place_discard(struct store *store, uint64_t count, uint64_t offset)
{
    return store_discard(THERE(store), count, offset);
}

static int place_flush(struct store *store)
{
    return store_flush(THERE(store));
}

static int place_size(struct store *store, uint64_t *size)
{
    return store_size(THERE(store), size);
}

static int place_truncate(struct store *store, uint64_t size)
{
    return store_truncate(THERE(store), size);
}

static int place_extent(struct store *store, uint64_t count, uint64_t offset,
                        struct store_extent *extent)
{
    return store_extent_at(THERE(store), count, offset, extent);
}

static int place_allocated(struct store *store, uint64_t *bytes)
{
    struct store *there = THERE(store);

    return there->ops->allocated(there, bytes);
}

static void place_close(struct store *store)
{
    place_leave((struct place *)store);
}

static const struct store_ops place_ops = {
    .pread = place_pread,
    .pwritev = place_pwritev,
    .zero = place_zero,
    .discard = place_discard,
    .flush = place_flush,
    .size = place_size,
    .truncate = place_truncate,
    .extent = place_extent,
    .allocated = place_allocated,
    .close = place_close,
};

void place_init(struct place *p, struct store *file, enum place_kind kind, uint32_t flags)
{
    *p = (struct place){
        .store = { .ops = &place_ops, .name = file->name },
        .file = file,
        .kind = kind,
        .flags = flags,
    };
}

/* ------------------------------------------------------------------------------------------------
 * What is around
 */

static int make_frame(struct place *p)
{
    uint8_t frame[WINDOW_REST];

    memset(frame, FRAME, sizeof frame);
    if (store_pwrite(p->file, frame, WINDOW_START, 0) == -1)
        return -1;
    return store_pwrite(p->file, frame, WINDOW_REST, AROUND_SIZE - WINDOW_REST);
}

static int make_image(struct place *p)
{
    return image_format_store(p->file, &(struct qcow2_create_options){
                                           .format = FORMAT_QCOW2,
                                           .size = AROUND_SIZE,
                                           .version = 3,
                                           .cluster_size = AROUND_CLUSTER,
                                           .refcount_bits = 16,
                                       });
}

int place_make(struct place *p)
{
    static int (*const make[])(struct place *) = {
        [PLACE_WINDOW] = make_frame,
        [PLACE_DISK] = make_image,
    };

    return p->kind == PLACE_FILE ? 0 : make[p->kind](p);
}

static int check_frame(struct place *p, uint64_t start, uint64_t count, struct verdict *verdict)
{
    uint8_t frame[WINDOW_REST];
    uint64_t size;

    if (store_size(p->file, &size) == -1)
        return verdict_set(verdict, "around", "%s", error_message());
    if (size != AROUND_SIZE)
        return verdict_set(verdict, "around", "The file around has 0x%" PRIx64 " bytes", size);
    if (store_pread(p->file, frame, count, start) == -1)
        return verdict_set(verdict, "around", "%s", error_message());
    for (uint64_t i = 0; i < count; i++)
        if (frame[i] != FRAME)
            return verdict_set(verdict, "around", "The file around changed at 0x%" PRIx64,
                               start + i);
    return 0;
}

static int check_image(struct place *p, struct verdict *verdict)
{
    struct qcow2_image *around =
        judge_open_chain(p->file, FORMAT_QCOW2, QCOW2_OPEN_READ_ONLY, 0, NULL);
    int r;

    if (around == NULL)
        return verdict_set(verdict, "around", "%s", error_message());
    r = judge_check(p->file, &around->tables.header, verdict);
    image_close(around);
    return r;
}

int place_check(struct place *p, struct verdict *verdict)
{
    place_leave(p);
    if (p->kind == PLACE_DISK)
        return check_image(p, verdict);
    if (p->kind == PLACE_FILE || check_frame(p, 0, WINDOW_START, verdict) == -1)
        return p->kind == PLACE_FILE ? 0 : -1;
    return check_frame(p, AROUND_SIZE - WINDOW_REST, WINDOW_REST, verdict);
}

void place_for_qemu(const struct place *p, const char *path, char *options, size_t room)
{
    if (p->kind == PLACE_WINDOW)
        snprintf(options, room,
                 "driver=qcow2,file.driver=raw,file.offset=%u,file.size=%u,"
                 "file.file.driver=file,file.file.filename=%s",
                 WINDOW_START, WINDOW_SIZE, path);
    else
        snprintf(options, room, "driver=qcow2%s=%s",
                 p->kind == PLACE_DISK ? ",file.driver=qcow2,file.file.filename" : ",file.filename",
                 path);
}
