/* SPDX-License-Identifier: BSD-3-Clause */
/* option-value.c - values of "name=value" options of images: their types, spellings and help */

#include "option-value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "human.h"
#include "message.h"

static char *complain_of_number(const char *name)
{
    return xasprintf("Parameter '%s' expects a number", name);
}

static char *complain_of_size(const char *name)
{
    return xasprintf("Parameter '%s' expects a non-negative number below 2^64\n"
                     "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                     "and exabytes, respectively.",
                     name);
}

int option_value_switch(const char *word, bool *on)
{
    static const char *const words[][2] = {
        { "on", "off" },
        { "yes", "no" },
        { "true", "false" },
        { "y", "n" },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *on = strcmp(word, words[i][0]) == 0;
        if (*on || strcmp(word, words[i][1]) == 0)
            return 0;
    }
    return -1;
}

char *option_value_rewrite(const char *name, value_type type, const char *value, char **why)
{
    uint64_t number;
    bool on;
    char *end;

    switch (type) {
    case VALUE_SIZE:
        if (size_parse(value, &number) == 0)
            return xasprintf("%" PRIu64, number);
        *why = complain_of_size(name);
        return NULL;
    case VALUE_NUMBER:
        number = strtoull(value, &end, 0);
        if (end != value && *end == '\0')
            return xasprintf("%" PRIu64, number);
        *why = complain_of_number(name);
        return NULL;
    case VALUE_SWITCH:
        if (option_value_switch(value, &on) == 0)
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
