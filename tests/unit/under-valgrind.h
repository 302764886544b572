/* SPDX-License-Identifier: BSD-3-Clause */
/* under-valgrind.h - is this run by valgrind?  It knows neither Landlock nor seccomp. */

#ifndef QCOW2_TESTS_UNDER_VALGRIND_H
#define QCOW2_TESTS_UNDER_VALGRIND_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded && strstr(preloaded, "valgrind");
}

#endif
