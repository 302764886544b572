/* SPDX-License-Identifier: BSD-3-Clause */
/* option-value.c - values of "name=value" options of images: their types, spellings and help */

#include "option-value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "human.h"
#include "message.h"
#include "qcow2.h"
#include "words.h"

static char *number_refusal(const char *name, const char *text)
{
    if (errno == ERANGE)
        return xasprintf("Value '%s' is too large for parameter '%s'", text, name);
    return xasprintf("Parameter '%s' expects a number", name);
}

char *option_value_rewrite(const char *name, value_type type, const char *value, char **why)
{
    uint64_t number;
    bool on;
    char *end;
    int error;

    switch (type) {
    case VALUE_SIZE:
        error = size_parse(value, &number);
        if (error == 0)
            return xasprintf("%" PRIu64, number);
        *why = size_refusal(name, value, error);
        return NULL;
    case VALUE_NUMBER:
        errno = 0;
        number = strtoull(value, &end, 0);
        if (errno == 0 && end != value && *end == '\0')
            return xasprintf("%" PRIu64, number);
        *why = number_refusal(name, value);
        return NULL;
    case VALUE_SWITCH:
        if (switch_word_parse(value, &on) == 0)
            break;
        *why = xasprintf("Parameter '%s' expects 'on' or 'off'", name);
        return NULL;
    case VALUE_STRING: break;
    }
    return xstrdup(value);
}

void option_value_print_help(const char *name, value_type type, const char *help)
{
    static const char *const types[] = {
        [VALUE_STRING] = "str",
        [VALUE_SIZE] = "size",
        [VALUE_NUMBER] = "num",
        [VALUE_SWITCH] = "bool (on/off)",
    };
    CLEANUP_FREE char *left = xasprintf("%s=<%s>", name, types[type]);

    printf("  %-22s - %s\n", left, help);
}

int preallocation_parse(const char *mode, uint32_t *flags)
{
    static const struct {
        const char *name;
        uint32_t flags;
    } modes[] = {
        { "off", 0 },
        { "metadata", QCOW2_RESIZE_METADATA },
        { "falloc", QCOW2_RESIZE_FALLOC },
        { "full", QCOW2_RESIZE_FULL },
    };

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, mode) == 0) {
            *flags = modes[i].flags;
            return 0;
        }
    }
    error_report("Invalid preallocation mode '%s'", mode);
    return -1;
}
