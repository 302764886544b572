/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - qcow-img map: print where the content of an image is stored
 *
 * Extents that continue each other, in the guest's view and on the host, are one line.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image-open.h"
#include "map-bitmap.h"
#include "message.h"
#include "verb.h"

typedef struct {
    const options *options;
    qcow2_extent last; /* gathered, not yet printed */
    bool first;        /* nothing was printed yet */
} map_printer;

static bool has(const qcow2_extent *extent, uint32_t bit)
{
    return (extent->status & bit) != 0;
}

static const char *truth(const qcow2_extent *extent, uint32_t bit)
{
    return has(extent, bit) ? "true" : "false";
}

static void print_json(map_printer *printer)
{
    const qcow2_extent *e = &printer->last;

    printf("%s{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %" PRIu32
           ", \"present\": %s, \"zero\": %s, \"data\": %s",
           printer->first ? "[" : ",\n", e->guest_offset, e->length, e->depth,
           truth(e, QCOW2_EXTENT_PRESENT), truth(e, QCOW2_EXTENT_ZERO),
           truth(e, QCOW2_EXTENT_DATA));
    if (has(e, QCOW2_EXTENT_OFFSET))
        printf(", \"offset\": %" PRIu64, e->host_offset);
    printf("}");
    printer->first = false;
}

/* People are told of data only. */
static int print_human(map_printer *printer)
{
    const qcow2_extent *e = &printer->last;
    CLEANUP_FREE char *filename = NULL;

    if (e->length == 0 || !has(e, QCOW2_EXTENT_DATA) || has(e, QCOW2_EXTENT_ZERO))
        return 0;
    if (!has(e, QCOW2_EXTENT_OFFSET)) {
        error_report("File contains external, encrypted or compressed clusters.");
        return -1;
    }
    filename = printable(e->filename);
    printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", e->guest_offset, e->length,
           e->host_offset, filename);
    return 0;
}

static int print_last(map_printer *printer)
{
    if (printer->options->output == OUTPUT_HUMAN)
        return print_human(printer);
    print_json(printer);
    return 0;
}

static bool is_same_file(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* How an extent is stored may differ in what is not printed: that compressed clusters are. */
static bool continues(const qcow2_extent *last, const qcow2_extent *next)
{
    const uint32_t printed =
        QCOW2_EXTENT_PRESENT | QCOW2_EXTENT_ZERO | QCOW2_EXTENT_DATA | QCOW2_EXTENT_OFFSET;

    return last->length > 0 && (last->status & printed) == (next->status & printed) &&
           last->depth == next->depth && is_same_file(last->filename, next->filename) &&
           (!has(last, QCOW2_EXTENT_OFFSET) ||
            last->host_offset + last->length == next->host_offset);
}

/* What a bitmap of a server's has is shown, by custom, as if nothing were there. */
static qcow2_extent to_be_shown(const qcow2_extent *extent)
{
    qcow2_extent shown = *extent;

    if (has(extent, QCOW2_EXTENT_DIRTY)) {
        shown.status = 0;
        shown.filename = NULL;
    }
    return shown;
}

static int gather(void *opaque, const qcow2_extent *extent)
{
    map_printer *printer = opaque;
    qcow2_extent next = to_be_shown(extent);

    if (continues(&printer->last, &next)) {
        printer->last.length += next.length;
        return 0;
    }
    if (printer->last.length > 0 && print_last(printer))
        return 1;
    printer->last = next;
    return 0;
}

/* How much of the disk from -s on is asked for. */
static uint64_t wanted(const options *o, qcow2_image *image)
{
    uint64_t size = qcow2_get_size(image);
    uint64_t rest = o->start_offset < size ? size - o->start_offset : 0;

    return rest < o->max_length ? rest : o->max_length;
}

static int map(const options *o, qcow2_image *image)
{
    map_printer printer = {
        .options = o,
        .last = { .guest_offset = o->start_offset },
        .first = true,
    };
    uint64_t count = wanted(o, image);
    int result = 0;

    if (o->output == OUTPUT_HUMAN)
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    if (count > 0)
        result = qcow2_map(image, count, o->start_offset, 0, gather, &printer);
    if (result < 0)
        error_report("Failed to read image metadata: %s", qcow2_get_error());
    if (result == 0)
        result = print_last(&printer);
    if (o->output == OUTPUT_JSON && !printer.first)
        printf("]\n");
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

int run_map(const options *o)
{
    CLEANUP_IMAGE qcow2_image *image = NULL;
    image_source source;

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    source = image_source_of(o, QCOW2_OPEN_READ_ONLY);
    image = open_image(&source);
    if (image && o->bitmap)
        return map_bitmap(o, image, wanted(o, image)) ? EXIT_FAILURE : EXIT_SUCCESS;
    return image ? map(o, image) : EXIT_FAILURE;
}
