/* SPDX-License-Identifier: BSD-3-Clause */
/* image-open.c - the one place that turns -f, --image-opts, -U, -t and --untrusted into an open
 * image
 *
 *     the name        plain, "file:NAME", or dotted keys      -> struct target
 *     the format      given, or probed                        -> struct target
 *     open options    flags, policy, caches                   -> the library's object
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "human.h"
#include "image-open.h"
#include "message.h"
#include "path.h"

/* What is to be opened, once the names are understood. */
typedef struct {
    keyval_list keys;     /* of --image-opts; the strings below may belong to it */
    const char *filename; /* of the file itself */
    const char *format;   /* NULL: probe */
    uint32_t flags;       /* QCOW2_OPEN_... */
    qcow2_open_options *options;
} target;

static void target_clear(target *t)
{
    keyval_list_clear(&t->keys);
    qcow2_open_options_free(t->options);
}

#define CLEANUP_TARGET __attribute__((cleanup(target_clear)))

/* Sets the sentence of a failure; returns -1. */
__attribute__((format(printf, 2, 3))) static int fail(char **why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(why, format, args) < 0)
        *why = xstrdup("out of memory");
    va_end(args);
    return -1;
}

static int fail_library(char **why)
{
    return fail(why, "%s", qcow2_get_error());
}

/* ------------------------------------------------------------------------------------------------
 * Names of modes and formats
 */

int cache_mode_flags(const char *name, uint32_t *flags)
{
    static const struct {
        const char *name;
        uint32_t flags;
    } modes[] = {
        { "none", QCOW2_OPEN_DIRECT },
        { "off", QCOW2_OPEN_DIRECT },
        { "writeback", 0 },
        { "writethrough", QCOW2_OPEN_WRITETHROUGH },
        { "directsync", QCOW2_OPEN_DIRECT | QCOW2_OPEN_WRITETHROUGH },
        { "unsafe", QCOW2_OPEN_UNSAFE },
    };

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, name) == 0) {
            *flags = modes[i].flags;
            return 0;
        }
    }
    return -1;
}

const char *format_known(const char *name)
{
    static const char *const formats[] = { "qcow2", "raw", "qcow" };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i], name) == 0)
            return formats[i];
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

/* ------------------------------------------------------------------------------------------------
 * Dotted keys: a row per key
 */

typedef int key_reader(target *t, const char *value, char **why);

static int read_driver(target *t, const char *value, char **why)
{
    /* The protocol alone: the file as it is. */
    t->format = strcmp(value, "file") == 0 ? "raw" : format_known(value);
    return t->format ? 0 : fail(why, "Unknown driver '%s'", value);
}

static int read_filename(target *t, const char *value, char **why)
{
    (void)why;
    t->filename = value;
    return 0;
}

static int read_file_driver(target *t, const char *value, char **why)
{
    (void)t;
    return strcmp(value, "file") == 0 ? 0 : fail(why, "Unknown driver '%s'", value);
}

static int read_switch(target *t, uint32_t flag, const char *value, char **why)
{
    bool on = strcmp(value, "on") == 0;

    if (!on && strcmp(value, "off") != 0)
        return fail(why, "'%s' is neither 'on' nor 'off'", value);
    t->flags = on ? t->flags | flag : t->flags & ~flag;
    return 0;
}

static int read_direct(target *t, const char *value, char **why)
{
    return read_switch(t, QCOW2_OPEN_DIRECT, value, why);
}

static int read_no_flush(target *t, const char *value, char **why)
{
    return read_switch(t, QCOW2_OPEN_UNSAFE, value, why);
}

static int read_read_only(target *t, const char *value, char **why)
{
    return read_switch(t, QCOW2_OPEN_READ_ONLY, value, why);
}

static int read_force_share(target *t, const char *value, char **why)
{
    return read_switch(t, QCOW2_OPEN_FORCE_SHARE, value, why);
}

static int read_discard(target *t, const char *value, char **why)
{
    if (strcmp(value, "unmap") == 0 || strcmp(value, "on") == 0)
        t->flags |= QCOW2_OPEN_DISCARD;
    else if (strcmp(value, "ignore") == 0 || strcmp(value, "off") == 0)
        t->flags &= ~QCOW2_OPEN_DISCARD;
    else
        return fail(why, "Invalid discard option");
    return 0;
}

static int read_cache_size(const char *value, uint64_t *size, char **why)
{
    return size_parse(value, size) == 0 ? 0 : fail(why, "'%s' is not a size", value);
}

static int read_l2_cache_size(target *t, const char *value, char **why)
{
    uint64_t size;

    if (read_cache_size(value, &size, why))
        return -1;
    return qcow2_open_options_set_l2_cache_size(t->options, size) ? fail_library(why) : 0;
}

static int read_refcount_cache_size(target *t, const char *value, char **why)
{
    uint64_t size;

    if (read_cache_size(value, &size, why))
        return -1;
    return qcow2_open_options_set_refcount_cache_size(t->options, size) ? fail_library(why) : 0;
}

/* Only together with backing.driver, which names its format. */
static int read_backing(target *t, const char *value, char **why)
{
    const char *format = keyval_get(&t->keys, "backing.driver");

    if (!format)
        return fail(why, "'backing.file.filename' needs 'backing.driver'");
    return qcow2_open_options_set_backing(t->options, value, format) ? fail_library(why) : 0;
}

static int read_backing_driver(target *t, const char *value, char **why)
{
    (void)t;
    return format_known(value) ? 0 : fail(why, "Unknown driver '%s'", value);
}

static const struct {
    const char *key;
    key_reader *read;
} key_table[] = {
    { "driver", read_driver },
    { "file.driver", read_file_driver },
    { "file.filename", read_filename },
    { "read-only", read_read_only },
    { "force-share", read_force_share },
    { "discard", read_discard },
    { "cache.direct", read_direct },
    { "cache.no-flush", read_no_flush },
    { "l2-cache-size", read_l2_cache_size },
    { "refcount-cache-size", read_refcount_cache_size },
    { "backing.driver", read_backing_driver },
    { "backing.file.driver", read_file_driver },
    { "backing.file.filename", read_backing },
};

static int read_key(target *t, const keyval *item, char **why)
{
    const char *driver = keyval_get(&t->keys, "driver");

    if (driver && strcmp(driver, "file") == 0 && strcmp(item->key, "filename") == 0)
        return read_filename(t, item->value, why);
    for (size_t i = 0; i < sizeof key_table / sizeof *key_table; i++)
        if (strcmp(key_table[i].key, item->key) == 0)
            return key_table[i].read(t, item->value, why);
    if (!driver && !keyval_get(&t->keys, "file.filename"))
        return fail(why, "Must specify either driver or file");
    return fail(why, "Block format '%s' does not support the option '%s'",
                driver ? driver : "qcow2", item->key);
}

static int read_image_opts(target *t, const char *text, char **why)
{
    const char *node = "node-name"; /* names of a running machine's disks: there are none */

    if (keyval_parse(&t->keys, text, node))
        return fail(why, "Invalid option list");
    if (keyval_get(&t->keys, node) && t->keys.count == 1)
        return fail(why, "Cannot find device='%s' nor node-name='%s'", keyval_get(&t->keys, node),
                    keyval_get(&t->keys, node));
    for (size_t i = 0; i < t->keys.count; i++)
        if (read_key(t, &t->keys.items[i], why))
            return -1;
    if (!t->filename)
        return fail(why, "A block device must be specified for \"file\"");
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 */

static int read_plain_name(target *t, const image_source *source, char **why)
{
    if (source->format) {
        t->format = format_known(source->format);
        if (!t->format)
            return fail(why, "Unknown driver '%s'", source->format);
    }
    t->filename = path_of_image(source->filename);
    if (!t->filename)
        return fail(why, "Unknown protocol '%.*s'", (int)strcspn(source->filename, ":"),
                    source->filename);
    if (t->filename[0] == '\0')
        return fail(why, "The 'file' block driver requires a file name");
    return 0;
}

/* Content that a guest wrote into a raw disk must not turn it into something else later. */
static void warn_of_guess(const char *filename)
{
    CLEANUP_FREE char *name = printable(filename);

    fprintf(stderr,
            "WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
            "         Automatically detecting the format is dangerous for raw images, "
            "write operations on block 0 will be restricted.\n"
            "         Specify the 'raw' format explicitly to remove the restrictions.\n",
            name);
}

static int probe(target *t, const image_source *source, char **why)
{
    bool guess;

    t->format = qcow2_probe(t->filename);
    if (!t->format)
        return fail_library(why);
    guess = strcmp(t->format, "raw") == 0 && (t->flags & QCOW2_OPEN_READ_ONLY) == 0;
    if (guess)
        warn_of_guess(t->filename);
    if (source->guessed_raw)
        *source->guessed_raw = guess;
    return 0;
}

static int read_cache_mode(target *t, const char *mode, char **why)
{
    uint32_t flags = 0;

    if (mode && cache_mode_flags(mode, &flags))
        return fail(why, "Invalid cache option: %s", mode);
    t->flags |= flags;
    return 0;
}

static int set_options(const target *t, const image_source *source, char **why)
{
    if (qcow2_open_options_set_format(t->options, t->format) ||
        qcow2_open_options_set_flags(t->options, t->flags) ||
        qcow2_open_options_set_backing_policy(t->options, source->backing) ||
        (source->snapshot && qcow2_open_options_set_snapshot(t->options, source->snapshot)))
        return fail_library(why);
    return 0;
}

static int understand(target *t, const image_source *source, char **why)
{
    t->flags = source->flags;
    t->options = qcow2_open_options_new();
    if (!t->options)
        return fail_library(why);
    if (read_cache_mode(t, source->cache, why))
        return -1;
    if (source->image_opts ? read_image_opts(t, source->filename, why)
                           : read_plain_name(t, source, why))
        return -1;
    if ((t->flags & QCOW2_OPEN_FORCE_SHARE) && !(t->flags & QCOW2_OPEN_READ_ONLY))
        return fail(why, "force-share=on can only be used with read-only images");
    if (!t->format && probe(t, source, why))
        return -1;
    return set_options(t, source, why);
}

/* The library's sentence, which names the file, in the words that QEMU's users know: those name it
 * once where the format or a backing file refuses, and twice where the host does. */
static int fail_to_open(const char *filename, char **why)
{
    const char *sentence = qcow2_get_error();
    CLEANUP_FREE char *beginning = xasprintf("Could not open '%s': ", filename);
    size_t length = strlen(beginning);

    if (strncmp(sentence, beginning, length) == 0 &&
        strcmp(sentence + length, strerror(qcow2_get_errno())) != 0)
        sentence += length;
    return fail(why, "%s", sentence);
}

qcow2_image *try_open_image(const image_source *source, char **why)
{
    CLEANUP_TARGET target t = { 0 };
    qcow2_image *image;

    if (understand(&t, source, why))
        return NULL;
    image = qcow2_open(t.filename, t.options);
    if (!image)
        fail_to_open(t.filename, why);
    return image;
}

qcow2_image *open_image(const image_source *source)
{
    CLEANUP_FREE char *why = NULL;
    qcow2_image *image = try_open_image(source, &why);

    if (!image)
        error_report("Could not open '%s': %s", source->filename, why);
    return image;
}

image_source image_source_of(const options *o, uint32_t flags)
{
    return (image_source){
        .filename = o->arguments[0],
        .format = o->format,
        .image_opts = o->image_opts,
        .cache = o->cache ? o->cache : o->source_cache,
        .flags = flags | (o->force_share ? QCOW2_OPEN_FORCE_SHARE : 0),
        .backing = o->untrusted ? QCOW2_BACKING_REFUSE : QCOW2_BACKING_ALLOW_PROBE,
    };
}

int close_image(qcow2_image *image)
{
    CLEANUP_FREE char *filename = xstrdup(qcow2_get_filename(image));

    if (qcow2_close(image) == 0)
        return 0;
    error_report("Could not close '%s': %s", filename, qcow2_get_error());
    return -1;
}
