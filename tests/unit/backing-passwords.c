/* SPDX-License-Identifier: BSD-3-Clause */
/* backing-passwords.c - who is asked for the password of an encrypted image below another one
 *
 * The callback of who opens the chain, however much was said of the backing files, unless a
 * backing file's options have a callback of their own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "qcow2.h"
#include "unit/store-scratch.h"

#define IMAGES 3

/* The top first: its depth is its index. */
static const char *const names[IMAGES] = { "top", "middle", "base" };
static const char *const passwords[IMAGES] = { "of the top", "of the middle", "of the base" };

static void make(unsigned depth)
{
    static const struct {
        const char *name, *value;
    } options[] = { { "size", "65536" },
                    { "cluster_size", "4096" },
                    { "encrypt.format", "luks" },
                    { "encrypt.iter-time", "1" },
                    { "backing_fmt", "qcow2" } };
    qcow2_create_options *o = qcow2_create_options_new();
    size_t count = sizeof options / sizeof options[0] - (depth == IMAGES - 1);

    for (size_t i = 0; i < count; i++)
        assert_int_equal(qcow2_create_options_set(o, options[i].name, options[i].value), 0);
    if (depth < IMAGES - 1)
        assert_int_equal(qcow2_create_options_set(o, "backing_file", names[depth + 1]), 0);
    qcow2_create_options_set_secret(o, passwords[depth], strlen(passwords[depth]));
    if (qcow2_create(names[depth], o) == -1)
        fail_msg("%s", qcow2_get_error());
    qcow2_create_options_free(o);
}

static int make_chain(void **state)
{
    if (scratch_setup(state) == -1)
        return -1;
    for (unsigned depth = IMAGES; depth-- > 0;)
        make(depth);
    return 0;
}

/* How often each was asked for, in an array of the caller's. */
static int tell(void *opaque, const char *filename, uint32_t depth, const void **secret,
                size_t *size)
{
    unsigned *asked = opaque;

    assert_true(depth < IMAGES);
    assert_string_equal(filename, names[depth]);
    asked[depth]++;
    *secret = passwords[depth];
    *size = strlen(passwords[depth]);
    return 0;
}

static qcow2_open_options *asking(unsigned *asked)
{
    qcow2_open_options *o = qcow2_open_options_new();

    assert_int_equal(qcow2_open_options_set_backing_policy(o, QCOW2_BACKING_ALLOW), 0);
    if (asked != NULL)
        assert_int_equal(qcow2_open_options_set_secret_callback(o, tell, asked), 0);
    return o;
}

static void open_and_read(qcow2_open_options *o)
{
    qcow2_image *image = qcow2_open(names[0], o);
    uint8_t byte = 1;

    if (image == NULL)
        fail_msg("%s", qcow2_get_error());
    assert_int_equal(qcow2_pread(image, &byte, 1, 0, 0), 0);
    assert_int_equal(byte, 0);
    assert_int_equal(qcow2_close(image), 0);
    qcow2_open_options_free(o);
}

static void nothing_is_said_of_the_backing_files(void **state)
{
    unsigned asked[IMAGES] = { 0 };

    (void)state;
    open_and_read(asking(asked));
    for (unsigned i = 0; i < IMAGES; i++)
        assert_int_equal(asked[i], 1);
}

static void something_is_said_but_nothing_of_passwords(void **state)
{
    unsigned asked[IMAGES] = { 0 };
    qcow2_open_options *o = asking(asked);

    (void)state;
    assert_int_equal(qcow2_open_options_set_backing_options(o, asking(NULL)), 0);
    open_and_read(o);
    for (unsigned i = 0; i < IMAGES; i++)
        assert_int_equal(asked[i], 1);
}

static void the_middle_has_a_callback_of_its_own(void **state)
{
    unsigned asked[IMAGES] = { 0 }, asked_below[IMAGES] = { 0 };
    qcow2_open_options *o = asking(asked);

    (void)state;
    assert_int_equal(qcow2_open_options_set_backing_options(o, asking(asked_below)), 0);
    open_and_read(o);
    assert_int_equal(asked[0], 1);
    assert_int_equal(asked[1] + asked[2], 0);
    assert_int_equal(asked_below[0], 0);
    assert_int_equal(asked_below[1], 1);
}

static void the_password_of_the_top_is_its_own(void **state)
{
    qcow2_open_options *o = asking(NULL);

    (void)state;
    qcow2_open_options_set_secret(o, passwords[0], strlen(passwords[0]));
    assert_null(qcow2_open(names[0], o));
    assert_non_null(strstr(qcow2_get_error(), names[1]));
    qcow2_open_options_free(o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_chain, scratch_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(nothing_is_said_of_the_backing_files),
        TEST(something_is_said_but_nothing_of_passwords),
        TEST(the_middle_has_a_callback_of_its_own),
        TEST(the_password_of_the_top_is_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
