/* SPDX-License-Identifier: BSD-3-Clause */
/* human.c - sizes as people write and read them */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "message.h"

/* A number goes on to the next unit from 1000 of the last, so that three digits are enough. */
const char *human_size(char buf[HUMAN_SIZE_LENGTH], uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000.0 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024.0;
        unit++;
    }
    snprintf(buf, HUMAN_SIZE_LENGTH, "%.3g %s", value, units[unit]);
    return buf;
}

/* The power of two that a unit stands for, or -1. */
static int unit_shift(char unit)
{
    static const char units[] = "bkmgtpe";
    const char *found = unit ? strchr(units, tolower((unsigned char)unit)) : units;

    return found ? (int)(found - units) * 10 : -1;
}

/* The digits behind the point, as a fraction of one; *text moves behind them. */
static double take_fraction(const char **text)
{
    double fraction = 0, weight = 1;

    while (isdigit((unsigned char)**text)) {
        weight /= 10;
        fraction += (*(*text)++ - '0') * weight;
    }
    return fraction;
}

/* To the nearest byte. */
static uint64_t scaled(double fraction, int shift)
{
    return (uint64_t)(fraction * (double)(UINT64_C(1) << shift) + 0.5);
}

int size_parse(const char *text, uint64_t *bytes)
{
    const char *digits = text + strspn(text, " \t\n");
    double fraction = 0;
    uint64_t whole;
    char *rest;
    const char *end;
    bool hexadecimal;
    int shift;

    if (*digits == '+')
        digits++;
    if (!isdigit((unsigned char)*digits))
        return -EINVAL;
    hexadecimal = digits[0] == '0' && tolower((unsigned char)digits[1]) == 'x';
    errno = 0;
    whole = strtoull(digits, &rest, hexadecimal ? 16 : 10);
    if (errno)
        return -ERANGE;
    end = rest;
    if (*end == '.' && !hexadecimal) {
        end++;
        fraction = take_fraction(&end);
    }
    shift = unit_shift(*end);
    if (shift < 0 || (*end && end[1]) || (fraction > 0 && shift == 0))
        return -EINVAL;
    if (hexadecimal && *end)
        warning_report("Using a multiplier suffix on hex numbers is deprecated: %s", text);
    if (whole > UINT64_MAX >> shift ||
        __builtin_add_overflow(whole << shift, scaled(fraction, shift), bytes))
        return -ERANGE;
    return 0;
}

char *size_refusal(const char *name, const char *text, int error)
{
    if (error == -ERANGE)
        return xasprintf("Value '%s' is out of range for parameter '%s'", text, name);
    return xasprintf("Parameter '%s' expects a non-negative number below 2^64\n"
                     "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                     "and exabytes, respectively.",
                     name);
}

int size_parse_argument(const char *what, const char *text, uint64_t *bytes)
{
    return size_parse_range(what, text, 0, INT64_MAX, bytes);
}

int size_parse_range(const char *what, const char *text, uint64_t min, uint64_t max,
                     uint64_t *bytes)
{
    int error = size_parse(text, bytes);

    if (error == 0 && (*bytes < min || *bytes > max))
        error = -ERANGE;
    if (error == -ERANGE)
        error_report("Invalid %s specified. Must be between %" PRIu64 " and %" PRIu64 ".", what,
                     min, max);
    else if (error)
        error_report("Invalid %s specified. You may use k, M, G, T, P or E suffixes for\n"
                     "%s: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.",
                     what, message_program());
    return error ? -1 : 0;
}
