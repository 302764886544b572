/* SPDX-License-Identifier: BSD-3-Clause */
/* store-model.c - random operations on each kind of store against an array of bytes
 *
 * SEED takes another run.
 */

#include "seed.h"
#include "store-kinds.h"

#include "store/window.h"

#define LIMIT (256u * 1024)
#define OPERATIONS 4000
#define MOST_IOV 5

struct model {
    struct store *store;
    uint8_t *bytes; /* LIMIT of them, zero from size on */
    uint64_t size;
    unsigned short seed[3];
};

static uint64_t draw(struct model *model, uint64_t below)
{
    return (uint64_t)nrand48(model->seed) % below;
}

/* A range below the limit: half of them on multiples of 4096, some of them long. */
static void draw_range(struct model *model, uint64_t *count, uint64_t *offset)
{
    uint64_t most = draw(model, 4) == 0 ? 64 * 1024 : 6000;

    *offset = draw(model, LIMIT - 64 * 1024);
    *count = 1 + draw(model, most);
    if (draw(model, 2) == 0) {
        *offset = *offset / 4096 * 4096;
        *count = (*count + 4095) / 4096 * 4096;
    }
}

static void grow(struct model *model, uint64_t end)
{
    if (end > model->size)
        model->size = end;
}

static void do_write(struct model *model)
{
    struct iovec iov[MOST_IOV];
    uint64_t count, offset, done = 0;
    int iovcnt = 0;

    draw_range(model, &count, &offset);
    for (uint64_t i = 0; i < count; i++)
        model->bytes[offset + i] = (uint8_t)nrand48(model->seed);
    while (done < count) {
        uint64_t step = iovcnt == MOST_IOV - 1 ? count - done : draw(model, count - done + 1);

        iov[iovcnt++] = (struct iovec){ model->bytes + offset + done, step };
        done += step;
    }
    grow(model, offset + count);
    assert_int_equal(store_pwritev(model->store, iov, iovcnt, offset), 0);
}

static void do_zero(struct model *model)
{
    uint64_t count, offset;

    draw_range(model, &count, &offset);
    memset(model->bytes + offset, 0, count);
    grow(model, offset + count);
    assert_int_equal(store_zero(model->store, count, offset, draw(model, 2)), 0);
}

/* What a discarded range holds is not said, so say it. */
static void do_discard(struct model *model)
{
    uint64_t count, offset;

    draw_range(model, &count, &offset);
    assert_int_equal(store_discard(model->store, count, offset), 0);
    if (offset >= model->size)
        return;
    if (count > model->size - offset)
        count = model->size - offset;
    memset(model->bytes + offset, 0x5a, count);
    assert_int_equal(store_pwrite(model->store, model->bytes + offset, count, offset), 0);
}

static void do_truncate(struct model *model)
{
    uint64_t size = draw(model, LIMIT);

    if (size < model->size)
        memset(model->bytes + size, 0, model->size - size);
    model->size = size;
    assert_int_equal(store_truncate(model->store, size), 0);
}

static void do_read(struct model *model)
{
    uint64_t count, offset;
    uint8_t *buf;

    draw_range(model, &count, &offset);
    buf = malloc(count);
    assert_non_null(buf);
    assert_int_equal(store_pread(model->store, buf, count, offset), 0);
    assert_memory_equal(buf, model->bytes + offset, count);
    free(buf);
}

static void check_holes(struct model *model)
{
    for (uint64_t offset = 0; offset < LIMIT;) {
        struct store_extent extent = { 0 };

        assert_int_equal(store_extent_at(model->store, LIMIT - offset, offset, &extent), 0);
        assert_in_range(extent.length, 1, LIMIT - offset);
        for (uint64_t i = 0; extent.hole && i < extent.length; i++)
            assert_int_equal(model->bytes[offset + i], 0);
        offset += extent.length;
    }
}

static void check_size(struct model *model)
{
    uint64_t size;

    assert_int_equal(store_size(model->store, &size), 0);
    assert_int_equal(size, model->size);
}

static void run(struct store *store)
{
    static void (*const operations[])(struct model *) = {
        do_write, do_write, do_zero, do_discard, do_read, do_read, do_read, check_holes,
    };
    unsigned seed = test_seed();
    struct model model = { .store = store, .bytes = calloc(1, LIMIT) };

    memcpy(model.seed, &seed, sizeof seed);
    assert_non_null(store);
    assert_non_null(model.bytes);
    for (int i = 0; i < OPERATIONS; i++) {
        if (draw(&model, 100) == 0)
            do_truncate(&model);
        else
            operations[draw(&model, sizeof operations / sizeof operations[0])](&model);
        check_size(&model);
    }
    free(model.bytes);
    store_close(store);
}

static void in_the_rest_of_a_file(void **state)
{
    struct store *file = store_file_open("whole", STORE_CREATE, STORE_LOCK_WRITER);

    (void)state;
    assert_int_equal(store_truncate(file, 3 * 512), 0);
    run(store_window_new(file, 3 * 512, WINDOW_TO_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),
        cmocka_unit_test(in_a_file),
        cmocka_unit_test(in_a_file_with_direct_io),
        cmocka_unit_test(in_the_rest_of_a_file),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
