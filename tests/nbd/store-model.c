/* SPDX-License-Identifier: BSD-3-Clause */
/* store-model.c - random requests of several threads to an export against an array of bytes
 *
 *     store-model URI [SEED [SECONDS]]      for so long, a lost server is waited for
 *
 * Each thread owns a region, whose ends lie within blocks that it shares with its neighbours.  The
 * export must have at least 4 MiB, all of them zeroes.
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/nbd.h"
#include "store/store.h"
#include "unit/seed.h"

#define THREADS 4
#define REGION ((1u << 20) - 77)
#define LIMIT (THREADS * REGION)
#define OPERATIONS 250
#define MOST 70000u /* bytes of a request */
#define MOST_IOV 4

static uint8_t bytes[LIMIT]; /* what the export must hold; each region is its owner's */

struct worker {
    pthread_t thread;
    struct store *store;
    uint32_t start; /* of its region */
    unsigned short seed[3];
    const char *failed; /* what went wrong; NULL: nothing */
};

static uint32_t draw(struct worker *w, uint32_t below)
{
    return (uint32_t)nrand48(w->seed) % below;
}

static uint32_t draw_range(struct worker *w, uint32_t *count)
{
    uint32_t offset = draw(w, REGION - MOST);

    *count = 1 + draw(w, draw(w, 3) == 0 ? MOST : 5000);
    if (draw(w, 2) == 0)
        offset = offset / 4096 * 4096;
    return w->start + offset;
}

static int do_write(struct worker *w)
{
    uint32_t count, offset = draw_range(w, &count), done = 0;
    struct iovec iov[MOST_IOV];
    int iovcnt = 0;

    for (uint32_t i = 0; i < count; i++)
        bytes[offset + i] = (uint8_t)nrand48(w->seed);
    while (done < count) {
        uint32_t step = iovcnt == MOST_IOV - 1 ? count - done : draw(w, count - done + 1);

        iov[iovcnt++] = (struct iovec){ bytes + offset + done, step };
        done += step;
    }
    return store_pwritev(w->store, iov, iovcnt, offset);
}

static int do_zero(struct worker *w)
{
    uint32_t count, offset = draw_range(w, &count);

    memset(bytes + offset, 0, count);
    return store_zero(w->store, count, offset, draw(w, 2));
}

/* What a discarded range holds is not said, so say it. */
static int do_discard(struct worker *w)
{
    uint32_t count, offset = draw_range(w, &count);

    if (store_discard(w->store, count, offset) == -1)
        return -1;
    memset(bytes + offset, 0x5a, count);
    return store_pwrite(w->store, bytes + offset, count, offset);
}

static int do_flush(struct worker *w)
{
    return store_flush(w->store);
}

static int do_read(struct worker *w)
{
    static _Thread_local uint8_t buf[MOST];
    uint32_t count, offset = draw_range(w, &count);

    if (store_pread(w->store, buf, count, offset) == -1)
        return -1;
    return memcmp(buf, bytes + offset, count) == 0
               ? 0
               : error_set(EIO, "%" PRIu32 " bytes at 0x%" PRIx32 " are not those written", count,
                           offset);
}

/* A hole must be one of the model's. */
static int do_extents(struct worker *w)
{
    uint32_t count, offset = draw_range(w, &count);

    for (uint32_t end = offset + count; offset < end;) {
        struct store_extent extent = { 0 };

        if (store_extent_at(w->store, end - offset, offset, &extent) == -1)
            return -1;
        if (extent.length == 0 || extent.length > end - offset)
            return error_set(EIO, "an extent of %" PRIu64 " bytes", extent.length);
        for (uint32_t i = 0; extent.hole && i < extent.length; i++)
            if (bytes[offset + i] != 0)
                return error_set(EIO, "a hole at 0x%" PRIx32 " where data are", offset + i);
        offset += (uint32_t)extent.length;
    }
    return 0;
}

static void *work(void *argument)
{
    static int (*const operations[])(struct worker *) = {
        do_write, do_write, do_zero, do_discard, do_read, do_read, do_extents, do_flush,
    };
    struct worker *w = argument;

    for (int i = 0; i < OPERATIONS && !w->failed; i++)
        if (operations[draw(w, sizeof operations / sizeof operations[0])](w) == -1)
            w->failed = strdup(error_message());
    return NULL;
}

static int check_all(struct store *store)
{
    uint8_t *content = malloc(LIMIT);
    int r = store_pread(store, content, LIMIT, 0);

    if (r == 0 && memcmp(content, bytes, LIMIT) != 0)
        r = error_set(EIO, "the export differs from the model");
    free(content);
    return r;
}

/* Beyond the end: zeroes to read, nothing to write. */
static int check_end(struct store *store)
{
    uint8_t end[1000];
    uint64_t size;

    memset(end, 1, sizeof end);
    if (store_size(store, &size) == -1 || store_pread(store, end, sizeof end, size) == -1)
        return -1;
    for (size_t i = 0; i < sizeof end; i++)
        if (end[i] != 0)
            return error_set(EIO, "what lies beyond the end is not zero");
    if (store_pwrite(store, end, sizeof end, size - 1) == 0)
        return error_set(EIO, "a write beyond the end was no error");
    return error_errno() == ENOSPC ? 0 : -1;
}

int main(int argc, char **argv)
{
    unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : test_seed();
    struct nbd_options options = { .reconnect_delay = argc > 3 ? strtoul(argv[3], NULL, 0) : 0 };
    struct store *store = argc > 1 ? store_nbd_open(argv[1], 0, &options) : NULL;
    struct worker workers[THREADS] = { 0 };
    int failures = 0;

    if (store == NULL) {
        fprintf(stderr, "%s\n", error_message());
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].store = store;
        workers[i].start = i * REGION;
        workers[i].seed[0] = (unsigned short)i;
        memcpy(workers[i].seed + 1, &seed, sizeof seed);
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].failed) {
            fprintf(stderr, "thread %u: %s\n", i, workers[i].failed);
            failures++;
        }
    }
    if (failures == 0 && (check_all(store) == -1 || check_end(store) == -1)) {
        fprintf(stderr, "%s\n", error_message());
        failures++;
    }
    store_close(store);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
