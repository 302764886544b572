/* SPDX-License-Identifier: BSD-3-Clause */
/* one-fault-images.c - images to start from: one of each kind, with everything in it, and small */

#include "unit/one-fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "format/disk.h"
#include "unit/faults.h"

#define KIB 1024u
#define PAGE 4096u

static void must(int r, const char *what)
{
    if (r == -1) {
        fprintf(stderr, "%s: %s\n", what, qcow2_get_error());
        abort();
    }
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 */

static const char *format_of(const char *name)
{
    const char *end = strrchr(name, '.') + 1;

    return strcmp(end, "raw") == 0 || strcmp(end, "luks") == 0 || strcmp(end, "qcow") == 0
               ? end
               : "qcow2";
}

static void free_options(qcow2_open_options **options)
{
    qcow2_open_options_free(*options);
}

qcow2_image *image_open_in_a_way(const char *name, const struct way *way)
{
    __attribute__((cleanup(free_options))) qcow2_open_options *o = qcow2_open_options_new();
    bool locked = strstr(name, "luks") != NULL && !(way->flags & QCOW2_OPEN_NO_IO);
    const char *password = way->password ? way->password : PASSWORD;

    if (o == NULL || qcow2_open_options_set_format(o, format_of(name)) == -1 ||
        qcow2_open_options_set_flags(o, way->flags) == -1 ||
        qcow2_open_options_set_backing_policy(o, QCOW2_BACKING_ALLOW) == -1 ||
        qcow2_open_options_set_data_file_policy(o, QCOW2_DATA_FILE_ALLOW) == -1 ||
        qcow2_open_options_set_snapshot(o, way->snapshot) == -1 ||
        qcow2_open_options_set_writable_backing(o, way->writable_backing) == -1 ||
        (locked && qcow2_open_options_set_secret(o, password, strlen(password)) == -1) ||
        (way->option && qcow2_open_options_set(o, way->option, way->value) == -1))
        return NULL;
    return qcow2_open(name, o);
}

qcow2_image *image_open_afterwards(const char *name, const struct way *way)
{
    qcow2_image *image = image_open_in_a_way(name, way);
    struct way other = *way;

    other.password = NEW_PASSWORD;
    return image || qcow2_get_errno() != EKEYREJECTED ? image : image_open_in_a_way(name, &other);
}

/* ------------------------------------------------------------------------------------------------
 * Making
 */

/* Options are names and values in turn. */
static void make(const char *name, const char *const *options)
{
    qcow2_create_options *o = qcow2_create_options_new();

    must(o ? 0 : -1, name);
    must(qcow2_create_options_set_format(o, format_of(name)), name);
    for (; *options; options += 2)
        must(qcow2_create_options_set(o, options[0], options[1]), options[0]);
    if (strstr(name, "luks"))
        must(qcow2_create_options_set_secret(o, PASSWORD, strlen(PASSWORD)), name);
    must(qcow2_create(name, o), name);
    qcow2_create_options_free(o);
}

#define MAKE(name, ...) make(name, (const char *const[]){ __VA_ARGS__, NULL })

static qcow2_image *open_to_fill(const char *name)
{
    qcow2_image *image = image_open_in_a_way(name, &(struct way){ 0 });

    must(image ? 0 : -1, name);
    return image;
}

static void put(qcow2_image *image, uint8_t seed, uint32_t count, uint64_t offset)
{
    uint8_t *bytes = malloc(count);

    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(seed + i / 512);
    must(qcow2_pwrite(image, bytes, count, offset, 0), "write");
    free(bytes);
}

static void put_compressed(qcow2_image *image, uint8_t seed, uint32_t count, uint64_t offset)
{
    uint8_t *bytes = malloc(count);

    memset(bytes, seed, count);
    must(qcow2_pwrite_compressed(image, bytes, count, offset, 0), "compress");
    free(bytes);
}

static void fill(const char *name)
{
    qcow2_image *image = open_to_fill(name);

    put(image, 10, 40 * KIB + 100, 1000);
    must(qcow2_zero(image, 8 * KIB, 4 * KIB, 0), name);
    put(image, 50, 512, 96 * KIB);
    must(qcow2_close(image), name);
}

/* So much that the refcount table had to grow. */
static void fill_up(const char *name)
{
    qcow2_image *image = open_to_fill(name);

    put(image, 1, 2500 * KIB, 0);
    must(qcow2_close(image), name);
}

/* Clusters of every kind, snapshots and bitmaps. */
static void fill_disk(const char *name)
{
    qcow2_image *image = open_to_fill(name);

    put_compressed(image, 3, 16 * KIB, 64 * KIB);
    must(qcow2_snapshot_create(image, "first"), name);
    put(image, 90, 9 * KIB, 30 * KIB);
    must(qcow2_vm_state_pwrite(image, "state", 5, 0, 0), name);
    must(qcow2_snapshot_create_with_state(image,
                                          &(qcow2_snapshot){ .name = "second", .vm_state_size = 5 },
                                          sizeof(qcow2_snapshot)),
         name);
    must(qcow2_bitmap_add(image, "still", 4 * KIB, 0), name);
    must(qcow2_bitmap_add(image, "bits", 4 * KIB, QCOW2_BITMAP_ENABLED), name);
    put(image, 91, 2 * KIB, 70 * KIB);
    put_compressed(image, 5, 8 * KIB, 80 * KIB);
    must(qcow2_close(image), name);
}

static void patch(const char *name, uint64_t offset, const void *bytes, size_t count)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC);

    must(fd != -1 && pwrite(fd, bytes, count, (off_t)offset) == (ssize_t)count ? 0 : -1, name);
    close(fd);
}

/* Of a missing file: nothing. */
static uint8_t *read_file(const char *name, size_t *size)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    off_t end = fd == -1 ? 0 : lseek(fd, 0, SEEK_END);
    uint8_t *bytes = malloc((size_t)end + 1);

    must(fd == -1 || pread(fd, bytes, (size_t)end, 0) == end ? 0 : -1, name);
    if (fd != -1)
        close(fd);
    *size = (size_t)end;
    return bytes;
}

static void copy(const char *from, const char *to)
{
    size_t size;
    uint8_t *bytes = read_file(from, &size);

    close(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    patch(to, 0, bytes, size);
    free(bytes);
}

/* A snapshot of which nothing is said that version 3 demands: as programs wrote them that knew only
 * version 2. */
static void make_ancient(void)
{
    enum {
        SNAPSHOTS_AT = 64,
        EXTRA_SIZE_AT = 36,
        EXTRA_AT = 40,
        NAMES = 8 /* "1" and "ancient" */
    };
    const uint8_t none[4] = { 0 };
    size_t size;
    uint64_t at;
    uint8_t *bytes;
    qcow2_image *image;

    copy("old.qcow2", "ancient.qcow2");
    image = open_to_fill("ancient.qcow2");
    must(qcow2_snapshot_create(image, "ancient"), "snapshot");
    put(image, 20, 4 * KIB, 1000);
    must(qcow2_close(image), "close");
    bytes = read_file("ancient.qcow2", &size);
    at = load_be64(bytes + SNAPSHOTS_AT);
    patch("ancient.qcow2", at + EXTRA_AT,
          bytes + at + EXTRA_AT + load_be32(bytes + at + EXTRA_SIZE_AT), NAMES);
    patch("ancient.qcow2", at + EXTRA_SIZE_AT, none, sizeof none);
    free(bytes);
}

/* All that the disk has is a snapshot's, too. */
static void make_shared(void)
{
    qcow2_image *image;

    copy("extended.qcow2", "shared.qcow2");
    image = open_to_fill("shared.qcow2");
    must(qcow2_snapshot_create(image, "all"), "snapshot");
    must(qcow2_close(image), "close");
}

/* A bitmap to be merged into another image's. */
static void make_bits(void)
{
    qcow2_image *image;

    MAKE("bits.qcow2", "size", "200192", "cluster_size", "512");
    image = open_to_fill("bits.qcow2");
    must(qcow2_bitmap_add(image, "bits", 512, QCOW2_BITMAP_ENABLED), "bitmap");
    put(image, 40, 3 * KIB, 1000);
    put(image, 41, 512, 150 * KIB);
    must(qcow2_close(image), "close");
}

/* So many slots are in use: the second password is in all but the first. */
static void make_keys(const char *name, unsigned passwords)
{
    qcow2_amend_options *o = qcow2_amend_options_new();
    qcow2_image *image;

    copy("luks.qcow2", name);
    image = open_to_fill(name);
    must(qcow2_amend_options_set(o, "encrypt.state", "active"), name);
    must(qcow2_amend_options_set(o, "encrypt.iter-time", "1"), name);
    must(qcow2_amend_options_set_new_secret(o, "second", strlen("second")), name);
    for (unsigned i = 1; i < passwords; i++)
        must(qcow2_amend(image, o, NULL, NULL), name);
    qcow2_amend_options_free(o);
    must(qcow2_close(image), name);
}

/* As a program leaves it that was killed. */
static void make_dirty(void)
{
    qcow2_image *image;

    MAKE("lazy.qcow2", "size", "200000", "cluster_size", "4096", "lazy_refcounts", "on");
    fill("lazy.qcow2");
    image = open_to_fill("lazy.qcow2");
    put(image, 60, 20 * KIB, 100 * KIB);
    must(qcow2_flush(image, 0), "flush");
    copy("lazy.qcow2", "dirty.qcow2");
    must(qcow2_close(image), "close");
}

/* The first snapshot keeps 8 bytes of its extra data; version 3 demands more. */
static void take_extra_data(const char *name)
{
    const size_t extra_size_at = 36, extra_at = 40, kept = 8;
    size_t size, old;
    uint8_t *bytes = read_file(name, &size), *entry = bytes + load_be64(bytes + 64);

    old = load_be32(entry + extra_size_at);
    store_be32(entry + extra_size_at, kept);
    memmove(entry + extra_at + kept, entry + extra_at + old, PAGE - extra_at - old);
    patch(name, (off_t)(entry - bytes), entry, PAGE);
    free(bytes);
}

/* Counts that are too low, too high and missing, flags that are wrong. */
static void make_damaged(void)
{
    const uint8_t counts[] = { 0, 0, 0, 3, 0, 0, 0, 0, 0, 9 };
    uint8_t offset[8] = { 0 };

    copy("disk.qcow2", "damaged.qcow2");
    patch("damaged.qcow2", 2 * PAGE + 8, counts, sizeof counts);
    copy("disk.qcow2", "incomplete.qcow2");
    take_extra_data("incomplete.qcow2");
    copy("old.qcow2", "uncounted.qcow2");
    patch("uncounted.qcow2", 512, offset, sizeof offset);
}

/* A disk of three clusters, one of which is there. */
static void make_qcow1(void)
{
    struct disk_header_v1 {
        uint32_t magic, version;
        uint64_t backing_file_offset;
        uint32_t backing_file_size, mtime;
        uint64_t size;
        uint8_t cluster_bits, l2_bits;
        uint16_t padding;
        uint32_t crypt_method;
        uint64_t l1_table_offset;
    } __attribute__((packed)) header = {
        .magic = htobe32(QCOW2_MAGIC),
        .version = htobe32(1),
        .size = htobe64(3 * PAGE),
        .cluster_bits = 12,
        .l2_bits = 9,
        .l1_table_offset = htobe64(sizeof header),
    };
    uint8_t bytes[3 * PAGE] = { 0 };

    memcpy(bytes, &header, sizeof header);
    store_be64(bytes + sizeof header, PAGE);
    store_be64(bytes + PAGE + 8, 2 * (uint64_t)PAGE);
    memset(bytes + 2 * (size_t)PAGE, 7, PAGE);
    close(open("first.qcow", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    patch("first.qcow", 0, bytes, sizeof bytes);
}

/* ------------------------------------------------------------------------------------------------
 * Keeping
 */

static struct kept {
    char *name;
    size_t size;
    uint8_t *bytes;
    bool touched; /* opened to be changed since it was laid out */
} kept[32];
static size_t kept_count;

static struct kept *find(const char *name)
{
    for (size_t i = 0; i < kept_count; i++)
        if (strcmp(kept[i].name, name) == 0)
            return &kept[i];
    return NULL;
}

static void for_each_file(void (*call)(const char *name))
{
    DIR *folder = opendir(".");
    const struct dirent *entry;

    must(folder ? 0 : -1, "opendir");
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            call(entry->d_name);
    closedir(folder);
}

static void keep(const char *name)
{
    struct kept *k = &kept[kept_count++];

    k->name = strdup(name);
    k->bytes = read_file(name, &k->size);
}

static void forget_if_new(const char *name)
{
    if (find(name) == NULL)
        unlink(name);
}

/* Most of a file are zeroes. */
static void write_file(const struct kept *k)
{
    static const uint8_t zeroes[PAGE];
    int fd = open(k->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    must(fd == -1 ? -1 : ftruncate(fd, (off_t)k->size), k->name);
    for (size_t at = 0, step; at < k->size; at += step) {
        step = min_u64(PAGE, k->size - at);
        if (memcmp(k->bytes + at, zeroes, step) != 0)
            must(pwrite(fd, k->bytes + at, step, (off_t)at) == (ssize_t)step ? 0 : -1, k->name);
    }
    close(fd);
}

static void touch(const char *name)
{
    struct kept *k = find(name);

    if (k)
        k->touched = true;
}

void images_lay_out(void)
{
    for_each_file(forget_if_new);
    for (size_t i = 0; i < kept_count; i++) {
        if (kept[i].touched)
            write_file(&kept[i]);
        kept[i].touched = false;
    }
}

void images_make(void)
{
    MAKE("disk.qcow2", "size", "200192", "cluster_size", "4096");
    fill("disk.qcow2");
    fill_disk("disk.qcow2");
    MAKE("old.qcow2", "size", "200192", "cluster_size", "512", "compat", "v2");
    fill("old.qcow2");
    MAKE("wide.qcow2", "size", "200192", "cluster_size", "512", "refcount_bits", "64");
    fill("wide.qcow2");
    MAKE("zstd.qcow2", "size", "200192", "cluster_size", "4096", "compression_type", "zstd");
    fill("zstd.qcow2");
    MAKE("extended.qcow2", "size", "200192", "cluster_size", "16384", "extended_l2", "on");
    fill("extended.qcow2");
    MAKE("outside.qcow2", "size", "200192", "cluster_size", "4096", "data_file", "outside.raw");
    fill("outside.qcow2");
    copy("outside.raw", "elsewhere.raw");
    MAKE("bottom.raw", "size", "200192");
    fill("bottom.raw");
    MAKE("other.qcow2", "size", "150016", "cluster_size", "4096");
    MAKE("base.qcow2", "size", "150016", "cluster_size", "4096", "backing_file", "bottom.raw",
         "backing_fmt", "raw");
    MAKE("overlay.qcow2", "size", "200192", "cluster_size", "4096", "backing_file", "base.qcow2",
         "backing_fmt", "qcow2");
    fill("overlay.qcow2");
    MAKE("full.qcow2", "size", "2600448", "cluster_size", "512", "refcount_bits", "64",
         "backing_file", "other.qcow2", "backing_fmt", "qcow2");
    fill_up("full.qcow2");
    MAKE("luks.qcow2", "size", "200192", "cluster_size", "4096", "encrypt.format", "luks",
         "encrypt.iter-time", "1");
    fill("luks.qcow2");
    MAKE("volume.luks", "size", "200192", "iter-time", "1");
    fill("volume.luks");
    make_keys("keys-luks.qcow2", 2);
    make_bits();
    make_ancient();
    make_shared();
    make_dirty();
    make_damaged();
    make_qcow1();
    for_each_file(keep);
    fault_observer = touch;
}
