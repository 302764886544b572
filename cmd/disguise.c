/* SPDX-License-Identifier: BSD-3-Clause */
/* disguise.c - what a raw disk would be taken for by whoever guesses formats
 *
 * VMDK images may consist of words only, and name files of the host in them: comments, blank lines,
 * then a line with a version.  Probers differ in what they let stand before that line, so any text
 * that has one is taken for such an image here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "disguise.h"

typedef struct {
    const char *format;
    size_t offset, length;
    const char *bytes;
} mark;

static const mark marks[] = {
    { "QED", 0, 4, "QED\0" },
    { "VMDK", 0, 4, "KDMV" },
    { "VMDK", 0, 4, "COWD" },
    { "VMDK", 0, 21, "# Disk DescriptorFile" },
    { "VHD", 0, 8, "conectix" },
    { "VHDX", 0, 8, "vhdxfile" },
    { "VDI", 64, 4, "\x7f\x10\xda\xbe" },
    { "LUKS", 0, 6, "LUKS\xba\xbe" },
    { "Bochs", 0, 22, "Bochs Virtual HD Image" },
    { "Parallels", 0, 16, "WithoutFreeSpace" },
    { "Parallels", 0, 16, "WithouFreSpacExt" },
    { "cloop", 0, 22, "#!/bin/sh\n#V2.0 Format" },
    { "COW", 0, 4, "OOOM" },
};

static const mark end_marks[] = {
    { "VHD", 0, 8, "conectix" },
    { "VHD", 1, 8, "conectix" }, /* of 511 bytes */
    { "DMG", 0, 4, "koly" },
};

/* The mark, and any version but 0. */
static bool is_qcow(const unsigned char *sector)
{
    return memcmp(sector, "QFI\xfb", 4) == 0 && memcmp(sector + 4, "\0\0\0\0", 4) != 0;
}

static bool is_vmdk_in_words(const unsigned char *sector)
{
    return memchr("# v", sector[0], 3) && memmem(sector, DISGUISE_SECTOR, "version=", 8);
}

static const char *find_mark(const mark *list, size_t count, const unsigned char *sector)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(sector + list[i].offset, list[i].bytes, list[i].length) == 0)
            return list[i].format;
    return NULL;
}

const char *disguise_of(const unsigned char sector[DISGUISE_SECTOR])
{
    if (is_qcow(sector))
        return "qcow2";
    if (is_vmdk_in_words(sector))
        return "VMDK";
    return find_mark(marks, sizeof marks / sizeof *marks, sector);
}

const char *disguise_of_end(const unsigned char sector[DISGUISE_SECTOR])
{
    return find_mark(end_marks, sizeof end_marks / sizeof *end_marks, sector);
}
