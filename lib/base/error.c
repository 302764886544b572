/* SPDX-License-Identifier: BSD-3-Clause */
/* error.c - one error per thread: an errno value and a sentence */

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct error current;

int error_set(int errnum, const char *format, ...)
{
    struct error next = { .errnum = errnum ? errnum : EIO }; /* arguments may point into current */
    va_list args;

    va_start(args, format);
    vsnprintf(next.message, sizeof next.message, format, args);
    va_end(args);
    current = next;
    return -1;
}

int error_system(int errnum, const char *format, ...)
{
    struct error next = { .errnum = errnum ? errnum : EIO };
    char words[128];
    va_list args;
    size_t used;

    va_start(args, format);
    vsnprintf(next.message, sizeof next.message, format, args);
    va_end(args);
    used = strlen(next.message);
    snprintf(next.message + used, sizeof next.message - used, ": %s",
             strerror_r(next.errnum, words, sizeof words));
    current = next;
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
