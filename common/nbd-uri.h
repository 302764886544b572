/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-uri.h - where an NBD export is, and the URI for it
 *
 * There is an older spelling, which people type and images have recorded:
 *
 *     nbd:HOST:PORT[:exportname=NAME]   nbd:unix:PATH[:exportname=NAME]
 */

#ifndef QCOW_COMMON_NBD_URI_H
#define QCOW_COMMON_NBD_URI_H

#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *host;        /* NULL with path and cid */
    const char *port;        /* NULL: 10809 */
    const char *path;        /* of a local socket; or NULL */
    const char *cid;         /* the number of a machine or its host (vsock); or NULL */
    const char *export;      /* NULL: the unnamed one */
    const char *user;        /* for TLS; or NULL */
    const char *credentials; /* "tls-certificates=DIR" or "tls-psk-file=FILE"; NULL: no TLS */
} nbd_address;

/* Letters that would mean something else there become %NN.  NULL: no memory, or no text. */
static inline char *nbd_uri_encode(const char *text, const char *also_allowed)
{
    char *encoded = text ? malloc(3 * strlen(text) + 1) : NULL;
    char *to = encoded;

    if (encoded == NULL)
        return NULL;
    for (const unsigned char *from = (const unsigned char *)text; *from; from++) {
        if (isalnum(*from) || strchr("-._~/", *from) || strchr(also_allowed, *from))
            *to++ = (char)*from;
        else
            to += sprintf(to, "%%%02X", *from);
    }
    *to = '\0';
    return encoded;
}

/* Of an address whose parts are encoded; NULL: no memory. */
static inline char *nbd_uri_of_parts(const nbd_address *a)
{
    bool is_ipv6 = a->host && strchr(a->host, ':') && a->host[0] != '[';
    const char *tls = a->credentials ? "s" : "", *at = a->user[0] ? "@" : "";
    const char *slash = a->export[0] ? "/" : "";
    const char *query = a->credentials ? a->credentials : "", *vsock = a->cid ? "+vsock" : "";
    const char *host = a->cid ? a->cid : a->host ? a->host : "";
    char *uri;
    int length;

    if (a->path)
        length = asprintf(&uri, "nbd%s+unix://%s%s%s%s?socket=%s%s%s", tls, a->user, at, slash,
                          a->export, a->path, a->credentials ? "&" : "", query);
    else
        length = asprintf(&uri, "nbd%s%s://%s%s%s%s%s:%s%s%s%s%s", tls, vsock, a->user, at,
                          is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", a->port ? a->port : "10809",
                          slash, a->export, a->credentials ? "?" : "", query);
    return length == -1 ? NULL : uri;
}

/* The URI, which the caller frees; NULL: no memory. */
static inline char *nbd_uri_make(const nbd_address *address)
{
    char *export = nbd_uri_encode(address->export ? address->export : "", ":@!$'()*,;=");
    char *user = nbd_uri_encode(address->user ? address->user : "", "");
    char *path = nbd_uri_encode(address->path, ":@!$'()*,;");
    nbd_address parts = *address;
    char *uri = NULL;

    parts.export = export;
    parts.user = user;
    parts.path = path;
    if (export && user && (path || !address->path))
        uri = nbd_uri_of_parts(&parts);
    free(export);
    free(user);
    free(path);
    return uri;
}

/* The number of a port that may be named as a service, which the caller frees; NULL: it is neither,
 * or there is no memory. */
static inline char *nbd_port_number(const char *port)
{
    const struct addrinfo wanted = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    size_t digits = strspn(port, "0123456789");
    struct addrinfo *found;
    char *number;

    if (port[0] && port[digits] == '\0')
        return digits < 10 && strtoul(port, NULL, 10) <= UINT16_MAX ? strdup(port) : NULL;
    if (!isalpha((unsigned char)port[0]) || getaddrinfo(NULL, port, &wanted, &found) != 0)
        return NULL;
    if (asprintf(&number, "%u", ntohs(((struct sockaddr_in *)found->ai_addr)->sin_port)) == -1)
        number = NULL;
    freeaddrinfo(found);
    return number;
}

/* Is it in the older spelling?  ("nbd://" is a URI.) */
static inline bool nbd_name_is_old(const char *name)
{
    return strncmp(name, "nbd:", 4) == 0 && strncmp(name, "nbd://", 6) != 0;
}

/* Takes a name in the older spelling apart: the address points into the text, which is cut.
 * Returns -1 if there is no address in it; then host is what stands in its place, or NULL. */
static inline int nbd_name_split(char *text, nbd_address *address)
{
    static const char marker[] = ":exportname=";
    char *place = text + strlen("nbd:"), *export = strstr(place, marker), *port;

    *address = (nbd_address){ .export = export ? export + strlen(marker) : NULL };
    if (export)
        *export = '\0';
    if (place[0] == '\0' || (export && address->export[0] == '\0'))
        return -1;
    if (strncmp(place, "unix:", 5) == 0) {
        address->path = place + 5;
        return 0;
    }
    address->host = place;
    port = strrchr(place, ':');
    if (port == NULL || port == place || port[1] == '\0' || strchr(port, ']'))
        return -1;
    *port = '\0';
    address->port = port + 1;
    return 0;
}

#endif
