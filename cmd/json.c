/* SPDX-License-Identifier: BSD-3-Clause */
/* json.c - JSON values as qemu-img prints them, and the same values for people */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "message.h"

json_t *json_text(const char *text)
{
    CLEANUP_FREE char *safe = NULL;
    json_t *value = json_string(text);

    if (value)
        return value;
    safe = printable(text);
    return json_string(safe);
}

json_t *json_number(uint64_t number)
{
    return json_integer((json_int_t)number);
}

void json_put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value)) {
        error_report("out of memory");
        exit(EXIT_FAILURE);
    }
}

void json_print(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(4) | JSON_ENSURE_ASCII);
    putchar('\n');
}

static void print_key(const char *key)
{
    for (; *key; key++)
        putchar(*key == '-' ? ' ' : *key);
}

static void print_scalar(const json_t *value)
{
    CLEANUP_FREE char *text = NULL;

    if (json_is_string(value)) {
        text = printable(json_string_value(value));
        printf(" %s\n", text);
    } else if (json_is_boolean(value)) {
        printf(" %s\n", json_is_true(value) ? "true" : "false");
    } else {
        printf(" %" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
    }
}

void json_print_human(const json_t *object, int level)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        printf("%*s", 4 * level, "");
        print_key(key);
        putchar(':');
        if (json_is_object(value)) {
            putchar('\n');
            json_print_human(value, level + 1);
        } else {
            print_scalar(value);
        }
    }
}
