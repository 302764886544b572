/* SPDX-License-Identifier: BSD-3-Clause */
/* calls-on-one-handle.c - one handle, and whatever the library can do with it in any order
 *
 *     calls-on-one-handle [SEED [RUNS]]
 *
 * Guest requests and operations on the whole image follow each other on the same handle, mostly
 * without a flush between them: what an operation finds has just been written, and waits.  After
 * each call the disk reads as a plain array of bytes says, in the end each snapshot does, too, and
 * qemu-img finds neither corruptions nor leaks.
 *
 * The seed decides everything.  A run that fails says its seed: "calls-on-one-handle SEED 1"
 * repeats it (KEEP=1 in the environment keeps the files).
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "qcow2.h"
#include "twin-tools.h"

#define STANDARD_RUNS 40
#define CALLS 60
#define MOST_SNAPSHOTS 6
#define SECTOR 512u
#define FIRST_DISK (UINT64_C(1) << 20)
#define MOST_DISK (UINT64_C(3) << 20)

/* A disk as it should be. */
struct state {
    uint8_t bytes[MOST_DISK];
    bool held[MOST_DISK / SECTOR]; /* by the image itself: no backing file shows */
    uint64_t size;
    char name[16]; /* of the snapshot */
};

static struct {
    uint64_t random;
    qcow2_image *image;
    uint64_t cluster;
    uint64_t unit; /* bytes that the image holds as a whole, or not */
    bool version_2, backed;
    unsigned names; /* given so far */
    struct state disk, snapshots[MOST_SNAPSHOTS];
    unsigned count; /* of the snapshots */
} run;

static uint64_t draw(uint64_t below)
{
    run.random = run.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (run.random >> 33) % below;
}

static void must(int r)
{
    if (r == -1)
        die("%s", qcow2_get_error());
}

/* ------------------------------------------------------------------------------------------------
 * Images
 */

static void create(const char *name, const char *backing_file)
{
    qcow2_create_options *o = qcow2_create_options_new();
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, FIRST_DISK);
    must(qcow2_create_options_set(o, "size", text));
    snprintf(text, sizeof text, "%" PRIu64, run.cluster);
    must(qcow2_create_options_set(o, "cluster_size", text));
    must(qcow2_create_options_set(o, "compat", run.version_2 ? "v2" : "v3"));
    if (run.unit < run.cluster)
        must(qcow2_create_options_set(o, "extended_l2", "on"));
    if (!run.version_2 && draw(3) == 0)
        must(qcow2_create_options_set(o, "lazy_refcounts", "on"));
    if (backing_file) {
        must(qcow2_create_options_set(o, "backing_file", backing_file));
        must(qcow2_create_options_set(o, "backing_fmt", "qcow2"));
    }
    must(qcow2_create(name, o));
    qcow2_create_options_free(o);
}

/* A snapshot: to be read only. */
static qcow2_image *open_image(const char *snapshot)
{
    qcow2_open_options *o = qcow2_open_options_new();
    qcow2_image *image;

    must(qcow2_open_options_set_backing_policy(o, QCOW2_BACKING_ALLOW));
    if (snapshot) {
        must(qcow2_open_options_set_flags(o, QCOW2_OPEN_READ_ONLY));
        must(qcow2_open_options_set_snapshot(o, snapshot));
    } else {
        must(qcow2_open_options_set_flags(o, draw(2) ? QCOW2_OPEN_DISCARD : 0));
        must(qcow2_open_options_set_writable_backing(o, run.backed));
    }
    image = qcow2_open("top.qcow2", o);
    qcow2_open_options_free(o);
    must(image ? 0 : -1);
    return image;
}

/* The first half of the base is full. */
static void make_base(void)
{
    create("base.qcow2", NULL);
    memset(run.disk.bytes, 0xba, FIRST_DISK / 2);
    run.image = qcow2_open("base.qcow2", NULL);
    must(run.image ? 0 : -1);
    must(qcow2_pwrite(run.image, run.disk.bytes, FIRST_DISK / 2, 0, 0));
    must(qcow2_close(run.image));
}

/* ------------------------------------------------------------------------------------------------
 * What is expected
 */

static void compare(qcow2_image *image, const struct state *state)
{
    static uint8_t bytes[MOST_DISK];
    uint64_t at = 0;

    if (qcow2_get_size(image) != state->size)
        die("the disk has %" PRIu64 " bytes, not %" PRIu64, qcow2_get_size(image), state->size);
    must(qcow2_pread(image, bytes, state->size, 0, 0));
    while (at < state->size && bytes[at] == state->bytes[at])
        at++;
    if (at < state->size)
        die("at 0x%" PRIx64 " is %02x, not %02x", at, bytes[at], state->bytes[at]);
}

/* The range holds these bytes, and the image itself all units that it touches. */
static void expect(int byte, uint64_t count, uint64_t offset)
{
    uint64_t first = round_down(offset, run.unit), end = round_up(offset + count, run.unit);

    memset(run.disk.bytes + offset, byte, count);
    for (uint64_t at = first; at < min_u64(end, MOST_DISK); at += SECTOR)
        run.disk.held[at / SECTOR] = true;
}

static bool holds_all(const struct state *state)
{
    return memchr(state->held, false, state->size / SECTOR) == NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Guest requests
 */

struct range {
    uint64_t offset;
    uint64_t count;
};

static struct range draw_range(uint64_t granule)
{
    uint64_t size = run.disk.size, most = draw(3) ? 20 : 400;
    uint64_t offset = round_down(draw(size), granule);
    uint64_t end = round_up(offset + (1 + draw(most)) * SECTOR, granule);

    return (struct range){ offset, min_u64(end, size) - offset };
}

static void write_range(void)
{
    static uint8_t bytes[MOST_DISK];
    struct range r = draw_range(SECTOR);
    int byte = (int)draw(256);

    memset(bytes, byte, r.count);
    must(qcow2_pwrite(run.image, bytes, r.count, r.offset, draw(20) ? 0 : QCOW2_FUA));
    expect(byte, r.count, r.offset);
}

static void compress_range(void)
{
    static uint8_t bytes[MOST_DISK];
    struct range r = draw_range(run.cluster);
    int byte = (int)draw(256);

    memset(bytes, byte, r.count);
    must(qcow2_pwrite_compressed(run.image, bytes, r.count, r.offset, 0));
    expect(byte, r.count, r.offset);
}

static void zero_range(void)
{
    struct range r = draw_range(SECTOR);

    must(qcow2_zero(run.image, r.count, r.offset, draw(2) ? QCOW2_MAY_UNMAP : 0));
    expect(0, r.count, r.offset);
}

/* Version 2 has nothing else than data that would hide a backing file. */
static void discard_range(void)
{
    struct range r = draw_range(run.cluster);

    if ((run.version_2 && run.backed) || r.count % run.cluster != 0)
        return;
    must(qcow2_discard(run.image, r.count, r.offset, 0));
    expect(0, r.count, r.offset);
}

static void flush(void)
{
    must(qcow2_flush(run.image, 0));
}

static void reopen(void)
{
    must(qcow2_close(run.image));
    run.image = open_image(NULL);
}

static void write_state(void)
{
    uint8_t bytes[4096] = { 1 };

    must(qcow2_vm_state_pwrite(run.image, bytes, sizeof bytes, draw(100) * SECTOR, 0));
}

/* ------------------------------------------------------------------------------------------------
 * The whole image
 */

static void create_snapshot(void)
{
    struct state *s = &run.snapshots[run.count];

    if (run.count == MOST_SNAPSHOTS)
        return;
    *s = run.disk;
    snprintf(s->name, sizeof s->name, "s%u", ++run.names);
    must(qcow2_snapshot_create(run.image, s->name));
    run.count++;
}

static void apply_snapshot(void)
{
    const struct state *s = &run.snapshots[draw(run.count + 1)];

    if (s == &run.snapshots[run.count])
        return;
    must(qcow2_snapshot_apply(run.image, s->name));
    run.disk = *s;
}

static void delete_snapshot(void)
{
    struct state *s = &run.snapshots[draw(run.count + 1)];

    if (s == &run.snapshots[run.count])
        return;
    must(qcow2_snapshot_delete(run.image, s->name));
    run.count--;
    memmove(s, s + 1, (size_t)(run.snapshots + run.count - s) * sizeof *s);
}

static void resize(void)
{
    uint64_t old = run.disk.size, size = SECTOR * (100 + draw(MOST_DISK / SECTOR - 200));
    uint32_t flags = size > old && draw(2) ? QCOW2_RESIZE_METADATA << draw(3) : 0;

    if (run.version_2 && (run.count > 0 || run.backed)) /* it may be refused */
        return;
    must(qcow2_resize(run.image, size, flags | QCOW2_RESIZE_SHRINK));
    run.disk.size = size;
    for (uint64_t at = round_up(size, run.unit); at < MOST_DISK; at += SECTOR)
        run.disk.held[at / SECTOR] = false;
    if (size > old)
        memset(run.disk.bytes + old, 0, size - old);
}

static void amend(void)
{
    static const char *const widths[] = { "16", "32", "64" };
    qcow2_amend_options *o = qcow2_amend_options_new();

    if (!run.version_2)
        must(qcow2_amend_options_set(o, "refcount_bits", widths[draw(3)]));
    if (!run.version_2 && draw(2))
        must(qcow2_amend_options_set(o, "lazy_refcounts", draw(2) ? "on" : "off"));
    must(qcow2_amend(run.image, o, NULL, NULL));
    qcow2_amend_options_free(o);
}

static void change_bitmaps(void)
{
    char name[16];

    if (run.version_2)
        return;
    snprintf(name, sizeof name, "b%u", ++run.names);
    must(qcow2_bitmap_add(run.image, name, 0, draw(2) ? QCOW2_BITMAP_ENABLED : 0));
    if (draw(3))
        must(qcow2_bitmap_remove(run.image, name));
}

/* What a snapshot does not hold would be other bytes afterwards. */
static void commit(void)
{
    bool keep = draw(4) == 0;

    for (unsigned i = 0; i < run.count; i++)
        if (!holds_all(&run.snapshots[i]))
            return;
    if (!run.backed)
        return;
    must(qcow2_commit(run.image, 1, 0, keep ? QCOW2_COMMIT_KEEP : 0, NULL, NULL));
    if (!keep)
        memset(run.disk.held, false, sizeof run.disk.held);
}

static void rebase(void)
{
    if (!run.backed || run.count > 0)
        return;
    must(qcow2_rebase(run.image, NULL, NULL, NULL, 0, NULL, NULL));
    must(qcow2_close(run.image));
    run.backed = false;
    run.image = open_image(NULL);
}

static void check(void)
{
    qcow2_check_result result;

    must(qcow2_check(run.image, 0, &result, sizeof result, NULL, NULL));
    if (result.corruptions || result.leaks || result.check_errors)
        die("%" PRIu64 " corruptions, %" PRIu64 " leaks, %" PRIu64 " errors", result.corruptions,
            result.leaks, result.check_errors);
}

/* ------------------------------------------------------------------------------------------------
 * A run
 */

static const struct call {
    const char *name;
    unsigned often;
    void (*make)(void);
} calls[] = {
    { "write", 12, write_range },
    { "compress", 4, compress_range },
    { "zero", 5, zero_range },
    { "discard", 4, discard_range },
    { "flush", 1, flush },
    { "open again", 1, reopen },
    { "write the VM state", 2, write_state },
    { "create a snapshot", 4, create_snapshot },
    { "apply a snapshot", 3, apply_snapshot },
    { "delete a snapshot", 3, delete_snapshot },
    { "resize", 3, resize },
    { "amend", 2, amend },
    { "change bitmaps", 2, change_bitmaps },
    { "commit", 4, commit },
    { "rebase", 1, rebase },
    { "check", 1, check },
};

#define KINDS (sizeof calls / sizeof calls[0])

static const struct call *draw_call(void)
{
    uint64_t sum = 0, at;

    for (size_t i = 0; i < KINDS; i++)
        sum += calls[i].often;
    at = draw(sum);
    for (size_t i = 0;; at -= calls[i++].often)
        if (at < calls[i].often)
            return &calls[i];
}

static void begin(unsigned long seed)
{
    memset(&run, 0, sizeof run);
    run.random = seed * 7919 + 1;
    run.cluster = UINT64_C(512) << (draw(3) == 0 ? 7 : draw(6));
    run.version_2 = draw(5) == 0;
    run.backed = draw(3) > 0;
    run.unit = run.cluster;
    if (!run.version_2 && run.cluster >= 16384 && draw(2))
        run.unit = run.cluster / 32;
    run.disk.size = FIRST_DISK;
    remove("base.qcow2");
    if (run.backed)
        make_base();
    create("top.qcow2", run.backed ? "base.qcow2" : NULL);
    run.image = open_image(NULL);
    if (run.backed && draw(2)) { /* so that snapshots hold all */
        must(qcow2_pwrite(run.image, run.disk.bytes, FIRST_DISK, 0, 0));
        memset(run.disk.held, true, FIRST_DISK / SECTOR);
    }
}

static void end(bool based)
{
    compare(run.image, &run.disk);
    must(qcow2_close(run.image));
    for (unsigned i = 0; i < run.count; i++) {
        qcow2_image *image = open_image(run.snapshots[i].name);

        compare(image, &run.snapshots[i]);
        must(qcow2_close(image));
    }
    qemu_tool.check("top.qcow2");
    if (based)
        qemu_tool.check("base.qcow2");
}

static void run_once(unsigned long seed)
{
    bool based;

    now_doing("calls-on-one-handle %lu 1: begin", seed);
    begin(seed);
    based = run.backed;
    for (unsigned i = 0; i < CALLS; i++) {
        const struct call *call = draw_call();

        now_doing("calls-on-one-handle %lu 1: call %u, %s", seed, i, call->name);
        call->make();
        compare(run.image, &run.disk);
    }
    now_doing("calls-on-one-handle %lu 1: end", seed);
    reopen();
    end(based);
}

int main(int argc, char **argv)
{
    unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 0) : STANDARD_RUNS;

    need_qemu();
    enter_scratch_folder();
    for (unsigned long i = 0; i < runs; i++)
        run_once(seed + i);
    printf("%lu runs of %u calls, seed %lu\n", runs, CALLS, seed);
    return 0;
}
