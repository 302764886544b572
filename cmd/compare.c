/* SPDX-License-Identifier: BSD-3-Clause */
/* compare.c - qcow-img compare: do two images show a guest the same disk?
 *
 * The disk is cut into windows of 1 MiB.  What the two maps say about a window is painted into one
 * byte for every 512 of the disk: which of the images hold data there.  Only data are read; where
 * one image has none, the other's must be zeroes.  The windows are compared in parallel and judged
 * in order, so what is reported is always the first difference.
 *
 * A disk that is longer than the other is the same disk if the rest of it is zeroes.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"
#include "cleanup.h"
#include "extents.h"
#include "image-open.h"
#include "json.h"
#include "message.h"
#include "pipeline.h"
#include "progress.h"
#include "verb.h"

#define UNIT 512
#define WINDOW (1u << 20)
#define WINDOW_UNITS (WINDOW / UNIT)

/* More than this wait for memory, not for the processor. */
#define WORKERS 4

/* So that buffers are fit for direct I/O. */
#define BUFFER_ALIGNMENT 4096

#define NOWHERE UINT64_MAX

enum {
    EXIT_SAME = 0,
    EXIT_DIFFERENT = 1,
    EXIT_NOT_OPENED = 2,
    EXIT_NO_STATUS = 3,
    EXIT_NOT_READ = 4,
};

/* Bits of window.kind. */
enum {
    FIRST_HAS_DATA = 1,
    SECOND_HAS_DATA = 2,
};

typedef enum {
    DIFFER_NOT,
    DIFFER_SIZE,
    DIFFER_STATUS,
    DIFFER_CONTENT,
} difference;

typedef struct {
    const options *options;
    extents walk[2];
    uint64_t shared; /* bytes that both disks have */
    uint64_t size;   /* bytes of the longer disk */
    progress progress;

    uint64_t planned; /* the next window begins here */
    bool failed;      /* the plan ends with an error or with a difference */

    difference result;
    uint64_t where; /* the offset of the difference, or NOWHERE */
} comparison;

typedef struct {
    uint64_t offset;
    uint64_t length;     /* at most WINDOW, unless uniform */
    bool uniform;        /* no data at all in either image */
    bool status_differs; /* strict: right behind this window */
    uint64_t differs_at; /* offset of the first different unit, or NOWHERE */
    char *error;         /* what went wrong behind what was compared, or NULL */
    int exit_status;     /* for the error */
    uint8_t *buffers[2]; /* WINDOW bytes each; NULL until the slot first needs them */
    uint8_t kind[WINDOW_UNITS];
} window;

/* Takes the sentence. */
static void set_error(window *w, int exit_status, char *sentence)
{
    free(w->error);
    w->error = sentence;
    w->exit_status = exit_status;
}

/* ------------------------------------------------------------------------------------------------
 * Plan
 */

typedef struct {
    uint64_t end;
    uint32_t status[2]; /* QCOW2_EXTENT_... */
} stretch;

/* What both images say about an offset, and up to where.  Returns the image that could say nothing,
 * or -1 when all is well. */
static int next_stretch(comparison *c, uint64_t offset, stretch *s)
{
    s->end = offset < c->shared ? c->shared : c->size;
    for (int i = 0; i < 2; i++) {
        extents *walk = &c->walk[i];
        const qcow2_extent *extent;

        s->status[i] = QCOW2_EXTENT_ZERO;
        if (offset >= walk->size)
            continue;
        extent = extents_at(walk, offset);
        if (!extent)
            return i;
        s->status[i] = extent->status;
        s->end = min_u64(s->end, extent_end(extent));
    }
    return -1;
}

static bool has_data(uint32_t status)
{
    return (status & QCOW2_EXTENT_PRESENT) && !(status & QCOW2_EXTENT_ZERO);
}

static uint8_t kind_of(const stretch *s)
{
    return (has_data(s->status[0]) ? FIRST_HAS_DATA : 0) |
           (has_data(s->status[1]) ? SECOND_HAS_DATA : 0);
}

static void paint(window *w, uint64_t from, uint64_t to, uint8_t kind)
{
    for (size_t i = from / UNIT; i < (to + UNIT - 1) / UNIT; i++)
        w->kind[i] |= kind;
}

static void fail_to_map(comparison *c, window *w, int image)
{
    set_error(w, EXIT_NO_STATUS,
              xasprintf("Sector allocation test failed for %s: %s", c->options->arguments[image],
                        qcow2_get_error()));
    c->failed = true;
}

/* Returns where the window ends. */
static uint64_t paint_window(comparison *c, window *w)
{
    uint64_t limit = min_u64(w->offset < c->shared ? c->shared : c->size, w->offset + WINDOW);
    stretch s;

    for (uint64_t at = w->offset; at < limit; at = s.end) {
        int silent = next_stretch(c, at, &s);

        if (silent != -1) {
            fail_to_map(c, w, silent);
            return at;
        }
        if (c->options->strict && s.status[0] != s.status[1]) {
            w->status_differs = c->failed = true;
            return at;
        }
        if (at == w->offset && s.end >= limit && kind_of(&s) == 0) {
            w->uniform = true;
            return s.end == c->shared || s.end == c->size ? s.end : s.end - s.end % UNIT;
        }
        s.end = min_u64(s.end, limit);
        paint(w, at - w->offset, s.end - w->offset, kind_of(&s));
    }
    return limit;
}

static bool plan_window(void *opaque, void *slot)
{
    comparison *c = opaque;
    window *w = slot;

    if (c->failed || c->planned == c->size)
        return false;
    w->offset = c->planned;
    w->uniform = w->status_differs = false;
    w->differs_at = NOWHERE;
    memset(w->kind, 0, sizeof w->kind);
    c->planned = paint_window(c, w);
    w->length = c->planned - w->offset;
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Work
 */

static int get_buffers(window *w)
{
    for (int i = 0; i < 2; i++) {
        void *memory = w->buffers[i];

        if (!memory && posix_memalign(&memory, BUFFER_ALIGNMENT, WINDOW) != 0) {
            set_error(w, EXIT_NOT_READ, xstrdup("not enough memory to compare"));
            return -1;
        }
        w->buffers[i] = memory;
    }
    return 0;
}

static int read_one(const comparison *c, window *w, int image, size_t start, size_t count)
{
    const extents *walk = &c->walk[image];
    uint64_t offset = w->offset + start;
    uint8_t *buffer = w->buffers[image] + start;
    size_t there = range_before(offset, count, walk->size);

    memset(buffer + there, 0, count - there);
    if (there == 0 || qcow2_pread(walk->image, buffer, there, offset, 0) == 0)
        return 0;
    set_error(w, EXIT_NOT_READ,
              xasprintf("Error while reading offset %" PRIu64 " of %s: %s", offset,
                        c->options->arguments[image], qcow2_get_error()));
    return -1;
}

/* b is NULL where the other image has no data. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t count)
{
    return b ? memcmp(a, b, count) == 0 : is_filled(a, 0, count);
}

/* The start of the first unit that differs; count when none does. */
static size_t first_different(const uint8_t *a, const uint8_t *b, size_t count)
{
    size_t i = 0;

    if (is_same(a, b, count))
        return count;
    while (is_same(a + i, b ? b + i : NULL, min_u64(UNIT, count - i)))
        i += UNIT;
    return i;
}

static int compare_part(const comparison *c, window *w, size_t start, size_t count, uint8_t kind)
{
    const uint8_t *a, *b = NULL;
    size_t i;

    for (int image = 0; image < 2; image++) {
        if ((kind & (1 << image)) && read_one(c, w, image, start, count) == -1)
            return -1;
    }
    a = w->buffers[kind & FIRST_HAS_DATA ? 0 : 1] + start;
    if (kind == (FIRST_HAS_DATA | SECOND_HAS_DATA))
        b = w->buffers[1] + start;
    i = first_different(a, b, count);
    if (i == count)
        return 0;
    w->differs_at = w->offset + start + i;
    return -1;
}

static void work_on_window(void *opaque, void *slot)
{
    const comparison *c = opaque;
    window *w = slot;
    size_t end = w->uniform ? 0 : (w->length + UNIT - 1) / UNIT, next;

    for (size_t i = 0; i < end; i = next) {
        size_t start = i * UNIT, count;

        next = run_end(w->kind, i, end);
        count = min_u64((next - i) * UNIT, w->length - start);
        if (w->kind[i] == 0)
            continue;
        if (get_buffers(w) == -1 || compare_part(c, w, start, count, w->kind[i]) == -1)
            break;
    }
}

/* ------------------------------------------------------------------------------------------------
 * Finish
 */

static int differ(comparison *c, difference how, uint64_t where)
{
    c->result = how;
    c->where = where;
    return EXIT_DIFFERENT;
}

static bool speaks(const comparison *c)
{
    return !c->options->quiet && c->options->output == OUTPUT_HUMAN;
}

static int finish_window(void *opaque, void *slot)
{
    comparison *c = opaque;
    window *w = slot;

    if (w->offset == c->shared && speaks(c)) {
        progress_yield();
        puts("Warning: Image size mismatch!");
    }
    if (w->differs_at != NOWHERE)
        return differ(c, DIFFER_CONTENT, w->differs_at);
    if (w->error) {
        error_report("%s", w->error);
        return w->exit_status;
    }
    if (w->status_differs)
        return differ(c, DIFFER_STATUS, w->offset + w->length);
    progress_at(&c->progress, w->offset + w->length, c->size);
    return EXIT_SAME;
}

/* ------------------------------------------------------------------------------------------------
 * The verb
 */

static int compare_windows(comparison *c)
{
    static const pipeline_stages stages = { plan_window, work_on_window, finish_window };
    unsigned nb_workers = pipeline_useful_workers(WORKERS, (c->size + WINDOW - 1) / WINDOW);
    unsigned nb_slots = nb_workers + 2;
    CLEANUP_FREE window *windows = xrealloc(NULL, nb_slots * sizeof *windows);
    CLEANUP_FREE void **slots = xrealloc(NULL, nb_slots * sizeof *slots);
    int status;

    memset(windows, 0, nb_slots * sizeof *windows);
    for (unsigned i = 0; i < nb_slots; i++)
        slots[i] = &windows[i];
    status = pipeline_run(&stages, c, slots, nb_slots, nb_workers);
    for (unsigned i = 0; i < nb_slots; i++) {
        free(windows[i].buffers[0]);
        free(windows[i].buffers[1]);
        free(windows[i].error);
    }
    return status;
}

static void print_human(const comparison *c)
{
    switch (c->result) {
    case DIFFER_NOT: puts("Images are identical."); break;
    case DIFFER_SIZE: puts("Strict mode: Image size mismatch!"); break;
    case DIFFER_STATUS:
        printf("Strict mode: Offset %" PRIu64 " block status mismatch!\n", c->where);
        break;
    case DIFFER_CONTENT: printf("Content mismatch at offset %" PRIu64 "!\n", c->where); break;
    }
}

static void print_json(const comparison *c)
{
    static const char *const names[] = {
        [DIFFER_SIZE] = "size",
        [DIFFER_STATUS] = "block-status",
        [DIFFER_CONTENT] = "content",
    };
    CLEANUP_JSON json_t *object = json_object();

    json_put(object, "identical", json_boolean(c->result == DIFFER_NOT));
    json_put(object, "same-size", json_boolean(c->shared == c->size));
    if (c->result != DIFFER_NOT)
        json_put(object, "mismatch", json_text(names[c->result]));
    if (c->where != NOWHERE)
        json_put(object, "offset", json_number(c->where));
    json_print(object);
}

static void print_result(comparison *c)
{
    if (c->options->quiet)
        return;
    progress_end_bar(&c->progress, c->result == DIFFER_NOT);
    if (c->options->output == OUTPUT_JSON)
        print_json(c);
    else
        print_human(c);
}

static int compare_images(comparison *c, qcow2_image *first, qcow2_image *second)
{
    uint64_t sizes[2];
    int status;

    extents_begin(&c->walk[0], first, 0);
    extents_begin(&c->walk[1], second, 0);
    for (int i = 0; i < 2; i++)
        sizes[i] = round_up(c->walk[i].size, UNIT);
    c->shared = min_u64(sizes[0], sizes[1]);
    c->size = sizes[0] + sizes[1] - c->shared;

    if (c->options->strict && c->shared != c->size)
        status = differ(c, DIFFER_SIZE, NOWHERE);
    else
        status = compare_windows(c);
    if (status <= EXIT_DIFFERENT)
        print_result(c);
    return status;
}

static qcow2_image *open_one(const options *o, size_t index, const char *format)
{
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY);

    source.filename = o->arguments[index];
    source.format = format;
    return open_image(&source);
}

int run_compare(const options *o)
{
    comparison c = { .options = o, .where = NOWHERE };
    CLEANUP_IMAGE qcow2_image *first = NULL;
    CLEANUP_IMAGE qcow2_image *second = NULL;
    int status;

    if (o->nb_arguments != 2)
        return usage_error("Expecting two image file names");
    if (check_cache_mode("source cache", o->source_cache))
        return EXIT_NOT_OPENED;
    if (o->image_opts && (o->format || o->second_format)) {
        error_report("--image-opts and --format are mutually exclusive");
        return EXIT_NOT_OPENED;
    }
    if (!(first = open_one(o, 0, o->format)) || !(second = open_one(o, 1, o->second_format)))
        return EXIT_NOT_OPENED;
    progress_begin(&c.progress, o->progress && speaks(&c), PROGRESS_IN_BYTES, 2);
    status = compare_images(&c, first, second);
    progress_end(&c.progress, status == EXIT_SAME);
    return status;
}
