/* SPDX-License-Identifier: BSD-3-Clause */
/* json.c - JSON values as qemu-img prints them, and the same values for people */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "message.h"
#include "utf8.h"

static size_t kept_in_json(const unsigned char *s)
{
    uint32_t code;

    return utf8_decode(s, &code);
}

json_t *json_text(const char *text)
{
    CLEANUP_FREE char *safe = NULL;
    json_t *value = json_string(text);

    if (value)
        return value;
    safe = escaped(text, kept_in_json);
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

char *json_line(const json_t *value, size_t flags)
{
    CLEANUP_FREE char *text = json_dumps(value, flags | JSON_ENSURE_ASCII);
    char *line = xrealloc(NULL, text ? 6 * strlen(text) + 1 : 1);
    char *to = line;

    for (const char *from = text; from && *from; from++)
        if (*from == 0x7f) /* ASCII, but nothing for a terminal */
            to = stpcpy(to, "\\u007F");
        else
            *to++ = *from;
    *to = '\0';
    return line;
}

/* An empty array takes two lines, of which the second is indented as the first. */
static void print_line(const char *line, size_t length, int margin)
{
    static const char empty[] = "[]";
    size_t indent = strspn(line, " "), tail = length > 0 && line[length - 1] == ',' ? 1 : 0;
    size_t before = length - tail - strlen(empty);

    if (length >= indent + tail + strlen(empty) && memcmp(line + before, empty, 2) == 0)
        printf("%*s%.*s[\n%*s]%s", margin, "", (int)before, line, margin + (int)indent, "",
               tail ? "," : "");
    else
        printf("%*s%.*s", margin, "", (int)length, line);
}

void json_print_indented(const json_t *value, int level)
{
    CLEANUP_FREE char *text = json_line(value, JSON_INDENT(4) | JSON_REAL_PRECISION(9));

    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");

        print_line(line, length, 4 * level);
        line += length;
        if (*line == '\n')
            putchar(*line++);
    }
}

void json_print(const json_t *value)
{
    json_print_indented(value, 0);
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

static void print_value(const json_t *value, int level);

static void print_array(const json_t *array, int level)
{
    size_t index;
    json_t *value;

    json_array_foreach(array, index, value)
    {
        printf("%*s[%zu]:", 4 * level, "", index);
        print_value(value, level);
    }
}

/* What stands behind a key or a number on this level. */
static void print_value(const json_t *value, int level)
{
    if (json_is_object(value)) {
        putchar('\n');
        json_print_human(value, level + 1);
    } else if (json_is_array(value)) {
        putchar('\n');
        print_array(value, level + 1);
    } else {
        print_scalar(value);
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
        print_value(value, level);
    }
}
