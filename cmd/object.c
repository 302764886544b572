/* SPDX-License-Identifier: BSD-3-Clause */
/* object.c - --object: things that the command line makes and its other options name by an id */

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "credentials.h"
#include "json-keys.h"
#include "keyval.h"
#include "message.h"
#include "object.h"
#include "secret.h"

/* A type of objects. */
typedef struct {
    const char *name;
    const char *properties[6]; /* besides the id */
    int (*make)(const char *id, const keyval_list *properties, char **why);
} object_type;

static const object_type types[] = {
    { "secret", { "data", "file", "format", "iv", "keyid" }, secret_add },
    { "tls-creds-anon",
      { "dir", "endpoint", "priority", "verify-peer" },
      credentials_add_anonymous },
    { "tls-creds-psk", { "dir", "endpoint", "username", "verify-peer" }, credentials_add_psk },
    { "tls-creds-x509", { "dir", "endpoint", "verify-peer" }, credentials_add_x509 },
};

enum {
    NB_TYPES = sizeof types / sizeof *types,
    MAX_PROPERTIES = sizeof types->properties / sizeof *types->properties,
};

/* Ids are shared by objects of all types. */
static keyval_list ids;

static const object_type *find_type(const char *name)
{
    for (size_t i = 0; i < NB_TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

static bool has_property(const object_type *type, const char *name)
{
    if (strcmp(name, "qom-type") == 0 || strcmp(name, "id") == 0)
        return true;
    for (size_t i = 0; i < MAX_PROPERTIES && type->properties[i]; i++)
        if (strcmp(type->properties[i], name) == 0)
            return true;
    return false;
}

static bool is_identifier(const char *id)
{
    if (!isalpha((unsigned char)*id))
        return false;
    for (; *id; id++)
        if (!isalnum((unsigned char)*id) && !strchr("-._", *id))
            return false;
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Making one
 */

/* The first property that the type has not. */
static const char *stranger(const object_type *type, const keyval_list *properties)
{
    for (size_t i = 0; i < properties->count; i++)
        if (!has_property(type, properties->items[i].key))
            return properties->items[i].key;
    return NULL;
}

static int make(const keyval_list *properties, char **why)
{
    const char *name = keyval_get(properties, "qom-type");
    const char *id = keyval_get(properties, "id");
    const object_type *type = name ? find_type(name) : NULL;

    if (!name)
        *why = xstrdup("Parameter 'qom-type' is missing");
    else if (!type)
        *why = xasprintf("Parameter 'qom-type' does not accept value '%s'", name);
    else if (!id)
        *why = xstrdup("Parameter 'id' is missing");
    else if (stranger(type, properties))
        *why = xasprintf("Parameter '%s' is unexpected", stranger(type, properties));
    else if (!is_identifier(id))
        *why = xstrdup("Parameter 'id' expects an identifier\nIdentifiers consist of letters, "
                       "digits, '-', '.', '_', starting with a letter.");
    else if (type->make(id, properties, why) == 0)
        return 0;
    return -1;
}

static int make_once(const keyval_list *properties, char **why)
{
    const char *id = keyval_get(properties, "id");

    if (id && keyval_get(&ids, id)) {
        *why = xasprintf("attempt to add duplicate property '%s' to object (type 'container')", id);
        return -1;
    }
    if (make(properties, why))
        return -1;
    keyval_set(&ids, id, keyval_get(properties, "qom-type"));
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Help
 */

static bool print_help(const char *text)
{
    size_t length = strcspn(text, ",");
    CLEANUP_FREE char *name = xasprintf("%.*s", (int)length, text);
    const object_type *type = find_type(name);

    if (strcmp(text, "help") == 0 || strcmp(text, "?") == 0) {
        printf("List of user creatable objects:\n");
        for (size_t i = 0; i < NB_TYPES; i++)
            printf("  %s\n", types[i].name);
        return true;
    }
    if (!type || text[length] == '\0' || !keyval_wants_help(text + length + 1))
        return false;
    printf("%s options:\n", type->name);
    for (size_t i = 0; i < MAX_PROPERTIES && type->properties[i]; i++)
        printf("  %s=<string>\n", type->properties[i]);
    return true;
}

static int parse(keyval_list *properties, const char *text, char **why)
{
    return text[0] == '{' ? json_keys_parse(properties, text, why)
                          : keyval_parse_strictly(properties, text, "qom-type", why);
}

int object_add(const char *text)
{
    CLEANUP_FREE char *why = NULL;
    keyval_list properties = { 0 };
    int result;

    if (print_help(text))
        return 1;
    result = parse(&properties, text, &why) || make_once(&properties, &why) ? -1 : 0;
    if (result)
        error_report("%s", why);
    keyval_list_wipe(&properties);
    return result;
}
