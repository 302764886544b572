/* SPDX-License-Identifier: BSD-3-Clause */
/* probe.c - what the first bytes of a file say that it is */

#include <string.h>

#include "format/disk.h"
#include "image/image.h"
#include "image/storage.h"

/* Formats by their marks, also those that only other tools know: such a file is not taken for a raw
 * disk. */
static const struct {
    const char *format;
    unsigned offset;
    unsigned size;
    const char *magic;
} marks[] = {
    { "qcow", 0, 8, "QFI\xfb\0\0\0\1" },
    { "qed", 0, 4, "QED\0" },
    { "vmdk", 0, 4, "KDMV" },
    { "vmdk", 0, 4, "COWD" },
    { "vpc", 0, 8, "conectix" },
    { "vhdx", 0, 8, "vhdxfile" },
    { "vdi", 64, 4, "\x7f\x10\xda\xbe" },
    { "luks", 0, 8, "LUKS\xba\xbe\0\1" },
    { "parallels", 0, 16, "WithoutFreeSpace" },
    { "parallels", 0, 16, "WithouFreSpacExt" },
    { "cloop", 0, 83,
      "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n" },
};

#define PROBE_SIZE 512

/* Three names, each of which ends inside its field, and a version, little-endian. */
static bool is_bochs(const char *start)
{
    return strcmp(start, "Bochs Virtual HD Image") == 0 && strcmp(start + 32, "Redolog") == 0 &&
           strcmp(start + 48, "Growing") == 0 &&
           (memcmp(start + 64, "\0\0\1", 4) == 0 || memcmp(start + 64, "\0\0\2", 4) == 0);
}

/* Such an image is known by its name: its header is at the end. */
static bool is_dmg(const char *filename)
{
    size_t length = strlen(filename);

    return length > 4 && strcmp(filename + length - 4, ".dmg") == 0;
}

/* A VMDK image may consist of words only, and name other files in them: comments and blank lines,
 * then its version. */
static bool is_vmdk_in_words(const char *text, const char *end)
{
    while (text < end && (*text == '#' || *text == ' ')) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        text = newline ? newline + 1 : end;
    }
    return end - text > 10 && memcmp(text, "version=", 8) == 0 && text[8] >= '1' &&
           text[8] <= '3' && (text[9] == '\n' || (text[9] == '\r' && text[10] == '\n'));
}

static const char *format_of(const uint8_t *start, const char *filename)
{
    /* as other tools tell it: the magic and a version of at least 2 */
    if (load_be32(start) == QCOW2_MAGIC && load_be32(start + 4) >= 2)
        return "qcow2";
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (memcmp(start + marks[i].offset, marks[i].magic, marks[i].size) == 0)
            return marks[i].format;
    if (is_vmdk_in_words((const char *)start, (const char *)start + PROBE_SIZE))
        return "vmdk";
    if (is_bochs((const char *)start))
        return "bochs";
    return is_dmg(filename) ? "dmg" : "raw";
}

const char *image_probe(const char *filename, const struct qcow2_open_options *options)
{
    struct qcow2_open_options reading = *options;
    struct store *store;
    uint8_t start[PROBE_SIZE];
    int r;

    reading.flags = (reading.flags & ~QCOW2_OPEN_CHECK) | QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_LOOK;
    store = storage_open(filename, &reading, STORE_LOCK_NONE);
    if (store == NULL)
        return NULL;
    r = store_pread(store, start, sizeof start, 0);
    store_close(store);
    return r == -1 ? NULL : format_of(start, filename);
}
