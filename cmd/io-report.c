/* SPDX-License-Identifier: BSD-3-Clause */
/* io-report.c - "wrote 512/512 bytes at offset 0", and how long it took */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "io.h"

enum {
    SECOND = 1000000000, /* in nanoseconds */
};

uint64_t io_clock(void)
{
    struct timespec now = clock_now();

    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Whole numbers are printed as such, others with three digits behind the point. */
const char *io_size_text(char buf[IO_SIZE_LENGTH], double value)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    size_t unit = 0;
    size_t length;

    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    snprintf(buf, IO_SIZE_LENGTH, unit == 0 ? "%.6f" : "%.3f", value);
    length = strlen(buf);
    while (buf[length - 1] == '0' && value == (double)(uint64_t)value)
        buf[--length] = '\0';
    if (buf[length - 1] == '.')
        buf[--length] = '\0';
    snprintf(buf + length, IO_SIZE_LENGTH - length, " %s", units[unit]);
    return buf;
}

/* "00.01 sec", or with hours and minutes where there are any or a machine reads it. */
static void print_duration(uint64_t nanoseconds, bool machine)
{
    uint64_t seconds = nanoseconds / SECOND;
    unsigned hundredths = (unsigned)(nanoseconds % SECOND / (SECOND / 100));

    if (machine || seconds >= 60)
        printf("%" PRIu64 ":%02u:%02u.%02u", seconds / 3600, (unsigned)(seconds / 60 % 60),
               (unsigned)(seconds % 60), hundredths);
    else
        printf("%02u.%02u sec", (unsigned)seconds, hundredths);
}

void io_report(const io_transfer *t)
{
    double seconds = (double)(t->nanoseconds ? t->nanoseconds : 1) / SECOND;
    char size[IO_SIZE_LENGTH], rate[IO_SIZE_LENGTH];

    if (t->quiet)
        return;
    if (t->machine) {
        printf("%" PRIu64 ",1,", t->count);
        print_duration(t->nanoseconds, true);
        printf(",%.3f,%.3f\n", (double)t->count / seconds, 1 / seconds);
        return;
    }
    printf("%s %" PRIu64 "/%" PRIu64 " bytes at offset %" PRIu64 "\n%s, 1 ops; ", t->verb, t->count,
           t->count, t->offset, io_size_text(size, (double)t->count));
    print_duration(t->nanoseconds, false);
    printf(" (%s/sec and %.4f ops/sec)\n", io_size_text(rate, (double)t->count / seconds),
           1 / seconds);
}
