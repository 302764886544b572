/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-keys.c - an NBD server named by keys
 *
 *     server.type=inet     host and port, and whether the host's name stands for an address of
 *                          ipv4 or of ipv6
 *     server.type=unix     path
 *     server.type=vsock    cid and port
 *
 * or host and port, or path, without "server.", which came first.  The other members are known to
 * change nothing for a client (numeric, to, tight), or nothing but how the connection does what it
 * does anyway (keep-alive, mptcp).
 */

#include "nbd-keys.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "credentials.h"
#include "human.h"
#include "message.h"
#include "option-value.h"
#include "words.h"

typedef enum { TEXT, SWITCH, NUMBER } member_kind;

/* In the order in which QEMU looks at them. */
static const struct {
    const char *type;
    const char *name;
    bool needed;
    member_kind kind;
} members[] = {
    { "inet", "host", true, TEXT },          { "inet", "port", true, TEXT },
    { "inet", "numeric", false, SWITCH },    { "inet", "to", false, NUMBER },
    { "inet", "ipv4", false, SWITCH },       { "inet", "ipv6", false, SWITCH },
    { "inet", "keep-alive", false, SWITCH }, { "inet", "mptcp", false, SWITCH },
    { "unix", "path", true, TEXT },          { "unix", "abstract", false, SWITCH },
    { "unix", "tight", false, SWITCH },      { "vsock", "cid", true, TEXT },
    { "vsock", "port", true, TEXT },
};

enum {
    NB_MEMBERS = sizeof members / sizeof *members,
};

static const char *member(const layer *l, const char *name)
{
    CLEANUP_FREE char *key = xasprintf("server.%s", name);

    return layer_get(l, key);
}

static bool is_on(const layer *l, const char *name)
{
    const char *value = member(l, name);
    bool on = false;

    return value && switch_word_parse(value, &on) == 0 && on;
}

static bool is_off(const layer *l, const char *name)
{
    return member(l, name) && !is_on(l, name);
}

/* ------------------------------------------------------------------------------------------------
 * Checks
 */

static bool is_kind(const char *value, member_kind kind)
{
    bool on;
    char *end;

    if (kind == SWITCH)
        return switch_word_parse(value, &on) == 0;
    return kind == TEXT || (strtoul(value, &end, 0) <= UINT16_MAX && end > value && *end == '\0');
}

static const char *expected(const char *value, member_kind kind)
{
    if (kind == SWITCH)
        return "'on' or 'off'";
    return value[0] && value[strspn(value, "0123456789")] == '\0' ? "uint16_t" : "integer";
}

static int check_members(const layer *l, const char *type, char **why)
{
    for (size_t i = 0; i < NB_MEMBERS && !*why; i++) {
        const char *name = members[i].name;
        const char *value = strcmp(members[i].type, type) == 0 ? member(l, name) : NULL;

        if (strcmp(members[i].type, type) != 0)
            continue;
        if (!value && members[i].needed)
            *why = xasprintf("Parameter '%s' is missing", name);
        else if (value && !is_kind(value, members[i].kind))
            *why = xasprintf("Parameter '%s' expects %s", name, expected(value, members[i].kind));
    }
    return *why ? -1 : 0;
}

static bool has_member(const char *type, const char *name)
{
    for (size_t i = 0; i < NB_MEMBERS; i++)
        if (strcmp(members[i].type, type) == 0 && strcmp(members[i].name, name) == 0)
            return true;
    return strcmp(name, "type") == 0;
}

/* The first key of the server that is no member of such an address; or NULL. */
static const char *stranger(const layer *l, const char *type)
{
    CLEANUP_FREE char *server = xasprintf("%sserver.", l->prefix);

    for (size_t i = 0; i < l->keys->count; i++) {
        const char *key = l->keys->items[i].key;

        if (begins(key, server) && (!type || !has_member(type, key + strlen(server))))
            return key + strlen(server);
    }
    return NULL;
}

static bool is_type(const char *type)
{
    for (size_t i = 0; i < NB_MEMBERS; i++)
        if (strcmp(members[i].type, type) == 0)
            return true;
    return false;
}

static int check_server(const layer *l, const char *type, char **why)
{
    if (strcmp(type, "fd") == 0)
        *why = xstrdup("A socket that is open already (server.type=fd) is not taken over");
    else if (!is_type(type))
        *why = xasprintf("Parameter 'type' does not accept value '%s'", type);
    else if (check_members(l, type, why) == 0 && stranger(l, type))
        *why = xasprintf("Parameter '%s' is unexpected", stranger(l, type));
    else if (!*why && (layer_get(l, "host") || layer_get(l, "path")))
        *why = xstrdup("Cannot use 'server' and path/host/port at the same time");
    else if (!*why && is_off(l, "ipv4") && is_off(l, "ipv6"))
        *why = xstrdup("Cannot disable IPv4 and IPv6 at same time");
    else if (!*why && is_on(l, "abstract"))
        *why = xstrdup("A local socket that has no file (server.abstract=on) cannot be reached");
    return *why ? -1 : 0;
}

static int check_old_keys(const layer *l, char **why)
{
    const char *host = layer_get(l, "host"), *path = layer_get(l, "path");

    if (stranger(l, NULL))
        *why = xstrdup("Parameter 'type' is missing");
    else if (host && path)
        *why = xstrdup("path and host may not be used at the same time");
    else if (!host && !path)
        *why = xstrdup(layer_get(l, "port") ? "port may not be used without host"
                                            : "NBD server address missing");
    return *why ? -1 : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Names of hosts and services
 */

static int family_of(const layer *l)
{
    if (is_on(l, "ipv4") && is_on(l, "ipv6"))
        return AF_UNSPEC;
    if (is_on(l, "ipv6") || is_off(l, "ipv4"))
        return AF_INET6;
    return is_on(l, "ipv4") || is_off(l, "ipv6") ? AF_INET : AF_UNSPEC;
}

/* The host's address of this family, which the caller frees. */
static char *resolve(const char *host, int family, char **why)
{
    const struct addrinfo wanted = { .ai_family = family,
                                     .ai_socktype = SOCK_STREAM,
                                     .ai_flags = AI_V4MAPPED };
    struct addrinfo *found = NULL;
    char address[NI_MAXHOST];
    int error = getaddrinfo(host, NULL, &wanted, &found);

    if (error == 0)
        error = getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0,
                            NI_NUMERICHOST);
    if (found)
        freeaddrinfo(found);
    if (error == 0)
        return xstrdup(address);
    *why = xasprintf("address resolution failed for %s: %s", host, gai_strerror(error));
    return NULL;
}

/* Of a host whose address stands in the URI the certificate bears the name. */
static int keep_name(const layer *l, const nbd_address *address, const char *host, char **why)
{
    if (!address->credentials || layer_get(l, "tls-hostname") || strcmp(address->host, host) == 0)
        return 0;
    return qcow2_open_options_set(l->target->options, "tls-hostname", host)
               ? image_keys_fail_library(why)
               : 0;
}

static int refuse_port(const char *key, const char *port, char **why)
{
    *why = xasprintf("Parameter '%s' expects a number from 0 to 65535 or the name of a service, "
                     "not '%s'",
                     key, port);
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * The address
 */

static int read_address(layer *l, const char *dot, nbd_address *address, char **why)
{
    CLEANUP_FREE char *port_key = xasprintf("%sport", dot);
    const char *named_port = layer_get(l, port_key);
    CLEANUP_FREE char *port = named_port ? nbd_port_number(named_port) : NULL;
    const char *host = address->host;
    int family = *dot ? family_of(l) : AF_UNSPEC;
    CLEANUP_FREE char *found = NULL;

    if (named_port && !port)
        return refuse_port(port_key, named_port, why);
    if (host && family != AF_UNSPEC) {
        found = resolve(host, family, why);
        if (!found)
            return -1;
        address->host = found;
    }
    address->port = port;
    if (layer_get(l, "tls-creds") && credentials_find(layer_get(l, "tls-creds"), address, why))
        return -1;
    if (host && keep_name(l, address, host, why))
        return -1;
    l->target->filename = nbd_address_uri(address);
    l->target->flags |= QCOW2_OPEN_NBD;
    return 0;
}

int nbd_keys_read(layer *l, char **why)
{
    const char *type = layer_get(l, "server.type");
    nbd_address address = {
        .host = type ? member(l, "host") : layer_get(l, "host"),
        .path = type ? member(l, "path") : layer_get(l, "path"),
        .cid = type ? member(l, "cid") : NULL,
        .export = layer_get(l, "export"),
    };

    if (type ? check_server(l, type, why) : check_old_keys(l, why))
        return -1;
    return read_address(l, type ? "server." : "", &address, why);
}
