/* SPDX-License-Identifier: BSD-3-Clause */
/* convert.c - qcow-img convert: copy images into a new image, or into one that is there
 *
 *     refuse what makes no sense
 *     open the sources       one behind the other; or an internal snapshot of one
 *     settle the backing     which part of the source's chain the target will show through
 *     make and open the target
 *     copy                   copy.c
 *     close the target       and take it away again if anything failed
 *
 * Durability: the default cache mode of the target is "unsafe", as qemu-img's is: nothing waits for
 * the disk, and a power cut shortly afterwards may lose the target.  Waiting would more than double
 * the time of a conversion which the page cache can take.  With any other mode (-t) the target is
 * durable when the program exits with 0.
 *
 * -W and -C are accepted and change nothing: one writer in order is as fast as several, and the
 * target is the same bytes for any number of workers.
 */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "convert-bitmaps.h"
#include "convert-target.h"
#include "copy.h"
#include "create-options.h"
#include "message.h"
#include "snapshot-open.h"
#include "verb.h"
#include "words.h"

#define MAX_SPARSE_SIZE (16u << 20)

/* ------------------------------------------------------------------------------------------------
 * Refusals
 */

static bool encrypts(const conversion *c)
{
    const char *old = keyval_get(&c->creation, "encryption");
    bool on = false;

    return keyval_get(&c->creation, "encrypt.format") ||
           (old && switch_word_parse(old, &on) == 0 && on);
}

/* What contradicts itself on any images.  Returns the sentence, or NULL. */
static const char *contradiction(const conversion *c)
{
    const options *o = c->options;
    const struct {
        bool refused;
        const char *sentence;
    } rules[] = {
        { sparse_size(o) % 512 != 0 || sparse_size(o) > MAX_SPARSE_SIZE,
          "Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to "
          "16777216. Select 0 to disable sparse detection (fully allocates output)." },
        { o->copy_offload && o->compress, "Cannot enable copy offloading when -c is used" },
        { o->copy_offload && o->sparse_size != UINT64_MAX,
          "Cannot enable copy offloading when -S is used" },
        { o->copy_offload && o->salvage, "Cannot use copy offloading in salvaging mode" },
        { o->target_image_opts && !o->no_create, "--target-image-opts requires use of -n flag" },
        { o->target_image_opts && o->target_format,
          "--image-opts and --format are mutually exclusive" },
        { o->no_create && o->creation.count > 0, "-o has no effect when skipping image creation" },
        { o->target_is_zero && !o->no_create, "--target-is-zero requires use of -n flag" },
        { o->target_is_zero && o->backing,
          "Cannot use --target-is-zero when the destination image has a backing file" },
        { o->skip_broken_bitmaps && !o->bitmaps,
          "Use of --skip-broken-bitmaps requires --bitmaps" },
        { o->nb_arguments < 2, "Must specify image file name" },
        { o->bitmaps && o->nb_arguments > 2, "Copying bitmaps only possible with single source" },
        { o->snapshot && o->nb_arguments > 2, "No support for concatenating multiple snapshot" },
        { backing_of(c) && o->nb_arguments > 2,
          "Having a backing file for the target makes no sense when concatenating multiple input "
          "images" },
        { backing_of(c) && !o->no_create && !backing_format_of(c) &&
              strcmp(c->format, "qcow2") == 0,
          "Use of backing file requires explicit backing format" },
        { backing_of(c) && o->untrusted,
          "--untrusted refuses images that have a backing file, as the target would have" },
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].refused)
            return rules[i].sentence;
    }
    return NULL;
}

/* What a format that is a mere disk cannot do.  These return a sentence that the caller frees, or
 * NULL. */
static char *plain_refusal(const conversion *c)
{
    if (c->options->compress)
        return xstrdup(NO_COMPRESSION);
    if (c->options->bitmaps)
        return xasprintf("Format driver '%s' does not support bitmaps", c->format);
    if (backing_of(c) || backing_format_of(c))
        return xasprintf("Backing file%s not supported for file format '%s'",
                         backing_of(c) ? "" : " format", c->format);
    return NULL;
}

static char *qcow2_refusal(const conversion *c)
{
    if (backing_format_of(c) && !backing_of(c))
        return xasprintf("%s: error while converting qcow2: Backing format cannot be used without "
                         "backing file",
                         c->filename);
    if (c->options->compress && preallocates(c))
        return xstrdup("Compression and preallocation not supported at the same time");
    if (c->options->compress && encrypts(c))
        return xstrdup("Compression and encryption not supported at the same time");
    return NULL;
}

static int check_cache(const char *what, const char *mode)
{
    uint32_t flags;

    if (!mode || cache_mode_flags(mode, &flags) == 0)
        return 0;
    error_report("Invalid %s option: %s", what, mode);
    return -1;
}

/* -b and -F win over -o. */
static void merge_creation(conversion *c)
{
    const options *o = c->options;

    for (size_t i = 0; i < o->creation.count; i++)
        keyval_set(&c->creation, o->creation.items[i].key, o->creation.items[i].value);
    if (o->backing)
        keyval_set(&c->creation, "backing_file", o->backing);
    if (o->backing_format)
        keyval_set(&c->creation, "backing_fmt", o->backing_format);
}

/* Returns a sentence that the caller frees, or NULL. */
static char *target_refusal(conversion *c)
{
    char *why = strcmp(c->format, "qcow2") == 0 ? qcow2_refusal(c) : plain_refusal(c);

    if (why)
        return why;
    if (!c->options->no_create && create_options_check(&c->creation, c->format, &why) == 0 &&
        create_options_of_copy(&c->creation) && !c->options->compress)
        why = xasprintf("'%s' has no effect without -c", create_options_of_copy(&c->creation));
    return why;
}

/* A target that is not a name, but a description of what is there. */
static bool is_described(const conversion *c)
{
    return c->options->target_image_opts ||
           (c->options->no_create && image_name_is_json(c->filename));
}

static int check_options(conversion *c)
{
    const options *o = c->options;
    const char *sentence = contradiction(c);
    CLEANUP_FREE char *why = NULL;

    if (sentence) {
        error_report("%s", sentence);
        return -1;
    }
    if (check_cache("cache", o->cache) == -1 || check_cache("source cache", o->source_cache) == -1)
        return -1;
    c->filename = o->arguments[o->nb_arguments - 1];
    if (is_described(c))
        return 0;
    if (location_read(&c->where, c->filename, &why) == 0) {
        c->filename = c->where.name;
        why = target_refusal(c);
    }
    if (why) {
        error_report("%s", why);
        return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Sources
 */

static image_source source_of(const options *o, size_t index)
{
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_WRITERS);

    source.filename = o->arguments[index];
    source.cache = o->source_cache;
    return source;
}

static int open_sources(conversion *c)
{
    const options *o = c->options;
    size_t count = o->nb_arguments - 1;

    c->sources = xrealloc(NULL, count * sizeof(qcow2_image *));
    for (; c->nb_sources < count; c->nb_sources++) {
        image_source source = source_of(o, c->nb_sources);
        qcow2_image *image =
            o->snapshot ? open_image_snapshot(&source, o->snapshot) : open_image(&source);

        if (!image)
            return -1;
        c->sources[c->nb_sources] = image;
    }
    return o->bitmaps ? check_source_bitmaps(c->sources[0], o->skip_broken_bitmaps) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The verb
 */

static int copy(conversion *c)
{
    const options *o = c->options;
    copy_job job = {
        .sources = c->sources,
        .nb_sources = c->nb_sources,
        .target = c->target,
        .base_depth = c->base_depth,
        .target_is_empty = c->created ? convert_target_reads_as_new(c) : o->target_is_zero,
        .cluster_size = c->cluster_size,
        .sparse_size = sparse_size(o),
        .rate_limit = o->rate_limit,
        .workers = o->workers,
        .salvage = o->salvage,
        .quiet = o->quiet,
        .progress = &c->progress,
    };

    return copy_run(&job);
}

static int convert(conversion *c)
{
    const options *o = c->options;

    if (open_sources(c) == -1 || convert_target_open(c) == -1 ||
        (o->bitmaps && check_target_bitmaps(c->target) == -1) || copy(c) == -1)
        return -1;
    return o->bitmaps ? copy_bitmaps(c->sources[0], c->target, o->skip_broken_bitmaps) : 0;
}

/* A failure to close the target is a failure to write it. */
static int close_all(conversion *c)
{
    int result = c->target ? close_image(c->target) : 0;

    while (c->nb_sources > 0)
        qcow2_close(c->sources[--c->nb_sources]);
    free(c->sources);
    free(c->backing_path);
    image_target_clear(&c->backing);
    return result;
}

static int convert_with_progress(conversion *c)
{
    const options *o = c->options;
    int result;

    progress_begin(&c->progress, o->progress && !o->quiet, PROGRESS_IN_BYTES, 1);
    result = convert(c);
    if (close_all(c) == -1)
        result = -1;
    if (result == -1)
        convert_target_take_away(c);
    convert_target_forget(c);
    if (result == 0)
        progress_complete(&c->progress);
    progress_end(&c->progress, result == 0);
    if (result == 0 && !o->no_create)
        warn_of_backing_nbd(o, backing_of(c));
    return result;
}

int run_convert(const options *o)
{
    conversion c = { .options = o };
    int result = -1;

    c.format = format_to_create(o->target_format, NULL);
    if (c.format && o->creation_help)
        create_options_print_help(c.format, o->nb_arguments > 1, true);
    if (!c.format || o->creation_help)
        return c.format ? EXIT_SUCCESS : EXIT_FAILURE;
    merge_creation(&c);
    if (check_options(&c) == 0)
        result = convert_with_progress(&c);
    keyval_list_clear(&c.creation);
    location_clear(&c.where);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
