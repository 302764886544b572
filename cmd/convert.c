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

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "convert-bitmaps.h"
#include "copy.h"
#include "create-options.h"
#include "image-open.h"
#include "location.h"
#include "lock-wait.h"
#include "made.h"
#include "message.h"
#include "path.h"
#include "snapshot-open.h"
#include "target.h"
#include "verb.h"
#include "words.h"

#define DEFAULT_SPARSE_SIZE 4096
#define MAX_SPARSE_SIZE (16u << 20)

typedef struct {
    const options *options;
    progress progress;

    qcow2_image **sources;
    size_t nb_sources;

    const char *filename; /* of the target, */
    location where;       /* understood, unless it is a description */
    const char *format;   /* of the target, unless its name is options */
    qcow2_image *target;
    uint64_t cluster_size; /* bytes, of the target if it is to be compressed; or 0 */
    bool created;          /* by us, */
    made_file made;        /* and if it is a file: to be taken away when we fail; */
    made_file made_data;   /* and its data file */

    keyval_list creation; /* -o, -b and -F together */
    char *backing_path;   /* seen from here, not from the target's directory */
    image_target backing; /* if it is on a server: connected to, until the target is opened */
    unsigned base_depth;  /* what the backing file stands for in the source's chain; 0: nothing */
} conversion;

/* ------------------------------------------------------------------------------------------------
 * Refusals
 */

static const char no_compression[] = "Compression not supported for this file format";

static const char *backing_of(const conversion *c)
{
    return keyval_get(&c->creation, "backing_file");
}

static const char *backing_format_of(const conversion *c)
{
    return keyval_get(&c->creation, "backing_fmt");
}

static uint64_t sparse_size(const options *o)
{
    return o->sparse_size == UINT64_MAX ? DEFAULT_SPARSE_SIZE : o->sparse_size;
}

static bool preallocates(const conversion *c)
{
    const char *mode = keyval_get(&c->creation, "preallocation");

    return mode && strcmp(mode, "off") != 0;
}

static bool is_to_be_of_version_2(const conversion *c)
{
    const char *version = keyval_get(&c->creation, "compat");

    return version && (strcmp(version, "0.10") == 0 || strcmp(version, "v2") == 0);
}

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
        return xstrdup(no_compression);
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
 * The target and its backing file
 */

/* Words that are no values of their options, like what else stops an image from being made. */
static int check_words(const conversion *c)
{
    CLEANUP_FREE char *why = NULL;

    if (c->options->no_create || create_options_check_words(&c->creation, c->format, &why) == 0)
        return 0;
    error_report("%s: error while converting %s: %s", c->filename, c->format, why);
    return -1;
}

/* What a new image could not take in: opened, it would be refused, but a file that was there would
 * be gone by then. */
static int check_fits(const conversion *c)
{
    const options *o = c->options;

    if (o->no_create)
        return 0;
    if (o->bitmaps && is_to_be_of_version_2(c))
        error_report("Format driver 'qcow2' does not support bitmaps");
    else if (o->compress && keyval_get(&c->creation, "data_file"))
        error_report("Compression is not possible: '%s' has an external data file", c->filename);
    else
        return 0;
    return -1;
}

/* Copying over what is being read would destroy it. */
static int check_not_read(qcow2_image *image, const char *target)
{
    if (!target_is_read(image, target))
        return 0;
    error_report("%s: error while converting: the image '%s' is read from this file", target,
                 qcow2_get_filename(image));
    return -1;
}

/* Neither over the target nor over the data file which is made with it. */
static int check_not_emptied(const conversion *c, qcow2_image *image)
{
    const char *data_file = create_options_data_file(&c->creation);

    if (check_not_read(image, c->filename) == -1)
        return -1;
    return data_file ? check_not_read(image, data_file) : 0;
}

/* A backing file that cannot be opened is found out before anything is written. */
static int check_backing(conversion *c)
{
    CLEANUP_FREE char *why = NULL;
    CLEANUP_IMAGE qcow2_image *image = NULL;
    image_source source = image_source_common(c->options, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO);

    source.filename = c->backing_path;
    source.format = backing_format_of(c);
    source.left = backing_format_of(c) ? &c->backing : NULL;
    image = try_open_image(&source, &why);
    if (image)
        return check_not_emptied(c, image);
    error_report("Could not open '%s': Could not open backing file: %s", c->filename, why);
    return -1;
}

/* Above a file that the target shares with the source's chain everything is copied.  A file that is
 * not in the chain has, so the user says, the content of what lies below the source's first
 * image. */
static int settle_backing(conversion *c)
{
    CLEANUP_FREE char *why = NULL;
    int depth;

    if (!backing_of(c))
        return 0;
    if (!c->options->no_create && image_name_is_json(backing_of(c))) {
        error_report("%s: names with json: in images are not read, so none is recorded",
                     c->filename);
        return -1;
    }
    c->backing_path = path_beside(c->filename, backing_of(c));
    depth = image_chain_depth(c->sources[0], c->backing_path, &why);
    if (why) {
        error_report("%s: error while converting: %s", c->filename, why);
        return -1;
    }
    c->base_depth = depth > 0 ? (unsigned)depth : 1;
    return check_backing(c);
}

static int check_new_target(const conversion *c)
{
    for (size_t i = 0; i < c->nb_sources; i++) {
        if (check_not_emptied(c, c->sources[i]) == -1)
            return -1;
    }
    return 0;
}

/* The same for a target that was there, with the files that it was opened with. */
static int check_old_target(const conversion *c)
{
    for (size_t i = 0; i < c->nb_sources; i++) {
        if (qcow2_uses_file_of(c->sources[i], c->target) == 0)
            continue;
        error_report("%s: error while converting: the image '%s' is read from this file or its "
                     "data file",
                     qcow2_get_filename(c->target), qcow2_get_filename(c->sources[i]));
        return -1;
    }
    return 0;
}

/* The size is not the user's to choose. */
static int create_in_format(conversion *c)
{
    CLEANUP_FREE char *size = xasprintf("%" PRIu64, copy_size(c->sources, c->nb_sources));
    CLEANUP_FREE char *why = NULL;
    qcow2_create_options *chosen;
    int result = -1;

    keyval_set(&c->creation, "size", size);
    chosen = create_options_make(&c->creation, c->format, &why);
    if (chosen &&
        create_options_expect(chosen, &c->creation, c->sources, c->nb_sources,
                              c->options->bitmaps) == 0 &&
        qcow2_create_options_set_flags(chosen, c->where.nbd ? QCOW2_CREATE_NBD : 0) == 0)
        result = create_when_free(c->filename, create_options_data_file(&c->creation), chosen,
                                  c->options->wait);
    if (result == -1)
        error_report("%s: error while converting %s: %s", c->filename, c->format,
                     why ? why : qcow2_get_error());
    qcow2_create_options_free(chosen);
    return result;
}

static void note_made(conversion *c)
{
    const char *data_file = create_options_data_file(&c->creation);

    if (!c->where.nbd)
        made_note(&c->made, c->filename);
    if (data_file)
        made_note(&c->made_data, data_file);
    made_guard(&c->made);
    made_guard(&c->made_data);
}

static void forget_made(conversion *c)
{
    made_forget(&c->made);
    made_forget(&c->made_data);
}

static void take_made_away(conversion *c)
{
    made_take_away(&c->made);
    made_take_away(&c->made_data);
}

static int create_target(conversion *c)
{
    int result;

    if (check_new_target(c) == -1)
        return -1;
    result = create_in_format(c);
    c->created = result == 0;
    if (c->created)
        note_made(c);
    return result;
}

static int prepare_to_compress(conversion *c)
{
    qcow2_info info;

    if (qcow2_get_info(c->target, &info, sizeof info) == -1)
        error_report("%s", qcow2_get_error());
    else if (strcmp(info.format, "qcow2") != 0)
        error_report("%s", no_compression);
    else
        c->cluster_size = info.cluster_size;
    return c->cluster_size > 0 ? 0 : -1;
}

static image_source source_of_target(conversion *c)
{
    const options *o = c->options;
    image_source source = image_source_common(o, sparse_size(o) > 0 ? QCOW2_OPEN_DISCARD : 0);

    source.filename = c->filename;
    source.format = o->target_image_opts ? NULL : c->format;
    source.image_opts = o->target_image_opts;
    source.cache = o->cache ? o->cache : "unsafe";
    source.compression_level = keyval_get(&c->creation, "compression_level");
    source.compression_window = keyval_get(&c->creation, "compression_window");
    source.key_secret = create_options_key_secret(&c->creation);
    source.data_file = o->no_create ? NULL : create_options_data_file(&c->creation);
    source.below = c->backing.options ? &c->backing : NULL;
    return source;
}

static int open_target(conversion *c)
{
    const options *o = c->options;
    image_source source = source_of_target(c);

    if (!o->no_create && create_target(c) == -1)
        return -1;
    c->target = open_image(&source);
    if (!c->target && lock_wait_helps()) /* somebody else was faster: it is theirs now */
        forget_made(c);
    if (!c->target || (o->compress && prepare_to_compress(c) == -1))
        return -1;
    if (c->created)
        return 0;
    if (check_old_target(c) == -1)
        return -1;
    if (qcow2_get_size(c->target) < copy_size(c->sources, c->nb_sources)) {
        error_report("output file is smaller than input file");
        return -1;
    }
    return 0;
}

static bool is_regular_file(const char *name)
{
    struct stat status;

    return stat(name, &status) == 0 && S_ISREG(status.st_mode);
}

/* Where nothing was written, a new file reads as zeroes, and so does a new qcow2 image on whatever
 * it is stored, unless clusters were allocated there in advance: these hold what a device, or an
 * export, held before.  A new LUKS volume reads as noise. */
static bool reads_as_new(const conversion *c)
{
    const char *data_file = create_options_data_file(&c->creation);

    if (strcmp(c->format, "luks") == 0)
        return false;
    return is_regular_file(data_file ? data_file : c->filename) ||
           (strcmp(c->format, "qcow2") == 0 && !preallocates(c));
}

static int copy(conversion *c)
{
    const options *o = c->options;
    copy_job job = {
        .sources = c->sources,
        .nb_sources = c->nb_sources,
        .target = c->target,
        .base_depth = c->base_depth,
        .target_is_empty = c->created ? reads_as_new(c) : o->target_is_zero,
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

/* ------------------------------------------------------------------------------------------------
 * The verb
 */

static int convert(conversion *c)
{
    const options *o = c->options;

    if (open_sources(c) == -1 || check_words(c) == -1 || check_fits(c) == -1 ||
        settle_backing(c) == -1 || open_target(c) == -1 ||
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
        take_made_away(c);
    forget_made(c);
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
