/* SPDX-License-Identifier: BSD-3-Clause */
/* store-kinds.h - tests of what every kind of store must do: "run" tries a new one, and closes it
 */

#ifndef QCOW2_TESTS_STORE_KINDS_H
#define QCOW2_TESTS_STORE_KINDS_H

#include "unit/store-scratch.h"

#include <errno.h>

#include "base/error.h"
#include "store/memory.h"
#include "store/store.h"

static void run(struct store *store);

static void in_memory(void **state)
{
    (void)state;
    run(store_memory_new("memory"));
}

static void in_a_file(void **state)
{
    (void)state;
    run(store_file_open("file", STORE_CREATE, STORE_LOCK_WRITER));
}

static void in_a_file_with_direct_io(void **state)
{
    struct store *store = store_file_open("direct", STORE_CREATE | STORE_DIRECT, STORE_LOCK_WRITER);

    (void)state;
    if (!store && error_errno() == EINVAL)
        skip(); /* the file system has no direct I/O */
    run(store);
}

#endif
