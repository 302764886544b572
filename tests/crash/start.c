/* SPDX-License-Identifier: BSD-3-Clause */
/* start.c - the image that a session starts from: a new one, or one that QEMU has used */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "crash/session.h"
#include "guest/raw.h"
#include "store/memory.h"
#include "table/flush.h"
#include "table/refcount.h"

#define STAMP_BACKING UINT64_C(0xbac0000000000000)

/* ------------------------------------------------------------------------------------------------
 * The backing disk
 */

static int make_backing(struct session *s)
{
    if (s->shape->backing == 0)
        return 0;
    s->backing_store = store_memory_new("base.raw");
    if (s->backing_store == NULL)
        return -1;
    for (uint64_t i = 0; i < s->shape->backing; i++) {
        uint64_t stamp = STAMP_BACKING | i, sector[SECTOR / sizeof stamp];

        for (size_t k = 0; k < SECTOR / sizeof stamp; k++)
            sector[k] = stamp;
        if (store_pwrite(s->backing_store, sector, sizeof sector, i * SECTOR) == -1)
            return -1;
        if (i < s->shape->size)
            s->oracle.sectors[i].settled = s->oracle.sectors[i].latest = stamp;
    }
    s->backing = raw_disk_new(s->backing_store);
    return s->backing ? 0 : -1;
}

/* qemu-img check opens it. */
static int show_backing(struct session *s)
{
    uint64_t count = (uint64_t)s->shape->backing * SECTOR;
    CLEANUP_FREE uint8_t *bytes = calloc(s->shape->backing, SECTOR);
    char path[256];
    FILE *file;
    int r;

    if (bytes == NULL || store_pread(s->backing_store, bytes, count, 0) == -1)
        return -1;
    snprintf(path, sizeof path, "%s/base.raw", s->states.effort->directory);
    file = fopen(path, "wb");
    if (file == NULL)
        return error_system(errno, "Could not create '%s'", path);
    r = fwrite(bytes, 1, count, file) == count ? 0 : -1;
    return fclose(file) == 0 ? r : -1;
}

/* ------------------------------------------------------------------------------------------------
 * Ours
 */

/* Clusters with a count and no reference.  Not always the same number, so that tables become full
 * at different moments. */
static int leak(struct session *s)
{
    struct tables *t = &s->image->tables;
    uint64_t count = s->shape->leaked ? s->shape->leaked - s->random % 256 : 0;

    for (uint64_t i = 0; i < count; i++) {
        WRITE_SCOPE(&t->lock);
        uint64_t host_offset;
        bool never_written;

        if (refcount_allocate(t, 1, &host_offset, &never_written) == -1)
            return -1;
    }
    return 0;
}

/* The data file is as long as the disk.  qemu-img check opens one of its own. */
static int make_data_file(struct session *s, const char *path)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fclose(file) != 0)
        return error_system(errno, "Could not create '%s'", path);
    return store_truncate(&s->recorder->files[PART_DATA].store, (uint64_t)s->shape->size * SECTOR);
}

static int make_ours(struct session *s)
{
    const struct shape *shape = s->shape;
    char data_file[256];
    char file[16], format[8];
    uint8_t password[] = PASSWORD;
    const struct luks_options quick_to_open = {
        .spec = { block_cipher_find("aes-128"), cipher_mode_find("cbc"), IV_PLAIN64, NULL },
        .hash = hash_find("sha1"),
        .iter_time = 1,
    };
    const struct qcow2_create_options options = {
        .format = FORMAT_QCOW2,
        .size = (uint64_t)shape->size * SECTOR,
        .version = shape->version,
        .cluster_size = UINT64_C(1) << shape->cluster_bits,
        .refcount_bits = shape->refcount_bits,
        .extended_l2 = shape->extended,
        .lazy_refcounts = shape->lazy,
        .preallocation = shape->preallocated ? PREALLOCATION_METADATA : PREALLOCATION_OFF,
        .backing_file = shape->backing || shape->base ? file : NULL,
        .backing_format = shape->backing || shape->base ? format : NULL,
        .data_file = shape->data_file ? data_file : NULL,
        .data_file_raw = shape->data_file == DATA_FILE_RAW,
        .crypt_method = shape->luks ? CRYPT_LUKS : CRYPT_NONE,
        .luks = quick_to_open,
        .secret = { shape->luks ? password : NULL, shape->luks ? sizeof password - 1 : 0 },
    };

    snprintf(file, sizeof file, "%s", shape->base ? part_places[PART_BASE].name : "base.raw");
    snprintf(format, sizeof format, "%s",
             shape->backing       ? "raw"
             : shape->base_format ? shape->base_format
                                  : "qcow2");
    snprintf(data_file, sizeof data_file, "%s/disk.data", s->states.effort->directory);
    if (shape->data_file && make_data_file(s, data_file) == -1)
        return -1;
    if (image_format_store(session_image(s), &options) == -1 || session_open(s) == -1)
        return -1;
    return leak(s) == -1 ? (image_close(s->image), -1) : image_close(s->image);
}

/* ------------------------------------------------------------------------------------------------
 * QEMU's
 */

/* The same image serves all sessions of a shape: commands run when it is made for the first. */
struct qemu_image {
    struct session *session;
    char path[256];
    bool made;
};

static int run(const struct qemu_image *q, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int run(const struct qemu_image *q, const char *format, ...)
{
    char command[512];
    va_list args;

    if (q->made)
        return 0;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command) == 0 ? 0 : error_set(EIO, "This failed: %s", command);
}

static int create(const struct qemu_image *q)
{
    const struct shape *shape = q->session->shape;

    return run(q,
               "qemu-img create -q -f qcow2 "
               "-o cluster_size=%u,refcount_bits=%u,compat=%s,extended_l2=%s '%s' %u",
               1u << shape->cluster_bits, shape->refcount_bits, shape->version < 3 ? "v2" : "v3",
               shape->extended ? "on" : "off", q->path, shape->size * SECTOR);
}

static int write_byte(const struct qemu_image *q, uint8_t byte, uint64_t at, uint64_t count,
                      const char *how)
{
    uint64_t stamp;

    memset(&stamp, byte, sizeof stamp);
    for (uint64_t i = at; i < at + count; i++)
        oracle_issue(&q->session->oracle, i, stamp);
    oracle_settle_all(&q->session->oracle);
    return run(q, "qemu-io -f qcow2 -c 'write %s -P %d %" PRIu64 " %" PRIu64 "' '%s' >/dev/null",
               how, byte, at * SECTOR, count * SECTOR, q->path);
}

static int snapshot(const struct qemu_image *q, const char *name)
{
    struct oracle *o = &q->session->oracle;
    struct view next = oracle_copy_view(o);

    next.snapshots[next.count++] = oracle_freeze(o, name);
    oracle_propose(o, &next);
    oracle_accept(o);
    return run(q, "qemu-img snapshot -c %s '%s'", name, q->path);
}

static int go_back(const struct qemu_image *q, size_t index)
{
    struct oracle *o = &q->session->oracle;
    struct view next = oracle_copy_view(o);

    next.exactly = frozen_hold(next.snapshots[index]);
    oracle_propose(o, &next);
    oracle_accept(o);
    return run(q, "qemu-img snapshot -a %s '%s'", o->now.snapshots[index]->name, q->path);
}

static int load(const struct qemu_image *q)
{
    FILE *file = fopen(q->path, "rb");
    size_t count;

    if (file == NULL)
        return error_system(errno, "Could not read '%s'", q->path);
    CLEANUP_FREE uint8_t *bytes = malloc(MEDIUM_MAX);
    count = bytes ? fread(bytes, 1, MEDIUM_MAX, file) : 0;
    fclose(file);
    if (count == 0)
        return error_system(errno, "Could not read '%s'", q->path);
    return store_pwrite(session_image(q->session), bytes, count, 0);
}

static int make_qemus(struct session *s)
{
    uint64_t cluster = (UINT64_C(1) << s->shape->cluster_bits) / SECTOR;
    uint64_t third = s->shape->size / 3, free = round_up(2 * third, cluster);
    struct qemu_image q = { .session = s };

    snprintf(q.path, sizeof q.path, "%s/%s.qcow2", s->states.effort->directory, s->shape->name);
    q.made = access(q.path, F_OK) == 0;
    if (create(&q) == -1 || write_byte(&q, 0x11, 0, 2 * third, "") == -1 ||
        snapshot(&q, "q0") == -1 || write_byte(&q, 0x22, free, 2 * cluster, "-c") == -1 ||
        snapshot(&q, "q1") == -1 || write_byte(&q, 0x33, third / 2, third, "") == -1 ||
        go_back(&q, 0) == -1 || write_byte(&q, 0x44, 0, third / 3, "") == -1)
        return -1;
    return load(&q);
}

int session_make_image(struct session *s)
{
    if (place_make(&s->place) == -1 || make_backing(s) == -1 ||
        (s->backing && show_backing(s) == -1) || session_make_below(s) == -1 ||
        (s->shape->qemu ? make_qemus : make_ours)(s) == -1)
        return -1;
    s->image = NULL;
    if (session_learn_chain(s) == -1)
        return -1;
    recorder_settle(s->recorder);
    return 0;
}
