/* SPDX-License-Identifier: BSD-3-Clause */
/* io-reopen.c - what reopening the image may change */

#include <string.h>

#include "io.h"
#include "message.h"
#include "words.h"

/* What can be changed: always, or in a qcow2 image. */
static bool is_changeable(const char *key, const char *format)
{
    static const char *const always[] = { "read-only",      "cache.direct",
                                          "cache.no-flush", "discard",
                                          "auto-read-only", "detect-zeroes",
                                          "file.discard",   NULL };
    static const char *const in_qcow2[] = {
        "lazy-refcounts",       "overlap-check",         "cache-size",
        "l2-cache-size",        "l2-cache-entry-size",   "discard-no-unref",
        "refcount-cache-size",  "cache-clean-interval",  "encrypt.format",
        "pass-discard-other",   "compression-level",     "compression-window",
        "pass-discard-request", "pass-discard-snapshot", NULL
    };

    if (io_find_mode(key, always))
        return true;
    return strcmp(format, "qcow2") == 0 &&
           (io_find_mode(key, in_qcow2) || begins(key, "overlap-check."));
}

/* What cannot be changed may be said, as it is. */
static bool is_unchanged(const io_session *session, const keyval *item, const char *format)
{
    if (strcmp(item->key, "file.driver") == 0)
        return strcmp(item->value, "file") == 0;
    if (strcmp(item->key, "file.filename") == 0)
        return strcmp(item->value, session->filename) == 0;
    return strcmp(item->key, "driver") == 0 && strcmp(item->value, format) == 0;
}

/* The key as its own layer calls it. */
static const char *name_in_layer(const char *key, qcow2_image *image)
{
    if (begins(key, "file."))
        return key + strlen("file.");
    if (image && qcow2_get_backing(image) && begins(key, "backing."))
        return name_in_layer(key + strlen("backing."), qcow2_get_backing(image));
    return key;
}

static int fail_unchangeable(const io_session *session, const char *key)
{
    error_report("Cannot change the option '%s'", name_in_layer(key, session->image));
    return -1;
}

/* Returns -1 when the keys contradict the letters, or mean what cannot be changed. */
static int check_keys(const io_session *session, const io_request *request, const keyval_list *keys)
{
    const keyval *item = keys->items;
    qcow2_info info;

    if (keyval_get(keys, "read-only") && (request->given['r'] || request->given['w'])) {
        error_report("Cannot set both -r/-w and 'read-only'");
        return -1;
    }
    if (request->given['c'] &&
        (keyval_get(keys, "cache.direct") || keyval_get(keys, "cache.no-flush"))) {
        error_report("Cannot set both -c and the cache options");
        return -1;
    }
    if (qcow2_get_info(session->image, &info, sizeof info)) {
        error_report("%s", qcow2_get_error());
        return -1;
    }
    for (size_t i = 0; i < keys->count; i++, item++)
        if (!is_changeable(item->key, info.format) && !is_unchanged(session, item, info.format))
            return fail_unchangeable(session, item->key);
    return 0;
}

static void add_keys(keyval_list *list, const keyval_list *more)
{
    for (size_t i = 0; i < more->count; i++)
        keyval_set(list, more->items[i].key, more->items[i].value);
}

/* A letter wins over an earlier key. */
static void overrule(keyval_list *keys, const char *key, bool on)
{
    if (keyval_get(keys, key))
        keyval_set(keys, key, on ? "on" : "off");
}

static void apply_letters(const io_request *request, io_choice *choice)
{
    uint32_t flags = 0;

    if (request->given['r'] || request->given['w']) {
        choice->source.flags &= ~QCOW2_OPEN_READ_ONLY;
        choice->source.flags |= request->given['r'] ? QCOW2_OPEN_READ_ONLY : 0;
        overrule(&choice->keys, "read-only", request->given['r']);
    }
    if (request->values['c']) {
        choice->source.cache = io_lasting_cache(request->values['c']);
        cache_mode_flags(choice->source.cache, &flags);
        overrule(&choice->keys, "cache.direct", flags & QCOW2_OPEN_DIRECT);
        overrule(&choice->keys, "cache.no-flush", flags & QCOW2_OPEN_UNSAFE);
    }
}

/* The choice of the session, and what is to be different. */
static int choose_again(const io_session *session, const io_request *request, io_choice *choice)
{
    keyval_list keys = { 0 };
    int result = request->values['o'] ? keyval_parse(&keys, request->values['o'], NULL) : 0;

    *choice = session->choice;
    choice->keys = (keyval_list){ 0 };
    if (result == 0)
        result = check_keys(session, request, &keys);
    if (result == 0) {
        add_keys(&choice->keys, &session->choice.keys);
        add_keys(&choice->keys, &keys);
    }
    keyval_list_clear(&keys);
    apply_letters(request, choice);
    return result;
}

int io_reopen(io_session *session, const io_command *command, const io_request *request)
{
    io_choice choice;
    int result;

    if (request->given['r'] && request->given['w']) {
        error_report("Only one -r/-w option may be given");
        return -1;
    }
    if (io_check_cache(request->values['c']))
        return -1;
    if (request->nb_words > 0)
        return io_usage(command);
    result =
        choose_again(session, request, &choice) || io_session_reopen(session, &choice) ? -1 : 0;
    keyval_list_clear(&choice.keys);
    return result;
}
