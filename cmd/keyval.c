/* SPDX-License-Identifier: BSD-3-Clause */
/* keyval.c - lists of "key=value,key2=value2", the spelling of -o and --image-opts */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "keyval.h"
#include "message.h"
#include "words.h"

/* Is the next element a name alone? */
static bool is_bare(const char *text)
{
    return text[strcspn(text, "=,")] != '=';
}

/* Takes the element that *text starts with, its doubled commas made single unless they are none,
 * and moves *text behind the comma that ends it, or to NULL at the end of the list. */
static char *take_element(const char **text, bool doubled)
{
    const char *from = *text;
    char *element = xrealloc(NULL, strlen(from) + 1);
    char *to = element;

    while (*from) {
        if (*from == ',' && (*++from != ',' || !doubled))
            break;
        *to++ = *from++;
    }
    *to = '\0';
    *text = *from || (from > *text && from[-1] == ',') ? from : NULL;
    return element;
}

static void set_element(keyval_list *list, char *element, const char *implied_key)
{
    char *equals = strchr(element, '=');

    if (equals) {
        *equals = '\0';
        keyval_set(list, element, equals + 1);
    } else if (implied_key) {
        keyval_set(list, implied_key, element);
    } else if (begins(element, "no")) {
        keyval_set(list, element + 2, "off");
    } else {
        keyval_set(list, element, "on");
    }
}

/* False for lists that are mistakes: "", ",a=b", "a=b,".  No key begins with a comma. */
static bool well_formed(const char *text)
{
    size_t length = strlen(text);
    size_t commas = 0;

    while (commas < length && text[length - 1 - commas] == ',')
        commas++;
    return length > 0 && commas % 2 == 0 && text[0] != ',';
}

int keyval_parse(keyval_list *list, const char *text, const char *implied_key)
{
    if (!well_formed(text)) {
        error_report("Invalid option list: %s", text);
        return -1;
    }
    while (text && *text) {
        CLEANUP_FREE char *element = take_element(&text, implied_key || !is_bare(text));

        set_element(list, element, implied_key);
        implied_key = NULL;
    }
    return 0;
}

int keyval_parse_strictly(keyval_list *list, const char *text, const char *implied_key, char **why)
{
    while (text && *text) {
        CLEANUP_FREE char *element = take_element(&text, true);
        size_t length;

        if (!strchr(element, '=') && !implied_key) {
            *why = element[0] ? xasprintf("Expected '=' after parameter '%s'", element)
                              : xstrdup("Invalid parameter ''");
            return -1;
        }
        length = strlen(element);
        set_element(list, element, implied_key);
        explicit_bzero(element, length);
        implied_key = NULL;
    }
    return 0;
}

static keyval *find(const keyval_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].key, key) == 0)
            return &list->items[i];
    return NULL;
}

static keyval *set(keyval_list *list, const char *key, const char *value)
{
    keyval *item = find(list, key);

    if (item) {
        free(item->value);
    } else {
        list->items = xrealloc(list->items, (list->count + 1) * sizeof *list->items);
        item = &list->items[list->count++];
        item->key = xstrdup(key);
    }
    item->value = xstrdup(value);
    item->kind = KEYVAL_TEXT;
    return item;
}

void keyval_set(keyval_list *list, const char *key, const char *value)
{
    set(list, key, value);
}

void keyval_set_kind(keyval_list *list, const char *key, const char *value, keyval_kind kind)
{
    set(list, key, value)->kind = kind;
}

keyval_kind keyval_kind_of(const keyval_list *list, const char *key)
{
    return find(list, key)->kind;
}

const char *keyval_get(const keyval_list *list, const char *key)
{
    const keyval *item = find(list, key);

    return item ? item->value : NULL;
}

bool keyval_is_filename(const keyval *item)
{
    size_t length = strlen(item->key), tail = strlen("filename");

    return length >= tail && strcmp(item->key + length - tail, "filename") == 0;
}

bool keyval_wants_help(const char *text)
{
    if (!well_formed(text))
        return false;
    while (text && *text) {
        CLEANUP_FREE char *element = take_element(&text, !is_bare(text));

        if (strcmp(element, "help") == 0 || strcmp(element, "?") == 0)
            return true;
    }
    return false;
}

void keyval_list_wipe(keyval_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        explicit_bzero(list->items[i].value, strlen(list->items[i].value));
    keyval_list_clear(list);
}

void keyval_list_clear(keyval_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].key);
        free(list->items[i].value);
    }
    free(list->items);
    *list = (keyval_list){ 0 };
}
