/* SPDX-License-Identifier: BSD-3-Clause */
/* differential.c - the same random operations through this library and through QEMU
 *
 *     differential [SEED [RUNS [data-files|encrypted]]]
 *
 * A run makes two images with the same options, one by this library and one by QEMU, above the same
 * backing files if there are any.  Batches of guest operations, snapshots, changes of size, version
 * and refcount width follow, the same for both images.  The tools swap the images after each step,
 * so that each goes on where the other stopped.  After each step both images must hold what a plain
 * array of bytes says, QEMU must read the same from both, and neither tool's check may find
 * anything, leaks included.
 *
 * With "data-files" every image has an external data file, every other one a raw one if it has no
 * backing file.  There are no snapshots and nothing is compressed then, and raw data files must
 * hold what the disk does.
 *
 * With "encrypted" every image is encrypted; there are no compressed clusters then.
 *
 * The seed decides everything; seeds that follow each other go through all cluster sizes and
 * refcount widths.  A run that fails says its seed: "differential SEED 1" repeats it (KEEP=1 in the
 * environment keeps the files).
 */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "twin-tools.h"

#define STANDARD_RUNS 91 /* all pairs of a cluster size and a refcount width */
#define EXTENDED_RUNS 24 /* each cluster size three times, with extended L2 entries */
#define STEPS 6
#define MOST_OPERATIONS 50 /* of a batch */
#define MOST_SNAPSHOTS 3
#define MOST_BYTES (UINT64_C(1) << 20) /* of an operation */
#define MOST_DISK (UINT64_C(24) << 20)

struct content {
    uint8_t *bytes; /* NULL: there is none */
    uint64_t size;
};

struct run {
    unsigned short random[3];
    struct image_options options; /* of the two images */
    uint64_t backing_size;        /* bytes */
    struct content disk;
    uint8_t *touched; /* by cluster: it may be allocated */
    struct content snapshots[MOST_SNAPSHOTS];
    bool compressed; /* some clusters were, and may share host clusters */
    unsigned steps;
};

static unsigned long operations_done;
static bool with_data_files, with_encryption;
static const char *const images[] = { "ours.qcow2", "qemus.qcow2" };

static uint64_t draw(struct run *run, uint64_t below)
{
    return (uint64_t)nrand48(run->random) % below;
}

/* ------------------------------------------------------------------------------------------------
 * Guest operations
 */

static void draw_range(struct run *run, struct operation *o)
{
    uint64_t cluster = run->options.cluster_size, most = 8192;

    if (draw(run, 3) == 0)
        most = min_u64(4 * cluster, MOST_BYTES);
    else if (draw(run, 8) == 0)
        most = min_u64(100 * cluster, MOST_BYTES);
    o->offset = draw(run, run->disk.size);
    o->count = 1 + draw(run, most);
    switch (draw(run, 4)) {
    case 0: break;
    case 1:
        o->offset = round_down(o->offset, cluster);
        o->count = round_up(o->count, cluster);
        break;
    case 2:
        o->offset = round_down(o->offset, max_u64(512, cluster / 32)); /* a subcluster */
        o->count = round_up(o->count, max_u64(512, cluster / 32));
        break;
    default: o->offset = round_down(o->offset, 512); o->count = round_up(o->count, 512);
    }
    o->count = min_u64(o->count, run->disk.size - o->offset);
}

/* Some whole clusters, none of which was ever written; false: there are none here. */
static bool draw_untouched(struct run *run, struct operation *o)
{
    uint64_t cluster = run->options.cluster_size, most = 1 + draw(run, 2);
    uint64_t start = round_down(o->offset, cluster), end = start;

    while (end < run->disk.size && end < start + most * cluster && !run->touched[end / cluster])
        end += cluster;
    if (end == start)
        return false;
    o->offset = start;
    o->count = min_u64(end, run->disk.size) - start;
    return true;
}

/* As much as is of one byte. */
static void make_read(const struct run *run, struct operation *o)
{
    uint64_t same = 1;

    o->kind = OPERATION_READ;
    o->pattern = run->disk.bytes[o->offset];
    while (same < o->count && run->disk.bytes[o->offset + same] == o->pattern)
        same++;
    o->count = same;
}

/* A discard of whole clusters reads as zeroes, where the format can say so; the end of the disk
 * ends a cluster. */
static void model_discard(struct run *run, const struct operation *o)
{
    uint64_t cluster = run->options.cluster_size;
    uint64_t start = round_up(o->offset, cluster), end = o->offset + o->count;

    if (strcmp(run->options.compat, "v2") == 0 && run->options.backing_file)
        return;
    if (end != run->disk.size)
        end = round_down(end, cluster);
    if (start < end)
        memset(run->disk.bytes + start, 0, end - start);
}

static void model_change(struct run *run, const struct operation *o)
{
    uint64_t cluster = run->options.cluster_size;

    if (o->kind == OPERATION_READ || o->kind == OPERATION_FLUSH)
        return;
    for (uint64_t c = o->offset / cluster; c <= (o->offset + o->count - 1) / cluster; c++)
        run->touched[c] = 1;
    if (o->kind == OPERATION_DISCARD)
        model_discard(run, o);
    else
        memset(run->disk.bytes + o->offset, o->pattern, o->count);
}

static struct operation draw_operation(struct run *run, bool compress)
{
    struct operation o = { .kind = OPERATION_WRITE, .pattern = (uint8_t)(1 + draw(run, 255)) };
    uint64_t choice = draw(run, 100);

    draw_range(run, &o);
    if (compress && draw_untouched(run, &o)) {
        o.kind = OPERATION_COMPRESS;
        return o;
    }
    if (choice < 50 && !compress)
        return o;
    if (choice < 62 || compress) {
        make_read(run, &o);
        return o;
    }
    o.pattern = 0;
    o.kind = choice < 72   ? OPERATION_ZERO
             : choice < 82 ? OPERATION_UNMAP
             : choice < 95 ? OPERATION_DISCARD
                           : OPERATION_FLUSH;
    return o;
}

/* ------------------------------------------------------------------------------------------------
 * Comparing
 */

static void compare_content(const char *filename, const char *snapshot, const struct content *with)
{
    struct content c;

    c.bytes = our_content(filename, "qcow2", snapshot, &c.size);
    if (c.size != with->size)
        die("%s%s%s has %" PRIu64 " bytes, not %" PRIu64, filename, snapshot ? " in " : "",
            snapshot ? snapshot : "", c.size, with->size);
    for (uint64_t i = 0; i < c.size; i++)
        if (c.bytes[i] != with->bytes[i])
            die("%s%s%s: the byte at 0x%" PRIx64 " is %u, not %u", filename, snapshot ? " in " : "",
                snapshot ? snapshot : "", i, c.bytes[i], with->bytes[i]);
    free(c.bytes);
}

static void write_file(const char *filename, const struct content *c)
{
    FILE *file = fopen(filename, "wb");

    if (file == NULL || fwrite(c->bytes, 1, c->size, file) != c->size || fclose(file) != 0)
        die("cannot write %s", filename);
}

static void qemu_compare(const char *format, const char *a, const char *b)
{
    struct qemu_keys first = qemu_keys(format, a), second = qemu_keys("qcow2", b);
    int status = run_program((const char *[]){ "qemu-img", "compare", "-q", QEMU_SECRET, first.text,
                                               second.text, NULL });

    if (status != 0)
        die("qemu-img compare of %s and %s ends with %d", a, b, status);
}

/* It may be longer than the disk: QEMU fills its last cluster. */
static void compare_raw_data_file(const char *image, const struct content *with)
{
    char filename[32];
    FILE *file;

    snprintf(filename, sizeof filename, "%s.data", image);
    file = fopen(filename, "rb");
    for (uint64_t i = 0; file && i < with->size; i++)
        if (getc(file) != with->bytes[i])
            die("%s: the byte at 0x%" PRIx64 " is not %u", filename, i, with->bytes[i]);
    if (file == NULL || fclose(file) != 0)
        die("cannot read %s", filename);
}

static void compare_all(struct run *run)
{
    qemu_compare("qcow2", images[0], images[1]);
    for (int i = 0; i < 2; i++) {
        if (run->options.data_file == DATA_FILE_RAW)
            compare_raw_data_file(images[i], &run->disk);
        compare_content(images[i], NULL, &run->disk);
        qemu_tool.check(images[i]);
        our_tool.check(images[i]);
    }
}

static void snapshot_name(char *name, int snapshot)
{
    snprintf(name, 16, "snap%d", snapshot);
}

/* At the end of a run: what each tool reads from the snapshots of both. */
static void compare_snapshots(struct run *run)
{
    for (int k = 0; k < MOST_SNAPSHOTS; k++) {
        char name[16];

        snapshot_name(name, k);
        for (int i = 0; i < 2 && run->snapshots[k].bytes; i++) {
            compare_content(images[i], name, &run->snapshots[k]);
            qemu_tool.snapshot(images[i], 'a', name);
            write_file("expected", &run->snapshots[k]);
            qemu_compare("raw", "expected", images[i]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------
 * Steps: what is done to both images, each by one tool
 */

static const struct tool *tool_of(const struct run *run, int image)
{
    return (run->steps + (unsigned)image) % 2 ? &qemu_tool : &our_tool;
}

/* A batch compresses or overwrites, not both: QEMU 7.2 goes on compressing into a host cluster that
 * an overwrite has freed and another write has taken meanwhile.  Many streams share a host cluster,
 * which narrow refcounts cannot count once there are snapshots. */
static void guest_operations(struct run *run)
{
    struct operation operations[MOST_OPERATIONS];
    struct batch batch = { operations, 1 + draw(run, MOST_OPERATIONS), draw(run, 2) };

    unsigned bits = run->options.refcount_bits;
    bool compress =
        draw(run, 4) == 0 && (bits == 1 || bits >= 16) && !with_data_files && !with_encryption;

    if (run->disk.size == 0)
        return;
    run->compressed = run->compressed || compress;
    for (size_t i = 0; i < batch.count; i++) {
        operations[i] = draw_operation(run, compress);
        model_change(run, &operations[i]);
    }
    for (int i = 0; i < 2; i++)
        tool_of(run, i)->run(images[i], "qcow2", &batch);
    operations_done += batch.count;
}

static struct content copy_of(const struct content *from)
{
    struct content to = { malloc(from->size + 1), from->size };

    memcpy(to.bytes, from->bytes, from->size);
    return to;
}

static uint64_t clusters(const struct run *run, uint64_t size)
{
    return div_round_up(size, run->options.cluster_size);
}

/* New bytes are zero. */
static void model_resize(struct run *run, uint64_t size)
{
    uint64_t old = clusters(run, run->disk.size), new = clusters(run, size);

    run->disk.bytes = realloc(run->disk.bytes, size + 1);
    run->touched = realloc(run->touched, new + 1);
    if (size > run->disk.size)
        memset(run->disk.bytes + run->disk.size, 0, size - run->disk.size);
    if (new > old)
        memset(run->touched + old, 1, new - old);
    run->disk.size = size;
}

/* Each snapshot is a reference more to a cluster, and one more while it is applied: narrow
 * refcounts cannot count many. */
static unsigned snapshot_limit(const struct run *run)
{
    unsigned bits = run->options.refcount_bits;

    return bits == 1 ? 0 : bits == 2 ? 1 : MOST_SNAPSHOTS;
}

static void snapshots(struct run *run)
{
    unsigned limit = snapshot_limit(run);
    struct content *snapshot;
    char name[16], what;
    int k;

    if (limit == 0 || with_data_files)
        return;
    k = (int)draw(run, limit);
    snapshot = &run->snapshots[k];
    snapshot_name(name, k);
    what = (char)(snapshot->bytes == NULL ? 'c' : draw(run, 3) ? 'a' : 'd');
    for (int i = 0; i < 2; i++)
        tool_of(run, i)->snapshot(images[i], what, name);
    operations_done++;
    if (what == 'c') {
        *snapshot = copy_of(&run->disk);
    } else if (what == 'a') {
        free(run->disk.bytes);
        run->disk = copy_of(snapshot);
        run->touched = realloc(run->touched, clusters(run, run->disk.size) + 1);
        memset(run->touched, 1, clusters(run, run->disk.size));
    } else {
        free(snapshot->bytes);
        *snapshot = (struct content){ 0 };
    }
}

static bool has_snapshots(const struct run *run)
{
    for (int k = 0; k < MOST_SNAPSHOTS; k++)
        if (run->snapshots[k].bytes)
            return true;
    return false;
}

/* Version 2 cannot resize an image with snapshots, nor hide what a longer backing file holds. */
static bool may_resize(const struct run *run, uint64_t size)
{
    if (strcmp(run->options.compat, "v2") != 0)
        return true;
    return !has_snapshots(run) && (size <= run->disk.size || run->disk.size >= run->backing_size);
}

/* QEMU 7.2 does not grow an image whose last cluster is compressed, has subclusters, and would show
 * more of a backing file.  This library does not shrink one of version 2 with a backing file. */
static bool only_one_resizes(const struct run *run, uint64_t size)
{
    const struct image_options *o = &run->options;

    if (size < run->disk.size)
        return strcmp(o->compat, "v2") == 0 && o->backing_file;
    return o->extended_l2 && run->backing_size > run->disk.size &&
           !is_aligned(run->disk.size, o->cluster_size);
}

/* Mostly larger; smaller by whole clusters, because what a part of a cluster holds behind the end
 * is not said. */
static void resize(struct run *run)
{
    uint64_t cluster = run->options.cluster_size, size = 0;
    bool refused;

    if (draw(run, 3) == 0)
        size = round_down(draw(run, run->disk.size + 1), cluster);
    if (size == 0) /* which qemu-img refuses */
        size = run->disk.size + 512 * draw(run, 1 + 20 * cluster / 512);
    size = min_u64(size, MOST_DISK);
    if (only_one_resizes(run, size))
        return;
    refused = !may_resize(run, size);
    for (int i = 0; i < 2; i++)
        if (tool_of(run, i)->resize(images[i], size) == refused)
            die("%s %s to resize %s to %" PRIu64, tool_of(run, i)->name,
                refused ? "does not refuse" : "fails", images[i], size);
    operations_done++;
    if (!refused)
        model_resize(run, size);
}

/* Version 2 has no extended entries and no sizes of snapshots. */
static bool may_become_v2(const struct run *run)
{
    for (int k = 0; k < MOST_SNAPSHOTS; k++)
        if (run->snapshots[k].bytes && run->snapshots[k].size != run->disk.size)
            return false;
    return !run->options.extended_l2;
}

/* When QEMU 7.2 goes down to version 2, it overwrites what a snapshot shares with a zero cluster,
 * and writes plain zeroes into encrypted images; and it takes minutes to widen the counts of blocks
 * that hold very many.  Then this library does it for both images. */
static void amend(struct run *run)
{
    bool slow = run->options.cluster_size / run->options.refcount_bits > 1024;
    bool to_v2 = may_become_v2(run) && draw(run, 2);
    bool down = to_v2 && strcmp(run->options.compat, "v3") == 0;
    bool many = run->compressed || has_snapshots(run); /* references to one cluster */

    if (with_data_files) /* no version 2, and a change of the width takes qemu-img many seconds */
        return;
    run->options.refcount_bits = to_v2 || (many && draw(run, 2)) ? 16
                                 : many                          ? 32u << draw(run, 2)
                                                                 : 1u << draw(run, 7);
    run->options.compat = to_v2 ? "v2" : "v3";
    for (int i = 0; i < 2; i++) {
        bool ours = slow || (down && (has_snapshots(run) || with_encryption));
        const struct tool *tool = ours ? &our_tool : tool_of(run, i);

        tool->amend(images[i], run->options.compat, run->options.refcount_bits);
    }
    operations_done++;
}

/* ------------------------------------------------------------------------------------------------
 * A run
 */

/* Not a multiple of the cluster as a rule; some are. */
static uint64_t draw_size(struct run *run)
{
    uint64_t cluster = run->options.cluster_size;
    uint64_t size = 512 + 512 * draw(run, min_u64(300 * cluster, MOST_DISK / 2) / 512);

    return draw(run, 4) ? size : round_up(size, cluster);
}

static void fill_backing(struct run *run, const struct tool *tool, const char *filename,
                         const char *format)
{
    struct operation operations[12];
    struct batch batch = { operations, sizeof operations / sizeof operations[0], false };

    for (size_t i = 0; i < batch.count; i++) {
        operations[i] = (struct operation){ .pattern = (uint8_t)(1 + draw(run, 255)) };
        draw_range(run, &operations[i]);
        memset(run->disk.bytes + operations[i].offset, operations[i].pattern, operations[i].count);
    }
    tool->run(filename, format, &batch);
}

/* None, a base, or a base and an overlay; each of its own cluster size and length, by either tool.
 * The model then holds what the chain does. */
static void make_chain(struct run *run)
{
    static const char *const names[] = { "base", "middle" };
    struct image_options wanted = run->options;
    uint64_t depth = draw(run, 3);

    assert(depth <= sizeof names / sizeof names[0]);
    run->options.backing_file = NULL;
    for (uint64_t i = 0; i < depth; i++) {
        const struct tool *tool = draw(run, 2) ? &our_tool : &qemu_tool;
        const char *format = i == 0 && draw(run, 2) ? "raw" : "qcow2";
        struct image_options o = { .cluster_size = 512u << draw(run, 9),
                                   .refcount_bits = 16,
                                   .compat = "v3",
                                   .extended_l2 = wanted.extended_l2 && draw(run, 2),
                                   .backing_file = wanted.backing_file,
                                   .backing_format = wanted.backing_format };

        if (o.extended_l2)
            o.cluster_size = max_u64(o.cluster_size, 16384);
        o.size = draw_size(run);
        model_resize(run, o.size);
        tool->create(names[i], format, &o);
        fill_backing(run, tool, names[i], format);
        run->backing_size = o.size;
        wanted.backing_file = names[i];
        wanted.backing_format = format;
    }
    run->options = wanted;
}

static void set_up(struct run *run, unsigned seed)
{
    static const unsigned widths[] = { 1, 2, 4, 8, 16, 32, 64 };
    struct image_options *o = &run->options;

    *run = (struct run){ .random = { (unsigned short)seed, (unsigned short)(seed >> 16), 77 } };
    o->extended_l2 = seed % (STANDARD_RUNS + EXTENDED_RUNS) >= STANDARD_RUNS;
    o->cluster_size = o->extended_l2 ? 16384u << seed % 8 : 512u << seed % 13;
    o->refcount_bits = widths[seed % 7];
    o->compat =
        o->refcount_bits == 16 && !o->extended_l2 && !with_data_files && draw(run, 2) ? "v2" : "v3";
    make_chain(run);
    if (with_data_files)
        o->data_file = seed % 2 && !o->backing_file ? DATA_FILE_RAW : DATA_FILE_PLAIN;
    o->preallocated = o->extended_l2 && draw(run, 3) == 0;
    run->options.size = draw_size(run);
    model_resize(run, run->options.size);
    memset(run->touched, run->options.preallocated, clusters(run, run->options.size));
    o->encrypted = with_encryption;
    our_tool.create(images[0], "qcow2", &run->options);
    /* encrypted ones take QEMU long */
    (with_encryption && seed % 7 ? &our_tool : &qemu_tool)->create(images[1], "qcow2", o);
}

static void tear_down(struct run *run)
{
    free(run->disk.bytes);
    free(run->touched);
    for (int k = 0; k < MOST_SNAPSHOTS; k++)
        free(run->snapshots[k].bytes);
}

static void differential(unsigned seed)
{
    static void (*const steps[])(struct run *) = {
        guest_operations, guest_operations, snapshots, snapshots, resize, amend,
    };
    struct run run;

    now_doing("repeat with \"differential %u 1\": setting up", seed);
    set_up(&run, seed);
    while (run.steps < STEPS) {
        now_doing("repeat with \"differential %u 1\" (%u-byte clusters, %s L2 entries, "
                  "%u-bit refcounts, %s, %s backing file): step %u",
                  seed, run.options.cluster_size, run.options.extended_l2 ? "extended" : "standard",
                  run.options.refcount_bits, run.options.compat,
                  run.options.backing_file ? run.options.backing_format : "no", run.steps);
        guest_operations(&run);
        steps[draw(&run, sizeof steps / sizeof steps[0])](&run);
        compare_all(&run);
        run.steps++;
    }
    compare_snapshots(&run);
    tear_down(&run);
}

int main(int argc, char **argv)
{
    unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 0;
    unsigned runs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : STANDARD_RUNS + EXTENDED_RUNS;

    with_data_files = argc > 3 && strcmp(argv[3], "data-files") == 0;
    with_encryption = argc > 3 && strcmp(argv[3], "encrypted") == 0;
    enter_scratch_folder();
    need_qemu();
    for (unsigned i = 0; i < runs; i++)
        differential(seed + i);
    printf("seeds %u to %u: %lu operations on each of two images\n", seed, seed + runs - 1,
           operations_done);
    return 0;
}
