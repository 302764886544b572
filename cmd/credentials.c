/* SPDX-License-Identifier: BSD-3-Clause */
/* credentials.c - what a client shows a server, and checks of it, to speak over TLS */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "credentials.h"
#include "message.h"

/* By id: the part of a URI that names them, the user who has a key, and those who show nothing. */
static keyval_list uris, users, anonymous;

static int check_endpoint(const keyval_list *properties, char **why)
{
    const char *endpoint = keyval_get(properties, "endpoint");

    if (endpoint && strcmp(endpoint, "client") == 0)
        return 0;
    *why = endpoint && strcmp(endpoint, "server") != 0
               ? xasprintf("Parameter 'endpoint' does not accept value '%s'", endpoint)
               : xstrdup("Expecting TLS credentials with a client endpoint");
    return -1;
}

/* Keeps "PARAMETER=VALUE" if there is a file of that name in the folder. */
static int add(const char *id, const keyval_list *properties, const char *file,
               const char *parameter, bool is_folder, char **why)
{
    const char *dir = keyval_get(properties, "dir");
    CLEANUP_FREE char *path = dir ? xasprintf("%s/%s", dir, file) : NULL;
    CLEANUP_FREE char *uri = NULL;

    if (!dir) {
        *why = xstrdup("Missing 'dir' property value");
        return -1;
    }
    if (check_endpoint(properties, why))
        return -1;
    if (access(path, R_OK)) {
        *why = xasprintf("Unable to access credentials %s: %s", path, strerror(errno));
        return -1;
    }
    uri = xasprintf("%s=%s", parameter, is_folder ? dir : path);
    keyval_set(&uris, id, uri);
    return 0;
}

int credentials_add_x509(const char *id, const keyval_list *properties, char **why)
{
    const char *verify = keyval_get(properties, "verify-peer");

    if (verify && strcmp(verify, "on") != 0) {
        *why = xstrdup("Certificates of servers are always verified");
        return -1;
    }
    return add(id, properties, "ca-cert.pem", "tls-certificates", true, why);
}

int credentials_add_psk(const char *id, const keyval_list *properties, char **why)
{
    const char *user = keyval_get(properties, "username");

    keyval_set(&users, id, user ? user : "qemu");
    return add(id, properties, "keys.psk", "tls-psk-file", false, why);
}

/* An object that cannot be used: whoever only makes it is not refused. */
int credentials_add_anonymous(const char *id, const keyval_list *properties, char **why)
{
    const char *endpoint = keyval_get(properties, "endpoint");

    if (endpoint && strcmp(endpoint, "client") != 0 && strcmp(endpoint, "server") != 0) {
        *why = xasprintf("Parameter 'endpoint' does not accept value '%s'", endpoint);
        return -1;
    }
    keyval_set(&anonymous, id, "");
    return 0;
}

int credentials_find(const char *id, nbd_address *address, char **why)
{
    address->credentials = keyval_get(&uris, id);
    address->user = keyval_get(&users, id);
    if (address->credentials)
        return 0;
    *why =
        keyval_get(&anonymous, id)
            ? xasprintf("The TLS credentials '%s' are anonymous, which libnbd does not speak: it "
                        "wants tls-creds-x509 or tls-creds-psk",
                        id)
            : xasprintf("No TLS credentials with id '%s'", id);
    return -1;
}
