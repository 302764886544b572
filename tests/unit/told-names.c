/* SPDX-License-Identifier: BSD-3-Clause */
/* told-names.c - strings that qcow2_get_info handed out live until the image is closed, whatever
 * is changed meanwhile */

#include "unit/store-scratch.h"

#include <pthread.h>
#include <stdatomic.h>

#include "qcow2.h"

enum {
    ROUNDS = 50,
};

static void make(const char *name, const char *key, const char *value)
{
    qcow2_create_options *o = qcow2_create_options_new();

    assert_int_equal(qcow2_create_options_set(o, "size", "1048576"), 0);
    assert_int_equal(qcow2_create_options_set(o, key, value), 0);
    if (strcmp(key, "backing_file") == 0)
        assert_int_equal(qcow2_create_options_set(o, "backing_fmt", "raw"), 0);
    assert_int_equal(qcow2_create(name, o), 0);
    qcow2_create_options_free(o);
}

static void make_raw(const char *name)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    assert_int_equal(ftruncate(fileno(f), 1048576), 0);
    fclose(f);
}

static qcow2_image *open_it(const char *name, const char *data_file)
{
    qcow2_open_options *o = qcow2_open_options_new();
    qcow2_image *image;

    qcow2_open_options_set_backing_policy(o, QCOW2_BACKING_ALLOW);
    if (data_file)
        assert_int_equal(qcow2_open_options_set_data_file(o, data_file), 0);
    image = qcow2_open(name, o);
    if (image == NULL)
        fail_msg("%s", qcow2_get_error());
    qcow2_open_options_free(o);
    return image;
}

static int set_data_file(qcow2_image *image, const char *name)
{
    qcow2_amend_options *o = qcow2_amend_options_new();
    int r = qcow2_amend_options_set(o, "data_file", name);

    if (r == 0)
        r = qcow2_amend(image, o, NULL, NULL);
    qcow2_amend_options_free(o);
    return r;
}

static qcow2_info info_of(qcow2_image *image)
{
    qcow2_info info;

    assert_int_equal(qcow2_get_info(image, &info, sizeof info), 0);
    return info;
}

static void data_file_after_amend(void **state)
{
    qcow2_image *image;
    qcow2_info before, after;

    (void)state;
    make("data.qcow2", "data_file", "data.raw");
    image = open_it("data.qcow2", "data.raw");
    before = info_of(image);
    assert_int_equal(set_data_file(image, "another-name.raw"), 0);
    after = info_of(image);
    assert_string_equal(before.data_file, "data.raw");
    assert_string_equal(after.data_file, "another-name.raw");
    assert_int_equal(qcow2_close(image), 0);
}

static void backing_file_after_rebase(void **state)
{
    qcow2_image *image;
    qcow2_info before, after;

    (void)state;
    make_raw("base.raw");
    make("overlay.qcow2", "backing_file", "base.raw");
    image = open_it("overlay.qcow2", NULL);
    before = info_of(image);
    assert_int_equal(
        qcow2_rebase(image, "other.raw", "qcow2", NULL, QCOW2_REBASE_UNSAFE, NULL, NULL), 0);
    after = info_of(image);
    assert_string_equal(before.backing_filename, "base.raw");
    assert_string_equal(before.full_backing_filename, "base.raw");
    assert_string_equal(before.backing_format, "raw");
    assert_string_equal(after.backing_filename, "other.raw");
    assert_string_equal(after.full_backing_filename, "other.raw");
    assert_string_equal(after.backing_format, "qcow2");
    assert_int_equal(qcow2_close(image), 0);
}

static void backing_file_after_another_change(void **state)
{
    qcow2_image *image;
    qcow2_info before, after;

    (void)state;
    make("again.qcow2", "backing_file", "base.raw");
    image = open_it("again.qcow2", NULL);
    before = info_of(image);
    assert_int_equal(qcow2_bitmap_add(image, "b", 0, 0), 0);
    assert_string_equal(before.backing_filename, "base.raw");
    assert_string_equal(before.backing_format, "raw");
    after = info_of(image);
    assert_ptr_equal(before.backing_filename, after.backing_filename);
    assert_ptr_equal(before.backing_format, after.backing_format);
    assert_int_equal(qcow2_close(image), 0);
}

/* However often the names change, of each there is one string. */
static void names_that_come_back(void **state)
{
    qcow2_image *image = open_it("data.qcow2", "data.raw");
    const char *told[2] = { NULL, NULL };

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(set_data_file(image, i % 2 ? "one.raw" : "another.raw"), 0);
        if (told[i % 2] == NULL)
            told[i % 2] = info_of(image).data_file;
        assert_ptr_equal(info_of(image).data_file, told[i % 2]);
    }
    assert_int_equal(qcow2_close(image), 0);
}

struct asked {
    qcow2_image *image;
    atomic_bool done;
    int wrong;
};

static void *ask(void *opaque)
{
    struct asked *a = opaque;
    qcow2_info info;

    while (!atomic_load(&a->done)) {
        if (qcow2_get_info(a->image, &info, sizeof info) == -1 ||
            (strcmp(info.data_file, "one.raw") != 0 && strcmp(info.data_file, "another.raw") != 0))
            a->wrong++;
        if (qcow2_uses_file(a->image, "."))
            a->wrong++;
    }
    return NULL;
}

static void names_while_they_change(void **state)
{
    struct asked a = { .image = open_it("data.qcow2", "data.raw") };
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(set_data_file(a.image, i % 2 ? "one.raw" : "another.raw"), 0);
    atomic_store(&a.done, true);
    pthread_join(thread, NULL);
    assert_int_equal(a.wrong, 0);
    assert_int_equal(qcow2_close(a.image), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_file_after_amend),
        cmocka_unit_test(backing_file_after_rebase),
        cmocka_unit_test(backing_file_after_another_change),
        cmocka_unit_test(names_that_come_back),
        cmocka_unit_test(names_while_they_change),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
