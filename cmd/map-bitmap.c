/* SPDX-License-Identifier: BSD-3-Clause */
/* map-bitmap.c - qcow-img map --bitmap: print where a bitmap says that the disk has changed */

#include "map-bitmap.h"

#include <inttypes.h>
#include <stdio.h>

#include "message.h"

typedef struct {
    bool json;
    bool first; /* no extent was printed yet */
} bitmap_printer;

/* What comes before the first extent, once it is known that there is such a bitmap. */
static void begin(bitmap_printer *printer)
{
    if (printer->first && printer->json)
        putchar('[');
    else if (printer->first)
        printf("%-16s%s\n", "Offset", "Length");
}

/* People are told of what is dirty only. */
static int print_extent(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    bitmap_printer *printer = opaque;

    begin(printer);
    if (printer->json)
        printf("%s{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"dirty\": %s}",
               printer->first ? "" : ",\n", offset, length, dirty ? "true" : "false");
    else if (dirty)
        printf("%#-16" PRIx64 "%#" PRIx64 "\n", offset, length);
    printer->first = false;
    return 0;
}

int map_bitmap(const options *o, qcow2_image *image, uint64_t count)
{
    bitmap_printer printer = { .json = o->output == OUTPUT_JSON, .first = true };

    if (qcow2_bitmap_extents(image, o->bitmap, count, o->start_offset, print_extent, &printer)) {
        error_report("Could not read bitmap '%s': %s", o->bitmap, qcow2_get_error());
        return -1;
    }
    begin(&printer);
    if (printer.json)
        puts("]");
    return 0;
}
