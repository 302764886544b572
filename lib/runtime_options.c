/* SPDX-License-Identifier: BSD-3-Clause */
/* runtime_options.c - the edge: how an open image behaves, a row per option */

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "format/disk.h"
#include "image/options.h"
#include "table/metadata_map.h"
#include "table/quarantine.h"

struct row {
    const char *name;
    int (*set)(qcow2_open_options *options, const struct row *row, const char *value);
    size_t member; /* offsetof(struct qcow2_open_options, ...), where set needs it */
    uint32_t bit;
};

static int parse_switch(const struct row *row, const char *value, bool *on)
{
    if (text_parse_switch(value, on) == 0)
        return 0;
    return error_set(EINVAL, "Parameter '%s' expects 'on' or 'off'", row->name);
}

static int parse_number(const struct row *row, const char *value, uint64_t *number)
{
    if (text_parse_number(value, number) == -1)
        return error_set(EINVAL, "Parameter '%s' expects a number", row->name);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Setters
 */

static int set_compression_level(qcow2_open_options *o, const struct row *row, const char *value)
{
    return compression_parse_level(row->name, value, &o->compression.level);
}

static int set_compression_window(qcow2_open_options *o, const struct row *row, const char *value)
{
    return compression_parse_window(row->name, value, &o->compression.window);
}

static int set_encrypt_format(qcow2_open_options *o, const struct row *row, const char *value)
{
    if (strcmp(value, "luks") == 0)
        o->crypt_method = CRYPT_LUKS;
    else if (strcmp(value, "aes") == 0)
        o->crypt_method = CRYPT_AES;
    else
        return error_set(EINVAL, "Parameter '%s' does not accept value '%s'", row->name, value);
    return 0;
}

/* As little as possible is not the same as the default. */
static int set_size(qcow2_open_options *o, const struct row *row, const char *value)
{
    uint64_t size;

    if (parse_number(row, value, &size) == -1)
        return -1;
    *(uint64_t *)((char *)o + row->member) = size ? size : 1;
    return 0;
}

static int set_offset(qcow2_open_options *o, const struct row *row, const char *value)
{
    o->part.has_offset = true;
    return parse_number(row, value, &o->part.offset);
}

static int set_part_size(qcow2_open_options *o, const struct row *row, const char *value)
{
    o->part.has_size = true;
    return parse_number(row, value, &o->part.size);
}

/* Seconds, as they are. */
static int set_seconds(qcow2_open_options *o, const struct row *row, const char *value)
{
    return parse_number(row, value, (uint64_t *)((char *)o + row->member));
}

static int set_text(qcow2_open_options *o, const struct row *row, const char *value)
{
    char **text = (char **)((char *)o + row->member);
    char *copy = strdup(value);

    if (copy == NULL)
        return error_no_memory(), -1;
    free(*text);
    *text = copy;
    return 0;
}

static int set_clean_interval(qcow2_open_options *o, const struct row *row, const char *value)
{
    o->runtime.clean_interval_named = true;
    return parse_number(row, value, &o->runtime.clean_interval);
}

static int set_lazy_refcounts(qcow2_open_options *o, const struct row *row, const char *value)
{
    o->runtime.lazy_refcounts_named = true;
    return parse_switch(row, value, &o->runtime.lazy_refcounts);
}

static int set_discard_no_unref(qcow2_open_options *o, const struct row *row, const char *value)
{
    return parse_switch(row, value, &o->runtime.discard_keeps);
}

static void set_bit(uint32_t *named, uint32_t *on_bits, uint32_t bit, bool on)
{
    *named |= bit;
    *on_bits = on ? *on_bits | bit : *on_bits & ~bit;
}

static int set_pass_discard(qcow2_open_options *o, const struct row *row, const char *value)
{
    bool on;

    if (parse_switch(row, value, &on) == -1)
        return -1;
    set_bit(&o->runtime.discard_named, &o->runtime.discard_on, row->bit, on);
    return 0;
}

static int set_overlap_class(qcow2_open_options *o, const struct row *row, const char *value)
{
    bool on;

    if (parse_switch(row, value, &on) == -1)
        return -1;
    set_bit(&o->runtime.overlap_named, &o->runtime.overlap_on, row->bit, on);
    return 0;
}

static int set_overlap_template(qcow2_open_options *o, const struct row *row, const char *value)
{
    static const struct overlap_template templates[] = {
        { "none", 0 },
        { "constant", METADATA_CONSTANT },
        { "cached", METADATA_CACHED },
        { "all", METADATA_ALL },
    };

    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        if (strcmp(templates[i].name, value) == 0) {
            *(const struct overlap_template **)((char *)o + row->member) = &templates[i];
            return 0;
        }
    }
    return error_set(EINVAL,
                     "Unsupported value '%s' for qcow2 option 'overlap-check'. Allowed are any of "
                     "the following: none, constant, cached, all",
                     value);
}

/* ------------------------------------------------------------------------------------------------
 * The table
 */

#define MEMBER(name) offsetof(struct qcow2_open_options, runtime.name)
#define NBD_MEMBER(name) offsetof(struct qcow2_open_options, nbd.name)

static const struct row rows[] = {
    { "cache-size", set_size, MEMBER(cache_size), 0 },
    { "l2-cache-size", set_size, MEMBER(l2_cache_size), 0 },
    { "l2-cache-entry-size", set_size, MEMBER(l2_cache_entry_size), 0 },
    { "refcount-cache-size", set_size, MEMBER(refcount_cache_size), 0 },
    { "cache-clean-interval", set_clean_interval, 0, 0 },
    { "lazy-refcounts", set_lazy_refcounts, 0, 0 },
    { "discard-no-unref", set_discard_no_unref, 0, 0 },
    { "pass-discard-request", set_pass_discard, 0, FREED_BY_REQUEST },
    { "pass-discard-snapshot", set_pass_discard, 0, FREED_BY_SNAPSHOT },
    { "pass-discard-other", set_pass_discard, 0, FREED_OTHERWISE },
    { "overlap-check", set_overlap_template, MEMBER(overlap_check), 0 },
    { "overlap-check.template", set_overlap_template, MEMBER(overlap_template), 0 },
    { "overlap-check.main-header", set_overlap_class, 0, METADATA_HEADER },
    { "overlap-check.active-l1", set_overlap_class, 0, METADATA_ACTIVE_L1 },
    { "overlap-check.active-l2", set_overlap_class, 0, METADATA_ACTIVE_L2 },
    { "overlap-check.refcount-table", set_overlap_class, 0, METADATA_REFCOUNT_TABLE },
    { "overlap-check.refcount-block", set_overlap_class, 0, METADATA_REFCOUNT_BLOCK },
    { "overlap-check.snapshot-table", set_overlap_class, 0, METADATA_SNAPSHOT_TABLE },
    { "overlap-check.inactive-l1", set_overlap_class, 0, METADATA_INACTIVE_L1 },
    { "overlap-check.inactive-l2", set_overlap_class, 0, METADATA_INACTIVE_L2 },
    { "overlap-check.bitmap-directory", set_overlap_class, 0, METADATA_BITMAP_DIRECTORY },
    { "compression-level", set_compression_level, 0, 0 },
    { "compression-window", set_compression_window, 0, 0 },
    { "encrypt.format", set_encrypt_format, 0, 0 },
    { "offset", set_offset, 0, 0 },
    { "size", set_part_size, 0, 0 },
    { "open-timeout", set_seconds, NBD_MEMBER(open_timeout), 0 },
    { "reconnect-delay", set_seconds, NBD_MEMBER(reconnect_delay), 0 },
    { "tls-hostname", set_text, NBD_MEMBER(tls_hostname), 0 },
    { "x-dirty-bitmap", set_text, NBD_MEMBER(dirty_bitmap), 0 },
};

int qcow2_open_options_set(qcow2_open_options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].set(options, &rows[i], value);
    return error_set(ENOENT, "Invalid parameter '%s'", name);
}
