/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.c - qcow-img bench: how long requests to an image take
 *
 * Each of the requests that are to be in parallel has a thread, as far as there are threads to be
 * had; who is free takes the next request.  A flush that is due after so many requests has the
 * image to itself: it begins when they are done, and what follows waits for it.  With --no-drain it
 * is just one more request.
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "image-open.h"
#include "json.h"
#include "message.h"
#include "ranges.h"
#include "verb.h"

enum {
    MAX_THREADS = 256, /* the caller's among them: what is told as the depth */
};

typedef struct {
    const bench_options *options;
    qcow2_image *image;
    uint64_t size; /* bytes of the disk */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* anything below; guarded by lock, as all of it */
    uint64_t begun;         /* requests */
    uint64_t running;       /* requests that are not done */
    uint64_t flushed;       /* requests that were begun when the last flush was */
    bool flushing;          /* and nothing may begin */
    uint64_t offset;        /* of the next request */
    int error;              /* of the first request that failed; 0: none */
} bench;

/* What a thread is to do next. */
typedef struct {
    bool flush;
    uint64_t offset;
} task;

/* ------------------------------------------------------------------------------------------------
 * Which request is next
 */

static bool flush_is_due(const bench *b)
{
    uint64_t interval = b->options->flush_interval;

    return interval > 0 && b->begun > b->flushed && b->begun % interval == 0;
}

/* Nothing can begin now, but later. */
static bool must_wait(const bench *b)
{
    if (b->flushing)
        return true;
    return flush_is_due(b) && !b->options->no_drain && b->running > 0;
}

/* False when there is nothing left to do. */
static bool take_task(bench *b, task *t)
{
    bool found = true;

    pthread_mutex_lock(&b->lock);
    while (must_wait(b) && b->error == 0)
        pthread_cond_wait(&b->changed, &b->lock);
    *t = (task){ .flush = flush_is_due(b), .offset = b->offset };
    if (b->error != 0 || (!t->flush && b->begun == b->options->count)) {
        found = false;
    } else if (t->flush) {
        b->flushed = b->begun;
        b->flushing = !b->options->no_drain;
    } else {
        b->begun++;
        b->offset = b->size > 0 ? (b->offset + b->options->step_size) % b->size : 0;
    }
    b->running += found;
    pthread_mutex_unlock(&b->lock);
    return found;
}

static void end_task(bench *b, const task *t, int error)
{
    pthread_mutex_lock(&b->lock);
    b->running--;
    if (t->flush)
        b->flushing = false;
    if (b->error == 0)
        b->error = error;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

/* ------------------------------------------------------------------------------------------------
 * Doing it
 */

static int do_task(bench *b, const task *t, void *buf)
{
    uint64_t count = b->options->buffer_size;
    int result;

    if (t->flush)
        result = qcow2_flush(b->image, 0);
    else if (!range_within(t->offset, count, b->size))
        return EIO;
    else if (b->options->write)
        result = qcow2_pwrite(b->image, buf, count, t->offset, 0);
    else
        result = qcow2_pread(b->image, buf, count, t->offset, 0);
    return result ? qcow2_get_errno() : 0;
}

static void *work(void *opaque)
{
    bench *b = opaque;
    CLEANUP_FREE void *buf = malloc(b->options->buffer_size ? b->options->buffer_size : 1);
    task t;

    if (buf)
        memset(buf, (int)b->options->pattern, b->options->buffer_size);
    while (take_task(b, &t))
        end_task(b, &t, buf ? do_task(b, &t, buf) : ENOMEM);
    return NULL;
}

/* The caller's thread is one of them. */
static void run_threads(bench *b)
{
    pthread_t threads[MAX_THREADS];
    uint64_t wanted = b->options->depth < b->options->count ? b->options->depth : b->options->count;
    unsigned begun = 0;

    while (begun + 1 < wanted && begun + 1 < MAX_THREADS &&
           pthread_create(&threads[begun], NULL, work, b) == 0)
        begun++;
    work(b);
    while (begun > 0)
        pthread_join(threads[--begun], NULL);
}

/* ------------------------------------------------------------------------------------------------
 * What is said
 */

static void announce(const bench_options *o)
{
    printf("Sending %" PRIu64 " %s requests, %" PRIu64 " bytes each, %" PRIu64
           " in parallel (starting at offset %" PRIu64 ", step size %" PRIu64 ")\n",
           o->count, o->write ? "write" : "read", o->buffer_size, o->depth, o->offset,
           o->step_size);
    if (o->flush_interval > 0)
        printf("Sending flush every %" PRIu64 " requests\n", o->flush_interval);
    fflush(stdout);
}

static void print_json(const options *o, const bench_options *settled, double duration)
{
    double rate = duration > 0 ? (double)settled->count / duration : 0;
    CLEANUP_JSON json_t *object = json_object();

    json_put(object, "filename", json_text(o->arguments[0]));
    json_put(object, "operation", json_text(settled->write ? "write" : "read"));
    json_put(object, "requests", json_number(settled->count));
    json_put(object, "buffer-size", json_number(settled->buffer_size));
    json_put(object, "step-size", json_number(settled->step_size));
    json_put(object, "offset", json_number(settled->offset));
    json_put(object, "depth",
             json_number(settled->depth < MAX_THREADS ? settled->depth : MAX_THREADS));
    json_put(object, "flush-interval", json_number(settled->flush_interval));
    json_put(object, "seconds", json_real(duration));
    json_put(object, "requests-per-second", json_real(rate));
    json_put(object, "bytes-per-second", json_real(rate * (double)settled->buffer_size));
    json_print(object);
}

static int measure(const options *o, const bench_options *settled, qcow2_image *image)
{
    bench b = {
        .options = settled,
        .image = image,
        .size = qcow2_get_size(image),
        .offset = settled->offset,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };
    double start, duration;

    if (o->output == OUTPUT_HUMAN)
        announce(settled);
    start = clock_seconds();
    run_threads(&b);
    duration = clock_seconds() - start;
    if (b.error != 0) {
        error_report("Failed request: %s", strerror(b.error));
        return -1;
    }
    if (o->output == OUTPUT_JSON)
        print_json(o, settled, duration);
    else
        printf("Run completed in %3.3f seconds.\n", duration);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The verb
 */

/* Returns the sentence, or NULL. */
static const char *contradiction(const bench_options *o)
{
    if (!o->write && o->flush_interval > 0)
        return "--flush-interval is only available in write tests";
    if (o->flush_interval > 0 && o->flush_interval < o->depth)
        return "Flush interval can't be smaller than depth";
    return NULL;
}

/* Threads do all requests; what would be refused as native is refused all the same. */
static int check_modes(const options *o)
{
    bool native = o->bench.native || (o->bench.aio && strcmp(o->bench.aio, "native") == 0);
    uint32_t flags = 0;

    if (o->cache && cache_mode_flags(o->cache, &flags))
        error_report("Invalid cache mode");
    else if (native && !(flags & QCOW2_OPEN_DIRECT))
        error_report("Could not open '%s': aio=native was specified, but it requires "
                     "cache.direct=on, which was not specified.",
                     o->arguments[0]);
    else
        return 0;
    return -1;
}

int run_bench(const options *o)
{
    bench_options settled = o->bench;
    image_source source;
    qcow2_image *image;
    int result;

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    if (contradiction(&settled)) {
        error_report("%s", contradiction(&settled));
        return EXIT_FAILURE;
    }
    if (check_modes(o))
        return EXIT_FAILURE;
    if (settled.step_size == 0)
        settled.step_size = settled.buffer_size;
    source = image_source_of(o, settled.write ? 0 : QCOW2_OPEN_READ_ONLY);
    image = open_image(&source);
    if (!image)
        return EXIT_FAILURE;
    result = measure(o, &settled, image);
    return close_image(image) || result ? EXIT_FAILURE : EXIT_SUCCESS;
}
