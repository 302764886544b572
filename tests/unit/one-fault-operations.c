/* SPDX-License-Identifier: BSD-3-Clause */
/* one-fault-operations.c - what is done with an image: all that the library can do, each once */

#include "unit/one-fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

#define KIB 1024u

const struct view *shown_at_start;

/* ------------------------------------------------------------------------------------------------
 * Looking
 */

/* The first of several views is the disk. */
static int read_all(qcow2_image *image)
{
    static uint8_t bytes[256 * KIB];
    uint64_t size = qcow2_get_size(image);

    for (uint64_t at = 0, step; at < size; at += step) {
        step = min_u64(size - at, 10000);
        if (qcow2_pread(image, bytes + at, step, at, 0) == -1)
            return -1;
    }
    if (memcmp(bytes, shown_at_start->bytes, size) != 0) {
        fputs("what was read is not what is there\n", stderr);
        abort();
    }
    return 0;
}

static int add_length(void *opaque, const qcow2_extent *extent)
{
    *(uint64_t *)opaque += extent->length;
    return 0;
}

static int walk(qcow2_image *image)
{
    uint64_t length = 0;

    if (qcow2_map(image, qcow2_get_size(image), 0, 0, add_length, &length) == -1)
        return -1;
    if (length != qcow2_get_size(image))
        abort();
    return 0;
}

static int ignore_snapshot(void *opaque, const qcow2_snapshot *snapshot)
{
    (void)opaque, (void)snapshot;
    return 0;
}

static int look_at_facts(qcow2_image *image)
{
    qcow2_info info;
    qcow2_encryption encryption;

    if (qcow2_get_info(image, &info, sizeof info) == -1 ||
        qcow2_get_encryption(image, &encryption, sizeof encryption) == -1)
        return -1;
    return qcow2_snapshot_list(image, ignore_snapshot, NULL);
}

static int ignore_bits(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    (void)opaque, (void)offset, (void)length, (void)dirty;
    return 0;
}

static int look_at_bitmaps(qcow2_image *image)
{
    return qcow2_bitmap_extents(image, "bits", 100000, 5, ignore_bits, NULL);
}

static int probe(qcow2_image *image)
{
    const char *format = qcow2_probe("disk.qcow2");

    (void)image;
    if (format && strcmp(format, "qcow2") != 0)
        abort();
    return format ? 0 : -1;
}

static int check_with(const char *name, uint32_t open_flags, uint32_t flags, bool damaged)
{
    qcow2_image *image =
        image_open_in_a_way(name, &(struct way){ .flags = open_flags | QCOW2_OPEN_CHECK });
    qcow2_check_result result;
    int r = image ? qcow2_check(image, flags, &result, sizeof result, NULL, NULL) : -1;

    if (r == 0 && flags == 0 && result.check_errors == 0 && damaged != (result.corruptions > 0))
        abort();
    if (r == 0 && (result.check_errors || (flags && result.corruptions)))
        r = -1;
    return qcow2_close(image) == -1 ? -1 : r;
}

static int check(qcow2_image *image)
{
    (void)image;
    return check_with("disk.qcow2", QCOW2_OPEN_READ_ONLY, 0, false);
}

static int check_damaged(qcow2_image *image)
{
    (void)image;
    return check_with("damaged.qcow2", QCOW2_OPEN_READ_ONLY, 0, true);
}

/* What the first snapshot shows is behind the disk in the view. */
static int show_snapshot(qcow2_image *image)
{
    static uint8_t bytes[256 * KIB];
    uint64_t size = qcow2_get_size(image);

    if (qcow2_snapshot_show(image, 0) == -1 || qcow2_pread(image, bytes, size, 0, 0) == -1)
        return -1;
    if (memcmp(bytes, shown_at_start->bytes + round_up(size, 512), size) != 0)
        abort();
    return walk(image);
}

static int measure(qcow2_image *image)
{
    qcow2_create_options *o = qcow2_create_options_new();
    qcow2_measurement measurement;
    int r = o ? qcow2_measure(o, image, &measurement, sizeof measurement) : -1;

    qcow2_create_options_free(o);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static int write_bytes(qcow2_image *image, int byte, size_t count, uint64_t offset)
{
    static uint8_t bytes[128 * KIB];

    memset(bytes, byte, count);
    return qcow2_pwrite(image, bytes, count, offset, 0);
}

static int write_here_and_there(qcow2_image *image)
{
    if (write_bytes(image, 1, 3000, 500) == -1 || write_bytes(image, 2, 6000, 68000) == -1 ||
        write_bytes(image, 3, 70000, 110000) == -1 || qcow2_flush(image, 0) == -1)
        return -1;
    return write_bytes(image, 4, 100, 5000);
}

static int write_a_little(qcow2_image *image)
{
    return write_bytes(image, 1, 3000, 500);
}

static int write_through(qcow2_image *image)
{
    return write_bytes(image, 5, 20000, 90000);
}

static int zero(qcow2_image *image)
{
    if (qcow2_zero(image, 30000, 3000, QCOW2_MAY_UNMAP) == -1 ||
        qcow2_zero(image, 20000, 90000, 0) == -1)
        return -1;
    return qcow2_discard(image, 40000, 40000, 0);
}

static int compress(qcow2_image *image)
{
    static uint8_t bytes[32 * KIB];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i / 100);
    if (qcow2_pwrite_compressed(image, bytes, sizeof bytes, 64 * KIB, 0) == -1)
        return -1;
    return write_bytes(image, 4, 100, 50 * KIB);
}

static int write_stream(qcow2_image *image)
{
    uint8_t bytes[4 * KIB] = { 9 }, stream[4 * KIB];
    int64_t size = qcow2_compress(image, bytes, sizeof bytes, stream);

    return size == -1 ? -1 : qcow2_pwrite_stream(image, stream, (size_t)size, 64 * KIB, 0);
}

static int write_state(qcow2_image *image)
{
    uint8_t bytes[3000] = { 7 };

    return qcow2_vm_state_pwrite(image, bytes, sizeof bytes, 10000, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Snapshots
 */

static int snapshot_create(qcow2_image *image)
{
    return qcow2_snapshot_create(image, "new");
}

static int snapshot_save(qcow2_image *image)
{
    const qcow2_snapshot snapshot = { .name = "new", .vm_state_size = 5000 };

    if (write_state(image) == -1)
        return -1;
    return qcow2_snapshot_create_with_state(image, &snapshot, sizeof snapshot);
}

static int snapshot_apply(qcow2_image *image)
{
    return qcow2_snapshot_apply(image, "first");
}

static int snapshot_delete(qcow2_image *image)
{
    return qcow2_snapshot_delete(image, "first");
}

/* ------------------------------------------------------------------------------------------------
 * Bitmaps
 */

static int bitmap_add(qcow2_image *image)
{
    return qcow2_bitmap_add(image, "new", 0, QCOW2_BITMAP_ENABLED);
}

static int bitmap_remove(qcow2_image *image)
{
    return qcow2_bitmap_remove(image, "bits");
}

static int bitmap_clear(qcow2_image *image)
{
    return qcow2_bitmap_clear(image, "bits");
}

static int bitmap_disable(qcow2_image *image)
{
    return qcow2_bitmap_disable(image, "bits");
}

static int bitmap_enable(qcow2_image *image)
{
    return qcow2_bitmap_enable(image, "still");
}

static int bitmap_merge(qcow2_image *image)
{
    return qcow2_bitmap_merge(image, "still", image, "bits");
}

static int bitmap_merge_across(qcow2_image *image)
{
    qcow2_image *other =
        image_open_in_a_way("bits.qcow2", &(struct way){ .flags = QCOW2_OPEN_READ_ONLY });
    int r = other ? qcow2_bitmap_merge(image, "still", other, "bits") : -1;

    return qcow2_close(other) == -1 ? -1 : r;
}

/* ------------------------------------------------------------------------------------------------
 * The whole image
 */

static int grow(qcow2_image *image)
{
    return qcow2_resize(image, 300032, 0);
}

static int grow_beyond_tables(qcow2_image *image)
{
    return qcow2_resize(image, UINT64_C(2) << 20, QCOW2_RESIZE_METADATA);
}

static int grow_full(qcow2_image *image)
{
    return qcow2_resize(image, 300032, QCOW2_RESIZE_FULL);
}

static int grow_falloc(qcow2_image *image)
{
    return qcow2_resize(image, 300032, QCOW2_RESIZE_FALLOC);
}

static int shrink(qcow2_image *image)
{
    return qcow2_resize(image, 65536, QCOW2_RESIZE_SHRINK);
}

static int amend(qcow2_image *image, const char *name, const char *value)
{
    qcow2_amend_options *o = qcow2_amend_options_new();
    int r =
        o && qcow2_amend_options_set(o, name, value) == 0 ? qcow2_amend(image, o, NULL, NULL) : -1;

    qcow2_amend_options_free(o);
    return r;
}

static int amend_to_version_2(qcow2_image *image)
{
    return amend(image, "compat", "v2");
}

static int amend_to_version_3(qcow2_image *image)
{
    return amend(image, "compat", "v3");
}

/* What has failed can be done after all, without the image being opened again. */
static int amend_to_version_3_persistently(qcow2_image *image)
{
    return amend_to_version_3(image) == 0 ? 0 : amend_to_version_3(image);
}

static int amend_refcount_bits(qcow2_image *image)
{
    return amend(image, "refcount_bits", "64");
}

static int amend_refcount_bits_down(qcow2_image *image)
{
    return amend(image, "refcount_bits", "8");
}

static int amend_lazy(qcow2_image *image)
{
    return amend(image, "lazy_refcounts", "on");
}

static int amend_data_file(qcow2_image *image)
{
    return amend(image, "data_file", "elsewhere.raw");
}

/* The slot may be NULL. */
static int amend_key(qcow2_image *image, const char *state, const char *slot,
                     const char *new_password, const char *old_password)
{
    qcow2_amend_options *o = qcow2_amend_options_new();
    int r = -1;

    if (o && qcow2_amend_options_set(o, "encrypt.state", state) == 0 &&
        qcow2_amend_options_set(o, "encrypt.keyslot", slot) == 0 &&
        qcow2_amend_options_set_flags(o, slot ? QCOW2_AMEND_FORCE : 0) == 0 &&
        qcow2_amend_options_set(o, "encrypt.iter-time", new_password ? "1" : NULL) == 0 &&
        (!new_password ||
         qcow2_amend_options_set_new_secret(o, new_password, strlen(new_password)) == 0) &&
        (!old_password ||
         qcow2_amend_options_set_old_secret(o, old_password, strlen(old_password)) == 0))
        r = qcow2_amend(image, o, NULL, NULL);
    qcow2_amend_options_free(o);
    return r;
}

static int add_key(qcow2_image *image)
{
    return amend_key(image, "active", NULL, NEW_PASSWORD, NULL);
}

static int erase_key(qcow2_image *image)
{
    return amend_key(image, "inactive", NULL, NULL, "second");
}

/* What has failed is done by the next attempt on the same handle, or was done all the same. */
static int erase_key_persistently(qcow2_image *image)
{
    if (erase_key(image) == 0 || erase_key(image) == 0)
        return 0;
    return qcow2_get_errno() == EKEYREJECTED ? 0 : -1;
}

static int replace_key(qcow2_image *image)
{
    return amend_key(image, "active", "0", NEW_PASSWORD, NULL);
}

static int refuse_to_erase_the_last_key(qcow2_image *image)
{
    return amend_key(image, "inactive", NULL, NULL, PASSWORD) == -1 && qcow2_get_errno() == EPERM
               ? 0
               : -1;
}

static int rebase_to(qcow2_image *image, const char *name, const char *format, uint32_t flags)
{
    qcow2_image *below =
        name ? image_open_in_a_way(name, &(struct way){ .flags = QCOW2_OPEN_READ_ONLY }) : NULL;
    int r = name && !below ? -1 : qcow2_rebase(image, name, format, below, flags, NULL, NULL);

    return qcow2_close(below) == -1 ? -1 : r;
}

static int rebase(qcow2_image *image)
{
    return rebase_to(image, "other.qcow2", "qcow2", 0);
}

static int rebase_to_nothing(qcow2_image *image)
{
    return rebase_to(image, NULL, NULL, 0);
}

static int rebase_unsafe(qcow2_image *image)
{
    return qcow2_rebase(image, "other.qcow2", "qcow2", NULL, QCOW2_REBASE_UNSAFE, NULL, NULL);
}

static int commit(qcow2_image *image)
{
    return qcow2_commit(image, 1, 0, 0, NULL, NULL);
}

static int commit_deep(qcow2_image *image)
{
    return qcow2_commit(image, 2, 0, QCOW2_COMMIT_KEEP, NULL, NULL);
}

static int repair(qcow2_image *image)
{
    (void)image;
    return check_with("damaged.qcow2", 0, QCOW2_CHECK_REPAIR_ALL, true);
}

static int complete_snapshots(qcow2_image *image)
{
    (void)image;
    return check_with("incomplete.qcow2", 0, QCOW2_CHECK_REPAIR_ALL, true);
}

static int rebuild(qcow2_image *image)
{
    (void)image;
    return check_with("uncounted.qcow2", 0, QCOW2_CHECK_REPAIR_ALL, true);
}

/* ------------------------------------------------------------------------------------------------
 * New images
 */

/* Options are names and values in turn. */
static int create(const char *name, const char *const *options)
{
    qcow2_create_options *o = qcow2_create_options_new();
    int r = o ? qcow2_create_options_set(o, "size", "200192") : -1;

    for (; r == 0 && *options; options += 2) {
        r = qcow2_create_options_set(o, options[0], options[1]);
        if (r == 0 && strcmp(name, NEW_LUKS) == 0)
            r = qcow2_create_options_set_secret(o, PASSWORD, strlen(PASSWORD));
    }
    if (r == 0)
        r = qcow2_create(name, o);
    qcow2_create_options_free(o);
    return r;
}

#define CREATE(function, name, ...)                                      \
    static int function(qcow2_image *image)                              \
    {                                                                    \
        (void)image;                                                     \
        return create(name, (const char *const[]){ __VA_ARGS__, NULL }); \
    }

CREATE(create_small, NEW_IMAGE, "cluster_size", "512", "preallocation", "metadata")
CREATE(create_full, NEW_IMAGE, "cluster_size", "4096", "preallocation", "full", "compat", "v2")
CREATE(create_falloc, NEW_IMAGE, "extended_l2", "on", "preallocation", "falloc")
CREATE(create_overlay, NEW_IMAGE, "backing_file", "base.qcow2", "backing_fmt", "qcow2")
CREATE(create_outside, NEW_IMAGE, "data_file", "new.raw", "data_file_raw", "on")
CREATE(create_luks, NEW_LUKS, "encrypt.format", "luks", "encrypt.iter-time", "1")

/* ------------------------------------------------------------------------------------------------
 * The table
 */

#define DISK "disk.qcow2"
#define READ_ONLY                     \
    {                                 \
        .flags = QCOW2_OPEN_READ_ONLY \
    }
#define EITHER .promise = PROMISE_OLD_OR_NEW
#define SECTORS .promise = PROMISE_SECTORS
#define OPENED .promise = PROMISE_OPENED
#define MENDED .promise = PROMISE_MENDED
#define MADE .promise = PROMISE_MADE

const struct operation operations[] = {
    { "read", DISK, EITHER, read_all, READ_ONLY },
    { "read old", "old.qcow2", EITHER, read_all, READ_ONLY },
    { "read extended", "extended.qcow2", EITHER, read_all, READ_ONLY },
    { "read overlay", "overlay.qcow2", EITHER, read_all, READ_ONLY },
    { "read outside", "outside.qcow2", EITHER, read_all, READ_ONLY },
    { "read luks", "luks.qcow2", EITHER, read_all, READ_ONLY },
    { "read volume", "volume.luks", EITHER, read_all, READ_ONLY },
    { "read raw", "bottom.raw", EITHER, read_all, READ_ONLY },
    { "read qcow", "first.qcow", EITHER, read_all, READ_ONLY },
    { "walk", DISK, EITHER, walk, READ_ONLY },
    { "walk overlay", "overlay.qcow2", EITHER, walk, READ_ONLY },
    { "walk qcow", "first.qcow", EITHER, walk, READ_ONLY },
    { "facts", DISK, EITHER, look_at_facts, { .flags = QCOW2_OPEN_NO_IO } },
    { "facts of overlay", "overlay.qcow2", EITHER, look_at_facts, READ_ONLY },
    { "facts of luks", "luks.qcow2", EITHER, look_at_facts, { .flags = QCOW2_OPEN_NO_IO } },
    { "look at bitmaps", DISK, EITHER, look_at_bitmaps, READ_ONLY },
    { "probe", NULL, EITHER, probe, .shown = DISK },
    { "check", NULL, EITHER, check, .shown = DISK },
    { "check damaged", NULL, EITHER, check_damaged, .shown = "damaged.qcow2" },
    { "show snapshot", DISK, EITHER, show_snapshot, READ_ONLY },
    { "measure", DISK, EITHER, measure, READ_ONLY },
    { "measure overlay", "overlay.qcow2", EITHER, measure, READ_ONLY },
    { "measure luks", "luks.qcow2", EITHER, measure, READ_ONLY },

    { "write", DISK, SECTORS, write_here_and_there },
    { "write through", DISK, SECTORS, write_through, { .flags = QCOW2_OPEN_WRITETHROUGH } },
    { "write old", "old.qcow2", SECTORS, write_here_and_there },
    { "write wide", "wide.qcow2", SECTORS, write_here_and_there },
    { "write extended", "extended.qcow2", SECTORS, write_here_and_there },
    { "write overlay", "overlay.qcow2", SECTORS, write_here_and_there },
    { "write outside", "outside.qcow2", SECTORS, write_here_and_there },
    { "write lazy", "lazy.qcow2", SECTORS, write_here_and_there },
    { "write dirty", "dirty.qcow2", SECTORS, write_here_and_there },
    { "write luks", "luks.qcow2", SECTORS, write_a_little },
    { "write volume", "volume.luks", SECTORS, write_a_little },
    { "write raw", "bottom.raw", SECTORS, write_here_and_there },
    { "zero", DISK, SECTORS, zero, { .flags = QCOW2_OPEN_DISCARD } },
    { "zero old", "old.qcow2", SECTORS, zero },
    { "zero extended", "extended.qcow2", SECTORS, zero, { .flags = QCOW2_OPEN_DISCARD } },
    { "zero outside", "outside.qcow2", SECTORS, zero, { .flags = QCOW2_OPEN_DISCARD } },
    { "zero raw", "bottom.raw", SECTORS, zero, { .flags = QCOW2_OPEN_DISCARD } },
    { "compress", DISK, SECTORS, compress },
    { "compress fast",
      DISK,
      SECTORS,
      compress,
      { .option = "compression-level", .value = "fast" } },
    { "compress wide", DISK, SECTORS, compress, { .option = "compression-window", .value = "15" } },
    { "compress zstd", "zstd.qcow2", SECTORS, compress },
    { "write stream", "zstd.qcow2", SECTORS, write_stream },
    { "write state", DISK, SECTORS, write_state },

    { "snapshot create", DISK, EITHER, snapshot_create },
    { "snapshot create old", "old.qcow2", EITHER, snapshot_create },
    { "snapshot save", DISK, EITHER, snapshot_save },
    { "snapshot apply", DISK, SECTORS, snapshot_apply },
    { "snapshot delete", DISK, EITHER, snapshot_delete },
    { "bitmap add", DISK, EITHER, bitmap_add },
    { "bitmap remove", DISK, EITHER, bitmap_remove },
    { "bitmap clear", DISK, EITHER, bitmap_clear },
    { "bitmap enable", DISK, EITHER, bitmap_enable },
    { "bitmap disable", DISK, EITHER, bitmap_disable },
    { "bitmap merge", DISK, EITHER, bitmap_merge },
    { "bitmap merge across", DISK, EITHER, bitmap_merge_across },

    { "grow", "extended.qcow2", EITHER, grow },
    { "grow with bitmaps", "zstd.qcow2", EITHER, grow },
    { "grow much", "old.qcow2", EITHER, grow_beyond_tables, .slow = true },
    { "grow full", "outside.qcow2", EITHER, grow_full },
    { "grow full with snapshots", "shared.qcow2", EITHER, grow_full },
    { "grow falloc with a VM state", DISK, SECTORS, grow_falloc, .slow = true },
    { "grow full encrypted", "luks.qcow2", EITHER, grow_full, .slow = true },
    { "grow raw", "bottom.raw", EITHER, grow_falloc },
    { "shrink", "old.qcow2", SECTORS, shrink },
    { "amend to 2", "overlay.qcow2", EITHER, amend_to_version_2 },
    { "amend to 2 with snapshots", DISK, EITHER, amend_to_version_2 },
    { "amend to 3", "old.qcow2", EITHER, amend_to_version_3 },
    { "amend ancient to 3", "ancient.qcow2", EITHER, amend_to_version_3_persistently },
    { "amend to 64 bits", "zstd.qcow2", EITHER, amend_refcount_bits },
    { "amend to 8 bits", "wide.qcow2", EITHER, amend_refcount_bits_down },
    { "amend to lazy", DISK, EITHER, amend_lazy },
    { "amend data file", "outside.qcow2", EITHER, amend_data_file },
    { "add key", "luks.qcow2", EITHER, add_key, .slow = true },
    { "erase key", "keys-luks.qcow2", EITHER, erase_key, .slow = true, .for_good = true },
    { "erase key persistently", "keys-luks.qcow2", EITHER, erase_key_persistently, .slow = true },
    { "replace key", "luks.qcow2", OPENED, replace_key, .slow = true },
    { "replace first key", "keys-luks.qcow2", OPENED, replace_key, .slow = true },
    { "erase no key", "luks.qcow2", EITHER, refuse_to_erase_the_last_key },
    { "rebase", "overlay.qcow2", EITHER, rebase },
    { "rebase to nothing", "overlay.qcow2", EITHER, rebase_to_nothing },
    { "rebase unsafe", "overlay.qcow2", EITHER, rebase_unsafe },
    { "commit", "overlay.qcow2", EITHER, commit, { .writable_backing = 1 } },
    { "commit all", "full.qcow2", EITHER, commit, { .writable_backing = 1 }, .slow = true },
    { "commit deep", "overlay.qcow2", EITHER, commit_deep, { .writable_backing = 2 } },
    { "repair", NULL, MENDED, repair, .shown = "damaged.qcow2" },
    { "repair snapshots", NULL, MENDED, complete_snapshots, .shown = "incomplete.qcow2" },
    { "rebuild", NULL, MENDED, rebuild, .shown = "uncounted.qcow2" },

    { "create small", NULL, MADE, create_small, .shown = NEW_IMAGE },
    { "create full", NULL, MADE, create_full, .shown = NEW_IMAGE },
    { "create falloc", NULL, MADE, create_falloc, .shown = NEW_IMAGE },
    { "create overlay", NULL, MADE, create_overlay, .shown = NEW_IMAGE },
    { "create outside", NULL, MADE, create_outside, .shown = NEW_IMAGE },
    { "create luks", NULL, MADE, create_luks, .shown = NEW_LUKS, .slow = true },
};

const size_t operation_count = sizeof operations / sizeof operations[0];
