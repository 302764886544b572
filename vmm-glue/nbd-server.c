/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-server.c - reaching the server of a disk
 *
 * A disk that is a file gets its own nbdkit:
 *
 *     nbdkit --exit-with-parent --filter=exitlast [-r] PLUGIN file=FILE backing=allow|refuse
 *            [format=FORMAT] [cache=none|unsafe]
 *
 * started by libnbd through socket activation on a private socket.  --exit-with-parent
 * rests on the death of the thread that started it, hence the rule in the header;
 * without it a killed VM would leave a server behind that holds the image's lock.
 *
 * When libnbd closes the first connection it wants to end the server by a signal and to remove the
 * socket with its folder.  By then the process is in its sandbox, where none of that is possible.
 * So the socket goes as soon as all connections are made, and the server, by its filter, ends with
 * the last of them; libnbd only waits for it.
 */

#include <errno.h>
#include <libnbd.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "nbd-server.h"
#include "plugin.h"
#include "report.h"
#include "words.h"

/* libnbd puts the name of its function before its sentences. */
static const char *library_sentence(void)
{
    const char *sentence = nbd_get_error();
    const char *colon = sentence ? strstr(sentence, ": ") : NULL;

    if (!sentence)
        return "libnbd does not say why";
    return begins(sentence, "nbd_") && colon ? colon + 2 : sentence;
}

static struct nbd_handle *new_handle(const struct disk_options *disk)
{
    struct nbd_handle *nbd = nbd_create();

    if (!nbd) {
        report("cannot open disk %s: %s", disk->source, library_sentence());
        return NULL;
    }
    nbd_set_uri_allow_local_file(nbd, true);
    /* Reads go to guest memory or to zeroed buffers: clearing first is waste. */
    nbd_set_pread_initialize(nbd, false);
    return nbd;
}

static struct nbd_handle *connected(const struct disk_options *disk, struct nbd_handle *nbd,
                                    int result)
{
    if (result == 0)
        return nbd;
    report("cannot open disk %s: %s", disk->source, library_sentence());
    nbd_close(nbd);
    return NULL;
}

/* Of a server of our own libnbd only sees that it went away; why, the server has said itself. */
static struct nbd_handle *served(const struct disk_options *disk, struct nbd_handle *nbd,
                                 int result)
{
    int error = nbd_get_errno();

    if (result == 0 || (error != ECONNRESET && error != EPIPE && error != ENOTCONN))
        return connected(disk, nbd, result);
    report("cannot open disk %s: nbdkit, which is to serve it, ended at once; what is said above "
           "is why",
           disk->source);
    nbd_close(nbd);
    return NULL;
}

/* Being durable is the device's affair; the server's is how it uses the host's cache. */
static const char *server_cache(const struct disk_options *disk)
{
    if (strcmp(disk->cache, "none") == 0 || strcmp(disk->cache, "directsync") == 0)
        return "cache=none";
    return strcmp(disk->cache, "unsafe") == 0 ? "cache=unsafe" : NULL;
}

static char *parameter(const char *key, const char *value)
{
    char *text;

    return asprintf(&text, "%s=%s", key, value) < 0 ? NULL : text;
}

static int start_nbdkit(const struct disk_options *disk, struct nbd_handle *nbd)
{
    CLEANUP_FREE char *file = parameter("file", disk->source);
    CLEANUP_FREE char *backing = parameter("backing", disk->backing);
    CLEANUP_FREE char *format = disk->format ? parameter("format", disk->format) : NULL;
    CLEANUP_FREE char *plugin = plugin_of_this_program();
    const char *argv[10] = { "nbdkit", "--exit-with-parent", "--filter=exitlast" };
    unsigned argc = 3;

    if (!file || !backing || !plugin || (disk->format && !format))
        return -1;
    if (disk->readonly)
        argv[argc++] = "-r";
    argv[argc++] = plugin;
    argv[argc++] = file;
    argv[argc++] = backing;
    if (format)
        argv[argc++] = format;
    argv[argc] = server_cache(disk);
    return nbd_connect_systemd_socket_activation(nbd, (char **)(uintptr_t)argv);
}

struct nbd_handle *nbd_server_connect(const struct disk_options *disk)
{
    struct nbd_handle *nbd = new_handle(disk);

    if (!nbd)
        return NULL;
    if (disk->is_uri)
        return connected(disk, nbd, nbd_connect_uri(nbd, disk->source));
    return served(disk, nbd, start_nbdkit(disk, nbd));
}

struct nbd_handle *nbd_server_connect_again(const struct disk_options *disk,
                                            struct nbd_handle *first)
{
    CLEANUP_FREE char *uri = disk->is_uri ? NULL : nbd_get_uri(first);
    struct nbd_handle *nbd = new_handle(disk);

    if (!nbd)
        return NULL;
    return connected(disk, nbd,
                     disk->is_uri || uri ? nbd_connect_uri(nbd, uri ? uri : disk->source) : -1);
}

void nbd_server_hide(struct nbd_handle *first)
{
    struct sockaddr_un address = { 0 };
    socklen_t length = sizeof address - 1; /* a path that fills it has no end otherwise */
    char *slash;

    if (getpeername(nbd_aio_get_fd(first), (struct sockaddr *)&address, &length) < 0 ||
        address.sun_family != AF_UNIX || address.sun_path[0] != '/')
        return;
    unlink(address.sun_path);
    slash = strrchr(address.sun_path, '/');
    *slash = '\0';
    rmdir(address.sun_path); /* libnbd made it for this socket alone */
}
