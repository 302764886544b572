/* SPDX-License-Identifier: BSD-3-Clause */
/* amend_options.c - the edge: what is to be changed in an existing image */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/option.h"
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

static int set_compat(const struct option *option, void *object, const char *value)
{
    qcow2_amend_options *o = object;

    (void)option;
    o->version = value ? image_version_parse(value) : 0;
    return o->version || !value ? 0 : error_set(EINVAL, "Unknown compatibility level %s", value);
}

static int set_size(const struct option *option, void *object, const char *value)
{
    qcow2_amend_options *o = object;

    o->has_size = value != NULL;
    return value ? option_number(option->name, value, &o->size) : 0;
}

static int set_refcount_bits(const struct option *option, void *object, const char *value)
{
    qcow2_amend_options *o = object;

    o->refcount_bits = 0;
    return value ? options_set_refcount_bits(option, object, value) : 0;
}

static int set_amend_switch(const struct option *option, void *object, const char *value)
{
    enum amend_switch *to = option_member(option, object);
    bool on;

    *to = AMEND_AS_IT_IS;
    if (value == NULL)
        return 0;
    if (option_switch(option->name, value, &on) == -1)
        return -1;
    *to = on ? AMEND_ON : AMEND_OFF;
    return 0;
}

/* "encrypt.state" of qcow2 is "state" of luks, which is asked in the end. */
static int set_state(const struct option *option, void *object, const char *value)
{
    static const char *const states[] = { "active", "inactive" };
    qcow2_amend_options *o = object;
    int state;

    (void)option;
    o->keyslots.state = KEYSLOT_STATE_UNSAID;
    if (value == NULL)
        return 0;
    state = option_choice("state", value, states, 2);
    if (state == -1)
        return -1;
    o->keyslots.state = state == 0 ? KEYSLOT_STATE_ACTIVE : KEYSLOT_STATE_INACTIVE;
    return 0;
}

static int set_keyslot(const struct option *option, void *object, const char *value)
{
    qcow2_amend_options *o = object;

    o->keyslots.has_keyslot = value != NULL;
    return value ? option_number(option->name, value, &o->keyslots.keyslot) : 0;
}

static int set_iter_time(const struct option *option, void *object, const char *value)
{
    qcow2_amend_options *o = object;

    o->keyslots.has_iter_time = value != NULL;
    return value ? option_number(option->name, value, &o->keyslots.iter_time) : 0;
}

#define MEMBER(name) .member = offsetof(struct qcow2_amend_options, name)
#define WHOLE .member = 0 /* of which the setter knows the member */

static const struct option amend_options[] = {
    { "compat", set_compat, WHOLE },
    { "size", set_size, WHOLE },
    { "refcount_bits", set_refcount_bits, MEMBER(refcount_bits) },
    { "lazy_refcounts", set_amend_switch, MEMBER(lazy_refcounts) },
    { "backing_file", option_set_text, MEMBER(backing_file) },
    { "backing_fmt", option_set_text, MEMBER(backing_format) },
    { "data_file", option_set_text, MEMBER(data_file) },
    { "data_file_raw", set_amend_switch, MEMBER(data_file_raw) },
    { "encrypt.state", set_state, WHOLE },
    { "encrypt.keyslot", set_keyslot, WHOLE },
    { "encrypt.iter-time", set_iter_time, WHOLE },
    { "state", set_state, WHOLE },
    { "keyslot", set_keyslot, WHOLE },
    { "iter-time", set_iter_time, WHOLE },
};

int qcow2_amend_options_set(qcow2_amend_options *options, const char *name, const char *value)
{
    return option_set(amend_options, sizeof amend_options / sizeof amend_options[0], options, name,
                      value);
}
