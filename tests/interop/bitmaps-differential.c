/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmaps-differential.c - bitmaps under random operations by this library and by QEMU
 *
 *     bitmaps-differential [SEED [RUNS]]
 *
 * Two images with the same options go through the same batches of guest operations, changes of size
 * and operations on bitmaps, in turns by this library and by QEMU.  After each step every bitmap of
 * both must have exactly the bits that a plain array says, and neither tool's check may find
 * anything. Each so reads and goes on with what the other wrote.
 *
 * A run that fails says its seed: "bitmaps-differential SEED 1" repeats it (KEEP=1 in the
 * environment keeps the files).
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "qcow2.h"
#include "twin-tools.h"

#define RUNS 26 /* twice all cluster sizes */
#define STEPS 8
#define MOST_OPERATIONS 25 /* of a batch */
#define MOST_BITMAPS 4
#define MOST_DISK (UINT64_C(12) << 20)
#define UNIT 512u /* a disk is described in these */

struct bitmap {
    char name[16];
    uint64_t granularity; /* bytes */
    bool enabled;
    uint8_t dirty[MOST_DISK / UNIT];
};

struct model {
    struct bitmap bitmaps[MOST_BITMAPS];
    unsigned count;
};

struct run {
    unsigned short random[3];
    struct image_options options;
    uint64_t size;          /* of the disk, bytes */
    struct model models[2]; /* of each image */
    unsigned names;         /* given so far */
    unsigned steps;
};

static unsigned long operations_done;
static const char *const images[] = { "ours.qcow2", "qemus.qcow2" };

static uint64_t draw(struct run *run, uint64_t below)
{
    return (uint64_t)nrand48(run->random) % below;
}

/* Who works on an image in this step. */
static const struct tool *tool_of(const struct run *run, int image)
{
    return (run->steps + (unsigned)image) % 2 ? &qemu_tool : &our_tool;
}

/* ------------------------------------------------------------------------------------------------
 * The model
 */

/* All of the pieces that the range touches. */
static void mark(struct bitmap *b, uint64_t offset, uint64_t count, uint64_t size)
{
    uint64_t first = round_down(offset, b->granularity);
    uint64_t end = min_u64(round_up(offset + count, b->granularity), size);

    for (uint64_t at = first; at < end; at += UNIT)
        b->dirty[at / UNIT] = 1;
}

static void model_change(struct model *m, uint64_t offset, uint64_t count, uint64_t size)
{
    for (unsigned i = 0; i < m->count && count > 0; i++)
        if (m->bitmaps[i].enabled)
            mark(&m->bitmaps[i], offset, count, size);
}

/* What is left of a piece that was cut is as it was; what is added is dirty if this library did
 * it. */
static void model_resize(struct model *m, uint64_t old_size, uint64_t size, bool ours)
{
    for (unsigned i = 0; i < m->count; i++) {
        struct bitmap *b = &m->bitmaps[i];
        uint64_t last = round_down(old_size, b->granularity);

        for (uint64_t at = min_u64(old_size, size); at < MOST_DISK; at += UNIT)
            b->dirty[at / UNIT] = at < size && at < last + b->granularity && old_size > last
                                      ? b->dirty[last / UNIT]
                                      : 0;
        if (ours && b->enabled && size > old_size)
            mark(b, old_size, size - old_size, size);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Comparing
 */

struct comparison {
    const struct bitmap *bitmap;
    const char *filename;
};

static int compare_extent(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    const struct comparison *c = opaque;

    for (uint64_t at = offset; at < offset + length; at += UNIT)
        if (c->bitmap->dirty[at / UNIT] != dirty)
            die("%s: bitmap %s is %s at %" PRIu64, c->filename, c->bitmap->name,
                dirty ? "dirty" : "clean", at);
    return 0;
}

static int compare_facts(void *opaque, const qcow2_bitmap *bitmap)
{
    const struct bitmap **next = opaque, *b = (*next)++;

    if (strcmp(b->name, bitmap->name) != 0 || b->granularity != bitmap->granularity ||
        bitmap->flags != (b->enabled ? QCOW2_BITMAP_ENABLED : 0))
        die("there is a bitmap %s, %" PRIu64 ", flags %x instead of %s, %" PRIu64 ", %s",
            bitmap->name, bitmap->granularity, bitmap->flags, b->name, b->granularity,
            b->enabled ? "enabled" : "disabled");
    return 0;
}

static qcow2_image *open_image(const char *filename, uint32_t flags)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_image *image;

    qcow2_open_options_set_flags(options, flags);
    image = qcow2_open(filename, options);
    qcow2_open_options_free(options);
    if (image == NULL)
        die("%s", qcow2_get_error());
    return image;
}

static void compare(const struct run *run, int index)
{
    const struct model *m = &run->models[index];
    const struct bitmap *next = m->bitmaps;
    qcow2_image *image = open_image(images[index], QCOW2_OPEN_READ_ONLY);

    if (qcow2_bitmap_list(image, compare_facts, &next) != 0)
        die("%s", qcow2_get_error());
    if (next != m->bitmaps + m->count)
        die("%s has %d bitmaps, not %u", images[index], (int)(next - m->bitmaps), m->count);
    for (unsigned i = 0; i < m->count; i++) {
        struct comparison c = { &m->bitmaps[i], images[index] };

        if (qcow2_bitmap_extents(image, c.bitmap->name, run->size, 0, compare_extent, &c) != 0)
            die("%s", qcow2_get_error());
    }
    qcow2_close(image);
    our_tool.check(images[index]);
    qemu_tool.check(images[index]);
}

/* ------------------------------------------------------------------------------------------------
 * Operations on bitmaps
 */

enum action { ADD, REMOVE, CLEAR, ENABLE, DISABLE, MERGE, ACTIONS };

/* What to do, to which bitmap, with what. */
struct step {
    enum action action;
    char name[16];
    char source[16];
    uint64_t granularity;
};

static void do_ours(const char *filename, const struct step *s)
{
    qcow2_image *image = open_image(filename, 0);
    int r = s->action == ADD
                ? qcow2_bitmap_add(image, s->name, s->granularity, QCOW2_BITMAP_ENABLED)
            : s->action == REMOVE  ? qcow2_bitmap_remove(image, s->name)
            : s->action == CLEAR   ? qcow2_bitmap_clear(image, s->name)
            : s->action == ENABLE  ? qcow2_bitmap_enable(image, s->name)
            : s->action == DISABLE ? qcow2_bitmap_disable(image, s->name)
                                   : qcow2_bitmap_merge(image, s->name, image, s->source);

    if (r == -1 || qcow2_close(image) == -1)
        die("%s", qcow2_get_error());
}

static void do_qemus(const char *filename, const struct step *s)
{
    static const char *const options[] = { "--add",    "--remove",  "--clear",
                                           "--enable", "--disable", "--merge" };
    char granularity[32];
    const char *arguments[10] = { "qemu-img", "bitmap", options[s->action] };
    size_t n = 3;

    snprintf(granularity, sizeof granularity, "%" PRIu64, s->granularity);
    if (s->action == MERGE)
        arguments[n++] = s->source;
    if (s->action == ADD) {
        arguments[n++] = "-g";
        arguments[n++] = granularity;
    }
    arguments[n++] = filename;
    arguments[n++] = s->name;
    if (run_program(arguments) != 0)
        die("qemu-img bitmap %s %s failed", options[s->action], s->name);
}

static struct bitmap *find(struct model *m, const char *name)
{
    for (unsigned i = 0; i < m->count; i++)
        if (strcmp(m->bitmaps[i].name, name) == 0)
            return &m->bitmaps[i];
    return NULL;
}

static void model_merge(struct bitmap *b, const struct bitmap *from, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += UNIT)
        if (from->dirty[at / UNIT])
            mark(b, at, UNIT, size);
}

static void model_step(struct model *m, const struct step *s, uint64_t size)
{
    struct bitmap *b = find(m, s->name), *from = find(m, s->source);

    switch (s->action) {
    case ADD:
        b = &m->bitmaps[m->count++];
        *b = (struct bitmap){ .granularity = s->granularity, .enabled = true };
        memcpy(b->name, s->name, sizeof b->name);
        break;
    case REMOVE:
        memmove(b, b + 1, (size_t)(m->bitmaps + m->count - (b + 1)) * sizeof *b);
        m->count--;
        break;
    case CLEAR: memset(b->dirty, 0, sizeof b->dirty); break;
    case ENABLE:
    case DISABLE: b->enabled = s->action == ENABLE; break;
    case MERGE: model_merge(b, from, size); break;
    case ACTIONS: break;
    }
}

static void add_bitmap_step(struct run *run, struct step *s)
{
    s->action = ADD;
    s->granularity = UINT64_C(512) << draw(run, 12);
    snprintf(s->name, sizeof s->name, "b%u", run->names++);
}

static void change_bitmaps(struct run *run)
{
    const struct model *m = &run->models[0];
    struct step s = { .action = (enum action)draw(run, ACTIONS) };

    if (m->count == 0 || (s.action == ADD && m->count < MOST_BITMAPS)) {
        add_bitmap_step(run, &s);
    } else {
        if (s.action == ADD || (s.action == REMOVE && draw(run, 2)))
            s.action = MERGE;
        memcpy(s.name, m->bitmaps[draw(run, m->count)].name, sizeof s.name);
        memcpy(s.source, m->bitmaps[draw(run, m->count)].name, sizeof s.source);
    }
    for (int i = 0; i < 2; i++) {
        (tool_of(run, i) == &our_tool ? do_ours : do_qemus)(images[i], &s);
        model_step(&run->models[i], &s, run->size);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Guest operations and changes of size
 */

static struct operation draw_operation(struct run *run)
{
    static const enum operation_kind kinds[] = {
        OPERATION_WRITE, OPERATION_WRITE,   OPERATION_ZERO,
        OPERATION_UNMAP, OPERATION_DISCARD, OPERATION_FLUSH
    };
    struct operation o = { .kind = kinds[draw(run, sizeof kinds / sizeof kinds[0])],
                           .pattern = (uint8_t)draw(run, 256) };

    o.offset = draw(run, run->size);
    o.count = 1 + draw(run, draw(run, 4) ? 20000 : MOST_DISK / 3);
    if (draw(run, 2)) {
        o.offset = round_down(o.offset, UNIT);
        o.count = round_up(o.count, UNIT);
    }
    o.count = min_u64(o.count, run->size - o.offset);
    return o;
}

static void guest_operations(struct run *run)
{
    struct operation operations[MOST_OPERATIONS];
    struct batch batch = { operations, 1 + draw(run, MOST_OPERATIONS), false };

    for (size_t i = 0; i < batch.count; i++) {
        operations[i] = draw_operation(run);
        for (int k = 0; k < 2 && operations[i].kind != OPERATION_FLUSH; k++)
            model_change(&run->models[k], operations[i].offset, operations[i].count, run->size);
    }
    for (int i = 0; i < 2; i++)
        tool_of(run, i)->run(images[i], "qcow2", &batch);
    operations_done += batch.count;
}

static uint64_t draw_size(struct run *run)
{
    return round_up(1 + draw(run, MOST_DISK), draw(run, 2) ? UNIT : 65536);
}

static void resize(struct run *run)
{
    uint64_t size = draw_size(run);

    for (int i = 0; i < 2; i++) {
        if (!tool_of(run, i)->resize(images[i], size))
            die("%s does not take the size %" PRIu64, images[i], size);
        model_resize(&run->models[i], run->size, size, tool_of(run, i) == &our_tool);
    }
    run->size = size;
}

/* ------------------------------------------------------------------------------------------------
 * Runs
 */

static void set_up(struct run *run, unsigned seed)
{
    *run = (struct run){ .random = { (unsigned short)seed, (unsigned short)(seed >> 16), 99 } };
    run->options = (struct image_options){ .cluster_size = 512u << seed % 13,
                                           .refcount_bits = 16,
                                           .compat = "1.1" };
    run->options.size = run->size = draw_size(run);
    for (int i = 0; i < 2; i++) {
        remove(images[i]);
        tool_of(run, i)->create(images[i], "qcow2", &run->options);
    }
}

static void differential(unsigned seed)
{
    static struct run run;

    now_doing("seed %u, making images", seed);
    set_up(&run, seed);
    change_bitmaps(&run);
    for (run.steps = 1; run.steps <= STEPS; run.steps++) {
        uint64_t what = draw(&run, 8);

        now_doing("seed %u, step %u, %s", seed, run.steps,
                  what < 4   ? "guest operations"
                  : what < 7 ? "bitmap operation"
                             : "resize");
        if (what < 4)
            guest_operations(&run);
        else if (what < 7)
            change_bitmaps(&run);
        else
            resize(&run);
        for (int i = 0; i < 2; i++)
            compare(&run, i);
    }
}

int main(int argc, char **argv)
{
    unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 1;
    unsigned runs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : RUNS;

    enter_scratch_folder();
    need_qemu();
    for (unsigned i = 0; i < runs; i++)
        differential(seed + i);
    printf("%u runs from seed %u, %lu guest operations\n", runs, seed, operations_done);
    return 0;
}
