/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-address.c - where an export is: the spellings that people use, and the one URI for them */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"
#include "nbd-address.h"
#include "words.h"

static const char *const schemes[] = {
    "nbd", "nbd+tcp", "nbd+unix", "nbd+vsock", "nbds", "nbds+tcp", "nbds+unix", "nbds+vsock",
};

/* Letters that would mean something else there become %NN. */
static char *encode(const char *text, const char *also_allowed)
{
    char *encoded = xrealloc(NULL, 3 * strlen(text) + 1);
    char *to = encoded;

    for (const unsigned char *from = (const unsigned char *)text; *from; from++) {
        if (isalnum(*from) || strchr("-._~/", *from) || strchr(also_allowed, *from))
            *to++ = (char)*from;
        else
            to += sprintf(to, "%%%02X", *from);
    }
    *to = '\0';
    return encoded;
}

char *nbd_address_uri(const nbd_address *a)
{
    CLEANUP_FREE char *export = encode(a->export ? a->export : "", ":@!$'()*,;=");
    CLEANUP_FREE char *user = encode(a->user ? a->user : "", "");
    CLEANUP_FREE char *path = encode(a->path ? a->path : "", ":@!$'()*,;");
    CLEANUP_FREE char *authority = NULL;
    bool is_ipv6 = a->host && strchr(a->host, ':') && a->host[0] != '[';
    const char *tls = a->credentials ? "s" : "";
    const char *slash = export[0] ? "/" : "";
    const char *query = a->credentials ? a->credentials : "";

    authority = xasprintf("%s%s%s%s%s:%s", user, a->user ? "@" : "", is_ipv6 ? "[" : "",
                          a->host ? a->host : "", is_ipv6 ? "]" : "", a->port ? a->port : "10809");
    if (a->path)
        return xasprintf("nbd%s+unix://%s%s%s%s?socket=%s%s%s", tls, user, a->user ? "@" : "",
                         slash, export, path, a->credentials ? "&" : "", query);
    return xasprintf("nbd%s://%s%s%s%s%s", tls, authority, slash, export, a->credentials ? "?" : "",
                     query);
}

/* The length of the scheme that begins a URI, or 0. */
static size_t scheme_length(const char *name)
{
    size_t length = strcspn(name, ":");

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i]) == length && strncmp(schemes[i], name, length) == 0)
            return begins(name + length, "://") ? length : 0;
    return 0;
}

bool nbd_is_name(const char *name)
{
    return begins(name, "nbd:") || scheme_length(name) > 0;
}

/* libnbd knows no "+tcp", which says what it means without. */
static char *copy_uri(const char *name)
{
    size_t length = scheme_length(name);
    const char *plus = memchr(name, '+', length);

    if (plus && begins(plus, "+tcp:"))
        return xasprintf("%.*s%s", (int)(plus - name), name, name + length);
    return xstrdup(name);
}

/* In place. */
static void decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        unsigned code;

        if (*from == '%' && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2]) &&
            sscanf(from + 1, "%2x", &code) == 1 && code > 0) {
            *to++ = (char)code;
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* Moves what follows the separator into its own text, if it is there. */
static char *cut(char *text, char separator)
{
    char *at = strchr(text, separator);

    if (at)
        *at++ = '\0';
    return at;
}

/* A URI of the plainest kind in the one spelling for it: users who name one server in two ways are
 * told the same name.  Returns NULL for all others, which libnbd may understand or not. */
static char *respell(const char *name)
{
    CLEANUP_FREE char *text = xstrdup(name + scheme_length(name) + strlen("://"));
    bool is_local = begins(name, "nbd+unix:");
    bool is_tcp = begins(name, "nbd:") || begins(name, "nbd+tcp:");
    char *query = cut(text, '?');
    char *export = cut(text, '/');
    char *port = text[0] == '[' ? strstr(text, "]:") : strchr(text, ':');
    nbd_address address = { .export = export };

    if (strchr(text, '@') || (is_local && text[0]) || (is_tcp && (query || !text[0])) ||
        (is_local && (!query || !begins(query, "socket=") || strchr(query, '&'))))
        return NULL;
    if (export)
        decode(export);
    if (is_local) {
        address.path = query + strlen("socket=");
        decode(query);
    } else if (is_tcp) {
        address.host = text;
        address.port = port ? cut(port, ':') : NULL;
    } else {
        return NULL;
    }
    return nbd_address_uri(&address);
}

/* "HOST:PORT", the host perhaps in brackets; cuts the text. */
static int split_host(char *text, nbd_address *address)
{
    char *colon = strrchr(text, ':');

    if (!colon || colon == text || colon[1] == '\0' || strchr(colon, ']'))
        return -1;
    *colon = '\0';
    address->host = text;
    address->port = colon + 1;
    return 0;
}

static char *read_legacy(const char *name, char **why)
{
    static const char marker[] = ":exportname=";
    CLEANUP_FREE char *text = xstrdup(name + strlen("nbd:"));
    char *export = strstr(text, marker);
    nbd_address address = { .export = export ? export + strlen(marker) : NULL };

    if (export)
        *export = '\0';
    if (text[0] == '\0' || (export && export[strlen(marker)] == '\0'))
        *why = xstrdup("NBD server address missing");
    else if (begins(text, "unix:"))
        address.path = text + strlen("unix:");
    else if (split_host(text, &address))
        *why = xasprintf("error parsing address '%s'", text);
    return *why ? NULL : nbd_address_uri(&address);
}

char *nbd_uri_of_name(const char *name, char **why)
{
    char *uri;

    *why = NULL;
    if (scheme_length(name) == 0)
        return read_legacy(name, why);
    uri = respell(name);
    return uri ? uri : copy_uri(name);
}
