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

char *escaped(const char *text, size_t (*kept)(const unsigned char *from))
{
    const unsigned char *from = (const unsigned char *)text;
    char *result = xrealloc(NULL, 4 * strlen(text) + 1);
    char *to = result;

    while (*from) {
        size_t length = kept(from);

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

static size_t kept_in_a_name(const unsigned char *s)
{
    uint32_t code;
    size_t length = utf8_decode(s, &code);

    return length > 0 && !is_invisible(code) ? length : 0;
}

static size_t kept_in_a_message(const unsigned char *s)
{
    return *s == '\n' ? 1 : kept_in_a_name(s);
}

char *printable(const char *text)
{
    return escaped(text, kept_in_a_name);
}

static void report(const char *kind, const char *format, va_list args)
{
    CLEANUP_FREE char *raw = format_message(format, args);
    CLEANUP_FREE char *text = escaped(raw, kept_in_a_message);

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
