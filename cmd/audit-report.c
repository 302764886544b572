/* SPDX-License-Identifier: BSD-3-Clause */
/* audit-report.c - the list of findings, and how it is printed */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "cleanup.h"
#include "human.h"
#include "json.h"
#include "message.h"

void audit_begin(audit *a, const char *filename)
{
    *a = (audit){ .filename = filename, .facts = json_object(), .findings = json_array() };
}

void audit_end(audit *a)
{
    json_decref(a->facts);
    json_decref(a->findings);
}

/* "safe", "caution" ... */
static const char *audit_word(audit_level level)
{
    static const char *const words[] = { "safe", "caution", "danger", "failed" };

    return words[level];
}

void audit_find(audit *a, audit_level level, const char *name, const char *format, ...)
{
    CLEANUP_FREE char *text = NULL;
    json_t *finding = json_object();
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    json_put(finding, "level", json_text(audit_word(level)));
    json_put(finding, "name", json_text(name));
    json_put(finding, "text", json_text(text ? text : "out of memory"));
    json_array_append_new(a->findings, finding);
    a->level = level > a->level ? level : a->level;
}

void audit_print_json(const audit *a, int depth)
{
    CLEANUP_JSON json_t *report = json_object();

    json_put(report, "filename", json_text(a->filename));
    json_put(report, "verdict", json_text(audit_word(a->level)));
    json_object_update(report, a->facts);
    json_put(report, "findings", json_incref(a->findings));
    json_print_indented(report, depth);
}

static void print_size(const audit *a, const char *label, const char *key)
{
    const json_t *value = json_object_get(a->facts, key);
    uint64_t bytes = (uint64_t)json_integer_value(value);
    char size[HUMAN_SIZE_LENGTH];

    if (value)
        printf("  %s: %s (%" PRIu64 " bytes)\n", label, human_size(size, bytes), bytes);
}

static void print_format(const audit *a)
{
    const char *format = json_string_value(json_object_get(a->facts, "format"));
    const json_t *version = json_object_get(a->facts, "version");

    if (format && version)
        printf("  format: %s, version %" JSON_INTEGER_FORMAT "\n", format,
               json_integer_value(version));
    else if (format)
        printf("  format: %s\n", format);
}

static void print_features(const audit *a)
{
    const json_t *features = json_object_get(a->facts, "features");
    size_t index;
    json_t *feature;

    if (json_array_size(features) == 0)
        return;
    printf("  features:");
    json_array_foreach(features, index, feature) printf(" %s", json_string_value(feature));
    printf("\n");
}

void audit_print_human(const audit *a)
{
    CLEANUP_FREE char *filename = printable(a->filename);
    size_t index;
    json_t *finding;

    printf("%s: %s\n", filename, audit_word(a->level));
    print_format(a);
    print_size(a, "size of the disk", "virtual-size");
    print_size(a, "length of the file", "file-length");
    print_size(a, "space it takes", "actual-size");
    print_features(a);
    json_array_foreach(a->findings, index, finding)
    {
        CLEANUP_FREE char *text = printable(json_string_value(json_object_get(finding, "text")));

        printf("  %s: %s: %s\n", json_string_value(json_object_get(finding, "level")),
               json_string_value(json_object_get(finding, "name")), text);
    }
}
