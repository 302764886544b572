/* SPDX-License-Identifier: BSD-3-Clause */
/* convert-target.c - the target of a conversion: settled, made, opened, and taken away if it fails
 *
 * Nothing is made before all is known that would be in its way: words that are no values, a backing
 * file that cannot be opened, and a source that would be emptied. */

#include <inttypes.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "convert-target.h"
#include "copy.h"
#include "create-options.h"
#include "lock-wait.h"
#include "message.h"
#include "path.h"
#include "target.h"

static bool is_to_be_of_version_2(const conversion *c)
{
    const char *version = keyval_get(&c->creation, "compat");

    return version && (strcmp(version, "0.10") == 0 || strcmp(version, "v2") == 0);
}

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

void convert_target_forget(conversion *c)
{
    made_forget(&c->made);
    made_forget(&c->made_data);
}

void convert_target_take_away(conversion *c)
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
        error_report("%s", NO_COMPRESSION);
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

int convert_target_open(conversion *c)
{
    const options *o = c->options;
    image_source source;

    if (check_words(c) == -1 || check_fits(c) == -1 || settle_backing(c) == -1)
        return -1;
    source = source_of_target(c);
    if (!o->no_create && create_target(c) == -1)
        return -1;
    c->target = open_image(&source);
    if (!c->target && lock_wait_helps()) /* somebody else was faster: it is theirs now */
        convert_target_forget(c);
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
bool convert_target_reads_as_new(const conversion *c)
{
    const char *data_file = create_options_data_file(&c->creation);

    if (strcmp(c->format, "luks") == 0)
        return false;
    return is_regular_file(data_file ? data_file : c->filename) ||
           (strcmp(c->format, "qcow2") == 0 && !preallocates(c));
}
