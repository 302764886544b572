/* SPDX-License-Identifier: BSD-3-Clause */
/* layout-follows-qemu.c - without frees the same operations give the same image, place by place
 *
 *     layout-follows-qemu [SEED [RUNS]]
 *
 * Writes, write zeroes, flushes and snapshots free no cluster.  After them "qemu-img map" must
 * print the same for the image of this library and for QEMU's, host offsets included, and the
 * tables must lie at the same places: the files are equal to the byte, but for the dates of
 * snapshots.
 *
 * A run that fails says its seed: "layout-follows-qemu SEED 1" repeats it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "format/disk.h"
#include "twin-tools.h"

#define STANDARD_RUNS 91 /* all pairs of a cluster size and a refcount width */
#define EXTENDED_RUNS 24 /* each cluster size three times, with extended L2 entries */
#define STEPS 3
#define MOST_OPERATIONS 40

struct run {
    unsigned short random[3];
    struct image_options options;
};

static unsigned long operations_done;
static const char *const images[] = { "ours.qcow2", "qemus.qcow2" };
static const struct tool *const tools[] = { &our_tool, &qemu_tool };

static uint64_t draw(struct run *run, uint64_t below)
{
    return (uint64_t)nrand48(run->random) % below;
}

static struct operation draw_operation(struct run *run)
{
    uint64_t cluster = run->options.cluster_size, choice = draw(run, 20);
    struct operation o = { .pattern = (uint8_t)(1 + draw(run, 255)) };

    o.offset = round_down(draw(run, run->options.size), 512);
    o.count = 512 + round_down(draw(run, draw(run, 3) ? 8192 : min_u64(8 * cluster, 1 << 20)), 512);
    if (draw(run, 3) == 0)
        o.offset = round_down(o.offset, cluster);
    else if (run->options.extended_l2 && draw(run, 2))
        o.offset = round_down(o.offset, cluster / EXTENDED_L2_SUBCLUSTERS);
    o.count = min_u64(o.count, run->options.size - o.offset);
    if (choice >= 14) {
        o.kind = choice == 19 ? OPERATION_FLUSH : OPERATION_ZERO;
        o.pattern = 0;
    }
    /* for zeroes in version 2 QEMU makes L2 tables that nobody needs */
    if (o.kind == OPERATION_ZERO && strcmp(run->options.compat, "v2") == 0)
        o.kind = OPERATION_FLUSH;
    return o;
}

static void step(struct run *run)
{
    struct operation operations[MOST_OPERATIONS];
    struct batch batch = { operations, 1 + draw(run, MOST_OPERATIONS), false };

    for (size_t i = 0; i < batch.count; i++)
        operations[i] = draw_operation(run);
    for (int i = 0; i < 2; i++)
        tools[i]->run(images[i], "qcow2", &batch);
    operations_done += batch.count;
}

/* ------------------------------------------------------------------------------------------------
 * Comparing
 */

struct file {
    uint8_t *bytes;
    size_t size;
};

static struct file read_file(const char *filename)
{
    struct file f = { malloc(1), 0 };
    FILE *in = fopen(filename, "rb");
    size_t n = 0;

    do {
        f.size += n;
        f.bytes = realloc(f.bytes, f.size + (1 << 20));
    } while (in && (n = fread(f.bytes + f.size, 1, 1 << 20, in)) > 0);
    if (in == NULL || fclose(in) != 0)
        die("cannot read %s", filename);
    return f;
}

/* Dates of snapshots are no matter of layout, nor are the flags in their L1 tables, which mean
 * nothing. */
static void blank_snapshots(struct file *f)
{
    uint64_t at = load_be64(f->bytes + HEADER_SNAPSHOTS_AT + 4);

    for (uint32_t n = load_be32(f->bytes + HEADER_SNAPSHOTS_AT); n > 0; n--) {
        uint64_t l1 = load_be64(f->bytes + at);

        for (uint32_t i = 0; i < load_be32(f->bytes + at + 8); i++)
            f->bytes[l1 + UINT64_C(8) * i] &= 0x7f;
        memset(f->bytes + at + 16, 0, 8);
        at += round_up(40 + load_be32(f->bytes + at + 36) + load_be16(f->bytes + at + 12) +
                           load_be16(f->bytes + at + 14),
                       8);
    }
}

/* Holes in the file are the host's matter, and change when it likes: a copy has none. */
static struct file map_of(const char *filename)
{
    struct file f = read_file(filename);
    FILE *copy = fopen("copy", "wb");

    if (copy == NULL || fwrite(f.bytes, 1, f.size, copy) != f.size || fclose(copy) != 0)
        die("cannot copy %s", filename);
    free(f.bytes);
    if (run_program((const char *[]){ "qemu-img", "map", "--output=json", "copy", NULL }) != 0)
        die("qemu-img map %s fails", filename);
    return read_file("log");
}

static void compare_maps(void)
{
    struct file maps[2] = { map_of(images[0]), map_of(images[1]) };

    if (maps[0].size != maps[1].size || memcmp(maps[0].bytes, maps[1].bytes, maps[0].size) != 0)
        die("the maps differ:\n%.*s\n%.*s", (int)maps[0].size, maps[0].bytes, (int)maps[1].size,
            maps[1].bytes);
    free(maps[0].bytes);
    free(maps[1].bytes);
}

/* The end of the last cluster may or may not have been written: a file ends there or before, with
 * zeroes. */
static void compare_files(struct run *run)
{
    struct file files[2] = { read_file(images[0]), read_file(images[1]) };
    size_t size = files[0].size < files[1].size ? files[0].size : files[1].size;

    blank_snapshots(&files[0]);
    blank_snapshots(&files[1]);
    if (files[0].size / run->options.cluster_size != files[1].size / run->options.cluster_size &&
        div_round_up(files[0].size, run->options.cluster_size) !=
            div_round_up(files[1].size, run->options.cluster_size))
        die("the files have %zu and %zu bytes", files[0].size, files[1].size);
    for (size_t i = 0; i < size; i++)
        if (files[0].bytes[i] != files[1].bytes[i])
            die("the files differ at 0x%zx: 0x%02x and 0x%02x", i, files[0].bytes[i],
                files[1].bytes[i]);
    free(files[0].bytes);
    free(files[1].bytes);
}

/* ------------------------------------------------------------------------------------------------
 * A run
 */

static void snapshot(struct run *run)
{
    if (run->options.refcount_bits < 4)
        return;
    for (int i = 0; i < 2; i++)
        tools[i]->snapshot(images[i], 'c', "snap");
}

static void make_base(struct run *run)
{
    struct image_options base = { .size = run->options.size / 2 / 512 * 512,
                                  .cluster_size = 65536,
                                  .refcount_bits = 16,
                                  .compat = "v3" };
    struct operation o = { .pattern = 9, .count = base.size / 3 };
    struct batch batch = { &o, 1, false };

    qemu_tool.create("base", "qcow2", &base);
    qemu_tool.run("base", "qcow2", &batch);
    run->options.backing_file = "base";
    run->options.backing_format = "qcow2";
}

static void layout(unsigned seed)
{
    static const unsigned widths[] = { 1, 2, 4, 8, 16, 32, 64 };
    struct run run = { .random = { (unsigned short)seed, (unsigned short)(seed >> 16), 99 } };
    struct image_options *o = &run.options;

    o->extended_l2 = seed % (STANDARD_RUNS + EXTENDED_RUNS) >= STANDARD_RUNS;
    o->cluster_size = o->extended_l2 ? 16384u << seed % 8 : 512u << seed % 13;
    o->refcount_bits = widths[seed % 7];
    o->compat = o->refcount_bits == 16 && !o->extended_l2 && draw(&run, 2) ? "v2" : "v3";
    o->size = 512 + 512 * draw(&run, min_u64(UINT64_C(2000) * o->cluster_size, 48 << 20) / 512);
    if (draw(&run, 3) == 0)
        make_base(&run);
    o->preallocated = o->extended_l2 && draw(&run, 3) == 0;
    now_doing("repeat with \"layout-follows-qemu %u 1\" (%u-byte clusters, %s L2 entries, "
              "%u-bit refcounts, %s, %s backing file)",
              seed, o->cluster_size, o->extended_l2 ? "extended" : "standard", o->refcount_bits,
              o->compat, o->backing_file ? "a" : "no");
    for (int i = 0; i < 2; i++)
        tools[i]->create(images[i], "qcow2", o);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&run);
        compare_maps();
        compare_files(&run);
        if (i == 0) /* a second one would leave behind the first one's table, dates and all */
            snapshot(&run);
    }
}

int main(int argc, char **argv)
{
    unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 0;
    unsigned runs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : STANDARD_RUNS + EXTENDED_RUNS;

    enter_scratch_folder();
    need_qemu();
    for (unsigned i = 0; i < runs; i++)
        layout(seed + i);
    printf("seeds %u to %u: %lu operations, the same layout\n", seed, seed + runs - 1,
           operations_done);
    return 0;
}
