/* SPDX-License-Identifier: BSD-3-Clause */
/* error.c - one error per thread: an errno value and a sentence */

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct error current;

/* Controls, and what hides, joins or turns other characters. */
static bool is_invisible(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

/* Longer than it needs to be, one half of a pair of UTF-16, or beyond the last character? */
static bool is_no_character(unsigned code, size_t length)
{
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 }; /* of so many bytes */

    return code < least[length] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff;
}

/* How many bytes at c are a character in UTF-8 that is seen: 1 to 4; else 0. */
static size_t printable_length(const unsigned char *c)
{
    size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc0 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    unsigned code = length > 1 ? c[0] & (0x7fu >> length) : c[0];

    if (c[0] >= 0xf8)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3fu);
    }
    return is_invisible(code) || is_no_character(code, length) ? 0 : length;
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

/* Of a sentence that has become long by a long name, the end says what is wrong. */
static void make_room(struct error *error, size_t length)
{
    static const char cut[] = "...";
    size_t end = sizeof error->message - sizeof cut - length;

    if (strlen(error->message) <= end)
        return;
    while ((error->message[end] & 0xc0) == 0x80) /* not amid a character */
        end--;
    strcpy(error->message + end, cut);
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
    const char *reason;
    va_list args;

    va_start(args, format);
    append(&next, format, args);
    va_end(args);
    reason = strerror_r(next.errnum, words, sizeof words);
    make_room(&next, strlen(": ") + strlen(reason));
    append_text(&next, ": ");
    append_text(&next, reason);
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
