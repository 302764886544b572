/* SPDX-License-Identifier: BSD-3-Clause */
/* image-keys.c - an image named by dotted keys
 *
 *     read_layer              one image: its file, its format (if need be by probing), then
 *       read_file             a file, an export, or the disk of an image that is stored in one
 *       read_keys             every key of both              a row of image-key-table.c each
 *       read_data_file        the file beside it             read_file again
 *       read_backing          the image under it             read_layer again
 */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image-key-table.h"
#include "image-keys.h"
#include "layer-name.h"
#include "message.h"
#include "nbd-keys.h"
#include "path.h"
#include "secret.h"
#include "words.h"

static const struct {
    const char *name;
    const char *format; /* of an image that is named by this driver alone */
    int where;          /* IN_... */
} drivers[] = {
    { "qcow2", "qcow2", IN_QCOW2 }, { "raw", "raw", IN_RAW },   { "qcow", "qcow", IN_QCOW1 },
    { "luks", "luks", IN_LUKS },    { "file", "raw", IN_FILE }, { "host_device", "raw", IN_FILE },
    { "nbd", "raw", IN_NBD },
};

enum {
    NB_DRIVERS = sizeof drivers / sizeof *drivers,
};

void image_target_clear(image_target *t)
{
    free(t->filename);
    qcow2_open_options_free(t->options);
    json_decref(t->layers);
    json_decref(t->keys);
}

#define CLEANUP_TARGET __attribute__((cleanup(image_target_clear)))

static void layer_clear(layer *l)
{
    free(l->prefix);
}

#define CLEANUP_LAYER __attribute__((cleanup(layer_clear)))

/* Who may not follow an image to its backing file may not to its data file, either. */
static qcow2_data_file_policy data_file_policy(const image_target *t)
{
    return t->policy == QCOW2_BACKING_REFUSE ? QCOW2_DATA_FILE_REFUSE : QCOW2_DATA_FILE_ALLOW;
}

int image_target_begin(image_target *t, char **why)
{
    t->options = qcow2_open_options_new();
    if (!t->options || qcow2_open_options_set_backing_policy(t->options, t->policy) ||
        qcow2_open_options_set_data_file_policy(t->options, data_file_policy(t)))
        return image_keys_fail_library(why);
    return 0;
}

int image_target_set_secret(image_target *t, const char *id, char **why)
{
    const char *passphrase;

    if (secret_find_text(id, &passphrase, why))
        return -1;
    return qcow2_open_options_set_secret(t->options, passphrase, strlen(passphrase))
               ? image_keys_fail_library(why)
               : 0;
}

static int where(const char *driver)
{
    for (size_t i = 0; i < NB_DRIVERS; i++)
        if (strcmp(drivers[i].name, driver) == 0)
            return drivers[i].where;
    return 0;
}

const char *format_known(const char *name)
{
    for (size_t i = 0; i < NB_DRIVERS; i++)
        if (strcmp(drivers[i].name, name) == 0 && !(drivers[i].where & IN_PROTOCOL))
            return drivers[i].format;
    return NULL;
}

bool format_is_foreign(const char *name)
{
    static const char *const names[] = { "bochs", "cloop", "dmg",  "parallels", "qed",
                                         "vdi",   "vhdx",  "vmdk", "vpc" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

char *format_refusal(const char *name)
{
    return xasprintf("Unknown driver '%s'%s", name,
                     format_is_foreign(name)
                         ? ": qemu-img convert -O qcow2 makes an image of it that can "
                           "be opened here"
                         : "");
}

char *format_not_made(const char *name)
{
    return format_is_foreign(name) ? xasprintf(": qcow2, raw and luks are made here, and qemu-img "
                                               "convert -O %s makes it of one of them",
                                               name)
                                   : xstrdup("");
}

const char *format_to_create(const char *name, const char *filename)
{
    const char *format = format_known(name ? name : "raw");
    CLEANUP_FREE char *hint = NULL;

    if (format && strcmp(format, "qcow") != 0)
        return format;
    hint = format_not_made(name);
    error_report(format ? "%s%sFormat driver '%s' does not support image creation%s"
                        : "%s%sUnknown file format '%s'%s",
                 filename ? filename : "", filename ? ": " : "", name, hint);
    return NULL;
}

/* Has the layer any key that begins so? */
static bool has(const layer *l, const char *beginning)
{
    CLEANUP_FREE char *whole = xasprintf("%s%s", l->prefix, beginning);

    for (size_t i = 0; i < l->keys->count; i++)
        if (begins(l->keys->items[i].key, whole))
            return true;
    return false;
}

/* Do the keys of a layer below begin there? */
static bool is_below(const layer *l, const char *key)
{
    int here = where(l->driver);

    if (!(here & (IN_QCOW2 | IN_QCOW1)))
        return here & IN_FORMAT && begins(key, "file.");
    if (here & IN_QCOW2 && (begins(key, "data-file.") || strcmp(key, "data-file") == 0))
        return true;
    return here & IN_FORMAT &&
           (begins(key, "file.") || begins(key, "backing.") || strcmp(key, "backing") == 0);
}

/* null, for no backing file, may be said where there could be none. */
static bool is_null_backing(const char *key, const char *value)
{
    return strcmp(key, "backing") == 0 && value[0] == '\0';
}

static int read_keys(layer *l, char **why)
{
    for (size_t i = 0; i < l->keys->count; i++) {
        const keyval *item = &l->keys->items[i];
        const char *key = begins(item->key, l->prefix) ? item->key + strlen(l->prefix) : NULL;

        if (key && !is_below(l, key) && !is_null_backing(key, item->value) &&
            layer_read_key(l, where(l->driver), key, item->value, why))
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Layers
 */

static layer layer_below(const layer *l, const char *name, image_target *target)
{
    return (layer){
        .keys = l->keys,
        .prefix = xasprintf("%s%s.", l->prefix, name),
        .target = target,
    };
}

/* The driver that the keys name, if any. */
static int find_driver(layer *l, char **why)
{
    const char *name = layer_get(l, "driver");

    for (size_t i = 0; name && i < NB_DRIVERS; i++)
        if (strcmp(drivers[i].name, name) == 0)
            l->driver = drivers[i].name;
    if (!name || l->driver)
        return 0;
    *why = format_refusal(name);
    return -1;
}

static int read_filename(layer *l, char **why)
{
    const char *filename = layer_get(l, "filename");

    if (where(l->driver) & IN_NBD)
        return nbd_keys_read(l, why);
    if (!filename || filename[0] == '\0') {
        *why = xstrdup("The 'file' block driver requires a file name");
        return -1;
    }
    l->target->filename = xstrdup(filename);
    *why = layer_get(l, "driver") ? path_driver_refusal(l->driver, filename) : NULL;
    return *why ? -1 : 0;
}

static int fail_without_node(const char *name, char **why)
{
    *why = xasprintf("Cannot find device='%s' nor node-name='%s'", name, name);
    return -1;
}

static int read_storage(const layer *l, bool may_be_recorded, char **why);
static int read_data_file(const layer *l, char **why);
static int read_backing(const layer *l, char **why);

/* What is said of an image and holds for what it is stored in, and the other way round. */
#define SHARED_FLAGS                                                                          \
    (QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_FORCE_SHARE | QCOW2_OPEN_NO_LOCK | QCOW2_OPEN_DIRECT | \
     QCOW2_OPEN_UNSAFE | QCOW2_OPEN_NBD)

/* The image in whose disk the upper one is stored takes the place of its file. */
static int put_below(image_target *upper, image_target *t, const char *format, char **why)
{
    if (qcow2_open_options_set_format(t->options, format) ||
        qcow2_open_options_set_flags(t->options, t->flags) ||
        qcow2_open_options_set_file_options(upper->options, t->options))
        return image_keys_fail_library(why);
    t->options = NULL; /* taken over */
    layer_name_below(upper, t);
    upper->filename = t->filename;
    t->filename = NULL;
    upper->flags |= t->flags & SHARED_FLAGS;
    upper->native_aio |= t->native_aio;
    return 0;
}

static int read_image_as_file(const layer *l, char **why)
{
    CLEANUP_TARGET image_target t = {
        .flags = l->target->flags & SHARED_FLAGS,
        .policy = l->target->policy,
    };
    layer inner = *l;

    inner.target = &t;
    if (image_target_begin(&t, why) || read_storage(&inner, false, why) || read_keys(&inner, why) ||
        read_data_file(&inner, why) || read_backing(&inner, why) ||
        layer_name_finish(&inner, where(inner.driver), why))
        return -1;
    return put_below(l->target, &t, l->driver, why);
}

/* The layer of the file. */
static int read_file(layer *l, char **why)
{
    if (find_driver(l, why))
        return -1;
    if (!l->driver && !layer_get(l, "filename")) {
        *why = xstrdup("Must specify either driver or file");
        return -1;
    }
    if (!l->driver)
        l->driver = "file";
    if (!(where(l->driver) & IN_PROTOCOL))
        return read_image_as_file(l, why);
    if (read_filename(l, why) || read_keys(l, why))
        return -1;
    layer_name_file(l, where(l->driver));
    return 0;
}

/* Where the image is stored; in the layer of a backing file that may be left to the image above. */
static int read_storage(const layer *l, bool may_be_recorded, char **why)
{
    CLEANUP_LAYER layer file = layer_below(l, "file", l->target);

    if (has(l, "file."))
        return read_file(&file, why);
    if (layer_get(l, "file"))
        return fail_without_node(layer_get(l, "file"), why);
    if (may_be_recorded)
        return 0;
    *why = xstrdup(l->driver ? "A block device must be specified for \"file\""
                             : "Must specify either driver or file");
    return -1;
}

char *image_open_sentence(const char *filename)
{
    const char *sentence = qcow2_get_error();
    CLEANUP_FREE char *beginning = xasprintf("Could not open '%s': ", filename);
    size_t length = strlen(beginning);

    if (begins(sentence, beginning) && strcmp(sentence + length, strerror(qcow2_get_errno())) != 0)
        sentence += length;
    return xstrdup(sentence);
}

int image_probe_format(image_target *t, char **why)
{
    const char *format;

    if (qcow2_open_options_set_flags(t->options, t->flags & QCOW2_OPEN_NBD))
        return image_keys_fail_library(why);
    format = qcow2_probe_with(t->filename, t->options);
    if (!format) {
        *why = image_open_sentence(t->filename);
        return -1;
    }
    t->guessed = true;
    t->format = format_known(format);
    if (t->format)
        return 0;
    *why = format_refusal(format);
    return -1;
}

static int check_aio(const image_target *t, char **why)
{
    if (!t->native_aio || t->flags & QCOW2_OPEN_DIRECT)
        return 0;
    *why = xstrdup("aio=native was specified, but it requires cache.direct=on, which was not "
                   "specified.");
    return -1;
}

static int set_data_file(image_target *t, image_target *data, char **why)
{
    if (check_aio(data, why))
        return -1;
    if (qcow2_open_options_set_format(data->options, "raw") ||
        qcow2_open_options_set_flags(data->options, data->flags) ||
        qcow2_open_options_set_data_file(t->options, data->filename) ||
        qcow2_open_options_set_data_file_options(t->options, data->options))
        return image_keys_fail_library(why);
    data->options = NULL;               /* taken over */
    if (!(t->flags & QCOW2_OPEN_NO_IO)) /* else it is not opened */
        layer_name_beside(t, "data-file", data);
    return 0;
}

/* The external data file of a qcow2 image, instead of the one that it names. */
static int read_data_file(const layer *l, char **why)
{
    CLEANUP_TARGET image_target data = { .policy = l->target->policy };
    CLEANUP_LAYER layer file = layer_below(l, "data-file", &data);

    if (!(where(l->driver) & IN_QCOW2))
        return 0;
    if (layer_get(l, "data-file"))
        return fail_without_node(layer_get(l, "data-file"), why);
    if (!has(&file, ""))
        return 0;
    if (image_target_begin(&data, why) || read_file(&file, why))
        return -1;
    return set_data_file(l->target, &data, why);
}

/* Of an image that is looked at alone.  null, for no backing file, is always right. */
static int check_no_backing(const layer *l, char **why)
{
    static const char *const told_first[] = { "backing.driver", "backing.file.filename" };
    const char *key = NULL;

    for (size_t i = 0; !key && i < sizeof told_first / sizeof *told_first; i++)
        key = layer_get(l, told_first[i]) ? told_first[i] : NULL;
    for (size_t i = 0; !key && i < l->keys->count; i++) {
        const keyval *item = &l->keys->items[i];

        if (begins(item->key, "backing.") ||
            (strcmp(item->key, "backing") == 0 && item->value[0] != '\0'))
            key = item->key;
    }
    if (!key)
        return 0;
    *why = xasprintf("Block format '%s' does not support the option '%s'", l->driver, key);
    return -1;
}

/* What an image records of its backing file need not be said again. */
static int read_layer(layer *l, bool is_backing, char **why)
{
    image_target *t = l->target;

    if (find_driver(l, why))
        return -1;
    if (l->driver && (where(l->driver) & IN_PROTOCOL)) {
        t->format = "raw";
        t->driver = l->driver;
        return read_file(l, why);
    }
    if (read_storage(l, is_backing, why))
        return -1;
    if (!t->format)
        t->format = l->driver;
    if (!t->format && !is_backing && image_probe_format(t, why))
        return -1;
    l->driver = t->format ? t->format : "qcow2";
    if ((t->no_backing && check_no_backing(l, why)) || read_keys(l, why) ||
        read_data_file(l, why) || read_backing(l, why))
        return -1;
    return t->layers ? layer_name_finish(l, where(l->driver), why) : 0;
}

int image_target_set_backing(image_target *t, image_target *below, char **why)
{
    if (check_aio(below, why))
        return -1;
    if (qcow2_open_options_set_flags(below->options, below->flags) ||
        qcow2_open_options_set_backing(t->options, below->filename, below->format) ||
        qcow2_open_options_set_backing_options(t->options, below->options))
        return image_keys_fail_library(why);
    below->options = NULL; /* taken over */
    layer_name_beside(t, "backing", below);
    return 0;
}

/* "backing" itself can only be null, for none. */
static int read_null_backing(const layer *l, const char *name, char **why)
{
    if (name[0] != '\0')
        return fail_without_node(name, why);
    if (qcow2_open_options_set_backing_policy(l->target->options, QCOW2_BACKING_NONE))
        return image_keys_fail_library(why);
    if (!(l->target->flags & QCOW2_OPEN_NO_IO))
        layer_name_without_backing(l->target);
    return 0;
}

static int read_backing_layer(const layer *l, char **why)
{
    CLEANUP_TARGET image_target below = {
        .flags = QCOW2_OPEN_READ_ONLY,
        .policy = l->target->policy,
    };
    CLEANUP_LAYER layer backing = layer_below(l, "backing", &below);

    if (!has(&backing, ""))
        return 0;
    if (image_target_begin(&below, why) || read_layer(&backing, true, why))
        return -1;
    return image_target_set_backing(l->target, &below, why);
}

static int read_backing(const layer *l, char **why)
{
    const char *name = layer_get(l, "backing");
    char *sentence;

    if (where(l->driver) & (IN_RAW | IN_LUKS)) /* only null has come so far */
        return 0;
    if ((name ? read_null_backing(l, name, why) : read_backing_layer(l, why)) == 0)
        return 0;
    sentence = xasprintf("Could not open backing file: %s", *why);
    free(*why);
    *why = sentence;
    return -1;
}

int image_keys_read(image_target *t, const keyval_list *keys, char **why)
{
    CLEANUP_LAYER layer top = { .keys = keys, .prefix = xstrdup(""), .target = t };

    return read_layer(&top, false, why) || check_aio(t, why) ? -1 : 0;
}

int image_keys_add(image_target *t, const keyval_list *keys, char **why)
{
    CLEANUP_LAYER layer top = {
        .keys = keys,
        .prefix = xstrdup(""),
        .driver = t->format,
        .target = t,
    };
    CLEANUP_LAYER layer file = layer_below(&top, "file", t);

    file.driver = t->flags & QCOW2_OPEN_NBD ? "nbd" : "file";
    if (layer_get(&file, "filename") && strcmp(layer_get(&file, "filename"), t->filename) != 0) {
        *why = xstrdup("Cannot specify the file twice, by its name and by 'file.filename'");
        return -1;
    }
    return read_keys(&file, why) || read_keys(&top, why) || read_data_file(&top, why) ||
                   read_backing(&top, why) || check_aio(t, why)
               ? -1
               : 0;
}
