/* SPDX-License-Identifier: BSD-3-Clause */
/* runtime_options.c - the edge: how an open image behaves, a row per option */

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/option.h"
#include "format/disk.h"
#include "image/options.h"
#include "table/metadata_map.h"
#include "table/quarantine.h"

/* As little as possible is not the same as the default. */
static int set_size(const struct option *option, void *object, const char *value)
{
    uint64_t size;

    if (option_number(option->name, value, &size) == -1)
        return -1;
    *(uint64_t *)option_member(option, object) = size ? size : 1;
    return 0;
}

static int set_compression_level(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    return compression_parse_level(option->name, value, &o->compression.level);
}

static int set_compression_window(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    return compression_parse_window(option->name, value, &o->compression.window);
}

static int set_encrypt_format(const struct option *option, void *object, const char *value)
{
    static const char *const words[] = { "aes", "luks" };
    static const uint32_t methods[] = { CRYPT_AES, CRYPT_LUKS };
    qcow2_open_options *o = object;
    int word = option_choice(option->name, value, words, 2);

    if (word == -1)
        return -1;
    o->crypt_method = methods[word];
    return 0;
}

static int set_offset(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    o->part.has_offset = true;
    return option_number(option->name, value, &o->part.offset);
}

static int set_part_size(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    o->part.has_size = true;
    return option_number(option->name, value, &o->part.size);
}

static int set_clean_interval(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    o->runtime.clean_interval_named = true;
    return option_number(option->name, value, &o->runtime.clean_interval);
}

static int set_lazy_refcounts(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    o->runtime.lazy_refcounts_named = true;
    return option_switch(option->name, value, &o->runtime.lazy_refcounts);
}

static int set_bit(const struct option *option, const char *value, uint32_t *named,
                   uint32_t *on_bits)
{
    bool on;

    if (option_switch(option->name, value, &on) == -1)
        return -1;
    *named |= option->bit;
    *on_bits = on ? *on_bits | option->bit : *on_bits & ~option->bit;
    return 0;
}

static int set_pass_discard(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    return set_bit(option, value, &o->runtime.discard_named, &o->runtime.discard_on);
}

static int set_overlap_class(const struct option *option, void *object, const char *value)
{
    qcow2_open_options *o = object;

    return set_bit(option, value, &o->runtime.overlap_named, &o->runtime.overlap_on);
}

static int set_overlap_template(const struct option *option, void *object, const char *value)
{
    static const struct overlap_template templates[] = {
        { "none", 0 },
        { "constant", METADATA_CONSTANT },
        { "cached", METADATA_CACHED },
        { "all", METADATA_ALL },
    };
    const struct overlap_template **to = option_member(option, object);

    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        if (strcmp(templates[i].name, value) == 0) {
            *to = &templates[i];
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

#define MEMBER(name) .member = offsetof(struct qcow2_open_options, name)
#define WHOLE .member = 0 /* of which the setter knows the member */

static const struct option runtime_options[] = {
    { "cache-size", set_size, MEMBER(runtime.cache_size) },
    { "l2-cache-size", set_size, MEMBER(runtime.l2_cache_size) },
    { "l2-cache-entry-size", set_size, MEMBER(runtime.l2_cache_entry_size) },
    { "refcount-cache-size", set_size, MEMBER(runtime.refcount_cache_size) },
    { "cache-clean-interval", set_clean_interval, WHOLE },
    { "lazy-refcounts", set_lazy_refcounts, WHOLE },
    { "discard-no-unref", option_set_switch, MEMBER(runtime.discard_keeps) },
    { "pass-discard-request", set_pass_discard, .bit = FREED_BY_REQUEST },
    { "pass-discard-snapshot", set_pass_discard, .bit = FREED_BY_SNAPSHOT },
    { "pass-discard-other", set_pass_discard, .bit = FREED_OTHERWISE },
    { "overlap-check", set_overlap_template, MEMBER(runtime.overlap_check) },
    { "overlap-check.template", set_overlap_template, MEMBER(runtime.overlap_template) },
    { "overlap-check.main-header", set_overlap_class, .bit = METADATA_HEADER },
    { "overlap-check.active-l1", set_overlap_class, .bit = METADATA_ACTIVE_L1 },
    { "overlap-check.active-l2", set_overlap_class, .bit = METADATA_ACTIVE_L2 },
    { "overlap-check.refcount-table", set_overlap_class, .bit = METADATA_REFCOUNT_TABLE },
    { "overlap-check.refcount-block", set_overlap_class, .bit = METADATA_REFCOUNT_BLOCK },
    { "overlap-check.snapshot-table", set_overlap_class, .bit = METADATA_SNAPSHOT_TABLE },
    { "overlap-check.inactive-l1", set_overlap_class, .bit = METADATA_INACTIVE_L1 },
    { "overlap-check.inactive-l2", set_overlap_class, .bit = METADATA_INACTIVE_L2 },
    { "overlap-check.bitmap-directory", set_overlap_class, .bit = METADATA_BITMAP_DIRECTORY },
    { "compression-level", set_compression_level, WHOLE },
    { "compression-window", set_compression_window, WHOLE },
    { "encrypt.format", set_encrypt_format, WHOLE },
    { "offset", set_offset, WHOLE },
    { "size", set_part_size, WHOLE },
    { "open-timeout", option_set_number, MEMBER(nbd.open_timeout) },
    { "reconnect-delay", option_set_number, MEMBER(nbd.reconnect_delay) },
    { "tls-hostname", option_set_text, MEMBER(nbd.tls_hostname) },
    { "x-dirty-bitmap", option_set_text, MEMBER(nbd.dirty_bitmap) },
};

int qcow2_open_options_set(qcow2_open_options *options, const char *name, const char *value)
{
    return option_set(runtime_options, sizeof runtime_options / sizeof runtime_options[0], options,
                      name, value);
}
