/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - qcow-img check: look for damage in an image, and repair it
 *
 * Findings go to standard error as they are made; the summary to standard output.  Only the named
 * file is looked at: what a check is about does not depend on the backing file.  After a repair the
 * image is checked again, and the summary is what that says.
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
    put_unless_zero(facts, "corruptions-fixed", r->corruptions_fixed);
    json_put(facts, "check-errors", json_number(r->check_errors));
    put_unless_zero(facts, "leaks", r->leaks);
    put_unless_zero(facts, "leaks-fixed", r->leaks_fixed);
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

static void print_repaired(const qcow2_check_result *r)
{
    printf("The following inconsistencies were found and repaired:\n\n"
           "    %" PRIu64 " leaked clusters\n"
           "    %" PRIu64 " corruptions\n\n"
           "Double checking the fixed image now...\n",
           r->leaks_fixed, r->corruptions_fixed);
}

static int check(qcow2_image *image, uint32_t flags, qcow2_check_result *result)
{
    if (qcow2_check(image, flags, result, sizeof *result, print_finding, NULL) == 0)
        return 0;
    /* why counts must be rebuilt was told as a finding; qemu-img has but this to add */
    error_report("Check failed: %s",
                 qcow2_get_errno() == EUCLEAN ? strerror(EIO) : qcow2_get_error());
    return qcow2_get_errno() == ENOTSUP ? EXIT_UNSUPPORTED : EXIT_NOT_CHECKED;
}

/* Check, and once more if something was repaired. */
static int check_twice(const options *o, qcow2_image *image, uint32_t flags,
                       qcow2_check_result *result)
{
    qcow2_check_result repaired;
    int status = check(image, flags, result);

    if (status || (result->leaks_fixed == 0 && result->corruptions_fixed == 0))
        return status;
    repaired = *result;
    if (o->output != OUTPUT_JSON && !o->quiet)
        print_repaired(&repaired);
    fflush(stdout);
    status = check(image, 0, result);
    result->leaks_fixed = repaired.leaks_fixed;
    result->corruptions_fixed = repaired.corruptions_fixed;
    return status;
}

static int check_image(const options *o, qcow2_image *image, uint32_t flags)
{
    qcow2_check_result result = { 0 };
    qcow2_info info;
    int status;

    if (qcow2_get_info(image, &info, sizeof info)) {
        error_report("Check failed: %s", qcow2_get_error());
        return EXIT_NOT_CHECKED;
    }
    if (strcmp(info.format, "qcow2") != 0) {
        error_report("This image format does not support checks");
        return EXIT_UNSUPPORTED;
    }
    status = check_twice(o, image, flags, &result);
    if (status)
        return status;
    if (!o->quiet && o->output == OUTPUT_JSON)
        print_json(o->arguments[0], info.format, &result);
    else if (!o->quiet)
        print_human(&result);
    return exit_status(&result);
}

static uint32_t repair_flags(const options *o)
{
    if (o->repair == NULL)
        return 0;
    return strcmp(o->repair, "all") == 0 ? QCOW2_CHECK_REPAIR_ALL : QCOW2_CHECK_REPAIR_LEAKS;
}

int run_check(const options *o)
{
    CLEANUP_IMAGE qcow2_image *image = NULL;
    image_source source;
    uint32_t repair = repair_flags(o);

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    if (check_cache_mode("source cache", o->source_cache))
        return EXIT_NOT_CHECKED;
    source = image_source_of(o, QCOW2_OPEN_CHECK | (repair ? 0 : QCOW2_OPEN_READ_ONLY));
    source.backing = QCOW2_BACKING_IGNORE;
    image = open_image(&source);
    return image ? check_image(o, image, repair) : EXIT_NOT_CHECKED;
}
