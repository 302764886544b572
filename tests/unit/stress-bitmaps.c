/* SPDX-License-Identifier: BSD-3-Clause */
/* stress-bitmaps.c - threads write while others look at bitmaps and change them
 *
 * Workers write, zero and discard, each in ranges of its own drawing.  The bitmap "all" is enabled
 * from the beginning to the end: it must have the bits of all that the workers touched, and no
 * others.  A reader sees to it that no bit of it is ever lost.  A keeper adds, merges, clears,
 * disables, enables and removes other bitmaps meanwhile.
 *
 * SEED: what the threads draw from.
 */

#include "seed.h"
#include "store-scratch.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "qcow2.h"

#define WORKERS 4
#define OPERATIONS 1500
#define SIZE (UINT64_C(4) << 20)
#define GRANULARITY 4096u
#define PIECES (SIZE / GRANULARITY)
#define MOST_BYTES 20000u

struct stress {
    qcow2_image *image;
    unsigned seed;
    atomic_uint running; /* workers */
    atomic_bool failed;
};

struct worker {
    pthread_t thread;
    struct stress *stress;
    unsigned short random[3];
    bool touched[PIECES];
};

static uint64_t draw(unsigned short *random, uint64_t below)
{
    return (uint64_t)nrand48(random) % below;
}

static bool succeeded(struct stress *s, int result, const char *what)
{
    if (result == 0)
        return true;
    fprintf(stderr, "%s: %s\n", what, qcow2_get_error());
    atomic_store(&s->failed, true);
    return false;
}

static void *work(void *opaque)
{
    static const uint8_t bytes[MOST_BYTES] = { 1, 2, 3 };
    struct worker *w = opaque;
    struct stress *s = w->stress;

    for (int i = 0; i < OPERATIONS && !atomic_load(&s->failed); i++) {
        /* each worker in two places, which only some share */
        uint64_t place = draw(w->random, 2) * SIZE / 2 + (w->random[2] % 3) * SIZE / 8;
        uint64_t offset = place + draw(w->random, SIZE / 10);
        uint64_t count = 1 + draw(w->random, MOST_BYTES);

        for (uint64_t k = offset / GRANULARITY; k <= (offset + count - 1) / GRANULARITY; k++)
            w->touched[k] = true;
        switch (draw(w->random, 6)) {
        case 0: succeeded(s, qcow2_zero(s->image, count, offset, 0), "zero"); break;
        case 1: succeeded(s, qcow2_discard(s->image, count, offset, 0), "discard"); break;
        default: succeeded(s, qcow2_pwrite(s->image, bytes, count, offset, 0), "write"); break;
        }
    }
    atomic_fetch_sub(&s->running, 1);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Looking
 */

static int note_extent(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    bool *pieces = opaque;

    for (uint64_t k = offset / GRANULARITY; k < (offset + length) / GRANULARITY; k++)
        pieces[k] = dirty;
    return 0;
}

static void *look(void *opaque)
{
    struct stress *s = opaque;
    bool before[PIECES] = { false }, now[PIECES];

    while (atomic_load(&s->running) > 0 && !atomic_load(&s->failed)) {
        if (!succeeded(s, qcow2_bitmap_extents(s->image, "all", SIZE, 0, note_extent, now), "look"))
            break;
        for (uint64_t k = 0; k < PIECES; k++)
            if (before[k] && !now[k]) {
                fprintf(stderr, "bit %" PRIu64 " was set and is not any more\n", k);
                atomic_store(&s->failed, true);
            }
        memcpy(before, now, sizeof before);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Changing other bitmaps
 */

static void *keep(void *opaque)
{
    struct stress *s = opaque;
    qcow2_image *i = s->image;

    while (atomic_load(&s->running) > 0 && !atomic_load(&s->failed))
        if (!succeeded(s, qcow2_bitmap_add(i, "more", 512, QCOW2_BITMAP_ENABLED), "add") ||
            !succeeded(s, qcow2_bitmap_merge(i, "more", i, "all"), "merge") ||
            !succeeded(s, qcow2_bitmap_disable(i, "more"), "disable") ||
            !succeeded(s, qcow2_bitmap_clear(i, "more"), "clear") ||
            !succeeded(s, qcow2_bitmap_enable(i, "more"), "enable") ||
            !succeeded(s, qcow2_flush(i, 0), "flush") ||
            !succeeded(s, qcow2_bitmap_remove(i, "more"), "remove"))
            break;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * The run
 */

static void create(void)
{
    qcow2_create_options *options = qcow2_create_options_new();

    assert_int_equal(qcow2_create_options_set(options, "size", "4194304"), 0);
    assert_int_equal(qcow2_create_options_set(options, "cluster_size", "4096"), 0);
    assert_int_equal(qcow2_create("image", options), 0);
    qcow2_create_options_free(options);
}

static void run_threads(struct stress *s, struct worker *workers)
{
    pthread_t reader, keeper;

    atomic_init(&s->running, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] =
            (struct worker){ .stress = s,
                             .random = { (unsigned short)s->seed, (unsigned short)(s->seed >> 16),
                                         (unsigned short)i } };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    assert_int_equal(pthread_create(&reader, NULL, look, s), 0);
    assert_int_equal(pthread_create(&keeper, NULL, keep, s), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_join(reader, NULL);
    pthread_join(keeper, NULL);
    assert_false(atomic_load(&s->failed));
}

static void compare(const struct worker *workers)
{
    bool now[PIECES];
    qcow2_image *image = qcow2_open("image", NULL);

    assert_non_null(image);
    assert_int_equal(qcow2_bitmap_extents(image, "all", SIZE, 0, note_extent, now), 0);
    for (uint64_t k = 0; k < PIECES; k++) {
        bool touched = false;

        for (unsigned i = 0; i < WORKERS; i++)
            touched = touched || workers[i].touched[k];
        if (now[k] != touched)
            fail_msg("bit %" PRIu64 " is %d, not %d", k, now[k], touched);
    }
    assert_int_equal(qcow2_close(image), 0);
}

static void stress(void **state)
{
    struct stress s = { .seed = test_seed() };
    struct worker *workers = calloc(WORKERS, sizeof workers[0]);

    (void)state;
    create();
    s.image = qcow2_open("image", NULL);
    assert_non_null(s.image);
    assert_int_equal(qcow2_bitmap_add(s.image, "all", GRANULARITY, QCOW2_BITMAP_ENABLED), 0);
    run_threads(&s, workers);
    assert_int_equal(qcow2_close(s.image), 0);
    compare(workers);
    free(workers);
    if (system("command -v qemu-img >/dev/null") == 0)
        assert_int_equal(system("qemu-img check -q -f qcow2 image"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(stress) };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
