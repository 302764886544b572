/* SPDX-License-Identifier: BSD-3-Clause */
/* image-keys.c - an image named by dotted keys
 *
 *     read_layer              one image: its file, its format (if need be by probing), then
 *       read_format_keys      every key of the format        a row of the table each
 *       read_file_keys        every key of the file          the same
 *       read_data_file        the file beside it
 *       read_backing          the image under it             read_layer again
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "credentials.h"
#include "human.h"
#include "image-keys.h"
#include "message.h"
#include "option-value.h"
#include "secret.h"

/* A layer of keys: those that begin with the prefix. */
typedef struct {
    const keyval_list *keys;
    char *prefix;       /* "", "file.", "backing.", "backing.file." ...; owned */
    const char *driver; /* a static string */
    image_target *target;
} layer;

enum {
    IN_QCOW2 = 1,
    IN_QCOW1 = 2,
    IN_RAW = 4,
    IN_FILE = 8,
    IN_NBD = 16,
    IN_LUKS = 32,
    IN_FORMAT = IN_QCOW2 | IN_QCOW1 | IN_RAW | IN_LUKS,
    IN_PROTOCOL = IN_FILE | IN_NBD,
    ANYWHERE = IN_FORMAT | IN_PROTOCOL,
};

typedef int key_reader(layer *l, const char *key, const char *value, char **why);

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
}

#define CLEANUP_TARGET __attribute__((cleanup(image_target_clear)))

static void layer_clear(layer *l)
{
    free(l->prefix);
}

#define CLEANUP_LAYER __attribute__((cleanup(layer_clear)))

static int fail_library(char **why)
{
    *why = xstrdup(qcow2_get_error());
    return -1;
}

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
        return fail_library(why);
    return 0;
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

const char *format_to_create(const char *name, const char *filename)
{
    const char *format = format_known(name ? name : "raw");

    if (format && strcmp(format, "qcow") != 0)
        return format;
    error_report(format ? "%s%sFormat driver '%s' does not support image creation"
                        : "%s%sUnknown file format '%s'",
                 filename ? filename : "", filename ? ": " : "", name);
    return NULL;
}

static const char *get(const layer *l, const char *key)
{
    CLEANUP_FREE char *whole = xasprintf("%s%s", l->prefix, key);

    return keyval_get(l->keys, whole);
}

static bool begins(const char *key, const char *prefix)
{
    return strncmp(key, prefix, strlen(prefix)) == 0;
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

/* ------------------------------------------------------------------------------------------------
 * Values
 */

static int parse_switch(const char *key, const char *value, bool *on, char **why)
{
    if (option_value_switch(value, on) == 0)
        return 0;
    *why = xasprintf("Parameter '%s' expects 'on' or 'off'", key);
    return -1;
}

static int parse_size(const char *key, const char *value, uint64_t *size, char **why)
{
    int error = size_parse(value, size);

    if (error == 0)
        return 0;
    *why = size_refusal(key, value, error);
    return -1;
}

static int set_flag(layer *l, uint32_t flag, bool on)
{
    l->target->flags = on ? l->target->flags | flag : l->target->flags & ~flag;
    return 0;
}

static int read_flag(layer *l, uint32_t flag, const char *key, const char *value, char **why)
{
    bool on;

    return parse_switch(key, value, &on, why) ? -1 : set_flag(l, flag, on);
}

/* ------------------------------------------------------------------------------------------------
 * Readers of keys
 */

/* What is dealt with elsewhere, or only tells how a running machine's disks are called. */
static int read_nothing(layer *l, const char *key, const char *value, char **why)
{
    (void)l;
    (void)key;
    (void)value;
    (void)why;
    return 0;
}

/* Advice that changes neither what is read nor what is written. */
static int read_switch(layer *l, const char *key, const char *value, char **why)
{
    bool on;

    (void)l;
    return parse_switch(key, value, &on, why);
}

static int read_number(layer *l, const char *key, const char *value, char **why)
{
    uint64_t number;

    (void)l;
    return parse_size(key, value, &number, why);
}

static int read_read_only(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_READ_ONLY, key, value, why);
}

static int read_force_share(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_FORCE_SHARE, key, value, why);
}

static int read_direct(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_DIRECT, key, value, why);
}

static int read_no_flush(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_UNSAFE, key, value, why);
}

static int read_locking(layer *l, const char *key, const char *value, char **why)
{
    bool off = strcmp(value, "off") == 0;

    (void)key;
    if (off || strcmp(value, "auto") == 0 || strcmp(value, "on") == 0)
        return set_flag(l, QCOW2_OPEN_NO_LOCK, off);
    *why = xasprintf("invalid parameter value: %s", value);
    return -1;
}

static int read_aio(layer *l, const char *key, const char *value, char **why)
{
    (void)l;
    (void)key;
    if (strcmp(value, "threads") == 0 || strcmp(value, "native") == 0 ||
        strcmp(value, "io_uring") == 0)
        return 0;
    *why = xasprintf("invalid parameter value: %s", value);
    return -1;
}

/* Whether written zeroes take space: nobody sees the difference. */
static int read_detect_zeroes(layer *l, const char *key, const char *value, char **why)
{
    const char *discard = get(l, "discard");

    (void)key;
    if (strcmp(value, "unmap") == 0 &&
        (!discard || (strcmp(discard, "unmap") != 0 && strcmp(discard, "on") != 0)))
        *why = xstrdup("setting detect-zeroes to unmap is not allowed without setting discard "
                       "operation to unmap");
    else if (strcmp(value, "off") != 0 && strcmp(value, "on") != 0 && strcmp(value, "unmap") != 0)
        *why = xasprintf("invalid parameter value: %s", value);
    return *why ? -1 : 0;
}

static int read_discard(layer *l, const char *key, const char *value, char **why)
{
    bool unmap = strcmp(value, "unmap") == 0 || strcmp(value, "on") == 0;

    (void)key;
    if (unmap || strcmp(value, "ignore") == 0 || strcmp(value, "off") == 0)
        return set_flag(l, QCOW2_OPEN_DISCARD, unmap);
    *why = xstrdup("Invalid discard option");
    return -1;
}

static int read_option(layer *l, const char *key, const char *value, char **why)
{
    return qcow2_open_options_set(l->target->options, key, value) ? fail_library(why) : 0;
}

/* A size or a number as people write it. */
static int read_size_option(layer *l, const char *key, const char *value, char **why)
{
    CLEANUP_FREE char *number = NULL;
    uint64_t size;

    if (parse_size(key, value, &size, why))
        return -1;
    number = xasprintf("%" PRIu64, size);
    return read_option(l, key, number, why);
}

int image_target_set_secret(image_target *t, const char *id, char **why)
{
    const char *passphrase;

    if (secret_find_text(id, &passphrase, why))
        return -1;
    return qcow2_open_options_set_secret(t->options, passphrase, strlen(passphrase))
               ? fail_library(why)
               : 0;
}

static int read_key_secret(layer *l, const char *key, const char *value, char **why)
{
    (void)key;
    return image_target_set_secret(l->target, value, why);
}

/* ------------------------------------------------------------------------------------------------
 * The table
 */

static const struct {
    int where; /* IN_... */
    const char *key;
    key_reader *read;
} key_table[] = {
    { ANYWHERE, "driver", read_nothing },
    { ANYWHERE, "node-name", read_nothing },
    { ANYWHERE, "read-only", read_read_only },
    { ANYWHERE, "auto-read-only", read_switch },
    { ANYWHERE, "force-share", read_force_share },
    { ANYWHERE, "discard", read_discard },
    { ANYWHERE, "detect-zeroes", read_detect_zeroes },
    { ANYWHERE, "cache.direct", read_direct },
    { ANYWHERE, "cache.no-flush", read_no_flush },

    { IN_QCOW2, "cache-size", read_size_option },
    { IN_QCOW2, "l2-cache-size", read_size_option },
    { IN_QCOW2, "l2-cache-entry-size", read_size_option },
    { IN_QCOW2, "refcount-cache-size", read_size_option },
    { IN_QCOW2, "cache-clean-interval", read_option },
    { IN_QCOW2, "overlap-check", read_option },
    { IN_QCOW2, "overlap-check.template", read_option },
    { IN_QCOW2, "overlap-check.main-header", read_option },
    { IN_QCOW2, "overlap-check.active-l1", read_option },
    { IN_QCOW2, "overlap-check.active-l2", read_option },
    { IN_QCOW2, "overlap-check.refcount-table", read_option },
    { IN_QCOW2, "overlap-check.refcount-block", read_option },
    { IN_QCOW2, "overlap-check.snapshot-table", read_option },
    { IN_QCOW2, "overlap-check.inactive-l1", read_option },
    { IN_QCOW2, "overlap-check.inactive-l2", read_option },
    { IN_QCOW2, "overlap-check.bitmap-directory", read_option },
    { IN_QCOW2, "lazy-refcounts", read_option },
    { IN_QCOW2, "pass-discard-request", read_option },
    { IN_QCOW2, "pass-discard-snapshot", read_option },
    { IN_QCOW2, "pass-discard-other", read_option },
    { IN_QCOW2, "discard-no-unref", read_option },
    { IN_QCOW2, "compression-level", read_option },
    { IN_QCOW2, "compression-window", read_option },
    { IN_QCOW2 | IN_QCOW1, "encrypt.format", read_option },
    { IN_QCOW2 | IN_QCOW1, "encrypt.key-secret", read_key_secret },
    { IN_LUKS, "key-secret", read_key_secret },

    { IN_FILE, "filename", read_nothing },
    { IN_FILE, "aio", read_aio },
    { IN_FILE, "aio-max-batch", read_number },
    { IN_FILE, "locking", read_locking },
    { IN_FILE, "drop-cache", read_switch },

    { IN_NBD, "server.type", read_nothing },
    { IN_NBD, "server.host", read_nothing },
    { IN_NBD, "server.port", read_nothing },
    { IN_NBD, "server.path", read_nothing },
    { IN_NBD, "host", read_nothing },
    { IN_NBD, "port", read_nothing },
    { IN_NBD, "path", read_nothing },
    { IN_NBD, "export", read_nothing },
    { IN_NBD, "tls-creds", read_nothing },
};

static int read_key(layer *l, const char *key, const char *value, char **why)
{
    int here = where(l->driver);

    for (size_t i = 0; i < sizeof key_table / sizeof *key_table; i++)
        if ((key_table[i].where & here) && strcmp(key_table[i].key, key) == 0)
            return key_table[i].read(l, key, value, why);
    if (here & IN_PROTOCOL)
        *why = xasprintf("Block protocol '%s' doesn't support the option '%s'", l->driver, key);
    else
        *why = xasprintf("Block format '%s' does not support the option '%s'", l->driver, key);
    return -1;
}

/* Do the keys of a layer below begin there? */
static bool is_below(const layer *l, const char *key)
{
    int here = where(l->driver);

    if (here & IN_QCOW2 && (begins(key, "data-file.") || strcmp(key, "data-file") == 0))
        return true;
    return here & IN_FORMAT &&
           (begins(key, "file.") || begins(key, "backing.") || strcmp(key, "backing") == 0);
}

static int read_keys(layer *l, char **why)
{
    for (size_t i = 0; i < l->keys->count; i++) {
        const keyval *item = &l->keys->items[i];
        const char *key = begins(item->key, l->prefix) ? item->key + strlen(l->prefix) : NULL;

        if (key && !is_below(l, key) && read_key(l, key, item->value, why))
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
    const char *name = get(l, "driver");

    for (size_t i = 0; name && i < NB_DRIVERS; i++)
        if (strcmp(drivers[i].name, name) == 0)
            l->driver = drivers[i].name;
    if (!name || l->driver)
        return 0;
    *why = xasprintf("Unknown driver '%s'", name);
    return -1;
}

/* How many of these keys there are. */
static int count(const layer *l, const char *a, const char *b)
{
    return (get(l, a) != NULL) + (get(l, b) != NULL);
}

static int check_server(const layer *l, char **why)
{
    const char *type = get(l, "server.type");
    const char *needed = type && strcmp(type, "unix") == 0 ? "server.path" : "server.host";

    if (has(l, "server.") && !type)
        *why = xstrdup("Parameter 'type' is missing");
    else if (type && strcmp(type, "inet") != 0 && strcmp(type, "unix") != 0)
        *why = xasprintf("Parameter 'type' does not accept value '%s'", type);
    else if (type && !get(l, needed))
        *why = xasprintf("Parameter '%s' is missing", needed + strlen("server."));
    else if (type && strcmp(type, "inet") == 0 && !get(l, "server.port"))
        *why = xstrdup("Parameter 'port' is missing");
    else if (type && count(l, "host", "path") > 0)
        *why = xstrdup("Cannot use 'server' and path/host/port at the same time");
    else if (count(l, "host", "path") == 2)
        *why = xstrdup("path and host may not be used at the same time");
    else if (!type && count(l, "host", "path") == 0)
        *why = xstrdup(get(l, "port") ? "port may not be used without host"
                                      : "NBD server address missing");
    return *why ? -1 : 0;
}

/* The server by "server." keys, or by the same keys without, which came first. */
static int read_server(layer *l, char **why)
{
    const char *dot = get(l, "server.type") ? "server." : "";
    CLEANUP_FREE char *host = xasprintf("%shost", dot);
    CLEANUP_FREE char *port = xasprintf("%sport", dot);
    CLEANUP_FREE char *path = xasprintf("%spath", dot);
    nbd_address address = {
        .host = get(l, host),
        .port = get(l, port),
        .path = get(l, path),
        .export = get(l, "export"),
    };

    if (check_server(l, why) ||
        (get(l, "tls-creds") && credentials_find(get(l, "tls-creds"), &address, why)))
        return -1;
    l->target->filename = nbd_address_uri(&address);
    l->target->flags |= QCOW2_OPEN_NBD;
    return 0;
}

static int read_filename(layer *l, char **why)
{
    const char *filename = get(l, "filename");

    if (where(l->driver) & IN_NBD)
        return read_server(l, why);
    if (!filename || filename[0] == '\0') {
        *why = xstrdup("The 'file' block driver requires a file name");
        return -1;
    }
    l->target->filename = xstrdup(filename);
    return 0;
}

static int fail_without_node(const char *name, char **why)
{
    *why = xasprintf("Cannot find device='%s' nor node-name='%s'", name, name);
    return -1;
}

static int read_storage(const layer *l, bool may_be_recorded, char **why);

/* The layer of the file.  A raw layer that adds nothing may lie between. */
static int read_file(layer *l, char **why)
{
    if (find_driver(l, why))
        return -1;
    if (!l->driver)
        l->driver = "file";
    if (where(l->driver) & IN_PROTOCOL)
        return read_filename(l, why) || read_keys(l, why) ? -1 : 0;
    if (strcmp(l->driver, "raw") == 0)
        return read_storage(l, false, why) || read_keys(l, why) ? -1 : 0;
    *why = xasprintf("An image in a file in '%s' format is not supported", l->driver);
    return -1;
}

/* Where the image is stored; in the layer of a backing file that may be left to the image above. */
static int read_storage(const layer *l, bool may_be_recorded, char **why)
{
    CLEANUP_LAYER layer file = layer_below(l, "file", l->target);

    if (has(l, "file."))
        return read_file(&file, why);
    if (get(l, "file"))
        return fail_without_node(get(l, "file"), why);
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
        return fail_library(why);
    format = qcow2_probe_with(t->filename, t->options);
    if (!format) {
        *why = image_open_sentence(t->filename);
        return -1;
    }
    t->guessed = true;
    t->format = format_known(format);
    if (t->format)
        return 0;
    *why = xasprintf("Unknown driver '%s'", format);
    return -1;
}

/* The external data file of a qcow2 image, instead of the one that it names. */
static int read_data_file(const layer *l, char **why)
{
    CLEANUP_TARGET image_target data = { 0 };
    CLEANUP_LAYER layer file = layer_below(l, "data-file", &data);

    if (!(where(l->driver) & IN_QCOW2))
        return 0;
    if (get(l, "data-file"))
        return fail_without_node(get(l, "data-file"), why);
    if (!has(&file, ""))
        return 0;
    if (read_file(&file, why))
        return -1;
    if (data.flags & QCOW2_OPEN_NBD) {
        *why = xstrdup("A data file on an NBD server is not supported");
        return -1;
    }
    return qcow2_open_options_set_data_file(l->target->options, data.filename) ? fail_library(why)
                                                                               : 0;
}

static int read_backing(const layer *l, char **why);

/* What an image records of its backing file need not be said again. */
static int read_layer(layer *l, bool is_backing, char **why)
{
    image_target *t = l->target;

    if (find_driver(l, why))
        return -1;
    if (l->driver && (where(l->driver) & IN_PROTOCOL)) {
        t->format = "raw";
        return read_file(l, why);
    }
    if (read_storage(l, is_backing, why))
        return -1;
    if (!t->format)
        t->format = l->driver;
    if (!t->format && !is_backing && image_probe_format(t, why))
        return -1;
    l->driver = t->format ? t->format : "qcow2";
    return read_keys(l, why) || read_data_file(l, why) || read_backing(l, why) ? -1 : 0;
}

static int set_backing(image_target *t, image_target *below, char **why)
{
    if (qcow2_open_options_set_flags(below->options, below->flags) ||
        qcow2_open_options_set_backing(t->options, below->filename, below->format) ||
        qcow2_open_options_set_backing_options(t->options, below->options))
        return fail_library(why);
    below->options = NULL; /* taken over */
    return 0;
}

/* "backing" itself can only be null, for none. */
static int read_null_backing(const layer *l, const char *name, char **why)
{
    if (name[0] != '\0')
        return fail_without_node(name, why);
    return qcow2_open_options_set_backing_policy(l->target->options, QCOW2_BACKING_NONE)
               ? fail_library(why)
               : 0;
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
    return set_backing(l->target, &below, why);
}

static int read_backing(const layer *l, char **why)
{
    const char *name = get(l, "backing");
    bool is_null = name && name[0] == '\0';
    char *sentence;

    if ((where(l->driver) & (IN_RAW | IN_LUKS)) && has(l, "backing") && !is_null) {
        *why = xstrdup("Driver doesn't support backing files");
        return -1;
    }
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

    return read_layer(&top, false, why);
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
    if (get(&file, "filename") && strcmp(get(&file, "filename"), t->filename) != 0) {
        *why = xstrdup("Cannot specify the file twice, by its name and by 'file.filename'");
        return -1;
    }
    return read_keys(&file, why) || read_keys(&top, why) || read_data_file(&top, why) ||
                   read_backing(&top, why)
               ? -1
               : 0;
}
