/* SPDX-License-Identifier: BSD-3-Clause */
/* disk.c - the one image that all connections share
 *
 * The image is opened once, when the server starts: a second handle for writing would meet the
 * locks of the first, and one handle is what makes a flush on any connection count for all.
 *
 * Read-only or not?  readonly= and snapshot= are known at that time.  nbdkit's -r is not: nbdkit
 * tells it only to .open, with the first client, and so do filters that never write to what lies
 * under them (cow).  Opening for writing and finding out later is no way: with -r the file may be
 * write-protected, may be locked by a reader, and not a byte of it may change.  Opening for reading
 * and finding out later would leave the image without its writer's lock until the first client
 * comes.  So:
 *
 *   command line                image opened at the start    when the first client comes
 *   readonly=true or snapshot=  read-only                    -
 *   nothing that could be -r    for writing                  -
 *   -r, or --filter, or a       read-only,                   stays, if the client is read-only;
 *   word that may contain it    provisionally                else opened again for writing
 *
 * The look at the command line (/proc/self/cmdline) may therefore be wrong in one direction only,
 * and then costs nothing but a later lock.
 *
 * An image that is not trusted must not be read before the sandbox is entered, and from there
 * nbdkit could not open its sockets any more: so it is opened one step later, in .after_fork.
 *
 * Once a connection has the image, it stays as it is until the server ends.
 */

#define NBDKIT_API_VERSION 2
#include <errno.h>
#include <nbdkit-plugin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "parameters.h"
#include "sandboxed.h"
#include "words.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Guarded by lock. */
static qcow2_image *disk; /* NULL: not open */
static bool provisional;  /* no connection has it yet, and the first one decides how it is opened */

/* Could this word of nbdkit's command line mean that connections are read-only?  -r may stand in a
 * cluster of short options, and long options may be abbreviated. */
static bool word_may_mean_readonly(const char *word)
{
    if (word[0] != '-')
        return false;
    if (word[1] != '-')
        return strchr(word, 'r') != NULL;
    return begins(word, "--re") || begins(word, "--fi");
}

static bool server_may_be_readonly(void)
{
    FILE *words = fopen("/proc/self/cmdline", "re");
    char *word = NULL;
    size_t size = 0;
    bool found = words == NULL;

    while (!found && getdelim(&word, &size, '\0', words) > 0)
        found = word_may_mean_readonly(word);
    free(word);
    if (words)
        fclose(words);
    return found;
}

/* One passphrase for all encrypted images of a chain. */
static int give_passphrase(void *opaque, const char *filename, uint32_t depth, const void **secret,
                           size_t *size)
{
    (void)opaque;
    (void)filename;
    (void)depth;
    *secret = parameters.passphrase;
    *size = parameters.passphrase ? strlen(parameters.passphrase) : 0;
    return parameters.passphrase ? 0 : -1;
}

static int set_options(qcow2_open_options *options, bool readonly)
{
    uint32_t flags = parameters.cache->value;

    if (readonly)
        flags |= QCOW2_OPEN_READ_ONLY;
    if (parameters.discard)
        flags |= QCOW2_OPEN_DISCARD;
    if (parameters.untrusted)
        flags |= QCOW2_OPEN_UNTRUSTED;

    if (qcow2_open_options_set_format(options, parameters.format->word) == -1 ||
        qcow2_open_options_set_flags(options, flags) == -1 ||
        qcow2_open_options_set_backing_policy(options, parameters.backing->value) == -1 ||
        qcow2_open_options_set_data_file_policy(options, parameters.external_data->value) == -1 ||
        qcow2_open_options_set_data_file(options, parameters.data_file) == -1 ||
        qcow2_open_options_set_secret_callback(options, give_passphrase, NULL) == -1 ||
        qcow2_open_options_set_l2_cache_size(options, parameters.l2_cache_size) == -1 ||
        qcow2_open_options_set_refcount_cache_size(options, parameters.refcount_cache_size) == -1)
        return -1;
    if (parameters_set_options(options) == -1)
        return -1;
    if (parameters.snapshot)
        return qcow2_open_options_set_snapshot(options, parameters.snapshot);
    return 0;
}

/* Does the image need a data file that nobody has allowed? */
static bool lacks_data_file(void)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_image *image = NULL;
    qcow2_info info;
    bool lacks = false;

    if (options &&
        qcow2_open_options_set_flags(options, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO |
                                                  QCOW2_OPEN_NO_LOCK) == 0 &&
        qcow2_open_options_set_backing_policy(options, QCOW2_BACKING_IGNORE) == 0)
        image = qcow2_open(parameters.file, options);
    if (image && qcow2_get_info(image, &info, sizeof info) == 0)
        lacks = info.features & QCOW2_FEATURE_DATA_FILE && !parameters.data_file &&
                parameters.external_data->value == QCOW2_DATA_FILE_REFUSE;
    if (image)
        qcow2_close(image);
    qcow2_open_options_free(options);
    return lacks;
}

/* A format is never guessed, but told to who has to name it. */
static const char *advice_on_format(void)
{
    static const struct {
        const char *format, *advice;
    } rows[] = {
        { "raw", ": pass format=raw if it is a raw disk" },
        { "qcow", ": it looks like version 1 of the format, format=qcow" },
        { "luks", ": it looks like an encrypted volume, format=luks" },
    };
    const char *seen = qcow2_probe(parameters.file);

    for (size_t i = 0; seen && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].format, seen) == 0)
            return rows[i].advice;
    return seen && strcmp(seen, "qcow2") != 0 ? ": qemu-img convert -O qcow2 makes one of it" : "";
}

/* What the user may do about a refusal.  EPERM is the library's for a file that the image names,
 * and the system's for one that nobody may write. */
static const char *advice(int error, bool readonly)
{
    bool cannot_write = !readonly && (error == EACCES || error == EROFS ||
                                      (error == EPERM && access(parameters.file, W_OK) == -1));

    if ((error == EINVAL || error == ENOTSUP) && strcmp(parameters.format->word, "qcow2") == 0)
        return advice_on_format();
    if (error == ENOKEY)
        return ": pass passphrase=+FILENAME, a file with the passphrase";
    if (error == EBUSY && parameters.wait == 0)
        return " Pass wait=SECONDS to wait for it";
    if (cannot_write)
        return ": pass readonly=true to serve it without writing";
    if (error == EPERM && lacks_data_file())
        return ": pass external-data=allow if you trust the image, or data-file=FILENAME";
    if (error == EPERM && parameters.backing->value == QCOW2_BACKING_REFUSE)
        return ": pass backing=allow if you trust the image";
    return "";
}

/* There is no way to be told when a lock is given back: see again ten times a second. */
static qcow2_image *open_when_free(const qcow2_open_options *options)
{
    const struct timespec pause = { .tv_nsec = 100L * 1000 * 1000 };
    uint64_t pauses = 10 * parameters.wait;
    qcow2_image *image;

    while (!(image = qcow2_open(parameters.file, options)) && qcow2_get_errno() == EBUSY &&
           pauses-- > 0)
        nanosleep(&pause, NULL);
    return image;
}

static int open_locked(bool readonly)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_info info;

    if (options && set_options(options, readonly) == 0)
        disk = open_when_free(options);
    if (!disk) {
        int error = qcow2_get_errno();
        char *sentence = strdup(qcow2_get_error());

        nbdkit_error("%s%s", sentence ? sentence : "", advice(error, readonly));
        free(sentence);
    }
    qcow2_open_options_free(options);
    if (disk && qcow2_get_info(disk, &info, sizeof info) == 0 && info.snapshots_lost)
        nbdkit_error("the snapshots are lost: %s", info.snapshots_lost);
    return disk ? 0 : -1;
}

static void close_locked(void)
{
    if (disk && qcow2_close(disk) == -1)
        nbdkit_error("%s", qcow2_get_error());
    disk = NULL;
}

int disk_get_ready(void)
{
    bool readonly = parameters.readonly || parameters.snapshot;
    int result;

    pthread_mutex_lock(&lock);
    provisional = !readonly && server_may_be_readonly();
    result = parameters.untrusted ? sandboxed_check() : open_locked(readonly || provisional);
    pthread_mutex_unlock(&lock);
    return result;
}

int disk_after_fork(void)
{
    int result;

    if (!parameters.untrusted)
        return 0;
    pthread_mutex_lock(&lock);
    result = sandboxed_enter();
    if (result == 0)
        result = open_locked(parameters.readonly || parameters.snapshot || provisional);
    pthread_mutex_unlock(&lock);
    return result;
}

qcow2_image *disk_connect(bool readonly)
{
    qcow2_image *image;

    pthread_mutex_lock(&lock);
    if (provisional && (!disk || !readonly)) {
        close_locked();
        open_locked(readonly);
    }
    if (disk)
        provisional = false;
    image = disk;
    pthread_mutex_unlock(&lock);
    return image;
}

void disk_close(void)
{
    pthread_mutex_lock(&lock);
    close_locked();
    pthread_mutex_unlock(&lock);
}
