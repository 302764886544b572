/* SPDX-License-Identifier: BSD-3-Clause */
/* vm-state.c - the room for the state of a machine: what it takes, what it refuses, who may use
 * it */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <pthread.h>

#include <cmocka.h>

#include "base/error.h"
#include "image/image.h"
#include "image/vm_state.h"
#include "store/memory.h"

#define CLUSTER 512u
#define DISK (100 * 512u)
#define L2_SPAN (UINT64_C(64) * CLUSTER)
/* 32 MiB of L1 table, but for what the disk takes of it */
#define ROOM ((UINT64_C(4194304) - 2) * L2_SPAN)

static struct store *make(uint32_t version)
{
    const struct qcow2_create_options options = {
        .size = DISK, .version = version, .cluster_size = CLUSTER, .refcount_bits = 16
    };
    struct store *store = store_memory_new("memory");

    assert_non_null(store);
    assert_int_equal(image_format_store(store, &options), 0);
    return store;
}

static struct qcow2_image *open_on(struct store *store, enum image_format format, uint32_t flags,
                                   const char *snapshot)
{
    const struct qcow2_open_options options = { .format = format,
                                                .flags = flags,
                                                .snapshot = (char *)(uintptr_t)snapshot };
    struct qcow2_image *image = image_open_store(store, &options);

    assert_non_null(image);
    image->store_lent = true;
    return image;
}

static void put(struct qcow2_image *image, int byte, size_t count, uint64_t offset)
{
    uint8_t *buf = malloc(count);

    memset(buf, byte, count);
    assert_int_equal(image_vm_state_write(image, buf, count, offset, 0), 0);
    free(buf);
}

static void expect(struct qcow2_image *image, int byte, size_t count, uint64_t offset)
{
    uint8_t *buf = malloc(count);

    memset(buf, ~byte, count);
    assert_int_equal(image_vm_state_read(image, buf, count, offset), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buf[i], byte);
    free(buf);
}

static void expect_clean(struct qcow2_image *image)
{
    qcow2_check_result result;

    assert_int_equal(image_flush(image), 0);
    assert_int_equal(qcow2_check(image, 0, &result, sizeof result, NULL, NULL), 0);
    assert_int_equal(result.corruptions + result.leaks + result.check_errors, 0);
}

static void what_was_not_written_reads_as_zeroes(void **state)
{
    struct store *store = make(3);
    struct qcow2_image *image = open_on(store, FORMAT_QCOW2, 0, NULL);

    (void)state;
    expect(image, 0, 4096, 0);
    put(image, 1, 3, 1000);
    put(image, 2, 100000, 7 * L2_SPAN + 5);
    expect(image, 0, 1000, 0);
    expect(image, 1, 3, 1000);
    expect(image, 0, 7 * L2_SPAN + 5 - 1003, 1003);
    expect(image, 2, 100000, 7 * L2_SPAN + 5);
    expect(image, 0, 5000, 7 * L2_SPAN + 100005);
    expect(image, 0, 5000, ROOM + 77777);
    expect_clean(image);
    assert_int_equal(image_close(image), 0);
    store_close(store);
}

static void there_is_an_end(void **state)
{
    struct store *store = make(3);
    struct qcow2_image *image = open_on(store, FORMAT_QCOW2, 0, NULL);
    uint8_t byte = 1;

    (void)state;
    assert_int_equal(image_vm_state_write(image, &byte, 1, ROOM, 0), -1);
    assert_int_equal(error_errno(), EFBIG);
    assert_int_equal(image_vm_state_write(image, &byte, 1, INT64_MAX, 0), -1);
    assert_int_equal(error_errno(), EINVAL);
    assert_int_equal(image_vm_state_write(image, &byte, 1, UINT64_MAX, 0), -1);
    assert_int_equal(error_errno(), EINVAL);
    assert_int_equal(image_vm_state_read(image, &byte, 1, UINT64_MAX), -1);
    assert_int_equal(error_errno(), EINVAL);
    put(image, 1, 1, 3 * L2_SPAN);
    expect_clean(image);
    assert_int_equal(image_close(image), 0);
    store_close(store);
}

static void a_snapshot_takes_the_state_over(void **state)
{
    const qcow2_snapshot given = { .name = "saved",
                                   .vm_state_size = 5 * L2_SPAN,
                                   .date_sec = 7,
                                   .vm_clock_nsec = 8,
                                   .icount = 9 };

    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct store *store = make(version);
        struct qcow2_image *image = open_on(store, FORMAT_QCOW2, 0, NULL), *saved;

        put(image, 3, 5 * L2_SPAN, 0);
        assert_int_equal(image_snapshot_create_with(image, &given), 0);
        expect(image, 0, 5 * L2_SPAN, 0);
        expect_clean(image);
        assert_int_equal(image->snapshots.entries[0].vm_clock_nsec, 8);
        assert_int_equal(image->snapshots.entries[0].icount, 9);
        put(image, 4, 2 * L2_SPAN, 0);
        assert_int_equal(image_flush(image), 0);
        saved = open_on(store, FORMAT_QCOW2, QCOW2_OPEN_READ_ONLY, "saved");
        expect(saved, 3, 5 * L2_SPAN, 0);
        assert_int_equal(image_close(saved), 0);
        assert_int_equal(image_snapshot_apply(image, "saved"), 0);
        expect(image, 3, 5 * L2_SPAN, 0);
        assert_int_equal(image_snapshot_delete(image, "saved"), 0);
        expect(image, 3, 5 * L2_SPAN, 0);
        assert_int_equal(image_resize(image, DISK + 20 * L2_SPAN, 0), 0);
        expect(image, 0, 5 * L2_SPAN, 0);
        expect_clean(image);
        assert_int_equal(image_close(image), 0);
        store_close(store);
    }
}

/* Refused before anything has changed: what is asked of a snapshot. */
static void nonsense_is_not_recorded(void **state)
{
    char *long_name = calloc(1, 70000);
    const struct {
        qcow2_snapshot given;
        int error;
    } refused[] = {
        { { .name = "large", .vm_state_size = ROOM + 1 }, EFBIG },
        { { .name = "late", .date_nsec = 1000000000 }, EINVAL },
        { { .name = long_name }, EINVAL },
    };
    struct store *store = make(3);
    struct qcow2_image *image = open_on(store, FORMAT_QCOW2, 0, NULL);

    (void)state;
    memset(long_name, 'x', 69999);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(image_snapshot_create_with(image, &refused[i].given), -1);
        assert_int_equal(error_errno(), refused[i].error);
    }
    assert_int_equal(image->snapshots.count, 0);
    expect_clean(image);
    assert_int_equal(image_close(image), 0);
    store_close(store);
    free(long_name);
}

static void refuses(struct store *store, enum image_format format, uint32_t flags, int error,
                    bool reading, bool writing)
{
    struct qcow2_image *image = open_on(store, format, flags, NULL);
    uint8_t byte = 1;

    assert_int_equal(image_vm_state_read(image, &byte, 1, 0), reading ? -1 : 0);
    if (reading)
        assert_int_equal(error_errno(), error);
    assert_int_equal(image_vm_state_write(image, &byte, 1, 0, 0), writing ? -1 : 0);
    if (writing)
        assert_int_equal(error_errno(), error);
    assert_int_equal(image_close(image), 0);
}

static void some_images_have_no_room(void **state)
{
    struct store *store = make(3);

    (void)state;
    refuses(store, FORMAT_QCOW2, QCOW2_OPEN_READ_ONLY, EROFS, false, true);
    refuses(store, FORMAT_QCOW2, QCOW2_OPEN_NO_IO, EINVAL, true, true);
    refuses(store, FORMAT_RAW, 0, ENOTSUP, true, true);
    store_close(store);
}

/* ------------------------------------------------------------------------------------------------
 * Threads
 */

#define WRITERS 4
#define PIECES 40

struct writer {
    struct qcow2_image *image;
    uint64_t number;
};

/* Every piece of the state is one writer's; the L1 table grows under all of them. */
static void *write_pieces(void *opaque)
{
    const struct writer *w = opaque;
    uint8_t piece[3000];

    memset(piece, (int)w->number + 1, sizeof piece);
    for (uint64_t i = 0; i < PIECES; i++) {
        uint64_t at = (i * WRITERS + w->number) * sizeof piece;

        if (image_vm_state_write(w->image, piece, sizeof piece, at, 0) == -1 ||
            image_write(w->image, piece, CLUSTER, (w->number * 20 + i % 20) * CLUSTER, 0) == -1 ||
            image_vm_state_read(w->image, piece, sizeof piece, at) == -1)
            return opaque;
    }
    return NULL;
}

static void writers_do_not_disturb_each_other(void **state)
{
    struct store *store = make(3);
    struct qcow2_image *image = open_on(store, FORMAT_QCOW2, 0, NULL);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];

    (void)state;
    for (uint64_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ image, i };
        assert_int_equal(pthread_create(&threads[i], NULL, write_pieces, &writers[i]), 0);
    }
    for (uint64_t i = 0; i < WRITERS; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (uint64_t i = 0; i < WRITERS * PIECES; i++)
        expect(image, (int)(i % WRITERS) + 1, 3000, i * 3000);
    expect_clean(image);
    assert_int_equal(image_close(image), 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_written_reads_as_zeroes),
        cmocka_unit_test(there_is_an_end),
        cmocka_unit_test(a_snapshot_takes_the_state_over),
        cmocka_unit_test(nonsense_is_not_recorded),
        cmocka_unit_test(some_images_have_no_room),
        cmocka_unit_test(writers_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
