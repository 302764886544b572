/* SPDX-License-Identifier: BSD-3-Clause */
/* io-copy-on-read.c - what qcow-io -C reads from a backing file stays in the image
 *
 * Before a range is read, every whole cluster around it that the image does not hold is written to
 * it, with what it reads as.  Nothing else may write meanwhile, or old content could follow new:
 * with -C a request that changes the image keeps the others out.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "io.h"
#include "message.h"
#include "ranges.h"

enum {
    PIECE = 16 * 1024 * 1024, /* bytes copied at once */
};

typedef struct {
    uint64_t offset, length; /* 0: there is none */
} hole;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int note_hole(void *opaque, const qcow2_extent *extent)
{
    hole *h = opaque;

    if (extent->status & QCOW2_EXTENT_PRESENT)
        return h->length > 0;
    if (h->length == 0)
        h->offset = extent->guest_offset;
    h->length += extent->length;
    return h->length >= PIECE;
}

/* The next stretch in the range that the image itself does not hold. */
static int find_hole(qcow2_image *image, uint64_t offset, uint64_t end, hole *h)
{
    *h = (hole){ 0 };
    if (qcow2_map(image, end - offset, offset, QCOW2_MAP_SHALLOW, note_hole, h) < 0)
        return -1;
    h->length = h->length < PIECE ? h->length : PIECE;
    return 0;
}

static int fill_hole(qcow2_image *image, const hole *h, unsigned char *buf)
{
    if (qcow2_pread(image, buf, h->length, h->offset, 0))
        return -1;
    if (is_filled(buf, 0, h->length))
        return qcow2_zero(image, h->length, h->offset, 0);
    return qcow2_pwrite(image, buf, h->length, h->offset, 0);
}

static int fill_range(qcow2_image *image, uint64_t offset, uint64_t end)
{
    CLEANUP_FREE unsigned char *buf = NULL;
    hole h;

    while (offset < end) {
        if (find_hole(image, offset, end, &h))
            return -1;
        if (h.length == 0)
            break;
        if (!buf)
            buf = xrealloc(NULL, PIECE);
        if (fill_hole(image, &h, buf))
            return -1;
        offset = h.offset + h.length;
    }
    return 0;
}

static int fill_clusters(qcow2_image *image, uint64_t offset, uint64_t count)
{
    qcow2_info info;
    uint64_t end;

    if (qcow2_get_info(image, &info, sizeof info))
        return -1;
    if (info.cluster_size == 0 || count == 0)
        return 0;
    end = (offset + count + info.cluster_size - 1) / info.cluster_size * info.cluster_size;
    return fill_range(image, offset / info.cluster_size * info.cluster_size,
                      end < info.virtual_size ? end : info.virtual_size);
}

void io_change_begin(const io_session *session)
{
    if (session->choice.copy_on_read)
        pthread_mutex_lock(&lock);
}

void io_change_end(const io_session *session)
{
    if (session->choice.copy_on_read)
        pthread_mutex_unlock(&lock);
}

int io_copy_up(io_session *session, uint64_t offset, uint64_t count)
{
    int result;

    if (!session->choice.copy_on_read)
        return 0;
    pthread_mutex_lock(&lock);
    result = fill_clusters(session->image, offset, count);
    pthread_mutex_unlock(&lock);
    return result;
}
