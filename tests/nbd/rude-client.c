/* SPDX-License-Identifier: BSD-3-Clause */
/* rude-client.c - a client that writes to a read-only disk all the same
 *
 * Polite clients look at what the server offers and never send such a request; libnbd has to be
 * told not to look.  Exits 0 if the server refused every request with EPERM and answers reads
 * still. */

#include <errno.h>
#include <libnbd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 65536 };

static int failures;

static void expect_eperm(const char *request, int result)
{
    if (result == -1 && nbd_get_errno() == EPERM)
        return;
    fprintf(stderr, "rude-client: %s: %s\n", request,
            result == -1 ? nbd_get_error() : "was carried out");
    failures++;
}

int main(int argc, char **argv)
{
    static char data[LENGTH];
    struct nbd_handle *nbd = nbd_create();

    if (argc != 2 || !nbd || nbd_connect_uri(nbd, argv[1]) == -1 ||
        nbd_set_strict_mode(nbd, 0) == -1) {
        fprintf(stderr, "rude-client: %s\n",
                argc != 2 ? "usage: rude-client URI" : nbd_get_error());
        return EXIT_FAILURE;
    }
    memset(data, 0xaa, sizeof data);
    expect_eperm("write", nbd_pwrite(nbd, data, LENGTH, 0, 0));
    expect_eperm("write with FUA", nbd_pwrite(nbd, data, LENGTH, 0, LIBNBD_CMD_FLAG_FUA));
    expect_eperm("zero", nbd_zero(nbd, LENGTH, 0, 0));
    expect_eperm("zero without a hole", nbd_zero(nbd, LENGTH, 0, LIBNBD_CMD_FLAG_NO_HOLE));
    expect_eperm("trim", nbd_trim(nbd, LENGTH, 0, 0));
    if (nbd_pread(nbd, data, LENGTH, 0, 0) == -1) {
        fprintf(stderr, "rude-client: read: %s\n", nbd_get_error());
        failures++;
    }
    nbd_shutdown(nbd, 0);
    nbd_close(nbd);
    return failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
