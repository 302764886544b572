/* SPDX-License-Identifier: BSD-3-Clause */
/* verbs-need-no-command-line.c - a verb is a function of the options it is given
 *
 * No argv is parsed here: the structs are filled by hand, and each verb does its work from them.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "human.h"
#include "message.h"
#include "qcow2.h"
#include "verb.h"

static char folder[] = "/tmp/verbs-XXXXXX";
static char filename[] = "image.qcow2";

static options options_for(char **arguments, size_t nb_arguments)
{
    return (options){
        .arguments = arguments,
        .nb_arguments = nb_arguments,
        .quiet = true,
        .max_length = UINT64_MAX,
        .measured_size = UINT64_MAX,
    };
}

static uint64_t size_on_disk(void)
{
    qcow2_image *image = qcow2_open(filename, NULL);
    uint64_t size;

    assert_non_null(image);
    size = qcow2_get_size(image);
    assert_int_equal(qcow2_close(image), 0);
    return size;
}

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    unlink(filename);
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void create_resize_check(void **state)
{
    char size[] = "1M", more[] = "+1M";
    char *creation[] = { filename, size }, *growth[] = { filename, more };
    options create = options_for(creation, 2);
    options resize = options_for(growth, 2);
    options check = options_for(creation, 1);

    (void)state;
    create.format = "qcow2";
    assert_int_equal(run_create(&create), 0);
    assert_int_equal(size_on_disk(), 1 << 20);
    assert_int_equal(run_resize(&resize), 0);
    assert_int_equal(size_on_disk(), 2 << 20);
    assert_int_equal(run_check(&check), 0);
}

static void measure_an_image_and_a_size(void **state)
{
    char *arguments[] = { filename };
    options image = options_for(arguments, 1);
    options size = options_for(NULL, 0);

    (void)state;
    image.target_format = "qcow2";
    assert_int_equal(run_measure(&image), 0);
    image.measured_size = 1 << 20;
    assert_int_equal(run_measure(&image), 1);
    assert_int_equal(run_measure(&size), 1);
    size.measured_size = 1 << 20;
    assert_int_equal(run_measure(&size), 0);
}

static void create_and_delete_a_snapshot(void **state)
{
    char *arguments[] = { filename };
    options o = options_for(arguments, 1);

    (void)state;
    o.snapshot = "one";
    o.snapshot_action = SNAPSHOT_CREATE;
    assert_int_equal(run_snapshot(&o), 0);
    o.snapshot_action = SNAPSHOT_DELETE;
    assert_int_equal(run_snapshot(&o), 0);
    assert_int_equal(run_snapshot(&o), 1);
}

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        int result;
        uint64_t bytes;
    } cases[] = {
        { "0", 0, 0 },
        { "64k", 0, 65536 },
        { "1.5G", 0, UINT64_C(1610612736) },
        { "0x10", 0, 16 },
        { "15.5E", 0, UINT64_C(31) << 59 },
        { "16E", -ERANGE, 0 },
        { "18446744073709551616", -ERANGE, 0 },
        { "1.5", -EINVAL, 0 },
        { "k", -EINVAL, 0 },
        { "1kk", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes = 0;

        assert_int_equal(size_parse(cases[i].text, &bytes), cases[i].result);
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void assert_printable(const char *text, const char *expected)
{
    char *result = printable(text);

    assert_string_equal(result, expected);
    free(result);
}

static void names_become_printable(void **state)
{
    (void)state;
    assert_printable("plain name", "plain name");
    assert_printable("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
    assert_printable("a\nb\033[2J\x7f", "a\\x0ab\\x1b[2J\\x7f");
    assert_printable("\xc0\xaf\xed\xa0\x80\xff", "\\xc0\\xaf\\xed\\xa0\\x80\\xff");
    assert_printable("cut \xe2\x82", "cut \\xe2\\x82");
}

static void lists_of_options_are_read(void **state)
{
    keyval_list list = { 0 };

    (void)state;
    assert_int_equal(keyval_parse(&list, "a=1,b=x,,y,lazy,nocow,a=2", NULL), 0);
    assert_string_equal(keyval_get(&list, "a"), "2");
    assert_string_equal(keyval_get(&list, "b"), "x,y");
    assert_string_equal(keyval_get(&list, "lazy"), "on");
    assert_string_equal(keyval_get(&list, "cow"), "off");
    assert_null(keyval_get(&list, "c"));
    assert_int_equal(list.count, 4);
    assert_int_equal(keyval_parse(&list, "a=1,", NULL), -1);
    keyval_list_clear(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_resize_check),
        cmocka_unit_test(measure_an_image_and_a_size),
        cmocka_unit_test(create_and_delete_a_snapshot),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(names_become_printable),
        cmocka_unit_test(lists_of_options_are_read),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
