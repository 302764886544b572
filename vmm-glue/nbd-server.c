/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-server.c - reaching the server of a disk
 *
 * A disk that is a file gets its own nbdkit:
 *
 *     nbdkit --exit-with-parent [-r] PLUGIN file=FILE [format=FORMAT]
 *
 * started by libnbd through socket activation on a private socket.  --exit-with-parent
 * rests on the death of the thread that started it, hence the rule in the header;
 * without it a killed VM would leave a server behind that holds the image's lock.
 */

#include <libnbd.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "nbd-server.h"
#include "report.h"

static const char *plugin(void)
{
    const char *named = getenv("QCOW2_PLUGIN");

    return named && *named ? named : "qcow2";
}

static struct nbd_handle *new_handle(const struct disk_options *disk)
{
    struct nbd_handle *nbd = nbd_create();

    if (!nbd) {
        report("cannot open disk %s: %s", disk->source, nbd_get_error());
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
    report("cannot open disk %s: %s", disk->source, nbd_get_error());
    nbd_close(nbd);
    return NULL;
}

static int start_nbdkit(const struct disk_options *disk, struct nbd_handle *nbd)
{
    static char program[] = "nbdkit", die_with_us[] = "--exit-with-parent", readonly[] = "-r";
    CLEANUP_FREE char *file = NULL, *format = NULL;
    char *argv[8] = { program, die_with_us };
    unsigned argc = 2;

    if (asprintf(&file, "file=%s", disk->source) < 0)
        return -1;
    if (disk->format && asprintf(&format, "format=%s", disk->format) < 0)
        return -1;
    if (disk->readonly)
        argv[argc++] = readonly;
    argv[argc++] = (char *)(uintptr_t)plugin();
    argv[argc++] = file;
    argv[argc++] = format;
    return nbd_connect_systemd_socket_activation(nbd, argv);
}

struct nbd_handle *nbd_server_connect(const struct disk_options *disk)
{
    struct nbd_handle *nbd = new_handle(disk);

    if (!nbd)
        return NULL;
    if (disk->is_uri)
        return connected(disk, nbd, nbd_connect_uri(nbd, disk->source));
    return connected(disk, nbd, start_nbdkit(disk, nbd));
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
