/* SPDX-License-Identifier: BSD-3-Clause */
/* info.c - qcow-img info: print facts about an image, or about each image of its chain
 *
 * Only the file that is described is opened: an image says where its backing file is, and info
 * believes nothing of it.  --backing-chain is the user's wish to go there, one image at a time.
 *
 * An image that was cut, as one that has not arrived yet, is described as far as it can be.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "facts.h"
#include "human.h"
#include "image-open.h"
#include "json.h"
#include "message.h"
#include "nbd-address.h"
#include "verb.h"
#include "words.h"

enum {
    MAX_CHAIN = 200, /* images; more is a mistake or an attack */
};

/* A chain in the making: the facts of its images, and which files they were. */
typedef struct {
    json_t *images;
    struct {
        dev_t device;
        ino_t inode;
    } files[MAX_CHAIN];
    size_t nb_files;
    char *next;        /* the backing file of the last image, or NULL */
    char *next_format; /* its recorded format, or NULL */
} chain;

static void chain_clear(chain *c)
{
    json_decref(c->images);
    free(c->next);
    free(c->next_format);
}

#define CLEANUP_CHAIN __attribute__((cleanup(chain_clear)))

/* ------------------------------------------------------------------------------------------------
 * Collecting
 */

static json_t *specific_facts(qcow2_image *image, const qcow2_info *info, json_t *bitmaps)
{
    json_t *data = facts_of_format(image, info, bitmaps);
    json_t *specific;

    if (!data)
        return NULL;
    specific = json_object();
    json_put(specific, "type", json_text(info->format));
    json_put(specific, "data", data);
    return specific;
}

/* The keys stand in the order in which qemu-img 7.2 prints them. */
static json_t *collect(qcow2_image *image, const qcow2_info *info, json_t *snapshots,
                       json_t *bitmaps)
{
    json_t *facts = json_object();
    json_t *specific = specific_facts(image, info, bitmaps);

    if (info->backing_filename && info->backing_format)
        json_put(facts, "backing-filename-format", json_text(info->backing_format));
    if (json_array_size(snapshots) > 0)
        json_put(facts, "snapshots", json_incref(snapshots));
    json_put(facts, "virtual-size", json_number(info->virtual_size));
    json_put(facts, "filename", json_text(qcow2_get_name(image)));
    if (info->cluster_size)
        json_put(facts, "cluster-size", json_number(info->cluster_size));
    json_put(facts, "format", json_text(info->format));
    if (info->actual_size != UINT64_MAX)
        json_put(facts, "actual-size", json_number(info->actual_size));
    if (specific)
        json_put(facts, "format-specific", specific);
    if (info->full_backing_filename)
        json_put(facts, "full-backing-filename", json_text(info->full_backing_filename));
    if (info->crypt_method)
        json_put(facts, "encrypted", json_true());
    if (info->backing_filename)
        json_put(facts, "backing-filename", json_text(info->backing_filename));
    if (info->actual_size != UINT64_MAX || info->cluster_size > 0)
        json_put(facts, "dirty-flag", json_boolean(info->features & QCOW2_FEATURE_DIRTY));
    return facts;
}

/* ------------------------------------------------------------------------------------------------
 * Printing
 */

static void print_text(const json_t *facts, const char *label, const char *key)
{
    const char *text = json_string_value(json_object_get(facts, key));
    CLEANUP_FREE char *safe = text ? printable(text) : NULL;

    if (safe)
        printf("%s: %s\n", label, safe);
}

static void print_backing(const json_t *facts)
{
    const char *name = json_string_value(json_object_get(facts, "backing-filename"));
    const char *full = json_string_value(json_object_get(facts, "full-backing-filename"));
    CLEANUP_FREE char *safe_name = name ? printable(name) : NULL;
    CLEANUP_FREE char *safe_full = full ? printable(full) : NULL;

    if (!safe_name)
        return;
    printf("backing file: %s", safe_name);
    if (safe_full && strcmp(safe_name, safe_full) != 0)
        printf(" (actual path: %s)", safe_full);
    printf("\n");
    print_text(facts, "backing file format", "backing-filename-format");
}

static void print_human(const json_t *facts)
{
    uint64_t virtual_size = (uint64_t)json_integer_value(json_object_get(facts, "virtual-size"));
    const json_t *actual_size = json_object_get(facts, "actual-size");
    const json_t *cluster_size = json_object_get(facts, "cluster-size");
    const json_t *specific = json_object_get(facts, "format-specific");
    char size[HUMAN_SIZE_LENGTH];

    print_text(facts, "image", "filename");
    print_text(facts, "file format", "format");
    printf("virtual size: %s (%" PRIu64 " bytes)\n", human_size(size, virtual_size), virtual_size);
    printf("disk size: %s\n", actual_size
                                  ? human_size(size, (uint64_t)json_integer_value(actual_size))
                                  : "unavailable");
    if (json_object_get(facts, "encrypted"))
        printf("encrypted: yes\n");
    if (cluster_size)
        printf("cluster_size: %" JSON_INTEGER_FORMAT "\n", json_integer_value(cluster_size));
    if (json_is_true(json_object_get(facts, "dirty-flag")))
        printf("cleanly shut down: no\n");
    print_backing(facts);
    facts_print_snapshots(json_object_get(facts, "snapshots"));
    if (specific) {
        printf("Format specific information:\n");
        json_print_human(json_object_get(specific, "data"), 1);
    }
}

static void print(const options *o, const json_t *images)
{
    size_t index;
    json_t *facts;

    if (o->output == OUTPUT_JSON) {
        json_print(o->backing_chain ? images : json_array_get(images, 0));
        return;
    }
    json_array_foreach(images, index, facts)
    {
        if (index > 0)
            printf("\n");
        print_human(facts);
    }
}

/* ------------------------------------------------------------------------------------------------
 * The chain
 */

/* A file that comes back ends the walk. */
static int remember_file(chain *c, const char *filename)
{
    CLEANUP_FREE char *name = printable(filename);
    struct stat st;

    if (stat(filename, &st))
        return 0;
    for (size_t i = 0; i < c->nb_files; i++) {
        if (c->files[i].device == st.st_dev && c->files[i].inode == st.st_ino) {
            error_report("Backing file '%s' creates an infinite loop.", name);
            return -1;
        }
    }
    if (c->nb_files == MAX_CHAIN) {
        error_report("Backing file '%s' makes the chain longer than %d images", name, MAX_CHAIN);
        return -1;
    }
    c->files[c->nb_files].device = st.st_dev;
    c->files[c->nb_files++].inode = st.st_ino;
    return 0;
}

/* Names in info live only as long as the image. */
static void set_next(chain *c, const qcow2_info *info)
{
    free(c->next);
    free(c->next_format);
    c->next = info->full_backing_filename ? xstrdup(info->full_backing_filename) : NULL;
    c->next_format = info->backing_format ? xstrdup(info->backing_format) : NULL;
}

/* What is there of an image that was cut; NULL for any other that does not open. */
static qcow2_image *open_cut(const image_source *source)
{
    bool cut = qcow2_get_errno() == ENODATA;
    image_source header = *source;
    CLEANUP_FREE char *why = NULL;

    header.flags |= QCOW2_OPEN_CHECK;
    return cut ? try_open_image(&header, &why) : NULL;
}

static qcow2_image *open_for_facts(const image_source *source, bool *cut)
{
    CLEANUP_FREE char *why = NULL, *name = printable(source->filename);
    qcow2_image *image = try_open_image(source, &why);

    if (image) {
        *cut = warn_of_lost_snapshots(image, name);
        return image;
    }
    image = open_cut(source);
    *cut = image;
    if (image)
        warning_report("'%s' is not whole: %s", name, why);
    else
        error_report("Could not open '%s': %s", name, why);
    return image;
}

/* Lists of what a cut image may have lost. */
static json_t *list(qcow2_image *image, json_t *facts_of(qcow2_image *), bool cut)
{
    json_t *facts = facts_of(image);

    return facts || !cut ? facts : json_array();
}

/* What a guest wrote must not make of a raw backing file, whose format is not recorded, an image
 * that names other files, nor of any file of the host a disk. */
static int check_proven(const chain *c, const image_source *source, const qcow2_info *info)
{
    bool is_backing = json_array_size(c->images) > 0;
    CLEANUP_FREE char *name = NULL;

    if (!is_backing || source->format || begins(info->format, "qcow"))
        return 0;
    name = printable(source->filename);
    error_report("Could not open '%s': its format is not recorded, and it is not in qcow2 or qcow "
                 "format",
                 name);
    return -1;
}

static int add_image(chain *c, const image_source *source)
{
    bool cut = false;
    CLEANUP_IMAGE qcow2_image *image = open_for_facts(source, &cut);
    CLEANUP_JSON json_t *snapshots = NULL, *bitmaps = NULL;
    qcow2_info info;

    if (!image || remember_file(c, qcow2_get_filename(image)))
        return -1;
    if (qcow2_get_info(image, &info, sizeof info) == 0) {
        bool lists = strcmp(info.format, "qcow2") == 0;

        snapshots = list(image, facts_of_snapshots, cut);
        bitmaps = lists && snapshots ? list(image, facts_of_bitmaps, cut) : json_array();
    }
    if (!snapshots || !bitmaps) {
        CLEANUP_FREE char *name = printable(source->filename);

        error_report("Could not open '%s': %s", name, qcow2_get_error());
        return -1;
    }
    if (check_proven(c, source, &info))
        return -1;
    if (source->driver && *source->driver)
        info.format = *source->driver;
    json_array_append_new(c->images, collect(image, &info, snapshots, bitmaps));
    set_next(c, &info);
    return 0;
}

static int add_next(chain *c, const options *o)
{
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO);
    CLEANUP_FREE char *filename = xstrdup(skip_prefix(c->next, "file:"));
    CLEANUP_FREE char *format = c->next_format ? xstrdup(c->next_format) : NULL;

    if (o->untrusted) {
        CLEANUP_FREE char *name = printable(filename);

        error_report("Could not open '%s': an image names it, and --untrusted was given", name);
        return -1;
    }
    if (!o->backing_nbd && nbd_is_name(filename)) {
        CLEANUP_FREE char *name = printable(filename);

        error_report("Could not open '%s': an image names it, and --backing-nbd was not given",
                     name);
        return -1;
    }
    source.filename = filename;
    source.format = format;
    source.image_opts = false;
    source.is_path = !nbd_is_name(filename);
    source.backing = QCOW2_BACKING_IGNORE;
    return add_image(c, &source);
}

int run_info(const options *o)
{
    CLEANUP_CHAIN chain c = { .images = json_array() };
    const char *driver = NULL;
    image_source source;

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    source = image_source_of(o, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO);
    source.backing = QCOW2_BACKING_IGNORE;
    source.no_backing = true;
    source.driver = &driver;
    if (add_image(&c, &source))
        return EXIT_FAILURE;
    while (o->backing_chain && c.next)
        if (add_next(&c, o))
            return EXIT_FAILURE;
    print(o, c.images);
    return EXIT_SUCCESS;
}
