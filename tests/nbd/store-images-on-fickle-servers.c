/* SPDX-License-Identifier: BSD-3-Clause */
/* store-images-on-fickle-servers.c - an image on a server that fails a request, or hangs up at it
 *
 * fickle-server.h says what the server is like: what a connection wrote reaches the disk when that
 * connection flushes, and is gone when it ends.  One request after the other is failed, and the
 * connection ended at it.  Each time, whatever the disk then holds,
 *
 *   - the image has no corruption;
 *   - what a flush was acknowledged for is there, or something written later;
 *   - after a flush that failed none succeeds, however often the server is connected to again;
 *   - nobody who waits for a lost server notices that it was lost once.
 */

#include "unit/store-scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "image/image.h"
#include "nbd/fickle-server.h"
#include "qcow2.h"
#include "store/memory.h"
#include "store/nbd.h"

#define SECTOR 512u
#define SECTORS 32u /* of the disk */
#define MOST_STAMPS 16u
#define SOCKET "socket"
#define LEFT "left.qcow2"
#define PATIENCE 20u /* seconds, of those who wait for a lost server */
#define NEVER UINT_MAX

/* ------------------------------------------------------------------------------------------------
 * What the server does
 */

/* Counted from 0 over all connections, like the flushes alone. */
struct mishaps {
    unsigned fail, hang_up, fail_flush;
};

static struct mishaps planned;
static char what[100]; /* the same in words */
static atomic_uint requests, flushes;
static atomic_bool flush_failed;

static enum manner as_planned(unsigned connection, unsigned number, enum nbd_request request)
{
    unsigned count = atomic_fetch_add(&requests, 1);
    unsigned flush = request == NBD_FLUSH ? atomic_fetch_add(&flushes, 1) : NEVER - 1;

    (void)connection;
    (void)number;
    if (count == planned.hang_up)
        return HANG_UP;
    if (count != planned.fail && flush != planned.fail_flush)
        return ANSWER;
    if (request == NBD_FLUSH)
        atomic_store(&flush_failed, true);
    return FAIL;
}

/* ------------------------------------------------------------------------------------------------
 * What the disk may hold
 */

/* Of each sector: what it held when it was last settled, and what it was given since. */
static struct {
    uint8_t stamps[MOST_STAMPS];
    unsigned count;
    bool doubtful; /* the last of these was not acknowledged */
} admitted[SECTORS];

static uint8_t next_stamp;
static bool any_failed;
static uint64_t snapshots; /* that must be there */

static void begin(void)
{
    memset(admitted, 0, sizeof admitted);
    for (unsigned i = 0; i < SECTORS; i++)
        admitted[i].count = 1;
    next_stamp = 0;
    any_failed = false;
    snapshots = 0;
    atomic_store(&flush_failed, false);
    atomic_store(&requests, 0);
    atomic_store(&flushes, 0);
}

static void issue(unsigned at, unsigned count, uint8_t stamp)
{
    for (unsigned i = at; i < at + count; i++)
        admitted[i].stamps[admitted[i].count++] = stamp;
}

static void end_request(int r, unsigned at, unsigned count)
{
    any_failed |= r == -1;
    for (unsigned i = at; i < at + count; i++)
        admitted[i].doubtful = r == -1;
}

static void settle(void)
{
    for (unsigned i = 0; i < SECTORS; i++) {
        if (admitted[i].doubtful)
            continue;
        admitted[i].stamps[0] = admitted[i].stamps[admitted[i].count - 1];
        admitted[i].count = 1;
    }
}

static bool admits(unsigned sector, const uint8_t *bytes)
{
    for (unsigned i = 1; i < SECTOR; i++)
        if (bytes[i] != bytes[0])
            return false;
    for (unsigned i = 0; i < admitted[sector].count; i++)
        if (admitted[sector].stamps[i] == bytes[0])
            return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------
 * What is done
 */

static void put(struct qcow2_image *image, unsigned at, unsigned count)
{
    uint8_t bytes[SECTORS * SECTOR];

    memset(bytes, ++next_stamp, sizeof bytes);
    issue(at, count, next_stamp);
    end_request(image_write(image, bytes, count * SECTOR, at * SECTOR, 0), at, count);
}

static void clear(struct qcow2_image *image, unsigned at, unsigned count)
{
    issue(at, count, 0);
    end_request(image_zero(image, count * SECTOR, at * SECTOR, QCOW2_MAY_UNMAP), at, count);
}

/* A flush, or something that ends with one. */
static int end_flush(int r)
{
    any_failed |= r == -1;
    if (atomic_load(&flush_failed) && r == 0)
        fail_msg("%s: a flush succeeds after one that failed", what);
    if (r == 0)
        settle();
    return r;
}

static void use(struct qcow2_image *image)
{
    put(image, 0, 8);
    end_flush(image_flush(image));
    put(image, 4, 8);
    clear(image, 16, 8);
    end_flush(image_flush(image));
    snapshots = end_flush(image_snapshot_create(image, "one")) == 0;
    put(image, 2, 5);
    put(image, 20, 12);
    end_flush(image_flush(image));
    clear(image, 0, 12);
    put(image, 6, 3);
    end_flush(image_flush(image));
    end_flush(image_flush(image));
    put(image, 30, 1);
}

/* ------------------------------------------------------------------------------------------------
 * What is left
 */

static void count_harm(void *opaque, const char *message)
{
    bool harmless = strstr(message, "OFLAG_COPIED") && strstr(message, "refcount=1");

    (void)opaque;
    if (strncmp(message, "ERROR", 5) == 0 && !harmless)
        fail_msg("%s: %s", what, message);
}

static int count_snapshot(void *opaque, const qcow2_snapshot *s)
{
    (void)s;
    ++*(uint64_t *)opaque;
    return 0;
}

static qcow2_image *open_left(uint32_t flags)
{
    qcow2_open_options *o = qcow2_open_options_new();
    qcow2_image *image;

    assert_int_equal(qcow2_open_options_set_format(o, "qcow2"), 0);
    assert_int_equal(qcow2_open_options_set_flags(o, flags), 0);
    image = qcow2_open(LEFT, o);
    if (image == NULL)
        fail_msg("%s: %s", what, qcow2_get_error());
    qcow2_open_options_free(o);
    return image;
}

static void judge(const uint8_t *disk)
{
    int fd = open(LEFT, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    uint8_t bytes[SECTORS * SECTOR];
    qcow2_check_result result;
    qcow2_image *image;
    uint64_t count = 0;

    assert_int_equal(write(fd, disk, FICKLE_SIZE), FICKLE_SIZE);
    close(fd);
    image = open_left(QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK);
    assert_int_equal(qcow2_check(image, 0, &result, sizeof result, count_harm, NULL), 0);
    assert_int_equal(qcow2_close(image), 0);
    image = open_left(QCOW2_OPEN_READ_ONLY);
    assert_int_equal(qcow2_pread(image, bytes, sizeof bytes, 0, 0), 0);
    for (unsigned i = 0; i < SECTORS; i++)
        if (!admits(i, bytes + (size_t)i * SECTOR))
            fail_msg("%s: sector %u holds %u", what, i, bytes[(size_t)i * SECTOR]);
    assert_int_equal(qcow2_snapshot_list(image, count_snapshot, &count), 0);
    if (count < snapshots)
        fail_msg("%s: the snapshot is gone", what);
    assert_int_equal(qcow2_close(image), 0);
}

/* ------------------------------------------------------------------------------------------------
 * One run
 */

static void make_disk(uint8_t *disk)
{
    const struct qcow2_create_options options = { .format = FORMAT_QCOW2,
                                                  .size = SECTORS * SECTOR,
                                                  .version = 3,
                                                  .cluster_size = SECTOR,
                                                  .refcount_bits = 16 };
    struct store *store = store_memory_new("disk");

    assert_int_equal(image_format_store(store, &options), 0);
    assert_int_equal(store_pread(store, disk, FICKLE_SIZE, 0), 0);
    store_close(store);
}

/* Whether there were as many requests, and flushes, as planned. */
static bool run(struct mishaps p, uint64_t reconnect_delay)
{
    const struct nbd_options nbd = { .reconnect_delay = reconnect_delay };
    const struct qcow2_open_options options = { .format = FORMAT_QCOW2 };
    struct fickle_server *server = fickle_server_new(SOCKET, as_planned);
    struct qcow2_image *image;
    struct store *store;

    planned = p;
    snprintf(what, sizeof what, "request %d fails, %d hangs up, flush %d fails, %s", (int)p.fail,
             (int)p.hang_up, (int)p.fail_flush, reconnect_delay ? "waiting" : "not waiting");
    begin();
    make_disk(fickle_server_disk(server));
    store = store_nbd_open("nbd+unix:///?socket=" SOCKET, 0, &nbd);
    assert_non_null(store);
    image = image_open_store(store, &options);
    any_failed = image == NULL;
    if (image != NULL) {
        use(image);
        end_flush(image_close(image));
    }
    if (any_failed && reconnect_delay && p.fail == NEVER && p.fail_flush == NEVER)
        fail_msg("%s: %s", what, error_message());
    judge(fickle_server_disk(server));
    fickle_server_end(server);
    unlink(SOCKET);
    return (p.fail == NEVER || p.fail < requests) && (p.hang_up == NEVER || p.hang_up < requests) &&
           (p.fail_flush == NEVER || p.fail_flush < flushes);
}

static void test_one_request_fails(void **state)
{
    (void)state;
    for (unsigned n = 0; run((struct mishaps){ n, NEVER, NEVER }, 0); n++)
        run((struct mishaps){ n, NEVER, NEVER }, PATIENCE);
}

static void test_server_hangs_up_once(void **state)
{
    (void)state;
    for (unsigned n = 0; run((struct mishaps){ NEVER, n, NEVER }, 0); n++)
        run((struct mishaps){ NEVER, n, NEVER }, PATIENCE);
}

/* What is made once more on another connection does not make the failed flush good. */
static void test_server_hangs_up_after_failed_flush(void **state)
{
    (void)state;
    for (unsigned f = 0; run((struct mishaps){ NEVER, NEVER, f }, PATIENCE); f++)
        for (unsigned n = 3 + f; run((struct mishaps){ NEVER, n, f }, PATIENCE); n += 5)
            ;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_request_fails),
        cmocka_unit_test(test_server_hangs_up_once),
        cmocka_unit_test(test_server_hangs_up_after_failed_flush),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
