/* SPDX-License-Identifier: BSD-3-Clause */
/* qcow1-in-every-geometry.c - qcow images of version 1 with clusters and tables of every size
 *
 *     qcow1-in-every-geometry [SEED]
 *
 * QEMU makes them in two geometries only, so they are made here, at random: plain clusters in any
 * order, streams packed byte by byte, holes, absent tables.  What is read must be what was put
 * there, and what QEMU reads.  Then bytes of the header and of the tables are changed: opening and
 * reading such an image ends well or with a sentence, and where QEMU and we both read it, we read
 * the same. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "format/disk.h"
#include "format/qcow1.h"
#include "qcow2.h"
#include "twin-tools.h"

#define IMAGE "image.qcow"
#define DAMAGED "damaged.qcow"
#define MOST_CLUSTERS 300u
#define MEMORY (UINT64_C(512) << 20)

static uint64_t random_state;

static uint64_t random_below(uint64_t end)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % end;
}

/* ------------------------------------------------------------------------------------------------
 * Making one
 */

struct made {
    uint32_t cluster_bits, l2_bits;
    uint64_t size;    /* of the disk */
    uint8_t *content; /* of the disk */
    uint8_t *file;
    uint64_t length, room;
    uint64_t tables_end; /* header, L1 table, L2 tables lie before it */
};

static void made_free(struct made *m)
{
    free(m->content);
    free(m->file);
}

static uint8_t *extend(struct made *m, uint64_t count)
{
    if (m->length + count > m->room)
        die("the image is larger than was thought");
    m->length += count;
    return m->file + m->length - count;
}

static void fill_cluster(uint8_t *cluster, uint64_t size)
{
    uint8_t seed = (uint8_t)(1 + random_below(255));

    for (uint64_t i = 0; i < size; i++)
        cluster[i] = (uint8_t)(seed + i / 7 * (i / 512 + 1));
}

static uint64_t put_stream(struct made *m, const uint8_t *cluster)
{
    uint64_t size = UINT64_C(1) << m->cluster_bits, at = m->length;
    z_stream z = { .next_in = (Bytef *)(uintptr_t)cluster,
                   .avail_in = (uInt)size,
                   .next_out = m->file + at,
                   .avail_out = (uInt)size - 1 };

    if (deflateInit2(&z, -1, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        die("no deflate");
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        die("a cluster does not become smaller");
    extend(m, z.total_out);
    deflateEnd(&z);
    return QCOW1_COMPRESSED | z.total_out << (63 - m->cluster_bits) | at;
}

static uint64_t put_plain(struct made *m, const uint8_t *cluster)
{
    uint64_t size = UINT64_C(1) << m->cluster_bits;

    extend(m, round_up(m->length, 512) - m->length);
    memcpy(extend(m, size), cluster, size);
    return m->length - size;
}

static void put_cluster(struct made *m, uint64_t guest_offset, uint8_t *entry)
{
    uint64_t size = UINT64_C(1) << m->cluster_bits;
    CLEANUP_FREE uint8_t *cluster = malloc(size);
    uint64_t kind = random_below(4);

    if (kind == 0)
        return;
    fill_cluster(cluster, size);
    memcpy(m->content + guest_offset, cluster, min_u64(size, m->size - guest_offset));
    store_be64(entry, kind == 1 ? put_plain(m, cluster) : put_stream(m, cluster));
}

/* L1 and L2 tables first, so that damage is easily aimed at them. */
static void put_tables(struct made *m, uint64_t l1_at)
{
    uint64_t span = UINT64_C(1) << (m->cluster_bits + m->l2_bits);
    uint64_t cluster_size = UINT64_C(1) << m->cluster_bits;

    extend(m, div_round_up(m->size, span) * 8);
    for (uint64_t i = 0; i * span < m->size; i++) {
        if (random_below(5) == 0)
            continue;
        extend(m, round_up(m->length, cluster_size) - m->length);
        store_be64(m->file + l1_at + 8 * i, m->length);
        extend(m, UINT64_C(8) << m->l2_bits);
    }
    m->tables_end = m->length;
    for (uint64_t at = 0; at < m->size; at += cluster_size) {
        uint64_t l2 = load_be64(m->file + l1_at + at / span * 8);

        if (l2 != 0)
            put_cluster(m, at, m->file + l2 + at % span / cluster_size * 8);
    }
}

static struct made make(uint32_t cluster_bits, uint32_t l2_bits)
{
    uint64_t cluster_size = UINT64_C(1) << cluster_bits;
    struct made m = { .cluster_bits = cluster_bits, .l2_bits = l2_bits };
    struct disk_qcow1_header *header;

    m.size = 512 * (1 + random_below(MOST_CLUSTERS * cluster_size / 512));
    m.content = calloc(1, m.size);
    m.room = m.size * 2 + (MOST_CLUSTERS + 10) * (cluster_size + (UINT64_C(8) << l2_bits));
    m.file = calloc(1, m.room);
    if (m.content == NULL || m.file == NULL)
        die("no memory");
    header = (struct disk_qcow1_header *)extend(&m, sizeof *header);
    *header = (struct disk_qcow1_header){
        .magic = htobe32(QCOW2_MAGIC),
        .version = htobe32(1),
        .size = htobe64(m.size),
        .cluster_bits = (uint8_t)cluster_bits,
        .l2_bits = (uint8_t)l2_bits,
        .l1_table_offset = htobe64(sizeof *header),
    };
    put_tables(&m, sizeof *header);
    return m;
}

static void save(const char *filename, const uint8_t *bytes, uint64_t count)
{
    CLEANUP_CLOSE int fd = open(filename, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    if (fd == -1 || write(fd, bytes, count) != (ssize_t)count)
        die("cannot write %s", filename);
}

/* ------------------------------------------------------------------------------------------------
 * Reading
 */

/* NULL: refused, with a sentence. */
static uint8_t *read_ours(const char *filename, uint64_t *size)
{
    qcow2_open_options *options = qcow2_open_options_new();
    CLEANUP_FREE uint8_t *content = NULL;
    qcow2_image *image;

    qcow2_open_options_set_format(options, "qcow");
    qcow2_open_options_set_flags(options, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_LOCK);
    image = qcow2_open(filename, options);
    qcow2_open_options_free(options);
    if (image == NULL)
        return NULL;
    *size = qcow2_get_size(image);
    if (*size <= UINT64_C(256) << 20) {
        content = malloc(*size + 1);
        if (qcow2_pread(image, content, *size, 0, 0) == -1) {
            free(content);
            content = NULL;
        }
    }
    qcow2_close(image);
    return RELEASE(content);
}

static bool read_qemu(const char *filename)
{
    const char *const convert[] = { "qemu-img", "convert", "-f",       "qcow", "-O",
                                    "raw",      filename,  "qemu.raw", NULL };

    unlink("qemu.raw"); /* nobody else can still hold a lock on a new file */
    return run_program(convert) == 0;
}

static bool equals_qemu(const uint8_t *content, uint64_t size)
{
    CLEANUP_CLOSE int fd = open("qemu.raw", O_RDONLY);
    CLEANUP_FREE uint8_t *theirs = malloc(size + 1);

    return fd != -1 && pread(fd, theirs, size + 1, 0) == (ssize_t)size &&
           memcmp(theirs, content, size) == 0;
}

static void compare(const struct made *m)
{
    CLEANUP_FREE uint8_t *content = NULL;
    uint64_t size;

    save(IMAGE, m->file, m->length);
    content = read_ours(IMAGE, &size);
    if (content == NULL)
        die("refused: %s", qcow2_get_error());
    if (size != m->size || memcmp(content, m->content, size) != 0)
        die("we read something else than was put there");
    if (!read_qemu(IMAGE)) {
        char words[512] = "";
        CLEANUP_CLOSE int log = open("log", O_RDONLY);

        if (log != -1 && read(log, words, sizeof words - 1) <= 0)
            strcpy(words, "nothing");
        die("QEMU does not read it and says: %s", words);
    }
    if (!equals_qemu(content, size))
        die("QEMU reads something else than we");
}

/* ------------------------------------------------------------------------------------------------
 * Damage
 */

static void damage(struct made *m)
{
    for (uint64_t n = 1 + random_below(4); n > 0; n--) {
        uint64_t end = random_below(3) == 0 ? sizeof(struct disk_qcow1_header) : m->tables_end;
        uint64_t at = random_below(end);

        if (at >= 8) /* magic and version stay */
            m->file[at] = (uint8_t)(random_below(3) ? random_below(256) : m->file[at] ^ 0x80);
    }
    if (random_below(4) == 0)
        m->length = random_below(m->length);
}

static unsigned survive(struct made *m, unsigned rounds, bool ask_qemu)
{
    CLEANUP_FREE uint8_t *good = malloc(m->tables_end);
    uint64_t length = m->length;
    unsigned readable = 0;

    memcpy(good, m->file, m->tables_end);
    for (unsigned i = 0; i < rounds; i++) {
        CLEANUP_FREE uint8_t *content = NULL;
        uint64_t size;

        now_doing("%s, damage %u", "an image that is saved as " DAMAGED, i);
        damage(m);
        save(DAMAGED, m->file, m->length);
        content = read_ours(DAMAGED, &size);
        if (content == NULL && qcow2_get_error()[0] == '\0')
            die("refused without a sentence");
        readable += content != NULL;
        if (content && ask_qemu && read_qemu(DAMAGED) && !equals_qemu(content, size))
            die("QEMU reads something else than we");
        memcpy(m->file, good, m->tables_end);
        m->length = length;
    }
    return readable;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260101;
    const struct rlimit limit = { MEMORY, MEMORY };
    unsigned readable = 0, images = 0;

    printf("seed %" PRIu64 "\n", seed);
    random_state = seed * 2 + 1;
    now_doing("making images");
    enter_scratch_folder();
    need_qemu();
#ifndef __SANITIZE_ADDRESS__
    setrlimit(RLIMIT_DATA, &limit);
#else
    (void)limit;
#endif
    for (uint32_t bits = QCOW1_MIN_CLUSTER_BITS; bits <= QCOW1_MAX_CLUSTER_BITS; bits++) {
        for (uint32_t l2_bits = QCOW1_MIN_L2_BITS; l2_bits <= QCOW1_MAX_L2_BITS;
             l2_bits += 1 + bits % 3) {
            struct made m = make(bits, l2_bits);

            now_doing("cluster_bits %" PRIu32 ", l2_bits %" PRIu32, bits, l2_bits);
            compare(&m);
            readable += survive(&m, 3, true) + survive(&m, 60, false);
            images++;
            made_free(&m);
        }
    }
    printf("%u images, %u damaged ones could be read\n", images, readable);
    return readable > 0 ? 0 : 1;
}
