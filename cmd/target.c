/* SPDX-License-Identifier: BSD-3-Clause */
/* target.c - what is about to be written must not be what is read
 *
 * Locks would tell, but not what was closed again, what -U opened, or where there are no locks. */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json-keys.h"
#include "path.h"
#include "target.h"
#include "words.h"

bool target_is_read(qcow2_image *image, const char *filename)
{
    return image && qcow2_uses_file(image, filename) == 1;
}

static bool keys_name(const char *text, const char *filename)
{
    CLEANUP_FREE char *why = NULL;
    keyval_list keys = { 0 };
    bool named = false;

    if (json_keys_parse(&keys, text, &why) == 0)
        for (size_t i = 0; i < keys.count && !named; i++)
            named = keyval_is_filename(&keys.items[i]) &&
                    target_is_named(keys.items[i].value, filename);
    keyval_list_clear(&keys);
    return named;
}

bool target_is_named(const char *name, const char *filename)
{
    if (begins(name, "json:"))
        return keys_name(skip_prefix(name, "json:"), filename);
    name = skip_prefix(name, "file:");
    return strcmp(name, filename) == 0 || path_is_same_file(name, filename);
}
