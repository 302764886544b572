/* SPDX-License-Identifier: BSD-3-Clause */
/* store-scratch.h - a folder for a test's files, gone with everything in it when the test ends */

#ifndef QCOW2_TESTS_STORE_SCRATCH_H
#define QCOW2_TESTS_STORE_SCRATCH_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_folder[PATH_MAX / 2];

static int scratch_setup(void **state)
{
    const char *parent = getenv("TMPDIR");

    (void)state;
    snprintf(scratch_folder, sizeof scratch_folder, "%s/store-XXXXXX",
             parent && *parent ? parent : "/tmp");
    return mkdtemp(scratch_folder) ? chdir(scratch_folder) : -1;
}

/* What the tests make is files and empty folders. */
static int scratch_teardown(void **state)
{
    DIR *folder = opendir(scratch_folder);
    const struct dirent *entry;

    (void)state;
    while (folder && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(entry->d_name);
    }
    if (folder)
        closedir(folder);
    return chdir("/") == 0 ? rmdir(scratch_folder) : -1;
}

#endif
