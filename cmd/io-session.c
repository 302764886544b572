/* SPDX-License-Identifier: BSD-3-Clause */
/* io-session.c - opening, closing and reopening the image that qcow-io works on
 *
 * A temporary overlay (-s) is a qcow2 file without a name: it is unlinked before it is opened, and
 * its descriptor, which the session keeps, is what it is opened by again.
 *
 * To reopen is to close and to open with other options.  When that fails the image is opened as it
 * was.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "message.h"

/* ------------------------------------------------------------------------------------------------
 * Modes
 */

int io_check_cache(const char *mode)
{
    return check_cache_mode("cache", mode);
}

int io_parse_discard(const char *text, uint32_t *flags)
{
    if (strcmp(text, "unmap") == 0 || strcmp(text, "on") == 0) {
        *flags |= QCOW2_OPEN_DISCARD;
    } else if (strcmp(text, "ignore") == 0 || strcmp(text, "off") == 0) {
        *flags &= ~QCOW2_OPEN_DISCARD;
    } else {
        error_report("Invalid discard option: %s", text);
        return -1;
    }
    return 0;
}

const char *io_find_mode(const char *mode, const char *const *names)
{
    while (*names && strcmp(*names, mode) != 0)
        names++;
    return *names;
}

int io_parse_aio(const char *text, const char **mode)
{
    static const char *const names[] = { "threads", "native", "io_uring", NULL };

    *mode = io_find_mode(text, names);
    if (*mode)
        return 0;
    error_report("Invalid aio option: %s", text);
    return -1;
}

const char *io_lasting_cache(const char *mode)
{
    static const char *const names[] = { "none",       "off",    "writeback", "writethrough",
                                         "directsync", "unsafe", NULL };

    return mode ? io_find_mode(mode, names) : NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Opening and closing
 */

/* Returns the sentence, or NULL. */
static const char *contradiction(const io_choice *choice)
{
    uint32_t flags = 0;

    if (choice->source.cache)
        cache_mode_flags(choice->source.cache, &flags);
    if (choice->copy_on_read && choice->source.flags & QCOW2_OPEN_READ_ONLY)
        return "Can't use copy-on-read on read-only device";
    if (choice->aio && strcmp(choice->aio, "native") == 0 && !(flags & QCOW2_OPEN_DIRECT))
        return "aio=native was specified, but it requires cache.direct=on, "
               "which was not specified.";
    return NULL;
}

static int open_nameless_file(char **why)
{
    const char *folder = getenv("TMPDIR");
    CLEANUP_FREE char *name = xasprintf("%s/qcow-io.XXXXXX", folder ? folder : "/var/tmp");
    int fd = mkostemp(name, O_CLOEXEC);

    if (fd >= 0)
        unlink(name);
    else
        *why = xasprintf("Could not create temporary overlay '%s': %s", name, strerror(errno));
    return fd;
}

static int create_overlay(const char *name, uint64_t size)
{
    CLEANUP_FREE char *text = xasprintf("%" PRIu64, size);
    qcow2_create_options *o = qcow2_create_options_new();
    int result = !o || qcow2_create_options_set(o, "size", text) || qcow2_create(name, o) ? -1 : 0;

    qcow2_create_options_free(o);
    return result;
}

static char *overlay_name(const io_session *session)
{
    return xasprintf("/proc/self/fd/%d", session->overlay);
}

/* As large as the image is. */
static int make_overlay(io_session *session, const image_source *source, char **why)
{
    CLEANUP_FREE char *name = NULL;
    image_source readable = *source;
    qcow2_image *image;
    uint64_t size;

    readable.flags |= QCOW2_OPEN_READ_ONLY;
    image = try_open_image(&readable, why);
    if (!image)
        return -1;
    size = qcow2_get_size(image);
    close_image(image);
    session->overlay = open_nameless_file(why);
    if (session->overlay < 0)
        return -1;
    name = overlay_name(session);
    if (create_overlay(name, size) == 0)
        return 0;
    *why = xstrdup(qcow2_get_error());
    return -1;
}

static void forget_overlay(io_session *session)
{
    if (session->overlay != NO_OVERLAY)
        close(session->overlay);
    session->overlay = NO_OVERLAY;
}

static int open_chosen(io_session *session, const io_choice *choice, char **why)
{
    CLEANUP_FREE char *overlay = NULL;
    image_source source = choice->source;

    source.keys = &choice->keys;
    source.guessed_raw = &session->guessed_raw;
    session->guessed_raw = false;
    if (contradiction(choice)) {
        *why = xstrdup(contradiction(choice));
        return -1;
    }
    if (choice->temporary && session->untrusted) {
        *why = xstrdup("--untrusted opens the named image only, and -s wants a file of its own");
        return -1;
    }
    if (choice->temporary && session->overlay == NO_OVERLAY && make_overlay(session, &source, why))
        return -1;
    if (choice->temporary)
        source.overlay = overlay = overlay_name(session);
    session->image = try_open_image(&source, why);
    return session->image ? 0 : -1;
}

/* The session remembers the choice in memory of its own. */
static void remember(io_session *session, io_choice *choice)
{
    char *filename = xstrdup(choice->source.filename);
    char *format = choice->source.format ? xstrdup(choice->source.format) : NULL;
    keyval_list keys = choice->keys;

    choice->keys = (keyval_list){ 0 };
    keyval_list_clear(&session->choice.keys);
    free(session->filename);
    free(session->format);
    session->choice = *choice;
    session->choice.keys = keys;
    session->choice.source.filename = session->filename = filename;
    session->choice.source.format = session->format = format;
}

int io_session_open(io_session *session, io_choice *choice)
{
    CLEANUP_FREE char *why = NULL;
    bool named = !choice->source.image_opts;

    if (io_check_cache(choice->source.cache))
        return -1;
    if (open_chosen(session, choice, &why)) {
        forget_overlay(session);
        error_report("can't open%s%s: %s", named ? " device " : "",
                     named ? choice->source.filename : "", why);
        return -1;
    }
    remember(session, choice);
    return 0;
}

static int close_file(io_session *session)
{
    qcow2_image *image = session->image;

    io_async_report(session, true);
    session->image = NULL;
    return image ? close_image(image) : 0;
}

int io_session_close(io_session *session)
{
    int result = close_file(session);

    forget_overlay(session);
    return result;
}

int io_session_reopen(io_session *session, io_choice *choice)
{
    CLEANUP_FREE char *why = NULL, *again = NULL;

    if (close_file(session))
        return -1;
    if (open_chosen(session, choice, &why) == 0) {
        remember(session, choice);
        return 0;
    }
    error_report("%s", why);
    if (open_chosen(session, &session->choice, &again))
        error_report("can't open device %s: %s", session->filename, again);
    return -1;
}

void io_session_clear(io_session *session)
{
    io_async_free(session);
    keyval_list_clear(&session->choice.keys);
    free(session->filename);
    free(session->format);
}

/* A key wins over a letter. */
bool io_session_discards(const io_session *session)
{
    const char *mode = keyval_get(&session->choice.keys, "discard");

    if (mode)
        return strcmp(mode, "unmap") == 0 || strcmp(mode, "on") == 0;
    return (session->choice.source.flags & QCOW2_OPEN_DISCARD) != 0;
}

/* ------------------------------------------------------------------------------------------------
 * Commands
 */

/* Reads -o of a command into the choice. */
static int read_keys(const io_request *request, io_choice *choice)
{
    const char *text = request->values['o'];

    return text ? keyval_parse(&choice->keys, text, NULL) : 0;
}

static int choose(const io_session *session, const io_request *request, io_choice *choice)
{
    bool alone = request->nb_words == 0;

    *choice = (io_choice){
        .source = session->every,
        .temporary = request->given['s'],
        .copy_on_read = request->given['C'],
        .aio = request->given['k'] ? "native" : NULL,
    };
    choice->source.filename = alone ? request->values['o'] : request->words[0];
    choice->source.image_opts = alone;
    choice->source.cache = request->given['n'] ? "none" : request->values['t'];
    choice->source.flags |= QCOW2_OPEN_DISCARD | (request->given['r'] ? QCOW2_OPEN_READ_ONLY : 0) |
                            (request->given['U'] ? QCOW2_OPEN_FORCE_SHARE : 0);
    if (io_check_cache(choice->source.cache) ||
        (request->values['d'] && io_parse_discard(request->values['d'], &choice->source.flags)) ||
        (request->values['i'] && io_parse_aio(request->values['i'], &choice->aio)) ||
        (!alone && read_keys(request, choice)))
        return -1;
    choice->source.cache = io_lasting_cache(choice->source.cache);
    choice->source.format = keyval_get(&choice->keys, "driver");
    return 0;
}

int io_open(io_session *session, const io_command *command, const io_request *request)
{
    io_choice choice;
    int result;

    if (request->nb_words > 1)
        return io_usage(command);
    if (request->nb_words == 0 && !request->values['o']) {
        error_report("can't open: Must specify either driver or file");
        return -1;
    }
    result = choose(session, request, &choice);
    if (result == 0 && session->image) {
        error_report("file open already, try 'help close'");
        result = -1;
    }
    if (result == 0)
        result = io_session_open(session, &choice);
    keyval_list_clear(&choice.keys);
    return result;
}

int io_close(io_session *session, const io_command *command, const io_request *request)
{
    (void)command;
    (void)request;
    return io_session_close(session);
}
