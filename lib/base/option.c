/* SPDX-License-Identifier: BSD-3-Clause */
/* option.c - options by name: a row of a table for each, and the values they take */

#include "base/option.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "words.h"

int option_set(const struct option *options, size_t nb_options, void *object, const char *name,
               const char *value)
{
    for (size_t i = 0; i < nb_options; i++)
        if (strcmp(options[i].name, name) == 0)
            return options[i].set(&options[i], object, value);
    return error_set(ENOENT, "Invalid parameter '%s'", name);
}

int option_set_number(const struct option *option, void *object, const char *value)
{
    return option_number(option->name, value, option_member(option, object));
}

int option_set_switch(const struct option *option, void *object, const char *value)
{
    return option_switch(option->name, value, option_member(option, object));
}

int option_set_text(const struct option *option, void *object, const char *value)
{
    return text_replace(option_member(option, object), value);
}

int option_number(const char *name, const char *value, uint64_t *number)
{
    if (text_parse_number(value, number) == 0)
        return 0;
    return error_set(EINVAL, "Parameter '%s' expects a number", name);
}

int option_switch(const char *name, const char *value, bool *on)
{
    if (switch_word_parse(value, on) == 0)
        return 0;
    return error_set(EINVAL, "Parameter '%s' expects 'on' or 'off'", name);
}

int option_choice(const char *name, const char *value, const char *const *words, size_t nb_words)
{
    for (size_t i = 0; i < nb_words; i++)
        if (strcmp(words[i], value) == 0)
            return (int)i;
    return option_refuse(name, value);
}

int option_refuse(const char *name, const char *value)
{
    return error_set(EINVAL, "Parameter '%s' does not accept value '%s'", name, value);
}
