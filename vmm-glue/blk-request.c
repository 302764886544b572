/* SPDX-License-Identifier: BSD-3-Clause */
/* blk-request.c - one request of the guest, from ring to NBD and back
 *
 *     readable: header (16 bytes) | data of OUT, DISCARD, WRITE_ZEROES
 *     writable: data of IN, GET_ID | status (1 byte)
 *
 * Parts may begin and end anywhere, so header and status are found by counting
 * bytes, not parts.  The header is copied once and never looked at again.
 *
 * A request is a sequence of NBD commands, one under way at a time: each
 * completion calls step, which issues the next or finishes.  Data in one piece go
 * straight between the socket and guest memory, in steps of what the server takes
 * at once.  Scattered data are staged in a bounce buffer, in steps of its size;
 * the buffers of a queue have a common budget, and a request that would exceed it
 * is held until others have ended.
 *
 * Whatever goes wrong, the status byte is written: IOERR for a request that
 * breaks a rule or fails, UNSUPP for one that we do not offer.
 */

#include <libnbd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "blk-request.h"
#include "iov.h"
#include "virtio-blk.h"

#define SECTOR_SHIFT 9
#define BOUNCE_STEP (UINT64_C(1) << 20)
#define BOUNCE_BUDGET (UINT64_C(32) << 20)

static const struct nbd_disk *disk_of(const struct blk_request *request)
{
    return request->queue->blk->disk;
}

static void finish(struct blk_request *request, uint8_t status, uint64_t written)
{
    struct blk_queue *queue = request->queue;

    if (request->bounce) {
        free(request->bounce);
        request->bounce = NULL;
        queue->bounced -= request->bounce_size;
    }
    *request->status = status;
    blk_queue_finish(queue, request, (uint32_t)written + 1);
}

static void step(struct blk_request *request);

static void on_done(struct nbd_request *io, int error)
{
    struct blk_request *request =
        (struct blk_request *)((uint8_t *)io - offsetof(struct blk_request, io));

    if (error) {
        finish(request, VIRTIO_BLK_S_IOERR, 0);
        return;
    }
    if (io->op == NBD_OP_READ && request->bounce)
        iov_write(request->data, request->data_count, request->progress, io->buf, io->count);
    if (io->op == NBD_OP_READ || io->op == NBD_OP_WRITE)
        request->progress += io->count;
    step(request);
}

static void submit(struct blk_request *request, enum nbd_op op, uint32_t flags, void *buf,
                   uint64_t count, uint64_t offset)
{
    request->io = (struct nbd_request){
        .op = op,
        .flags = flags,
        .buf = buf,
        .count = count,
        .offset = offset,
        .done = on_done,
    };
    nbd_conn_submit(request->queue->conn, &request->io);
}

static void submit_data(struct blk_request *request, enum nbd_op op, uint32_t flags)
{
    uint64_t limit = request->bounce ? request->bounce_size : disk_of(request)->max_payload;
    uint64_t count = request->length - request->progress;
    void *buf = request->bounce;

    if (count > limit)
        count = limit;
    if (!buf)
        buf = (uint8_t *)request->data[0].iov_base + request->progress;
    else if (op == NBD_OP_WRITE)
        iov_read(request->data, request->data_count, request->progress, buf, count);
    submit(request, op, flags, buf, count, request->start + request->progress);
}

static void submit_segment(struct blk_request *request, uint32_t fua)
{
    const struct virtio_blk_discard_write_zeroes *segment = &request->segments[request->segment++];
    uint64_t count = (uint64_t)segment->num_sectors << SECTOR_SHIFT;
    uint64_t offset = segment->sector << SECTOR_SHIFT;
    bool keep = !(segment->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);

    if (request->type == VIRTIO_BLK_T_DISCARD)
        submit(request, NBD_OP_TRIM, fua, NULL, count, offset);
    else
        submit(request, NBD_OP_ZERO, fua | (keep ? LIBNBD_CMD_FLAG_NO_HOLE : 0), NULL, count,
               offset);
}

/* Issues the next command or finishes; nothing of the request is under way. */
static void step(struct blk_request *request)
{
    const struct nbd_disk *disk = disk_of(request);
    bool is_read = request->type == VIRTIO_BLK_T_IN;
    uint32_t fua = request->must_flush && disk->can_fua ? LIBNBD_CMD_FLAG_FUA : 0;

    if (request->progress < request->length) {
        submit_data(request, is_read ? NBD_OP_READ : NBD_OP_WRITE, fua);
    } else if (request->segment < request->segment_count) {
        submit_segment(request, fua);
    } else if (request->must_flush && !fua) {
        request->must_flush = false;
        submit(request, NBD_OP_FLUSH, 0, NULL, 0, 0);
    } else {
        finish(request, VIRTIO_BLK_S_OK, is_read ? request->length : 0);
    }
}

static bool inside_disk(const struct nbd_disk *disk, uint64_t sector, uint64_t bytes)
{
    uint64_t sectors = disk->size >> SECTOR_SHIFT;
    uint64_t block_sectors = disk->block_size >> SECTOR_SHIFT;

    return bytes % disk->block_size == 0 && sector % block_sectors == 0 && sector <= sectors &&
           bytes >> SECTOR_SHIFT <= sectors - sector;
}

static bool wants_flush(const struct blk_request *request)
{
    const struct nbd_disk *disk = disk_of(request);

    return virtio_blk_is_writethrough(request->queue->blk) && (disk->can_fua || disk->can_flush);
}

/* False: the budget does not allow the buffer now. */
static bool take_bounce(struct blk_request *request)
{
    struct blk_queue *queue = request->queue;
    uint64_t size = request->length < BOUNCE_STEP ? request->length : BOUNCE_STEP;
    uint64_t limit = disk_of(request)->max_payload;

    if (request->data_count < 2)
        return true;
    if (size > limit)
        size = limit;
    if (queue->bounced && queue->bounced + size > BOUNCE_BUDGET)
        return false;
    /* Zeroed, so that a lying server cannot show the guest bytes of this process. */
    request->bounce = calloc(1, size);
    if (!request->bounce)
        return !queue->bounced; /* with nothing to wait for the request fails */
    request->bounce_size = size;
    queue->bounced += size;
    return true;
}

static enum blk_progress start_data(struct blk_request *request)
{
    if (!take_bounce(request))
        return BLK_HELD;
    if (request->data_count > 1 && !request->bounce)
        finish(request, VIRTIO_BLK_S_IOERR, 0);
    else
        step(request);
    return BLK_STARTED;
}

static int load_segments(struct blk_request *request)
{
    uint64_t bytes = iov_length(request->data, request->data_count);
    uint64_t count = bytes / sizeof request->segments[0];

    if (!bytes || bytes % sizeof request->segments[0] || count > BLK_MAX_SEGMENTS)
        return VIRTIO_BLK_S_IOERR;
    iov_read(request->data, request->data_count, 0, request->segments, bytes);
    for (unsigned i = 0; i < count; i++) {
        const struct virtio_blk_discard_write_zeroes *segment = &request->segments[i];
        uint32_t allowed =
            request->type == VIRTIO_BLK_T_DISCARD ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
        if (segment->flags & ~allowed)
            return VIRTIO_BLK_S_UNSUPP;
        if (!segment->num_sectors || segment->num_sectors > BLK_MAX_SEGMENT_SECTORS ||
            !inside_disk(disk_of(request), segment->sector,
                         (uint64_t)segment->num_sectors << SECTOR_SHIFT))
            return VIRTIO_BLK_S_IOERR;
    }
    request->segment_count = (unsigned)count;
    return VIRTIO_BLK_S_OK;
}

static enum blk_progress start_segments(struct blk_request *request, bool offered)
{
    int status = disk_of(request)->readonly ? VIRTIO_BLK_S_IOERR
                 : !offered                 ? VIRTIO_BLK_S_UNSUPP
                                            : load_segments(request);

    request->must_flush = request->type == VIRTIO_BLK_T_WRITE_ZEROES && wants_flush(request);
    if (status == VIRTIO_BLK_S_OK)
        step(request);
    else
        finish(request, (uint8_t)status, 0);
    return BLK_STARTED;
}

static enum blk_progress start_get_id(struct blk_request *request)
{
    char id[VIRTIO_BLK_ID_BYTES] = { 0 };
    const char *serial = disk_of(request)->options->serial;

    if (serial)
        memcpy(id, serial, strnlen(serial, sizeof id));
    finish(request, VIRTIO_BLK_S_OK,
           iov_write(request->data, request->data_count, 0, id, sizeof id));
    return BLK_STARTED;
}

static enum blk_progress start_flush(struct blk_request *request)
{
    const struct nbd_disk *disk = disk_of(request);

    if (disk->can_flush)
        submit(request, NBD_OP_FLUSH, 0, NULL, 0, 0);
    else
        finish(request, VIRTIO_BLK_S_UNSUPP, 0);
    return BLK_STARTED;
}

static enum blk_progress start_transfer(struct blk_request *request, uint64_t sector)
{
    bool is_write = request->type == VIRTIO_BLK_T_OUT;
    uint64_t length = iov_length(request->data, request->data_count);

    if (!length || (is_write && disk_of(request)->readonly) ||
        !inside_disk(disk_of(request), sector, length)) {
        finish(request, VIRTIO_BLK_S_IOERR, 0);
        return BLK_STARTED;
    }
    request->start = sector << SECTOR_SHIFT;
    request->length = length;
    request->must_flush = is_write && wants_flush(request);
    return start_data(request);
}

/* Finds status, header and data: a status for the request, -1 if it can have none. */
static int dissect(struct blk_request *request, struct virtio_blk_outhdr *header)
{
    struct virtqueue_chain *chain = &request->chain;
    struct iovec *out = chain->iov, *in = chain->iov + chain->out_count;
    unsigned out_count = chain->out_count, in_count = chain->count - chain->out_count;

    if (!in_count)
        return -1;
    request->status = (uint8_t *)in[in_count - 1].iov_base + in[in_count - 1].iov_len - 1;
    if (iov_read(out, out_count, 0, header, sizeof *header) < sizeof *header)
        return VIRTIO_BLK_S_IOERR;
    iov_drop_front(&out, &out_count, sizeof *header);
    iov_drop_back(in, &in_count, 1);
    bool from_device = header->type == VIRTIO_BLK_T_IN || header->type == VIRTIO_BLK_T_GET_ID;
    request->data = from_device ? in : out;
    request->data_count = from_device ? in_count : out_count;
    return VIRTIO_BLK_S_OK;
}

enum blk_progress blk_request_start(struct blk_request *request)
{
    const struct virtio_device *device = &request->queue->blk->device;
    struct virtio_blk_outhdr header;

    if (request->length) /* held before: already understood */
        return start_data(request);
    int status = dissect(request, &header);
    if (status < 0)
        return BLK_BROKEN;
    if (status != VIRTIO_BLK_S_OK) {
        finish(request, (uint8_t)status, 0);
        return BLK_STARTED;
    }
    request->type = header.type;
    switch (header.type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT: return start_transfer(request, header.sector);
    case VIRTIO_BLK_T_FLUSH: return start_flush(request);
    case VIRTIO_BLK_T_GET_ID: return start_get_id(request);
    case VIRTIO_BLK_T_DISCARD:
        return start_segments(request, device->features >> VIRTIO_BLK_F_DISCARD & 1);
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return start_segments(request, device->features >> VIRTIO_BLK_F_WRITE_ZEROES & 1);
    default: finish(request, VIRTIO_BLK_S_UNSUPP, 0); return BLK_STARTED;
    }
}
