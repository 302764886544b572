/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - copy the content of images into another image
 *
 * The disk is cut into windows, all of the same power of two, which no cluster of the target
 * straddles.  A window has one byte for every 512 of the disk that says what becomes of them:
 *
 *     SKIP    nothing: the target reads the same already
 *     ZERO    the source says that they are zeroes, or they were read and found to be
 *     DATA    they are read and written
 *
 *     plan     paints a window with what the sources' maps say; holes are never read (copy-plan.c)
 *     work     reads the DATA, in any order, and turns zeroes found there into ZERO
 *     finish   writes, in order, from one thread
 *
 * Two writers to one file would only wait for each other, and the order of the writes decides the
 * layout of a target that allocates.  Stretches of SKIP or ZERO which reach beyond a window are
 * one window of their own, however long, so an empty disk of a terabyte is a single step.
 *
 * Zeroes are looked for in granules: sparse_size, or the greatest power of two in it, aligned in
 * the target.  A granule that is not all zero is written whole, and so are zero granules between
 * two others when together they are shorter than sparse_size.
 *
 * A compressed cluster is written whole or not at all, so when compressing the granule is a cluster
 * of the target, and one of which only a part would be DATA is read, and written, whole.  The work
 * stage puts the stream in the place of the cluster; finish only appends it to the file.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "copy-plan.h"
#include "copy.h"
#include "message.h"
#include "pipeline.h"

/* So that buffers are fit for direct I/O. */
#define BUFFER_ALIGNMENT 4096
#define COMPRESSED_WINDOW (256u << 10)

/* ------------------------------------------------------------------------------------------------
 * Work
 */

static int read_part(const part *p, uint8_t *buffer, size_t count, uint64_t offset)
{
    uint64_t inside = offset - p->start;
    size_t there = range_before(inside, count, p->walk.size);

    memset(buffer + there, 0, count - there);
    return there > 0 ? qcow2_pread(p->walk.image, buffer, there, inside, 0) : 0;
}

/* The medium is sick, not the request: read what can be read. */
static int salvage_part(const copier *c, const part *p, uint8_t *buffer, size_t count,
                        uint64_t offset)
{
    for (size_t i = 0; i < count; i += UNIT) {
        size_t n = min_u64(UNIT, count - i);

        if (read_part(p, buffer + i, n, offset + i) == 0)
            continue;
        if (qcow2_get_errno() == ENOTSUP)
            return -1;
        memset(buffer + i, 0, n);
        if (!c->job->quiet)
            warning_report("error while reading offset %" PRIu64 ": %s", offset + i,
                           strerror(qcow2_get_errno()));
    }
    return 0;
}

static int read_run(const copier *c, uint8_t *buffer, uint64_t count, uint64_t offset)
{
    const part *p = c->parts;

    while (count > 0) {
        size_t n;

        while (offset >= p->end)
            p++;
        n = min_u64(count, p->end - offset);
        if (read_part(p, buffer, n, offset) == -1 &&
            (!c->job->salvage || salvage_part(c, p, buffer, n, offset) == -1))
            return -1;
        buffer += n;
        offset += n;
        count -= n;
    }
    return 0;
}

/* The greatest power of two in n, which is not 0. */
static uint64_t power_of_two_in(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n));
}

/* Zero granules too few to be worth a hole become data again. */
static void close_small_holes(uint8_t *kind, size_t first, size_t end, uint64_t least)
{
    for (size_t i = first; i < end;) {
        size_t next = run_end(kind, i, end);

        if (kind[i] == ZERO && i > first && next < end && next - i < least)
            memset(kind + i, DATA, next - i);
        i = next;
    }
}

/* Turns the zero granules of the run of DATA from first to end into ZERO. */
static void find_zeroes(window *w, size_t first, size_t end, uint64_t sparse_size)
{
    uint64_t granule = power_of_two_in(sparse_size) / UNIT, base = w->offset / UNIT;
    size_t next;

    for (size_t i = first; i < end; i = next) {
        next = min_u64(end, round_up(base + i + 1, granule) - base);
        if (is_filled(w->buffer + i * UNIT, 0, (next - i) * UNIT))
            memset(w->kind + i, ZERO, next - i);
    }
    if (granule != sparse_size / UNIT)
        close_small_holes(w->kind, first, end, sparse_size / UNIT);
}

static int get_buffer(const copier *c, window *w)
{
    void *memory = w->buffer;

    if (!memory &&
        posix_memalign(&memory, BUFFER_ALIGNMENT, c->window + c->job->cluster_size) != 0) {
        w->error = xstrdup("not enough memory to copy");
        return -1;
    }
    w->buffer = memory;
    return 0;
}

static int fill_run(const copier *c, window *w, size_t first, size_t end)
{
    uint8_t *buffer = w->buffer + first * UNIT;
    size_t count = (end - first) * UNIT;
    uint64_t offset = w->offset + first * UNIT;

    if (w->kind[first] == ZERO) {
        memset(buffer, 0, count);
        memset(w->kind + first, DATA, end - first);
        return 0;
    }
    if (read_run(c, buffer, count, offset) == -1) {
        w->error =
            xasprintf("error while reading at byte %" PRIu64 ": %s", offset, qcow2_get_error());
        return -1;
    }
    if (c->job->sparse_size > 0)
        find_zeroes(w, first, end,
                    c->job->cluster_size > 0 ? c->job->cluster_size : c->job->sparse_size);
    return 0;
}

/* What becomes of a cluster becomes of all of it. */
static void widen_to_clusters(const copier *c, window *w)
{
    size_t end = w->length / UNIT, next;

    for (size_t i = 0; i < end; i = next) {
        next = min_u64(end, i + c->job->cluster_size / UNIT);
        if (run_end(w->kind, i, next) < next)
            memset(w->kind + i, DATA, next - i);
    }
}

/* Only the end of the target may cut a cluster short; where the sources end before it, the rest of
 * the cluster must stay. */
static bool is_whole_cluster(const copier *c, uint64_t count, uint64_t offset)
{
    return count == c->job->cluster_size || offset + count == qcow2_get_size(c->job->target);
}

static int compress_cluster(const copier *c, window *w, size_t first, uint64_t count)
{
    uint64_t offset = w->offset + first * UNIT;
    uint8_t *cluster = w->buffer + first * UNIT, *stream = w->buffer + c->window;
    int64_t size = 0;

    if (is_whole_cluster(c, count, offset))
        size = qcow2_compress(c->job->target, cluster, count, stream);
    if (size == -1) {
        w->error =
            xasprintf("error while writing at byte %" PRIu64 ": %s", offset, qcow2_get_error());
        return -1;
    }
    memcpy(cluster, stream, (size_t)size);
    w->stream_size[first] = (uint32_t)size;
    return 0;
}

static void compress_window(const copier *c, window *w)
{
    size_t end = w->length / UNIT, next;

    for (size_t i = 0; i < end; i = next) {
        next = min_u64(end, i + c->job->cluster_size / UNIT);
        if (w->kind[i] == DATA && compress_cluster(c, w, i, (next - i) * UNIT) == -1)
            return;
    }
}

static void work_on_window(void *opaque, void *slot)
{
    const copier *c = opaque;
    window *w = slot;
    size_t end = w->length / UNIT, next;

    if (w->uniform)
        return;
    if (c->job->cluster_size > 0)
        widen_to_clusters(c, w);
    for (size_t i = 0; i < end; i = next) {
        next = run_end(w->kind, i, end);
        if (plan_writes(c, w->kind[i]) && (get_buffer(c, w) == -1 || fill_run(c, w, i, next) == -1))
            return;
    }
    if (c->job->cluster_size > 0)
        compress_window(c, w);
}

/* ------------------------------------------------------------------------------------------------
 * Finish
 */

static int write_data(const copier *c, const window *w, size_t first, uint64_t count)
{
    const uint8_t *data = w->buffer + first * UNIT;
    uint64_t offset = w->offset + first * UNIT;

    if (c->job->cluster_size > 0 && w->stream_size[first] > 0)
        return qcow2_pwrite_stream(c->job->target, data, w->stream_size[first], offset, 0);
    return qcow2_pwrite(c->job->target, data, count, offset, 0);
}

static int write_run(const copier *c, const window *w, size_t first, uint64_t count)
{
    uint64_t offset = w->offset + first * UNIT;
    uint8_t kind = w->kind[first];
    int result = 0;

    if (kind == DATA)
        result = write_data(c, w, first, count);
    else if (kind == ZERO && c->zeroes_from > 0)
        result = qcow2_zero(c->job->target, count, offset, QCOW2_MAY_UNMAP);
    if (result == -1)
        error_report("error while writing at byte %" PRIu64 ": %s", offset, qcow2_get_error());
    return result;
}

static int write_runs(const copier *c, const window *w)
{
    size_t end = w->length / UNIT, next;

    for (size_t i = 0; i < end; i = next) {
        next = run_end(w->kind, i, end);
        if (w->kind[i] == DATA && c->job->cluster_size > 0)
            next = min_u64(next, i + c->job->cluster_size / UNIT);
        if (write_run(c, w, i, (next - i) * UNIT) == -1)
            return -1;
    }
    return 0;
}

/* Sleeps until as much as has been written was due. */
static void keep_rate(const copier *c)
{
    struct timespec when = clock_later(c->started, (double)c->done / (double)c->job->rate_limit);

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
        progress_at(c->job->progress, c->done, c->total);
}

static int finish_window(void *opaque, void *slot)
{
    copier *c = opaque;
    window *w = slot;

    if (w->error) {
        error_report("%s", w->error);
        return -1;
    }
    if ((w->uniform ? write_run(c, w, 0, w->length) : write_runs(c, w)) == -1)
        return -1;
    if (w->nb_data > 0) {
        c->done += w->nb_data;
        progress_at(c->job->progress, c->done, c->total);
        if (c->job->rate_limit > 0)
            keep_rate(c);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The job
 */

uint64_t copy_size(qcow2_image *const *sources, size_t nb_sources)
{
    uint64_t size = 0;

    for (size_t i = 0; i < nb_sources; i++)
        size += round_up(qcow2_get_size(sources[i]), UNIT);
    return size;
}

/* From a sick medium one reader gets as much as many, and its warnings come in order.  Compressing
 * is so much slower than all else that on a busy machine threads pay, and windows to wait in for
 * the slowest. */
static unsigned useful_workers(const copier *c)
{
    uint64_t nb_windows = (c->total + c->window - 1) / c->window;
    unsigned useful = pipeline_useful_workers(c->job->workers, nb_windows);

    if (c->job->salvage)
        return 0;
    return c->job->cluster_size > 0 ? (unsigned)min_u64(2 * useful, c->job->workers) : useful;
}

static int copy_windows(copier *c)
{
    static const pipeline_stages stages = { plan_window, work_on_window, finish_window };
    unsigned nb_workers = useful_workers(c);
    unsigned nb_slots = c->job->cluster_size > 0 ? 2 * nb_workers + 2 : nb_workers + 2;
    window *windows = xrealloc(NULL, nb_slots * sizeof *windows);
    void **slots = xrealloc(NULL, nb_slots * sizeof *slots);
    int result;

    memset(windows, 0, nb_slots * sizeof *windows);
    for (unsigned i = 0; i < nb_slots; i++)
        slots[i] = &windows[i];
    plan_begin(c);
    c->started = clock_now();
    result = pipeline_run(&stages, c, slots, nb_slots, nb_workers);
    for (unsigned i = 0; i < nb_slots; i++) {
        free(windows[i].buffer);
        free(windows[i].error);
    }
    free(windows);
    free(slots);
    return result;
}

static uint64_t zeroes_from(const copy_job *job)
{
    qcow2_image *backing = qcow2_get_backing(job->target);

    if (!job->target_is_empty || job->sparse_size == 0)
        return UINT64_MAX;
    return backing ? round_up(qcow2_get_size(backing), UNIT) : 0;
}

/* Large requests cost least.  But compressing takes so long that this does not show, and it is done
 * to many windows at a time, which are memory. */
static uint32_t window_size(const copy_job *job)
{
    if (job->cluster_size == 0)
        return MAX_WINDOW;
    return job->cluster_size > COMPRESSED_WINDOW ? (uint32_t)job->cluster_size : COMPRESSED_WINDOW;
}

int copy_run(const copy_job *job)
{
    copier c = {
        .job = job,
        .window = window_size(job),
        .parts = xrealloc(NULL, job->nb_sources * sizeof *c.parts),
        .size = copy_size(job->sources, job->nb_sources),
        .zeroes_from = zeroes_from(job),
    };
    int result = plan_count(&c);

    if (result == 0)
        result = copy_windows(&c);
    free(c.parts);
    return result;
}
