/* SPDX-License-Identifier: BSD-3-Clause */
/* json-keys.c - a JSON object as a list of dotted keys
 *
 * jansson bounds the depth of what it parses, so the recursion here is bounded, too.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json-keys.h"
#include "json.h"
#include "message.h"

static void flatten(keyval_list *list, const char *key, const json_t *value);

static char *join(const char *prefix, const char *name)
{
    return prefix[0] ? xasprintf("%s.%s", prefix, name) : xstrdup(name);
}

static void flatten_object(keyval_list *list, const char *prefix, json_t *object)
{
    const char *name;
    json_t *member;

    json_object_foreach(object, name, member)
    {
        CLEANUP_FREE char *key = join(prefix, name);

        flatten(list, key, member);
    }
}

static void flatten_array(keyval_list *list, const char *prefix, const json_t *array)
{
    size_t index;
    json_t *member;

    json_array_foreach(array, index, member)
    {
        CLEANUP_FREE char *key = xasprintf("%s.%zu", prefix, index);

        flatten(list, key, member);
    }
}

static keyval_kind kind_of(const json_t *scalar)
{
    switch (json_typeof(scalar)) {
    case JSON_STRING: return KEYVAL_TEXT;
    case JSON_INTEGER: return KEYVAL_NUMBER;
    case JSON_NULL: return KEYVAL_NULL;
    default: return KEYVAL_OTHER;
    }
}

/* The caller frees it. */
static char *text_of(const json_t *scalar)
{
    switch (json_typeof(scalar)) {
    case JSON_STRING: return xstrdup(json_string_value(scalar));
    case JSON_INTEGER: return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(scalar));
    case JSON_REAL: return xasprintf("%.17g", json_real_value(scalar));
    case JSON_TRUE: return xstrdup("on");
    case JSON_FALSE: return xstrdup("off");
    default: return xstrdup("");
    }
}

static void flatten(keyval_list *list, const char *key, const json_t *value)
{
    CLEANUP_FREE char *text = NULL;

    if (json_is_object(value)) {
        flatten_object(list, key, (json_t *)value);
    } else if (json_is_array(value)) {
        flatten_array(list, key, value);
    } else {
        text = text_of(value);
        keyval_set_kind(list, key, text, kind_of(value));
    }
}

/* QEMU lets strings stand between apostrophes, too, as people write them who have used up the
 * quotation marks for the shell.  The same with quotation marks; the caller frees it. */
static char *with_quotation_marks(const char *text)
{
    char *standard = xrealloc(NULL, 2 * strlen(text) + 1), *to = standard;
    char mark = '\0'; /* the one that ends the string we are in */

    for (; *text; text++) {
        if (!mark && (*text == '"' || *text == '\'')) {
            mark = *text;
            *to++ = '"';
        } else if (mark && *text == mark) {
            mark = '\0';
            *to++ = '"';
        } else if (mark && text[0] == '\\' && text[1]) {
            if (*++text != '\'')
                *to++ = '\\';
            *to++ = *text;
        } else {
            if (mark && *text == '"')
                *to++ = '\\';
            *to++ = *text;
        }
    }
    *to = '\0';
    return standard;
}

int json_keys_parse(keyval_list *list, const char *text, char **why)
{
    json_error_t error;
    CLEANUP_FREE char *standard = with_quotation_marks(text);
    CLEANUP_JSON json_t *object = json_loads(standard, JSON_REJECT_DUPLICATES, &error);

    if (!object) {
        *why = xasprintf("Could not parse the JSON options: %s (at character %d)", error.text,
                         error.position);
        return -1;
    }
    if (!json_is_object(object)) {
        *why = xstrdup("Invalid JSON object given");
        return -1;
    }
    flatten_object(list, "", object);
    return 0;
}
