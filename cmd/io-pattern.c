/* SPDX-License-Identifier: BSD-3-Clause */
/* io-pattern.c - what buffers are filled with, checked against and dumped as */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "disguise.h"
#include "io.h"
#include "message.h"

int io_parse_pattern(const char *text, int *byte)
{
    char *end;
    long value = strtol(text, &end, 0);
    CLEANUP_FREE char *word = NULL;

    if (end != text && *end == '\0' && value >= 0 && value <= 255) {
        *byte = (int)value;
        return 0;
    }
    word = printable(text);
    printf("%s is not a valid pattern byte\n", word);
    return -1;
}

int io_fill_from_file(const char *filename, unsigned char *buf, size_t count)
{
    FILE *file = fopen(filename, "r");
    size_t length = file ? fread(buf, 1, count, file) : 0;
    int error = file && !ferror(file) ? 0 : errno;

    if (file)
        fclose(file);
    if (error || length == 0) {
        CLEANUP_FREE char *name = printable(filename);

        fflush(stdout);
        fprintf(stderr, "%s: %s\n", name, error ? strerror(error) : "file is empty");
        return -1;
    }
    for (size_t done = length; done < count; done++)
        buf[done] = buf[done - length];
    return 0;
}

void io_dump(const unsigned char *buf, size_t count, uint64_t offset)
{
    for (size_t line = 0; line < count; line += 16) {
        size_t rest = count - line < 16 ? count - line : 16;

        printf("%08" PRIx64 ":  ", offset + line);
        for (size_t i = 0; i < rest; i++)
            printf("%02x ", buf[line + i]);
        putchar(' ');
        for (size_t i = 0; i < rest; i++)
            putchar(isascii(buf[line + i]) && isalnum(buf[line + i]) ? buf[line + i] : '.');
        putchar('\n');
    }
}

bool io_disguises(io_session *session, const unsigned char *buf, size_t count, uint64_t offset)
{
    unsigned char sector[DISGUISE_SECTOR] = { 0 };
    uint64_t size = qcow2_get_size(session->image);

    if (!session->guessed_raw || offset >= sizeof sector)
        return false;
    if (qcow2_pread(session->image, sector, size < sizeof sector ? size : sizeof sector, 0, 0))
        return true;
    memcpy(sector + offset, buf,
           count < sizeof sector - offset ? count : sizeof sector - (size_t)offset);
    return disguise_of(sector) != NULL;
}
