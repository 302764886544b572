/* SPDX-License-Identifier: BSD-3-Clause */
/* layer-name.c - the name of an image that is named by layers of keys
 *
 * It is a name that opens the same disk again.  Often the name of the file is one: when the image
 * is stored in a file, or on a server, and no key says more of it than its format.  Otherwise the
 * name consists of the keys that decide what is read, with their values as the user spelled them:
 *
 *     json:{"driver": "qcow2", "file": {"offset": "2M", "driver": "raw", "file": {...}}}
 *
 * Keys of caches, locks and the like do not belong to it.
 *
 * An image_target gathers the layers below in layers; its own keys are done when it is finished.
 */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "layer-name.h"
#include "message.h"

/* The layers that a layer may have below or beside it are keys, too. */
#define A_LAYER 0

/* In the order in which QEMU prints them, that of the buckets of its dictionaries. */
static const struct {
    int where; /* IN_... */
    const char *key;
} deciding[] = {
    { IN_NBD, "port" },
    { IN_NBD, "server.path" },
    { IN_NBD, "server.host" },
    { IN_NBD, "server.port" },
    { IN_RAW, "offset" },
    { A_LAYER, "data-file" },
    { A_LAYER, "backing" },
    { IN_NBD, "host" },
    { IN_QCOW2 | IN_QCOW1, "encrypt.key-secret" },
    { ANYWHERE, "driver" },
    { IN_NBD, "path" },
    { IN_FILE, "filename" },
    { IN_RAW, "size" },
    { IN_NBD, "export" },
    { IN_NBD, "server.type" },
    { IN_NBD, "tls-creds" },
    { IN_NBD, "tls-hostname" },
    { A_LAYER, "file" },
    { IN_LUKS, "key-secret" },
};

enum {
    NB_DECIDING = sizeof deciding / sizeof *deciding,
};

/* A number stays one. */
static json_t *value_of(const layer *l, const char *key)
{
    const char *value = strcmp(key, "driver") == 0 ? l->driver : layer_get(l, key);

    if (!value)
        return NULL;
    return layer_is_number(l, key) ? json_integer(strtoll(value, NULL, 10)) : json_text(value);
}

static json_t *keys_of(const layer *l, int where)
{
    json_t *keys = json_object();

    for (size_t i = 0; i < NB_DECIDING; i++) {
        const char *key = deciding[i].key;
        json_t *value = NULL;

        if (deciding[i].where == A_LAYER)
            value = json_incref(json_object_get(l->target->layers, key));
        else if (deciding[i].where & where)
            value = value_of(l, key);
        if (value)
            json_put(keys, key, value);
    }
    return keys;
}

/* Does a key say more of the image than its format and its files? */
static bool says_more(json_t *keys)
{
    const char *key;
    json_t *value;

    json_object_foreach(keys, key, value) if (strcmp(key, "driver") != 0 &&
                                              strcmp(key, "file") != 0 &&
                                              strcmp(key, "data-file") != 0) return true;
    return false;
}

static void put_layer(image_target *t, const char *role, json_t *keys)
{
    if (!t->layers)
        t->layers = json_object();
    json_put(t->layers, role, keys);
}

void layer_name_file(const layer *l, int where)
{
    image_target *t = l->target;

    put_layer(t, "file", keys_of(l, where));
    t->in_plain_file = true;
}

void layer_name_below(image_target *t, const image_target *image)
{
    put_layer(t, "file", json_incref(image->keys));
    t->in_plain_file = false;
}

void layer_name_beside(image_target *t, const char *role, const image_target *other)
{
    json_t *keys = other->keys ? other->keys : json_object_get(other->layers, "file");

    if (keys)
        put_layer(t, role, json_incref(keys));
}

void layer_name_without_backing(image_target *t)
{
    put_layer(t, "backing", json_null());
}

int layer_name_finish(const layer *l, int where, char **why)
{
    image_target *t = l->target;
    CLEANUP_FREE char *text = NULL, *name = NULL;

    json_decref(t->keys);
    t->keys = keys_of(l, where);
    if (t->in_plain_file && !says_more(t->keys))
        return 0;
    text = json_line(t->keys, 0);
    name = xasprintf("json:%s", text);
    return qcow2_open_options_set_name(t->options, name) ? image_keys_fail_library(why) : 0;
}
