/* SPDX-License-Identifier: BSD-3-Clause */
/* image-key-table.c - the keys that a layer of an image may have, and their values */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "human.h"
#include "image-key-table.h"
#include "message.h"
#include "option-value.h"
#include "words.h"

typedef int key_reader(layer *l, const char *key, const char *value, char **why);

int image_keys_fail_library(char **why)
{
    *why = xstrdup(qcow2_get_error());
    return -1;
}

/* Is the value the name of something, which only a text can be? */
static bool is_name(const char *key)
{
    static const char *const names[] = { "backing", "data-file", "driver", "file", "filename" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

/* Can the key have such a value?  null stands for no key at all, but of a backing file it says that
 * there is none. */
static bool counts(const char *key, keyval_kind kind)
{
    if (kind == KEYVAL_NULL)
        return strcmp(key, "backing") == 0;
    return kind == KEYVAL_TEXT || !is_name(key);
}

const char *layer_get(const layer *l, const char *key)
{
    CLEANUP_FREE char *whole = xasprintf("%s%s", l->prefix, key);
    const char *value = keyval_get(l->keys, whole);

    return value && counts(key, keyval_kind_of(l->keys, whole)) ? value : NULL;
}

bool layer_is_number(const layer *l, const char *key)
{
    CLEANUP_FREE char *whole = xasprintf("%s%s", l->prefix, key);

    return keyval_get(l->keys, whole) && keyval_kind_of(l->keys, whole) == KEYVAL_NUMBER;
}

/* ------------------------------------------------------------------------------------------------
 * Values
 */

static int parse_switch(const char *key, const char *value, bool *on, char **why)
{
    if (switch_word_parse(value, on) == 0)
        return 0;
    *why = xasprintf("Parameter '%s' expects 'on' or 'off'", key);
    return -1;
}

static int parse_size(const char *key, const char *value, uint64_t *size, char **why)
{
    int error = size_parse(value, size);

    if (error == 0)
        return 0;
    *why = size_refusal(key, value, error);
    return -1;
}

static int set_flag(layer *l, uint32_t flag, bool on)
{
    l->target->flags = on ? l->target->flags | flag : l->target->flags & ~flag;
    return 0;
}

static int read_flag(layer *l, uint32_t flag, const char *key, const char *value, char **why)
{
    bool on;

    return parse_switch(key, value, &on, why) ? -1 : set_flag(l, flag, on);
}

/* ------------------------------------------------------------------------------------------------
 * Readers of keys
 */

/* What is dealt with elsewhere, or only tells how a running machine's disks are called. */
static int read_nothing(layer *l, const char *key, const char *value, char **why)
{
    (void)l;
    (void)key;
    (void)value;
    (void)why;
    return 0;
}

/* Advice that changes neither what is read nor what is written. */
static int read_switch(layer *l, const char *key, const char *value, char **why)
{
    bool on;

    (void)l;
    return parse_switch(key, value, &on, why);
}

static int read_number(layer *l, const char *key, const char *value, char **why)
{
    char *end;

    (void)l;
    errno = 0;
    strtoull(value, &end, 0);
    if (end > value && *end == '\0' && errno == 0)
        return 0;
    *why = xasprintf("Parameter '%s' expects a number", key);
    return -1;
}

static int read_read_only(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_READ_ONLY, key, value, why);
}

static int read_force_share(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_FORCE_SHARE, key, value, why);
}

static int read_direct(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_DIRECT, key, value, why);
}

static int read_no_flush(layer *l, const char *key, const char *value, char **why)
{
    return read_flag(l, QCOW2_OPEN_UNSAFE, key, value, why);
}

static int read_locking(layer *l, const char *key, const char *value, char **why)
{
    bool off = strcmp(value, "off") == 0;

    (void)key;
    if (off || strcmp(value, "auto") == 0 || strcmp(value, "on") == 0)
        return set_flag(l, QCOW2_OPEN_NO_LOCK, off);
    *why = xasprintf("invalid parameter value: %s", value);
    return -1;
}

/* Requests are made by threads all the same; what native ones need is asked for. */
static int read_aio(layer *l, const char *key, const char *value, char **why)
{
    (void)key;
    l->target->native_aio = strcmp(value, "native") == 0;
    if (strcmp(value, "threads") == 0 || strcmp(value, "native") == 0 ||
        strcmp(value, "io_uring") == 0)
        return 0;
    *why = xasprintf("invalid parameter value: %s", value);
    return -1;
}

/* There are none, as there is no running machine that would have one. */
static int read_pr_manager(layer *l, const char *key, const char *value, char **why)
{
    (void)l;
    (void)key;
    *why = xasprintf("No persistent reservation manager with id '%s'", value);
    return -1;
}

/* Checked, and without effect: written zeroes read the same, but take the space of any data. */
static int read_detect_zeroes(layer *l, const char *key, const char *value, char **why)
{
    const char *discard = layer_get(l, "discard");

    (void)key;
    if (strcmp(value, "unmap") == 0 &&
        (!discard || (strcmp(discard, "unmap") != 0 && strcmp(discard, "on") != 0)))
        *why = xstrdup("setting detect-zeroes to unmap is not allowed without setting discard "
                       "operation to unmap");
    else if (strcmp(value, "off") != 0 && strcmp(value, "on") != 0 && strcmp(value, "unmap") != 0)
        *why = xasprintf("invalid parameter value: %s", value);
    return *why ? -1 : 0;
}

static int read_discard(layer *l, const char *key, const char *value, char **why)
{
    bool unmap = strcmp(value, "unmap") == 0 || strcmp(value, "on") == 0;

    (void)key;
    if (unmap || strcmp(value, "ignore") == 0 || strcmp(value, "off") == 0)
        return set_flag(l, QCOW2_OPEN_DISCARD, unmap);
    *why = xstrdup("Invalid discard option");
    return -1;
}

static int read_option(layer *l, const char *key, const char *value, char **why)
{
    return qcow2_open_options_set(l->target->options, key, value) ? image_keys_fail_library(why)
                                                                  : 0;
}

/* A size or a number as people write it. */
static int read_size_option(layer *l, const char *key, const char *value, char **why)
{
    CLEANUP_FREE char *number = NULL;
    uint64_t size;

    if (parse_size(key, value, &size, why))
        return -1;
    number = xasprintf("%" PRIu64, size);
    return read_option(l, key, number, why);
}

/* As qemu-img has them: any spelling of C, and below 0 as good as for ever. */
static int read_seconds(layer *l, const char *key, const char *value, char **why)
{
    CLEANUP_FREE char *number = option_value_rewrite(key, VALUE_NUMBER, value, why);

    return number ? read_option(l, key, number, why) : -1;
}

/* Who only asks for facts needs no password, and may name one that is not there. */
static int read_key_secret(layer *l, const char *key, const char *value, char **why)
{
    (void)key;
    if (l->target->flags & QCOW2_OPEN_NO_IO)
        return 0;
    return image_target_set_secret(l->target, value, why);
}

/* ------------------------------------------------------------------------------------------------
 * The table
 */

static const struct {
    int where; /* IN_... */
    const char *key;
    key_reader *read;
} key_table[] = {
    { ANYWHERE, "driver", read_nothing },
    { ANYWHERE, "node-name", read_nothing },
    { ANYWHERE, "read-only", read_read_only },
    { ANYWHERE, "auto-read-only", read_switch },
    { ANYWHERE, "force-share", read_force_share },
    { ANYWHERE, "discard", read_discard },
    { ANYWHERE, "detect-zeroes", read_detect_zeroes },
    { ANYWHERE, "cache.direct", read_direct },
    { ANYWHERE, "cache.no-flush", read_no_flush },

    { IN_QCOW2, "cache-size", read_size_option },
    { IN_QCOW2, "l2-cache-size", read_size_option },
    { IN_QCOW2, "l2-cache-entry-size", read_size_option },
    { IN_QCOW2, "refcount-cache-size", read_size_option },
    { IN_QCOW2, "cache-clean-interval", read_option },
    { IN_QCOW2, "overlap-check", read_option },
    { IN_QCOW2, "overlap-check.template", read_option },
    { IN_QCOW2, "overlap-check.main-header", read_option },
    { IN_QCOW2, "overlap-check.active-l1", read_option },
    { IN_QCOW2, "overlap-check.active-l2", read_option },
    { IN_QCOW2, "overlap-check.refcount-table", read_option },
    { IN_QCOW2, "overlap-check.refcount-block", read_option },
    { IN_QCOW2, "overlap-check.snapshot-table", read_option },
    { IN_QCOW2, "overlap-check.inactive-l1", read_option },
    { IN_QCOW2, "overlap-check.inactive-l2", read_option },
    { IN_QCOW2, "overlap-check.bitmap-directory", read_option },
    { IN_QCOW2, "lazy-refcounts", read_option },
    { IN_QCOW2, "pass-discard-request", read_option },
    { IN_QCOW2, "pass-discard-snapshot", read_option },
    { IN_QCOW2, "pass-discard-other", read_option },
    { IN_QCOW2, "discard-no-unref", read_option },
    { IN_QCOW2, "compression-level", read_option },
    { IN_QCOW2, "compression-window", read_option },
    { IN_QCOW2 | IN_QCOW1, "encrypt.format", read_option },
    { IN_QCOW2 | IN_QCOW1, "encrypt.key-secret", read_key_secret },
    { IN_LUKS, "key-secret", read_key_secret },
    { IN_RAW, "offset", read_size_option },
    { IN_RAW, "size", read_size_option },

    { IN_FILE, "filename", read_nothing },
    { IN_FILE, "aio", read_aio },
    { IN_FILE, "aio-max-batch", read_number },
    { IN_FILE, "locking", read_locking },
    { IN_FILE, "drop-cache", read_switch },
    { IN_FILE, "x-check-cache-dropped", read_switch },
    { IN_FILE, "pr-manager", read_pr_manager },

    { IN_NBD, "host", read_nothing },
    { IN_NBD, "port", read_nothing },
    { IN_NBD, "path", read_nothing },
    { IN_NBD, "export", read_nothing },
    { IN_NBD, "tls-creds", read_nothing },
    { IN_NBD, "tls-hostname", read_option },
    { IN_NBD, "open-timeout", read_seconds },
    { IN_NBD, "reconnect-delay", read_seconds },
    { IN_NBD, "x-dirty-bitmap", read_option },
};

int layer_read_key(layer *l, int here, const char *key, const char *value, char **why)
{
    if (here & IN_NBD && begins(key, "server.")) /* read by nbd-keys.c */
        return 0;
    for (size_t i = 0; i < sizeof key_table / sizeof *key_table; i++)
        if ((key_table[i].where & here) && strcmp(key_table[i].key, key) == 0)
            return layer_get(l, key) ? key_table[i].read(l, key, value, why) : 0;
    if (strcmp(key, "backing") == 0 || begins(key, "backing."))
        *why = xstrdup("Driver doesn't support backing files");
    else if (here & IN_PROTOCOL)
        *why = xasprintf("Block protocol '%s' doesn't support the option '%s'", l->driver, key);
    else
        *why = xasprintf("Block format '%s' does not support the option '%s'", l->driver, key);
    return -1;
}
