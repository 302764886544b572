/* SPDX-License-Identifier: BSD-3-Clause */
/* library.c - a library is loaded when it is needed, and missed in a sentence */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/library.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#define THERE(X) X(adler32) X(crc32)
#define NOT_THERE(X) X(adler32) X(acos)

static void functions_are_those_of_the_library(void **state)
{
    struct {
        THERE(LIBRARY_MEMBER)
    } functions = { 0 };
    struct library library = { .name = LIBRARY_NAME("z", 1),
                               .user = "This test",
                               LIBRARY_TABLE(THERE, functions) };

    (void)state;
    assert_int_equal(library_load(&library), 0);
    assert_int_equal(library_load(&library), 0);
    assert_int_equal(functions.adler32(1, (const Bytef *)"a", 1),
                     adler32(1, (const Bytef *)"a", 1));
    assert_int_equal(functions.crc32(0, (const Bytef *)"a", 1), crc32(0, (const Bytef *)"a", 1));
}

static void what_is_optional_may_be_missing(void **state)
{
    struct {
        NOT_THERE(LIBRARY_MEMBER)
    } functions = { 0 };
    struct library library = { .name = LIBRARY_NAME("z", 1),
                               .user = "This test",
                               LIBRARY_TABLE(NOT_THERE, functions),
                               .nb_optional = 1 };

    (void)state;
    assert_int_equal(library_load(&library), 0);
    assert_non_null(functions.adler32);
    assert_null(functions.acos);
}

static void assert_missed(struct library *library, const char *words)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(library_load(library), -1);
        assert_int_equal(error_errno(), ENOTSUP);
        assert_non_null(strstr(error_message(), words));
    }
}

static void what_is_not_there_is_told(void **state)
{
    struct {
        NOT_THERE(LIBRARY_MEMBER)
    } functions = { 0 };
    struct library none = { .name = "libnone.so.7",
                            .user = "This test",
                            LIBRARY_TABLE(NOT_THERE, functions) };
    struct library lacking = { .name = LIBRARY_NAME("z", 1),
                               .user = "This test",
                               LIBRARY_TABLE(NOT_THERE, functions) };

    (void)state;
    assert_missed(&none, "This test needs libnone.so.7, which could not be loaded: ");
    assert_missed(&lacking, "acos");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_those_of_the_library),
        cmocka_unit_test(what_is_not_there_is_told),
        cmocka_unit_test(what_is_optional_may_be_missing),
    };

    return cmocka_run_group_tests_name("library", tests, NULL, NULL);
}
