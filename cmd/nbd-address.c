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

char *nbd_address_uri(const nbd_address *address)
{
    return xgot(nbd_uri_make(address));
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

static char *read_old(const char *name, char **why)
{
    CLEANUP_FREE char *text = xstrdup(name), *port = NULL;
    nbd_address address;

    if (nbd_name_split(text, &address) == 0) {
        port = address.port ? nbd_port_number(address.port) : NULL;
        address.port = port ? port : address.port; /* libnbd tells what is wrong with it */
        return nbd_address_uri(&address);
    }
    *why = address.host ? xasprintf("error parsing address '%s'", address.host)
                        : xstrdup("NBD server address missing");
    return NULL;
}

char *nbd_uri_of_name(const char *name, char **why)
{
    char *uri;

    *why = NULL;
    if (scheme_length(name) == 0)
        return read_old(name, why);
    uri = respell(name);
    return uri ? uri : copy_uri(name);
}
