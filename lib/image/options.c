/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - words that options of several kinds share, and images themselves */

#include "image/options.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/option.h"

static const char *const format_names[] = {
    [FORMAT_QCOW2] = "qcow2",
    [FORMAT_RAW] = "raw",
    [FORMAT_QCOW1] = "qcow",
    [FORMAT_LUKS] = "luks",
};

int image_format_parse(const char *name, enum image_format *format)
{
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++) {
        if (strcmp(format_names[i], name) == 0) {
            *format = (enum image_format)i;
            return 0;
        }
    }
    return error_set(ENOTSUP, "Unknown driver '%s'", name);
}

const char *image_format_name(enum image_format format)
{
    return format_names[format];
}

uint32_t image_version_parse(const char *level)
{
    static const struct {
        const char *level;
        uint32_t version;
    } levels[] = { { "0.10", 2 }, { "v2", 2 }, { "1.1", 3 }, { "v3", 3 } };

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(levels[i].level, level) == 0)
            return levels[i].version;
    return 0;
}

int options_set_refcount_bits(const struct option *option, void *object, const char *value)
{
    uint32_t *refcount_bits = option_member(option, object);
    uint64_t bits;

    if (option_number(option->name, value, &bits) == -1)
        return -1;
    if (bits == 0 || bits > 64 || bits & (bits - 1))
        return error_set(EINVAL,
                         "Refcount width must be a power of two and may not exceed 64 bits");
    *refcount_bits = (uint32_t)bits;
    return 0;
}
