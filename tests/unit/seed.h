/* SPDX-License-Identifier: BSD-3-Clause */
/* seed.h - what a test draws from: the same at every run, unless SEED in the environment says
 * otherwise */

#ifndef QCOW2_TESTS_SEED_H
#define QCOW2_TESTS_SEED_H

#include <stdio.h>
#include <stdlib.h>

static inline unsigned test_seed(void)
{
    const char *given = getenv("SEED");
    unsigned seed = given && *given ? (unsigned)strtoul(given, NULL, 0) : 1;

    printf("SEED=%u\n", seed);
    return seed;
}

#endif
