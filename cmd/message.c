/* SPDX-License-Identifier: BSD-3-Clause */
/* message.c - what the commands say on standard error, and names made fit to print */

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"
#include "utf8.h"
#include "words.h"

#define FOLLOWED_VERSION "7.2.0" /* of QEMU */

static const char *program = "qcow-img";
static void (*before_message)(void);

/* libtool runs an uninstalled program under a name of its own. */
void message_set_program(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    program = skip_prefix(slash ? slash + 1 : argv0, "lt-");
}

const char *message_program(void)
{
    return program;
}

void message_set_prelude(void (*prelude)(void))
{
    before_message = prelude;
}

static bool is_called_as_qemu(void)
{
    return begins(program, "qemu-");
}

void message_print_version(const char *version)
{
    if (is_called_as_qemu())
        printf("%s version %s (qcow-tools %s)\n", program, FOLLOWED_VERSION, version);
    else
        printf("%s version %s (qcow-tools)\n", program, version);
}

static void out_of_memory(void)
{
    fprintf(stderr, "%s: out of memory\n", program);
    exit(EXIT_FAILURE);
}

void *xrealloc(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);

    if (!memory)
        out_of_memory();
    return memory;
}

void *xgot(void *allocated)
{
    if (!allocated)
        out_of_memory();
    return allocated;
}

char *xstrdup(const char *text)
{
    return xgot(strdup(text));
}

static char *format_message(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        out_of_memory();
    return text;
}

char *xasprintf(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = format_message(format, args);
    va_end(args);
    return text;
}

/* Characters that are not seen but change what is: controls, and marks that turn the direction of
 * writing, join, break or hide. */
static bool is_invisible(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
        { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* The length of the UTF-8 sequence of a printable character at s, or 0. */
static size_t printable_length(const unsigned char *s)
{
    uint32_t code;
    size_t length = utf8_decode(s, &code);

    return length > 0 && !is_invisible(code) ? length : 0;
}

static char *escape(const char *text, bool keep_newlines)
{
    const unsigned char *from = (const unsigned char *)text;
    char *result = xrealloc(NULL, 4 * strlen(text) + 1);
    char *to = result;

    while (*from) {
        size_t length = printable_length(from);

        if (length == 0 && *from == '\n' && keep_newlines)
            length = 1;
        if (length == 0) {
            to += sprintf(to, "\\x%02x", *from++);
            continue;
        }
        memcpy(to, from, length);
        to += length;
        from += length;
    }
    *to = '\0';
    return result;
}

char *printable(const char *text)
{
    return escape(text, false);
}

static void report(const char *kind, const char *format, va_list args)
{
    CLEANUP_FREE char *raw = format_message(format, args);
    CLEANUP_FREE char *text = escape(raw, true);

    if (before_message)
        before_message();
    fflush(stdout);
    fprintf(stderr, "%s: %s%s\n", program, kind, text);
}

void error_report(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("", format, args);
    va_end(args);
}

void warning_report(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("warning: ", format, args);
    va_end(args);
}

int usage_error(const char *format, ...)
{
    CLEANUP_FREE char *sentence = NULL;
    va_list args;

    va_start(args, format);
    sentence = format_message(format, args);
    va_end(args);
    error_report("%s\nTry '%s --help' for more information", sentence, program);
    return EXIT_FAILURE;
}
