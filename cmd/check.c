/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - qcow-img check: look for damage in an image
 *
 * Findings go to standard error as they are made; the summary to standard output.  Only the named
 * file is looked at: what a check is about does not depend on the backing file.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image-open.h"
#include "json.h"
#include "message.h"
#include "verb.h"

/* Exit statuses that scripts know. */
enum {
    EXIT_CLEAN = 0,
    EXIT_NOT_CHECKED = 1,
    EXIT_CORRUPT = 2,
    EXIT_LEAKS = 3,
    EXIT_UNSUPPORTED = 63,
};

static void print_finding(void *opaque, const char *message)
{
    CLEANUP_FREE char *text = printable(message);

    (void)opaque;
    fprintf(stderr, "%s\n", text);
}

static void put_unless_zero(json_t *object, const char *key, uint64_t number)
{
    if (number)
        json_put(object, key, json_number(number));
}

/* The keys stand in the order in which qemu-img 7.2 prints them. */
static void print_json(const char *filename, const char *format, const qcow2_check_result *r)
{
    CLEANUP_JSON json_t *facts = json_object();

    put_unless_zero(facts, "image-end-offset", r->image_end_offset);
    put_unless_zero(facts, "compressed-clusters", r->compressed_clusters);
    put_unless_zero(facts, "total-clusters", r->total_clusters);
    put_unless_zero(facts, "corruptions", r->corruptions);
    json_put(facts, "check-errors", json_number(r->check_errors));
    put_unless_zero(facts, "leaks", r->leaks);
    put_unless_zero(facts, "allocated-clusters", r->allocated_clusters);
    json_put(facts, "filename", json_text(filename));
    json_put(facts, "format", json_text(format));
    put_unless_zero(facts, "fragmented-clusters", r->fragmented_clusters);
    json_print(facts);
}

static double percent(uint64_t part, uint64_t whole)
{
    return 100.0 * (double)part / (double)whole;
}

static void print_human(const qcow2_check_result *r)
{
    if (r->corruptions == 0 && r->leaks == 0 && r->check_errors == 0)
        printf("No errors were found on the image.\n");
    if (r->corruptions)
        printf("\n%" PRIu64 " errors were found on the image.\n"
               "Data may be corrupted, or further writes to the image may corrupt it.\n",
               r->corruptions);
    if (r->leaks)
        printf("\n%" PRIu64 " leaked clusters were found on the image.\n"
               "This means waste of disk space, but no harm to data.\n",
               r->leaks);
    if (r->check_errors)
        printf("\n%" PRIu64 " internal errors have occurred during the check.\n", r->check_errors);
    if (r->total_clusters && r->allocated_clusters)
        printf("%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% fragmented, "
               "%0.2f%% compressed clusters\n",
               r->allocated_clusters, r->total_clusters,
               percent(r->allocated_clusters, r->total_clusters),
               percent(r->fragmented_clusters, r->allocated_clusters),
               percent(r->compressed_clusters, r->allocated_clusters));
    if (r->image_end_offset)
        printf("Image end offset: %" PRIu64 "\n", r->image_end_offset);
}

static int exit_status(const qcow2_check_result *r)
{
    if (r->check_errors) {
        error_report("Check failed");
        return EXIT_NOT_CHECKED;
    }
    if (r->corruptions)
        return EXIT_CORRUPT;
    return r->leaks ? EXIT_LEAKS : EXIT_CLEAN;
}

static int check(const options *o, qcow2_image *image)
{
    qcow2_check_result result = { 0 };
    qcow2_info info;

    if (qcow2_get_info(image, &info, sizeof info)) {
        error_report("Check failed: %s", qcow2_get_error());
        return EXIT_NOT_CHECKED;
    }
    if (strcmp(info.format, "qcow2") != 0) {
        error_report("This image format does not support checks");
        return EXIT_UNSUPPORTED;
    }
    if (qcow2_check(image, 0, &result, sizeof result, print_finding, NULL)) {
        error_report("Check failed: %s", qcow2_get_error());
        return qcow2_get_errno() == ENOTSUP ? EXIT_UNSUPPORTED : EXIT_NOT_CHECKED;
    }
    if (o->output == OUTPUT_JSON)
        print_json(qcow2_get_filename(image), info.format, &result);
    else if (!o->quiet)
        print_human(&result);
    return exit_status(&result);
}

int run_check(const options *o)
{
    CLEANUP_IMAGE qcow2_image *image = NULL;
    image_source source;
    uint32_t flags;

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    if (o->source_cache && cache_mode_flags(o->source_cache, &flags)) {
        error_report("Invalid source cache option: %s", o->source_cache);
        return EXIT_NOT_CHECKED;
    }
    if (o->repair) {
        error_report("Repairing (-r %s) is not supported by this version", o->repair);
        return EXIT_UNSUPPORTED;
    }
    source = image_source_of(o, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK);
    source.backing = QCOW2_BACKING_IGNORE;
    image = open_image(&source);
    return image ? check(o, image) : EXIT_NOT_CHECKED;
}
