/* SPDX-License-Identifier: BSD-3-Clause */
/* error.c - one error per thread: an errno value and a sentence */

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct error current;

/* Is the character of three bytes one that hides, joins or turns others: U+200B to U+200F, U+2028 to
 * U+202E, U+2060 to U+206F, U+FEFF? */
static bool is_mark(const unsigned char *c)
{
    unsigned code = (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);

    return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

/* How many bytes at c are a character in UTF-8 that is no control character: 1 to 4; else 0. */
static size_t printable_length(const unsigned char *c)
{
    size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    switch (length) {
    case 1: return c[0] >= 0x20 && c[0] != 0x7f;
    case 2: return c[0] == 0xc2 && c[1] < 0xa0 ? 0 : 2;                 /* C1 */
    case 3: return (c[0] == 0xe0 && c[1] < 0xa0) || is_mark(c) ? 0 : 3; /* overlong */
    default: return c[0] > 0xf4 || (c[0] == 0xf0 && c[1] < 0x90) ? 0 : length;
    }
}

/* Sentences quote names that come from images: nothing in them may steer a terminal. */
static void make_printable(char *message)
{
    for (unsigned char *c = (unsigned char *)message; *c;) {
        size_t length = printable_length(c);

        if (length == 0)
            *c = '?';
        c += length > 0 ? length : 1;
    }
}

/* Format into the free end of a message and make that part printable. */
static void append(struct error *error, const char *format, va_list args)
{
    size_t used = strlen(error->message);

    vsnprintf(error->message + used, sizeof error->message - used, format, args);
    make_printable(error->message + used);
}

static void append_text(struct error *error, const char *text)
{
    size_t used = strlen(error->message);

    snprintf(error->message + used, sizeof error->message - used, "%s", text);
}

int error_set(int errnum, const char *format, ...)
{
    struct error next = { .errnum = errnum ? errnum : EIO }; /* arguments may point into current */
    va_list args;

    va_start(args, format);
    append(&next, format, args);
    va_end(args);
    current = next;
    return -1;
}

int error_system(int errnum, const char *format, ...)
{
    struct error next = { .errnum = errnum ? errnum : EIO };
    char words[128];
    va_list args;

    va_start(args, format);
    append(&next, format, args);
    va_end(args);
    append_text(&next, ": ");
    append_text(&next, strerror_r(next.errnum, words, sizeof words));
    current = next;
    return -1;
}

int error_prefix(const char *format, ...)
{
    struct error next = { .errnum = current.errnum };
    va_list args;

    va_start(args, format);
    append(&next, format, args);
    va_end(args);
    append_text(&next, current.message);
    current = next;
    return -1;
}

int error_hint(const char *format, ...)
{
    va_list args;

    append_text(&current, "\n");
    va_start(args, format);
    append(&current, format, args);
    va_end(args);
    return -1;
}

void *error_no_memory(void)
{
    error_set(ENOMEM, "Out of memory");
    return NULL;
}

int error_errno(void)
{
    return current.errnum;
}

const char *error_message(void)
{
    return current.message;
}

void error_save(struct error *error)
{
    *error = current;
}

int error_restore(const struct error *error)
{
    current = *error;
    return -1;
}
