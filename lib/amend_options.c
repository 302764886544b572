/* SPDX-License-Identifier: BSD-3-Clause */
/* amend_options.c - the edge: what is to be changed in an existing image */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "image/options.h"

qcow2_amend_options *qcow2_amend_options_new(void)
{
    qcow2_amend_options *options = calloc(1, sizeof *options);

    return options ? options : error_no_memory();
}

void qcow2_amend_options_free(qcow2_amend_options *options)
{
    if (options == NULL)
        return;
    free(options->backing_file);
    free(options->backing_format);
    free(options->data_file);
    secret_clear(&options->keyslots.new_secret);
    secret_clear(&options->keyslots.old_secret);
    free(options);
}

int qcow2_amend_options_set_flags(qcow2_amend_options *options, uint32_t flags)
{
    if (flags & ~QCOW2_AMEND_FORCE)
        return error_set(EINVAL, "Unknown flags 0x%" PRIx32, flags & ~QCOW2_AMEND_FORCE);
    options->flags = flags;
    return 0;
}

int qcow2_amend_options_set_new_secret(qcow2_amend_options *options, const void *secret,
                                       size_t size)
{
    return secret_set(&options->keyslots.new_secret, secret, size);
}

int qcow2_amend_options_set_old_secret(qcow2_amend_options *options, const void *secret,
                                       size_t size)
{
    return secret_set(&options->keyslots.old_secret, secret, size);
}

/* ------------------------------------------------------------------------------------------------
 * A row per option; value NULL: as it is
 */

static int set_compat(qcow2_amend_options *o, const char *name, const char *value)
{
    static const struct {
        const char *value;
        uint32_t version;
    } levels[] = { { "0.10", 2 }, { "v2", 2 }, { "1.1", 3 }, { "v3", 3 } };

    (void)name;
    o->version = 0;
    if (value == NULL)
        return 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(levels[i].value, value) == 0)
            o->version = levels[i].version;
    return o->version ? 0 : error_set(EINVAL, "Unknown compatibility level %s", value);
}

static int parse_number(const char *name, const char *value, uint64_t *number)
{
    if (text_parse_number(value, number) == -1)
        return error_set(EINVAL, "Parameter '%s' expects a number, not '%s'", name, value);
    return 0;
}

static int set_size(qcow2_amend_options *o, const char *name, const char *value)
{
    o->has_size = value != NULL;
    return value ? parse_number(name, value, &o->size) : 0;
}

static int set_refcount_bits(qcow2_amend_options *o, const char *name, const char *value)
{
    uint64_t bits = 0;

    o->refcount_bits = 0;
    if (value == NULL)
        return 0;
    if (parse_number(name, value, &bits) == -1)
        return -1;
    if (bits == 0 || bits > 64 || bits & (bits - 1))
        return error_set(EINVAL, "Refcount width must be a power of two and may not exceed 64 "
                                 "bits");
    o->refcount_bits = (uint32_t)bits;
    return 0;
}

static int parse_switch(const char *name, const char *value, enum amend_switch *to)
{
    bool on;

    *to = AMEND_AS_IT_IS;
    if (value == NULL)
        return 0;
    if (text_parse_switch(value, &on) == -1)
        return error_set(EINVAL, "Parameter '%s' expects 'on' or 'off'", name);
    *to = on ? AMEND_ON : AMEND_OFF;
    return 0;
}

static int set_lazy_refcounts(qcow2_amend_options *o, const char *name, const char *value)
{
    return parse_switch(name, value, &o->lazy_refcounts);
}

static int set_data_file_raw(qcow2_amend_options *o, const char *name, const char *value)
{
    return parse_switch(name, value, &o->data_file_raw);
}

static int replace_string(char **to, const char *value)
{
    char *copy = value ? strdup(value) : NULL;

    if (value && copy == NULL)
        return error_no_memory(), -1;
    free(*to);
    *to = copy;
    return 0;
}

static int set_backing_file(qcow2_amend_options *o, const char *name, const char *value)
{
    (void)name;
    return replace_string(&o->backing_file, value);
}

static int set_backing_fmt(qcow2_amend_options *o, const char *name, const char *value)
{
    (void)name;
    return replace_string(&o->backing_format, value);
}

static int set_data_file(qcow2_amend_options *o, const char *name, const char *value)
{
    (void)name;
    return replace_string(&o->data_file, value);
}

/* "encrypt.state" of qcow2 is "state" of luks. */
static int set_state(qcow2_amend_options *o, const char *name, const char *value)
{
    (void)name;
    o->keyslots.state = KEYSLOT_STATE_UNSAID;
    if (value == NULL)
        return 0;
    if (strcmp(value, "active") != 0 && strcmp(value, "inactive") != 0)
        return error_set(EINVAL, "Parameter 'state' does not accept value '%s'", value);
    o->keyslots.state =
        strcmp(value, "active") == 0 ? KEYSLOT_STATE_ACTIVE : KEYSLOT_STATE_INACTIVE;
    return 0;
}

static int set_keyslot(qcow2_amend_options *o, const char *name, const char *value)
{
    o->keyslots.has_keyslot = value != NULL;
    return value ? parse_number(name, value, &o->keyslots.keyslot) : 0;
}

static int set_iter_time(qcow2_amend_options *o, const char *name, const char *value)
{
    o->keyslots.has_iter_time = value != NULL;
    return value ? parse_number(name, value, &o->keyslots.iter_time) : 0;
}

static const struct {
    const char *name;
    int (*set)(qcow2_amend_options *options, const char *name, const char *value);
} amend_options[] = {
    { "compat", set_compat },
    { "size", set_size },
    { "refcount_bits", set_refcount_bits },
    { "lazy_refcounts", set_lazy_refcounts },
    { "backing_file", set_backing_file },
    { "backing_fmt", set_backing_fmt },
    { "data_file", set_data_file },
    { "data_file_raw", set_data_file_raw },
    { "encrypt.state", set_state },
    { "encrypt.keyslot", set_keyslot },
    { "encrypt.iter-time", set_iter_time },
    { "state", set_state },
    { "keyslot", set_keyslot },
    { "iter-time", set_iter_time },
};

int qcow2_amend_options_set(qcow2_amend_options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof amend_options / sizeof amend_options[0]; i++)
        if (strcmp(amend_options[i].name, name) == 0)
            return amend_options[i].set(options, name, value);
    return error_set(ENOENT, "Invalid parameter '%s'", name);
}
