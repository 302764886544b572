/* SPDX-License-Identifier: BSD-3-Clause */
/* bad-images.c - what the library does with damaged images
 *
 *     bad-images            each row of bad-*.c, and truncated files
 *     bad-images NAME       only this row
 *     bad-images -m FOLDER  make the images there, and print "name stage sentence" for each
 *
 * Whatever the image, opening, mapping, reading and checking end with one sentence or well, write
 * nothing, and take little memory and time.  A write that would hit metadata is refused; the image
 * then has its corrupt bit set, and nothing else in the file has changed.
 */

#include "bad-images.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "format/disk.h"
#include "qcow2.h"
#include "twin-tools.h"

#define DISK_SIZE (4 << 20)
#define CPU_SECONDS 10
#define MEMORY (UINT64_C(512) << 20)
#define IMAGE "image"

/* ------------------------------------------------------------------------------------------------
 * Making images
 */

static void add_bitmaps(void)
{
    qcow2_image *image = qcow2_open(IMAGE, NULL);

    if (image == NULL || qcow2_bitmap_add(image, "one", 4096, QCOW2_BITMAP_ENABLED) == -1 ||
        qcow2_bitmap_add(image, "two", 512, 0) == -1 || qcow2_close(image) == -1)
        die("no bitmaps: %s", qcow2_get_error());
}

static void create(enum recipe recipe)
{
    const struct image_options options = {
        .size = DISK_SIZE,
        .cluster_size = recipe == LARGE      ? 65536
                        : recipe == EXTENDED ? 16384
                                             : 4096,
        .extended_l2 = recipe == EXTENDED,
        .refcount_bits = 16,
        .compat = recipe == VERSION_2 ? "v2" : "v3",
    };
    const struct operation operations[] = {
        { recipe == COMPRESSED ? OPERATION_COMPRESS : OPERATION_WRITE, 0x11, 0, 8192 },
        { OPERATION_WRITE, 0x22, 2 << 20, 4096 },
    };

    our_tool.create(IMAGE, "qcow2", &options);
    if (recipe == BITMAPS)
        add_bitmaps();
    our_tool.run(IMAGE, "qcow2", &(struct batch){ operations, 2, false });
    if (recipe == SNAPSHOT)
        our_tool.snapshot(IMAGE, 'c', "snap");
}

static void damage(const struct bad_image *bad)
{
    CLEANUP_CLOSE int fd = open(IMAGE, O_RDWR);

    for (unsigned i = 0; i < MOST_PATCHES && bad->patches[i].bytes > 0; i++) {
        const struct patch *p = &bad->patches[i];
        uint8_t number[8];

        store_be64(number, p->value);
        if (pwrite(fd, number + 8 - p->bytes, p->bytes, (off_t)p->at) != (ssize_t)p->bytes)
            die("cannot damage the image");
    }
    if (bad->length && ftruncate(fd, (off_t)bad->length) == -1)
        die("cannot truncate the image");
}

static void make_image(const struct bad_image *bad)
{
    create(bad->recipe);
    damage(bad);
}

/* ------------------------------------------------------------------------------------------------
 * What is seen
 */

struct bytes {
    uint8_t *data;
    size_t size;
};

static struct bytes read_image_file(void)
{
    CLEANUP_CLOSE int fd = open(IMAGE, O_RDONLY);
    struct bytes b;
    struct stat st;

    if (fd == -1 || fstat(fd, &st) == -1)
        die("the image is gone");
    b.size = (size_t)st.st_size;
    b.data = malloc(b.size + 1);
    if (pread(fd, b.data, b.size, 0) != (ssize_t)b.size)
        die("cannot read the image");
    return b;
}

/* Nothing has changed, but for the corrupt bit if that is expected. */
static void assert_unchanged(const struct bytes *before, bool corrupt, const char *by)
{
    struct bytes after = read_image_file();

    if (after.size != before->size)
        die("%s changed the length of the file from %zu to %zu", by, before->size, after.size);
    if (corrupt && !(load_be64(after.data + HEADER_INCOMPATIBLE_AT) & INCOMPATIBLE_CORRUPT))
        die("%s did not set the corrupt bit", by);
    if (corrupt)
        memcpy(after.data + HEADER_INCOMPATIBLE_AT, before->data + HEADER_INCOMPATIBLE_AT, 8);
    for (size_t i = 0; i < after.size; i++)
        if (after.data[i] != before->data[i])
            die("%s changed the file at 0x%zx", by, i);
    free(after.data);
}

/* One sentence, which a terminal can show, and which says what is expected. */
static void assert_sentence(const char *part, const char *by)
{
    const char *message = qcow2_get_error();

    if (strlen(message) < 10 || strstr(message, part) == NULL)
        die("%s says \"%s\", not \"%s\"", by, message, part);
    for (const char *c = message; *c; c++)
        if (*c < ' ' || *c > '~')
            die("%s says a control character", by);
    if (qcow2_get_errno() == 0 || qcow2_get_errno() == ENOMEM)
        die("%s has errno %d: %s", by, qcow2_get_errno(), message);
}

static qcow2_image *open_image(uint32_t flags, const char *snapshot)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_image *image;

    qcow2_open_options_set_flags(options, flags);
    qcow2_open_options_set_backing_policy(options, QCOW2_BACKING_ALLOW);
    if (snapshot)
        qcow2_open_options_set_snapshot(options, snapshot);
    image = qcow2_open(IMAGE, options);
    qcow2_open_options_free(options);
    return image;
}

static int ignore_extent(void *opaque, const qcow2_extent *extent)
{
    (void)opaque, (void)extent;
    return 0;
}

static int read_all(qcow2_image *image)
{
    CLEANUP_FREE uint8_t *buf = malloc(DISK_SIZE);

    if (qcow2_get_size(image) > DISK_SIZE)
        die("the disk is %" PRIu64 " bytes long", qcow2_get_size(image));
    return qcow2_pread(image, buf, qcow2_get_size(image), 0, 0);
}

/* ------------------------------------------------------------------------------------------------
 * The verbs
 */

static void try_reading(const struct bad_image *bad)
{
    qcow2_image *image = open_image(QCOW2_OPEN_READ_ONLY, NULL);

    if ((image == NULL) != (bad->stage == AT_OPEN))
        die("opening %s: %s", image ? "succeeds" : "fails", image ? "" : qcow2_get_error());
    if (image == NULL) {
        assert_sentence(bad->sentence, "opening");
        return;
    }
    if (bad->stage == AT_READ) {
        if (read_all(image) == 0)
            die("reading succeeds");
        assert_sentence(bad->sentence, "reading");
        if (bad->recipe != COMPRESSED &&
            qcow2_map(image, DISK_SIZE, 0, 0, ignore_extent, NULL) == 0)
            die("mapping succeeds");
    } else if (read_all(image) == -1 ||
               qcow2_map(image, qcow2_get_size(image), 0, 0, ignore_extent, NULL) != 0) {
        die("reading fails: %s", qcow2_get_error());
    }
    qcow2_close(image);
}

static void try_snapshot(const struct bad_image *bad)
{
    qcow2_image *image = open_image(QCOW2_OPEN_READ_ONLY, "snap");

    if (bad->recipe == SNAPSHOT && bad->stage == AT_SNAPSHOT) {
        if (image && read_all(image) == 0)
            die("the snapshot can be read");
        assert_sentence(bad->sentence, "reading the snapshot");
    } else if (image) {
        read_all(image);
    }
    if (image)
        qcow2_close(image);
}

/* Neither our check nor qemu-img's looks into compressed streams, or at version 2's zero flags. */
static bool is_found_by_check(const struct bad_image *bad)
{
    if (bad->recipe == COMPRESSED || bad->recipe == VERSION_2)
        return false;
    return bad->stage == AT_READ || bad->stage == AT_WRITE || bad->stage == AT_CHECK;
}

static void try_checking(const struct bad_image *bad)
{
    qcow2_image *image = open_image(QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK, NULL);
    qcow2_check_result r = { 0 };

    if (image == NULL) {
        if (bad->stage != AT_OPEN)
            die("it cannot be checked: %s", qcow2_get_error());
        return;
    }
    if (qcow2_check(image, 0, &r, sizeof r, NULL, NULL) == -1)
        assert_sentence("", "checking");
    else if (r.corruptions + r.check_errors + r.leaks == 0 && is_found_by_check(bad))
        die("the check finds nothing");
    qcow2_close(image);
}

/* Three writes: each is refused, and nothing changes but the corrupt bit. */
static void try_refused_writes(const struct bad_image *bad, qcow2_image *image)
{
    static const uint8_t data[512] = { 0x77 };

    if (qcow2_pwrite(image, data, sizeof data, bad->write_offset + 512, 0) == 0)
        die("writing succeeds");
    assert_sentence(bad->sentence, "writing");
    if (bad->recipe == COMPRESSED)
        return;
    if (qcow2_pwrite(image, data, sizeof data, 2 << 20, 0) == 0)
        die("writing elsewhere succeeds afterwards");
    if (qcow2_zero(image, 1 << 20, 1 << 20, 0) == 0)
        die("zeroing elsewhere succeeds afterwards");
    if (qcow2_flush(image, 0) == 0)
        die("flushing succeeds afterwards");
}

static void try_writing(const struct bad_image *bad, const struct bytes *before)
{
    qcow2_image *image = open_image(0, NULL);
    bool refuses = bad->stage == AT_OPEN || bad->stage == AT_OPEN_RW;

    if ((image == NULL) != refuses)
        die("opening for writing %s: %s", image ? "succeeds" : "fails",
            image ? "" : qcow2_get_error());
    if (image == NULL) {
        assert_sentence(bad->sentence, "opening for writing");
        assert_unchanged(before, false, "opening for writing");
        return;
    }
    if (bad->stage == AT_READ || bad->stage == AT_WRITE)
        try_refused_writes(bad, image);
    qcow2_close(image);
    if ((bad->stage != AT_READ && bad->stage != AT_WRITE) || bad->recipe == COMPRESSED)
        return;
    assert_unchanged(before, bad->recipe != VERSION_2, "a refused write");
    if (bad->recipe != VERSION_2 && open_image(0, NULL) != NULL)
        die("a corrupt image can be opened for writing");
}

static void try_all(const struct bad_image *bad)
{
    struct bytes before = read_image_file();

    try_reading(bad);
    assert_unchanged(&before, false, "reading");
    try_snapshot(bad);
    assert_unchanged(&before, false, "reading the snapshot");
    try_checking(bad);
    assert_unchanged(&before, false, "checking");
    try_writing(bad, &before);
    free(before.data);
}

/* ------------------------------------------------------------------------------------------------
 * The files' lengths: whatever is cut off, all verbs end
 */

static void try_length(size_t length)
{
    qcow2_image *image;
    struct bytes before;

    create(SNAPSHOT);
    if (truncate(IMAGE, (off_t)length) == -1)
        die("cannot truncate the image");
    before = read_image_file();
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        image = open_image(QCOW2_OPEN_READ_ONLY, snapshot ? "snap" : NULL);
        if (image == NULL || read_all(image) == -1)
            assert_sentence("", "reading");
        if (image)
            qcow2_close(image);
    }
    image = open_image(QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK, NULL);
    if (image) {
        qcow2_check_result r;

        qcow2_check(image, 0, &r, sizeof r, NULL, NULL);
        qcow2_close(image);
    }
    assert_unchanged(&before, false, "reading");
    free(before.data);
}

static void try_lengths(void)
{
    struct bytes whole;

    create(SNAPSHOT);
    whole = read_image_file();
    for (size_t length = 0; length < whole.size; length += length < 600 ? 13 : 333)
        try_length(length);
    free(whole.data);
}

/* ------------------------------------------------------------------------------------------------
 * Limits
 */

/* The sanitizers' own memory is no matter here. */
static void limit_resources(void)
{
    const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };

    setrlimit(RLIMIT_CPU, &cpu);
    alarm(10 * CPU_SECONDS);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const struct rlimit memory = { MEMORY, MEMORY };

    setrlimit(RLIMIT_AS, &memory);
#endif
}

/* In a process of its own.  True: all was well. */
static bool run_limited(const struct bad_image *bad)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        limit_resources();
        now_doing("%s", bad ? bad->name : "truncated files");
        if (bad) {
            make_image(bad);
            try_all(bad);
        } else {
            try_lengths();
        }
        fflush(NULL);
        _exit(0);
    }
    if (pid == -1 || waitpid(pid, &status, 0) == -1)
        die("fork");
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: killed by signal %d\n", bad ? bad->name : "truncated files",
                WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const struct bad_images *const tables[] = {
    &bad_header, &bad_tables, &bad_refcounts, &bad_snapshots, &bad_bitmaps,
};

/* Row after row of all tables: the first for a *number of 0, NULL behind the last. */
static const struct bad_image *next_row(size_t *number)
{
    size_t i = (*number)++;

    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; i -= tables[t++]->count)
        if (i < tables[t]->count)
            return &tables[t]->rows[i];
    return NULL;
}

static int run_all(const char *only)
{
    const struct bad_image *bad;
    size_t number = 0, tried = 0;
    int failed = 0;

    while ((bad = next_row(&number)) != NULL) {
        if (only && strcmp(only, bad->name) != 0)
            continue;
        failed += !run_limited(bad);
        tried++;
    }
    if (only == NULL)
        failed += !run_limited(NULL);
    printf("%zu kinds of damage, %d not met well\n", tried, failed);
    return failed > 0 || tried == 0;
}

static int make_all(const char *folder)
{
    static const char *const stages[] = { "open",     "open-rw", "read",   "write",
                                          "snapshot", "check",   "nowhere" };
    const struct bad_image *bad;
    size_t number = 0;

    if (chdir(folder) == -1)
        die("no folder %s", folder);
    while ((bad = next_row(&number)) != NULL) {
        char name[100];

        make_image(bad);
        snprintf(name, sizeof name, "%s.qcow2", bad->name);
        if (rename(IMAGE, name) == -1)
            die("cannot rename");
        printf("%s %s %s\n", bad->name, stages[bad->stage], bad->sentence);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "-m") == 0)
        return make_all(argv[2]);
    enter_scratch_folder();
    return run_all(argv[1]);
}
