/* SPDX-License-Identifier: BSD-3-Clause */
/* stress-threads.c - eight threads change and read one image at once, and a ninth takes snapshots
 *
 * The threads' ranges overlap at will: what each read may see is told by stress-model.h.  The ninth
 * thread creates a snapshot (which is a read of the whole disk at one instant), looks at it through
 * a handle of its own at once and again a little later, goes back to it from time to time (which is
 * a change of the whole disk), and deletes it.  In the end the image is closed and opened again,
 * and both checks must find nothing, leaks included.
 *
 * STRESS_OPERATIONS: operations of each thread and case.  SEED: what they draw from; the
 * order in which threads run is the machine's.
 */

#include "store-scratch.h"
#include "seed.h"
#include "stress-model.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "qcow2.h"

#define WORKERS 8
#define KEEPER WORKERS /* the thread of the snapshots */
#define OPERATIONS 1200
#define MOST_BYTES (UINT64_C(256) << 10) /* of an operation */
#define SECTOR 512u

/* What is tried beside reads, writes, zeroes, discards and flushes. */
#define SNAPSHOTS 0x1u
#define COMPRESSED 0x2u
#define EXTENDED 0x4u /* L2 entries */
#define BITMAP 0x8u   /* which must know of all changes in the end */

struct variant {
    const char *name;
    uint32_t cluster_size;
    uint32_t clusters; /* of the disk, and a sector */
    const char *refcount_bits;
    const char *compat;
    const char *backing_format; /* NULL: no backing file */
    uint32_t granule;           /* bytes; below 512, threads share sectors */
    uint64_t cache_size;        /* bytes, of tables; 0: the default */
    uint32_t flags;             /* of opening */
    uint32_t extras;
};

struct stress {
    const struct variant *variant;
    struct model *model;
    qcow2_image *image;
    uint64_t size; /* bytes */
    unsigned seed;
    unsigned operations; /* of each worker */
    atomic_bool failed;
    atomic_uint running; /* workers */
};

struct worker {
    pthread_t thread;
    struct stress *stress;
    unsigned number;
    unsigned short random[3];
    uint8_t *buf; /* MOST_BYTES */
};

/* ------------------------------------------------------------------------------------------------
 * Operations of a worker
 */

static uint64_t draw(struct worker *w, uint64_t below)
{
    return (uint64_t)nrand48(w->random) % below;
}

/* Library calls must not fail. */
static bool succeeded(struct stress *s, int result, const char *what)
{
    if (result == 0)
        return true;
    fprintf(stderr, "%s: %s\n", what, qcow2_get_error());
    atomic_store(&s->failed, true);
    return false;
}

/* Granules; half of the ranges in an eighth of the disk, most of them short. */
static void draw_range(struct worker *w, uint64_t *first, uint64_t *count)
{
    const struct variant *v = w->stress->variant;
    uint64_t granules = w->stress->size / v->granule;
    uint64_t most = draw(w, 3) ? 16 : min_u64(4 * v->cluster_size, MOST_BYTES) / v->granule;

    *first = draw(w, draw(w, 2) ? granules / 8 : granules);
    *count = 1 + draw(w, most);
    if (draw(w, 4) == 0) /* whole clusters */
        *first = round_down(*first, v->cluster_size / v->granule);
    *count = min_u64(*count, granules - *first);
}

static void read_range(struct worker *w, uint64_t first, uint64_t count, uint64_t begin)
{
    struct stress *s = w->stress;
    uint32_t granule = s->variant->granule;

    if (succeeded(s, qcow2_pread(s->image, w->buf, count * granule, first * granule, 0), "read") &&
        !model_observe(s->model, first, count, w->buf, begin, model_now(s->model), false))
        atomic_store(&s->failed, true);
}

static void write_range(struct worker *w, uint64_t first, uint64_t count, uint64_t begin)
{
    struct stress *s = w->stress;
    uint32_t granule = s->variant->granule;
    struct change change = { first, count, begin, NULL, begin };
    uint32_t flags = draw(w, 100) == 0 ? QCOW2_FUA : 0;

    model_fill(s->model, first, count, begin, w->buf);
    model_change_begin(s->model, &change);
    succeeded(s, qcow2_pwrite(s->image, w->buf, count * granule, first * granule, flags), "write");
    model_change_end(s->model, &change);
}

/* Clusters as they are compressed: whole, but for the disk's last one. */
static void compress_range(struct worker *w, uint64_t first, uint64_t count, uint64_t begin)
{
    struct stress *s = w->stress;
    const struct variant *v = s->variant;
    uint64_t start = round_down(first * v->granule, v->cluster_size);
    uint64_t end = min_u64(round_up((first + count) * v->granule, v->cluster_size), s->size);
    struct change change = { start / v->granule, 0, begin, NULL, begin };

    end = min_u64(end, start + round_down(MOST_BYTES, v->cluster_size));
    if (!(v->extras & COMPRESSED) || end <= start) {
        write_range(w, first, count, begin);
        return;
    }
    change.count = (end - start) / v->granule;
    model_fill(s->model, change.first, change.count, begin, w->buf);
    model_change_begin(s->model, &change);
    succeeded(s, qcow2_pwrite_compressed(s->image, w->buf, end - start, start, 0), "compress");
    model_change_end(s->model, &change);
}

static void zero_range(struct worker *w, uint64_t first, uint64_t count, uint64_t begin)
{
    struct stress *s = w->stress;
    uint32_t granule = s->variant->granule;
    struct change change = { first, count, 0, NULL, begin };
    uint32_t flags = draw(w, 2) ? QCOW2_MAY_UNMAP : 0;

    model_change_begin(s->model, &change);
    succeeded(s, qcow2_zero(s->image, count * granule, first * granule, flags), "zero");
    model_change_end(s->model, &change);
}

/* Whole clusters become zeroes, and the disk's end ends a cluster; version 2 cannot say "zero"
 * above a backing file. */
static void discard_range(struct worker *w, uint64_t first, uint64_t count, uint64_t begin)
{
    struct stress *s = w->stress;
    const struct variant *v = s->variant;
    uint64_t start = round_up(first * v->granule, v->cluster_size);
    uint64_t end = (first + count) * v->granule;
    struct change change = { start / v->granule, 0, 0, NULL, begin };

    if (end != s->size)
        end = round_down(end, v->cluster_size);
    if (start < end && !(v->backing_format && strcmp(v->compat, "v2") == 0))
        change.count = (end - start) / v->granule;
    model_change_begin(s->model, &change);
    succeeded(s, qcow2_discard(s->image, count * v->granule, first * v->granule, 0), "discard");
    model_change_end(s->model, &change);
}

static void flush(struct worker *w, uint64_t first, uint64_t count, uint64_t begin)
{
    (void)first, (void)count, (void)begin;
    succeeded(w->stress, qcow2_flush(w->stress->image, 0), "flush");
}

/* Extents follow each other without gaps. */
static int follow(void *opaque, const qcow2_extent *extent)
{
    uint64_t *next = opaque;

    if (extent->guest_offset != *next || extent->length == 0)
        return 1;
    *next += extent->length;
    return 0;
}

static void map_range(struct worker *w, uint64_t first, uint64_t count, uint64_t begin)
{
    struct stress *s = w->stress;
    uint64_t start = first * s->variant->granule, next = start;
    uint64_t bytes = count * s->variant->granule;

    (void)begin;
    if (!succeeded(s, qcow2_map(s->image, bytes, start, 0, follow, &next), "map"))
        return;
    if (next != start + bytes) {
        fprintf(stderr, "map of 0x%" PRIx64 " ends at 0x%" PRIx64 "\n", start, next);
        atomic_store(&s->failed, true);
    }
}

static void *work(void *opaque)
{
    static void (*const operations[])(struct worker *, uint64_t, uint64_t, uint64_t) = {
        read_range,  read_range,     read_range,     read_range,  read_range,    read_range,
        write_range, write_range,    write_range,    write_range, write_range,   write_range,
        write_range, zero_range,     zero_range,     zero_range,  discard_range, discard_range,
        map_range,   compress_range, compress_range, flush,
    };
    struct worker *w = opaque;
    struct stress *s = w->stress;

    for (unsigned i = 0; i < s->operations && !atomic_load(&s->failed); i++) {
        uint64_t begin = model_enter(s->model, w->number);
        uint64_t first, count;

        draw_range(w, &first, &count);
        operations[draw(w, sizeof operations / sizeof operations[0])](w, first, count, begin);
        model_leave(s->model, w->number);
    }
    atomic_fetch_sub(&s->running, 1);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Snapshots
 */

static qcow2_image *open_image(const struct variant *v, uint32_t flags, const char *snapshot)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_image *image;

    qcow2_open_options_set_flags(options, flags);
    qcow2_open_options_set(options, "pass-discard-other", "on"); /* the more holes, the better */
    qcow2_open_options_set_backing_policy(options, QCOW2_BACKING_ALLOW);
    qcow2_open_options_set_l2_cache_size(options, v->cache_size);
    qcow2_open_options_set_refcount_cache_size(options, v->cache_size);
    if (snapshot)
        qcow2_open_options_set_snapshot(options, snapshot);
    image = qcow2_open("image", options);
    qcow2_open_options_free(options);
    return image;
}

/* The whole disk as the snapshot has it. */
static bool read_snapshot(struct stress *s, uint8_t *buf)
{
    qcow2_image *image = open_image(s->variant, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_LOCK, "keep");
    bool good = succeeded(s, image ? 0 : -1, "open the snapshot") &&
                succeeded(s, qcow2_pread(image, buf, s->size, 0, 0), "read the snapshot");

    if (image)
        qcow2_close(image);
    return good;
}

static bool create_snapshot(struct stress *s, uint8_t *buf)
{
    uint64_t granules = s->size / s->variant->granule;
    uint64_t begin = model_enter(s->model, KEEPER);
    bool good = succeeded(s, qcow2_snapshot_create(s->image, "keep"), "create a snapshot");
    uint64_t end = model_now(s->model);

    good = good && read_snapshot(s, buf) &&
           model_observe(s->model, 0, granules, buf, begin, end, true);
    model_leave(s->model, KEEPER);
    return good;
}

static bool apply_snapshot(struct stress *s, const uint8_t *buf)
{
    uint32_t granule = s->variant->granule;
    uint64_t granules = s->size / granule;
    CLEANUP_FREE uint64_t *tags = malloc(granules * sizeof tags[0]);
    struct change change = { 0, granules, 0, tags, model_enter(s->model, KEEPER) };
    bool good;

    for (uint64_t i = 0; i < granules; i++)
        tags[i] = model_tag(s->model, buf + i * granule);
    model_change_begin(s->model, &change);
    good = succeeded(s, qcow2_snapshot_apply(s->image, "keep"), "go back to a snapshot");
    model_change_end(s->model, &change);
    model_leave(s->model, KEEPER);
    return good;
}

static bool compare_snapshot(struct stress *s, const uint8_t *before, uint8_t *after)
{
    if (!read_snapshot(s, after))
        return false;
    for (uint64_t i = 0; i < s->size; i++)
        if (before[i] != after[i]) {
            fprintf(stderr, "the snapshot has changed at guest offset 0x%" PRIx64 "\n", i);
            return false;
        }
    return true;
}

static void *keep_snapshots(void *opaque)
{
    struct stress *s = opaque;
    CLEANUP_FREE uint8_t *before = malloc(s->size), *after = malloc(s->size);

    for (unsigned i = 0; atomic_load(&s->running) > 0 && !atomic_load(&s->failed); i++) {
        bool good = create_snapshot(s, before);

        usleep(i % 4 * 3000);
        good = good && compare_snapshot(s, before, after);
        if (i % 3 == 2)
            good = good && apply_snapshot(s, before) && compare_snapshot(s, before, after);
        usleep(i % 3 * 3000);
        good = good && succeeded(s, qcow2_snapshot_delete(s->image, "keep"), "delete a snapshot");
        if (!good)
            atomic_store(&s->failed, true);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * The run
 */

static void create(const char *filename, const char *format, uint32_t cluster_size, uint64_t size,
                   const char *const *extra)
{
    qcow2_create_options *options = qcow2_create_options_new();
    char number[32];

    assert_int_equal(qcow2_create_options_set_format(options, format), 0);
    snprintf(number, sizeof number, "%" PRIu64, size);
    assert_int_equal(qcow2_create_options_set(options, "size", number), 0);
    snprintf(number, sizeof number, "%" PRIu32, cluster_size);
    if (strcmp(format, "qcow2") == 0)
        assert_int_equal(qcow2_create_options_set(options, "cluster_size", number), 0);
    for (; extra && extra[0]; extra += 2)
        assert_int_equal(qcow2_create_options_set(options, extra[0], extra[1]), 0);
    assert_int_equal(qcow2_create(filename, options), 0);
    qcow2_create_options_free(options);
}

/* The model at first holds zeroes, and what the backing file holds: tags in every third run of 100
 * granules of its first half; the backing file ends before the disk does. */
static void create_backing(struct stress *s)
{
    const struct variant *v = s->variant;
    uint64_t size = round_down(s->size / 4 * 3, SECTOR), step = 100;
    qcow2_open_options *options = qcow2_open_options_new();
    CLEANUP_FREE uint8_t *buf = malloc(step * v->granule);
    qcow2_image *image;

    create("base", v->backing_format, 4096, size, NULL);
    assert_int_equal(qcow2_open_options_set_format(options, v->backing_format), 0);
    image = qcow2_open("base", options);
    assert_non_null(image);
    for (uint64_t at = 0; (at + step) * v->granule <= size; at += 3 * step) {
        struct change change = { at, step, 7, NULL, model_now(s->model) };

        model_fill(s->model, at, step, change.tag, buf);
        assert_int_equal(qcow2_pwrite(image, buf, step * v->granule, at * v->granule, 0), 0);
        model_change_begin(s->model, &change);
        model_change_end(s->model, &change);
    }
    assert_int_equal(qcow2_close(image), 0);
    qcow2_open_options_free(options);
}

static void set_up(struct stress *s)
{
    const struct variant *v = s->variant;
    const char *options[] = { "refcount_bits",
                              v->refcount_bits,
                              "compat",
                              v->compat,
                              "extended_l2",
                              v->extras & EXTENDED ? "on" : "off",
                              v->backing_format ? "backing_file" : NULL,
                              "base",
                              "backing_fmt",
                              v->backing_format,
                              NULL };
    struct change zeroes = { 0 };

    s->size = (uint64_t)v->cluster_size * v->clusters + SECTOR;
    s->model = model_new(s->size, v->granule, WORKERS + 1);
    zeroes.count = s->size / v->granule;
    model_change_begin(s->model, &zeroes);
    model_change_end(s->model, &zeroes);
    if (v->backing_format)
        create_backing(s);
    create("image", "qcow2", v->cluster_size, s->size, options);
    s->image = open_image(v, v->flags, NULL);
    if (s->image == NULL)
        fail_msg("%s", qcow2_get_error());
    if (v->extras & BITMAP)
        assert_int_equal(qcow2_bitmap_add(s->image, "all", 512, QCOW2_BITMAP_ENABLED), 0);
}

static void run_threads(struct stress *s)
{
    struct worker workers[WORKERS];
    pthread_t keeper;

    atomic_init(&s->running, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ .stress = s, .number = i, .buf = malloc(MOST_BYTES) };
        workers[i].random[0] = (unsigned short)s->seed;
        workers[i].random[1] = (unsigned short)(s->seed >> 16);
        workers[i].random[2] = (unsigned short)i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    if (s->variant->extras & SNAPSHOTS)
        assert_int_equal(pthread_create(&keeper, NULL, keep_snapshots, s), 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        free(workers[i].buf);
    }
    if (s->variant->extras & SNAPSHOTS)
        pthread_join(keeper, NULL);
    assert_false(atomic_load(&s->failed));
}

static void print_finding(void *opaque, const char *message)
{
    (void)opaque;
    print_error("%s\n", message);
}

static void check(void)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_check_result result;
    qcow2_image *image;

    qcow2_open_options_set_flags(options, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK);
    qcow2_open_options_set_backing_policy(options, QCOW2_BACKING_IGNORE);
    image = qcow2_open("image", options);
    assert_non_null(image);
    assert_int_equal(qcow2_check(image, 0, &result, sizeof result, print_finding, NULL), 0);
    assert_int_equal(result.corruptions, 0);
    assert_int_equal(result.leaks, 0);
    assert_int_equal(result.check_errors, 0);
    qcow2_close(image);
    qcow2_open_options_free(options);
    if (system("command -v qemu-img >/dev/null") == 0)
        assert_int_equal(system("qemu-img check -q -f qcow2 image"), 0);
}

/* The disk was zero at first: where the bitmap is clean it still is. */
static int verify_clean(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    const uint8_t *buf = opaque;

    for (uint64_t i = offset; i < offset + length && !dirty; i++)
        if (buf[i] != 0) {
            print_error("the bitmap is clean at offset 0x%" PRIx64 "\n", i);
            return 1;
        }
    return 0;
}

static void verify(struct stress *s)
{
    uint8_t *buf = malloc(s->size);
    uint64_t now;

    assert_int_equal(qcow2_close(s->image), 0);
    s->image = open_image(s->variant, QCOW2_OPEN_READ_ONLY, NULL);
    assert_non_null(s->image);
    now = model_now(s->model);
    assert_int_equal(qcow2_pread(s->image, buf, s->size, 0, 0), 0);
    assert_true(model_observe(s->model, 0, s->size / s->variant->granule, buf, now,
                              model_now(s->model), true));
    if (s->variant->extras & BITMAP)
        assert_int_equal(qcow2_bitmap_extents(s->image, "all", s->size, 0, verify_clean, buf), 0);
    assert_int_equal(qcow2_close(s->image), 0);
    free(buf);
}

static void stress(void **state)
{
    const char *operations = getenv("STRESS_OPERATIONS");
    struct stress s = { .variant = *state, .operations = OPERATIONS };

    s.seed = test_seed();
    if (operations)
        s.operations = (unsigned)strtoul(operations, NULL, 0);
    print_message("STRESS_OPERATIONS=%u\n", s.operations);
    set_up(&s);
    run_threads(&s);
    verify(&s);
    check();
    model_free(s.model);
}

#define DISCARD QCOW2_OPEN_DISCARD
#define THROUGH QCOW2_OPEN_WRITETHROUGH

static struct variant variants[] = {
    { "small clusters", 512, 3000, "16", "v3", NULL, 512, 1, 0, 0 },
    { "small clusters, version 2", 512, 1500, "16", "v2", NULL, 512, 1, DISCARD, SNAPSHOTS },
    { "refcounts of one bit", 4096, 300, "1", "v3", "raw", 512, 4096, 0, 0 },
    { "version 2 above a base", 4096, 300, "16", "v2", "qcow2", 512, 0, 0, SNAPSHOTS },
    { "default above a base", 65536, 64, "16", "v3", "qcow2", 512, 0, DISCARD, SNAPSHOTS },
    { "shared sectors", 4096, 100, "8", "v3", NULL, 128, 4096, DISCARD, SNAPSHOTS },
    { "shared sectors above a base", 65536, 12, "2", "v3", "raw", 128, 0, 0, SNAPSHOTS },
    { "writethrough", 16384, 100, "32", "v3", NULL, 512, 0, THROUGH, SNAPSHOTS },
    { "large clusters", 2097152, 4, "64", "v3", "qcow2", 512, 4096, 0, SNAPSHOTS },
    { "compressed, default", 65536, 60, "16", "v3", NULL, 512, 4096, 0, COMPRESSED },
    { "compressed above a base", 4096, 300, "16", "v3", "qcow2", 512, 0, DISCARD,
      SNAPSHOTS | COMPRESSED },
    { "subclusters", 16384, 100, "16", "v3", NULL, 512, 4096, DISCARD, SNAPSHOTS | EXTENDED },
    { "subclusters above a base", 131072, 20, "8", "v3", "raw", 128, 0, 0, SNAPSHOTS | EXTENDED },
    { "with a bitmap", 4096, 300, "16", "v3", NULL, 512, 0, DISCARD,
      SNAPSHOTS | COMPRESSED | BITMAP },
    { "compressed and subclusters", 32768, 60, "16", "v3", "qcow2", 512, 0, 0,
      SNAPSHOTS | COMPRESSED | EXTENDED },
};

int main(void)
{
    struct CMUnitTest tests[sizeof variants / sizeof variants[0]];

    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tests[i] = (struct CMUnitTest){ variants[i].name, stress, NULL, NULL, &variants[i] };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
