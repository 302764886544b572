/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.c - which nbdkit plugin serves a disk that is a file
 *
 * nbdkit finds a plugin by a bare name in one folder only, its own, which need not be where ours is
 * installed.  So, in this order:
 *
 *     what the environment variable QCOW2_PLUGIN says
 *     the plugin beside a program that was not installed yet, in the folder of the build
 *     the plugin that was installed with this program
 *     "qcow2", which nbdkit looks for
 */

#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "plugin.h"

#define FILE_NAME "nbdkit-qcow2-plugin.so"

/* The path if somebody is there who may be read. */
static char *if_there(const char *folder, const char *below)
{
    char *path;

    if (asprintf(&path, "%s/%s" FILE_NAME, folder, below) < 0)
        return NULL;
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* A build has its programs in vmm-glue and its plugin in nbdplugin. */
static char *in_the_build(const char *program)
{
    CLEANUP_FREE char *path = strdup(program);
    CLEANUP_FREE char *above = strdup(program);
    char *folder = path ? dirname(path) : NULL;

    if (!folder || !above || strcmp(basename(folder), "vmm-glue") != 0)
        return NULL;
    return if_there(dirname(dirname(above)), "nbdplugin/.libs/");
}

char *plugin_choose(const char *program, const char *folder)
{
    const char *named = getenv("QCOW2_PLUGIN");
    char *path;

    if (named && *named)
        return strdup(named);
    path = in_the_build(program);
    if (!path)
        path = if_there(folder, "");
    return path ? path : strdup("qcow2");
}

char *plugin_of_this_program(void)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

    program[length > 0 ? length : 0] = '\0';
    return plugin_choose(program, PLUGIN_FOLDER);
}
