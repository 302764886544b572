/* SPDX-License-Identifier: BSD-3-Clause */
/* image-open.c - the one place that turns -f, --image-opts, -U, -t and --untrusted into an open
 * image
 *
 *     the name        plain, "file:NAME", "json:{...}" or dotted keys (image-keys.c)
 *     the format      given, or probed
 *     open options    flags, policy, caches: the library's object
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image-keys.h"
#include "image-open.h"
#include "json-keys.h"
#include "location.h"
#include "lock-wait.h"
#include "message.h"
#include "nbd-address.h"
#include "path.h"
#include "words.h"

#define CLEANUP_TARGET __attribute__((cleanup(image_target_clear)))

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

int check_cache_mode(const char *what, const char *mode)
{
    uint32_t flags;

    if (!mode || cache_mode_flags(mode, &flags) == 0)
        return 0;
    error_report("Invalid %s option: %s", what, mode);
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Names
 */

bool image_name_is_json(const char *name)
{
    return begins(name, "json:");
}

static int parse_json(keyval_list *keys, const char *name, char **why)
{
    return json_keys_parse(keys, name + strlen("json:"), why);
}

static int parse_image_opts(keyval_list *keys, const char *text, char **why)
{
    const char *node = "node-name"; /* names of a running machine's disks: there are none */

    if (keyval_parse(keys, text, node)) {
        *why = xstrdup("Invalid option list");
        return -1;
    }
    if (keys->count > 1 || !keyval_get(keys, node))
        return 0;
    return fail(why, "Cannot find device='%s' nor node-name='%s'", keyval_get(keys, node),
                keyval_get(keys, node));
}

static int read_keys(image_target *t, const image_source *source, char **why)
{
    keyval_list keys = { 0 };
    int result = (source->image_opts ? parse_image_opts : parse_json)(&keys, source->filename, why);

    if (result == 0)
        result = image_keys_read(t, &keys, why);
    keyval_list_clear(&keys);
    return result;
}

static int read_location(image_target *t, const image_source *source, char **why)
{
    location l = { 0 };

    if (source->is_path)
        l.name = xstrdup(source->filename);
    else if (location_read(&l, source->filename, why))
        return -1;
    t->filename = l.name;
    t->flags |= l.nbd ? QCOW2_OPEN_NBD : 0;
    if (l.name[0] == '\0')
        return fail(why, "The 'file' block driver requires a file name");
    return t->format ? 0 : image_probe_format(t, why);
}

static int read_name(image_target *t, const image_source *source, char **why)
{
    if (source->format) {
        t->format = format_known(source->format);
        if (!t->format) {
            *why = format_refusal(source->format);
            return -1;
        }
    }
    if (source->image_opts || (!source->is_path && image_name_is_json(source->filename)))
        return read_keys(t, source, why);
    return read_location(t, source, why);
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 */

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

static int read_cache_mode(image_target *t, const char *mode, char **why)
{
    uint32_t flags = 0;

    if (mode && cache_mode_flags(mode, &flags))
        return fail(why, "Invalid cache option: %s", mode);
    t->flags |= flags;
    return 0;
}

static int set_option(const image_target *t, const char *name, const char *value, char **why)
{
    return value && qcow2_open_options_set(t->options, name, value) ? fail_library(why) : 0;
}

static int set_options(image_target *t, const image_source *source, char **why)
{
    if (qcow2_open_options_set_format(t->options, t->format) ||
        qcow2_open_options_set_flags(t->options, t->flags) ||
        (source->data_file && qcow2_open_options_set_data_file(t->options, source->data_file)) ||
        qcow2_open_options_set_writable_backing(t->options, source->writable_backing))
        return fail_library(why);
    if (source->below && image_target_set_backing(t, source->below, why))
        return -1;
    if (source->key_secret && image_target_set_secret(t, source->key_secret, why))
        return -1;
    if (set_option(t, "compression-level", source->compression_level, why))
        return -1;
    return set_option(t, "compression-window", source->compression_window, why);
}

/* A raw disk that was only taken for one, and will be written. */
static void note_guess(const image_target *t, const image_source *source)
{
    bool guess = t->guessed && !source->overlay && strcmp(t->format, "raw") == 0 &&
                 (t->flags & QCOW2_OPEN_READ_ONLY) == 0;

    if (guess)
        warn_of_guess(t->filename);
    if (source->guessed_raw)
        *source->guessed_raw = guess;
}

static int understand(image_target *t, const image_source *source, char **why)
{
    t->flags = source->flags;
    t->policy = source->backing;
    t->no_backing = source->no_backing;
    if (image_target_begin(t, why))
        return -1;
    if (read_cache_mode(t, source->cache, why) || read_name(t, source, why))
        return -1;
    if (source->keys && image_keys_add(t, source->keys, why))
        return -1;
    if ((t->flags & QCOW2_OPEN_FORCE_SHARE) && !(t->flags & QCOW2_OPEN_READ_ONLY))
        return fail(why, "force-share=on can only be used with read-only images");
    note_guess(t, source);
    return set_options(t, source, why);
}

/* The image becomes the backing file of the overlay, to which the flags belong. */
static int put_overlay(image_target *t, const char *overlay, char **why)
{
    qcow2_open_options *below = t->options;

    t->options = qcow2_open_options_new();
    if (!t->options || qcow2_open_options_set_flags(t->options, t->flags & ~QCOW2_OPEN_NBD) ||
        qcow2_open_options_set_backing(t->options, t->filename, t->format) ||
        qcow2_open_options_set_backing_options(t->options, below)) {
        qcow2_open_options_free(below);
        return fail_library(why);
    }
    free(t->filename);
    t->filename = xstrdup(overlay);
    return 0;
}

static qcow2_image *open_when_free(const image_target *t, const image_source *source)
{
    lock_wait wait = { .seconds = source->wait };
    qcow2_image *image;

    do {
        image = qcow2_open(t->filename, t->options);
    } while (!image && lock_wait_pause(&wait));
    return image;
}

static bool ends_so(const char *sentence, const char *end)
{
    size_t length = strlen(sentence), tail = strlen(end);

    return length >= tail && strcmp(sentence + length - tail, end) == 0;
}

/* How to get on, by the end of the library's sentence; NULL: there is nothing to say. */
static const char *hint_of(const image_target *t, const char *sentence)
{
    if (t->flags & QCOW2_OPEN_UNTRUSTED)
        return NULL;
    if (ends_so(sentence, "opening backing files on NBD servers is not allowed"))
        return "--backing-nbd allows it";
    if (ends_so(sentence, "' names)"))
        return "data-file.filename=NAME of --image-opts opens another, and amend can record it";
    return NULL;
}

/* Of what is locked by another program, or not allowed, what can be done about it. */
static char *sentence_of(const image_target *t, uint64_t waited)
{
    CLEANUP_FREE char *sentence = image_open_sentence(t->filename);
    bool reads = (t->flags & QCOW2_OPEN_READ_ONLY) && !(t->flags & QCOW2_OPEN_FORCE_SHARE);

    if (hint_of(t, sentence))
        return xasprintf("%s; %s", sentence, hint_of(t, sentence));
    if (!lock_wait_helps())
        return xstrdup(sentence);
    if (waited > 0)
        return xasprintf("%s (--wait=%" PRIu64 " was not long enough%s)", sentence, waited,
                         reads ? "; -U reads it all the same" : "");
    return xasprintf("%s (--wait waits for it%s)", sentence,
                     reads ? ", -U reads it all the same" : "");
}

static qcow2_image *open_target(const image_target *t, const image_source *source, char **why)
{
    qcow2_image *image = open_when_free(t, source);

    if (!image)
        *why = sentence_of(t, source->wait);
    return image;
}

/* By the same options, so that a server is asked on one connection. */
static int choose_snapshot(const image_target *t, const image_source *source, char **why)
{
    CLEANUP_IMAGE qcow2_image *image = NULL;
    CLEANUP_FREE char *id = NULL;

    if (qcow2_open_options_set_flags(t->options, t->flags | QCOW2_OPEN_NO_IO))
        return fail_library(why);
    image = open_target(t, source, why);
    id = image ? source->choose(source->choose_opaque, image) : NULL;
    if (!id)
        return -1;
    return qcow2_open_options_set_flags(t->options, t->flags) ||
                   qcow2_open_options_set_snapshot(t->options, id)
               ? fail_library(why)
               : 0;
}

/* What is below an image is read, whoever looked at it. */
static void leave(image_target *t, const image_source *source)
{
    if (!source->left || !(t->flags & QCOW2_OPEN_NBD))
        return;
    t->flags &= ~QCOW2_OPEN_NO_IO;
    *source->left = *t;
    *t = (image_target){ 0 };
}

qcow2_image *try_open_image(const image_source *source, char **why)
{
    CLEANUP_TARGET image_target t = { 0 };
    qcow2_image *image;

    if (understand(&t, source, why) || (source->overlay && put_overlay(&t, source->overlay, why)) ||
        (source->choose && choose_snapshot(&t, source, why)))
        return NULL;
    if (source->driver)
        *source->driver = t.driver;
    image = open_target(&t, source, why);
    if (image)
        leave(&t, source);
    return image;
}

bool warn_of_lost_snapshots(qcow2_image *image, const char *name)
{
    qcow2_info info;

    if (qcow2_get_info(image, &info, sizeof info) == -1 || !info.snapshots_lost)
        return false;
    warning_report("'%s' is not whole, its snapshots are lost: %s", name, info.snapshots_lost);
    return true;
}

qcow2_image *open_image(const image_source *source)
{
    CLEANUP_FREE char *why = NULL;
    /* it may come from an image, and must not begin a line of its own */
    CLEANUP_FREE char *name = printable(source->filename);
    qcow2_image *image = try_open_image(source, &why);

    if (image)
        warn_of_lost_snapshots(image, name);
    else if (why)
        error_report("Could not open '%s': %s", name, why);
    return image;
}

bool environment_allows_backing_nbd(void)
{
    const char *value = secure_getenv("QCOW_BACKING_NBD");

    return value && strcmp(value, "1") == 0;
}

void warn_of_backing_nbd(const options *o, const char *name)
{
    if (name && nbd_is_name(name) && !o->backing_nbd && !o->quiet)
        warning_report("the backing file '%s' is on an NBD server: it will be opened only with "
                       "--backing-nbd, or QCOW_BACKING_NBD=1 in the environment",
                       name);
}

image_source image_source_common(const options *o, uint32_t flags)
{
    return (image_source){
        .wait = o->wait,
        .flags = flags | (o->backing_nbd ? QCOW2_OPEN_BACKING_NBD : 0) |
                 (o->untrusted ? QCOW2_OPEN_UNTRUSTED : 0),
        .backing = o->untrusted ? QCOW2_BACKING_REFUSE : QCOW2_BACKING_ALLOW_PROBE,
    };
}

image_source image_source_of(const options *o, uint32_t flags)
{
    image_source source =
        image_source_common(o, flags | (o->force_share ? QCOW2_OPEN_FORCE_SHARE : 0));

    source.filename = o->arguments[0];
    source.format = o->format;
    source.image_opts = o->image_opts;
    source.cache = o->cache ? o->cache : o->source_cache;
    return source;
}

static bool is_same_export(const char *uri, const char *name)
{
    CLEANUP_FREE char *why = NULL;
    CLEANUP_FREE char *other = nbd_is_name(name) ? nbd_uri_of_name(name, &why) : NULL;

    return other && strcmp(uri, other) == 0;
}

/* One export has many names.  What is not that of the first backing file may be that of a deeper
 * one. */
static int depth_of_export(qcow2_image *image, const char *name, char **why)
{
    CLEANUP_FREE char *uri = nbd_uri_of_name(name, why);
    const char *doubtful = NULL;

    for (int depth = 0; uri && image; depth++, image = qcow2_get_backing(image)) {
        const char *filename = qcow2_get_filename(image);

        if (is_same_export(uri, filename))
            return depth;
        if (depth > 1 && nbd_is_name(filename))
            doubtful = filename;
    }
    if (doubtful)
        *why = xasprintf("'%s' may be '%s', which is further down in the chain: name it as the "
                         "chain does",
                         name, doubtful);
    return -1;
}

int image_chain_depth(qcow2_image *image, const char *name, char **why)
{
    if (nbd_is_name(name))
        return depth_of_export(image, name, why);
    for (int depth = 0; image; depth++, image = qcow2_get_backing(image)) {
        if (path_is_same_file(qcow2_get_filename(image), name))
            return depth;
    }
    return -1;
}

int close_image(qcow2_image *image)
{
    CLEANUP_FREE char *filename = xstrdup(qcow2_get_filename(image));

    if (qcow2_close(image) == 0)
        return 0;
    error_report("Could not close '%s': %s", filename, qcow2_get_error());
    return -1;
}
