/* SPDX-License-Identifier: BSD-3-Clause */
/* error.c - one error per thread: an errno value and a sentence */

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct error current;

/* Sentences quote names that come from images: nothing in them may steer a terminal. */
static void make_printable(char *message)
{
    for (unsigned char *c = (unsigned char *)message; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* C1 controls in UTF-8 */
            *c = c[1] = '?';
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
