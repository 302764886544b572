/* SPDX-License-Identifier: BSD-3-Clause */
/* runtime_options.c - the edge: how an open image behaves, a row per option */

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "image/options.h"

static int set_compression_level(qcow2_open_options *o, const char *name, const char *value)
{
    return compression_parse_level(name, value, &o->compression.level);
}

static int set_compression_window(qcow2_open_options *o, const char *name, const char *value)
{
    return compression_parse_window(name, value, &o->compression.window);
}

static const struct {
    const char *name;
    int (*set)(qcow2_open_options *options, const char *name, const char *value);
} rows[] = {
    { "compression-level", set_compression_level },
    { "compression-window", set_compression_window },
};

int qcow2_open_options_set(qcow2_open_options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].set(options, name, value);
    return error_set(ENOENT, "Invalid parameter '%s'", name);
}
