/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_refusal.c - why a server could not be reached, in sentences that tell what to do
 *
 * libnbd speaks of its own functions and of those of the libraries below.  A row of the table knows
 * the beginning of such a sentence; what is in no row is passed on as it is.
 */

#include "store/nbd_refusal.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "words.h"

/* Room for the longest name of a host and its port, or for the path of a socket. */
enum {
    SERVER_SIZE = 320,
};

/* A value of a URI's query, "%2F" made "/"; cut where there is no room. */
static void decode(const char *from, char server[SERVER_SIZE])
{
    size_t used = 0;
    unsigned code;

    while (*from && *from != '&' && used < SERVER_SIZE - 1) {
        bool escaped = *from == '%' && isxdigit((unsigned char)from[1]) &&
                       isxdigit((unsigned char)from[2]) && sscanf(from + 1, "%2x", &code) == 1;

        server[used++] = escaped ? (char)code : *from;
        from += escaped ? 3 : 1;
    }
    server[used] = '\0';
}

/* "HOST:PORT", or the path of the socket: what of a URI says where the server is. */
static void tell_server(const char *uri, char server[SERVER_SIZE])
{
    const char *place = strstr(uri, "://");
    const char *socket = strstr(uri, "?socket=");
    const char *host = place ? place + strlen("://") : uri;
    const char *at = host + strcspn(host, "@/?");
    int length;

    socket = socket ? socket : strstr(uri, "&socket=");
    if (socket) {
        decode(socket + strlen("?socket="), server);
        return;
    }
    if (*at == '@')
        host = at + 1;
    length = (int)strcspn(host, "/?");
    at = memchr(host, ']', (size_t)length);
    at = memchr(at ? at : host, ':', (size_t)(host + length - (at ? at : host)));
    snprintf(server, SERVER_SIZE, "%.*s%s", length, host, at ? "" : ":10809");
}

/* libnbd puts the name of its function before its sentences. */
static const char *without_function(const char *said)
{
    const char *colon = strstr(said, ": ");

    return begins(said, "nbd_") && colon ? colon + 2 : said;
}

static int no_address(const char *uri, const char *said, int errnum)
{
    char server[SERVER_SIZE];
    const char *last = strrchr(said, ':');

    tell_server(uri, server);
    return error_set(errnum, "address resolution failed for %s:%s", server, last ? last + 1 : "");
}

static int no_connection(const char *uri, const char *said, int errnum)
{
    char server[SERVER_SIZE];

    (void)said;
    tell_server(uri, server);
    return error_system(errnum ? errnum : ENOTCONN, "Failed to connect to '%s'", server);
}

/* GnuTLS closes its sentences with numbers in brackets. */
static int no_tls(const char *uri, const char *said, int errnum)
{
    const char *sentence = strchr(said, ' ') + 1;
    const char *end = strstr(sentence, " (");

    return error_set(errnum, "Could not open '%s': TLS handshake failed: %.*s", uri,
                     (int)(end ? end - sentence : (long)strlen(sentence)), sentence);
}

/* Their sentences say it all, but for the address. */
static const struct {
    const char *beginning; /* of what libnbd says */
    const char *part;      /* that is in it, too, or NULL */
    const char *sentence;  /* NULL: a function makes it */
    int (*make)(const char *uri, const char *said, int errnum);
} rows[] = {
    { "connect: ", NULL, NULL, no_connection },
    { "getaddrinfo: ", NULL, NULL, no_address },
    { "unable to parse URI", NULL,
      "it cannot be understood: nbd://HOST[:PORT][/EXPORT] or nbd+unix:///[EXPORT]?socket=PATH is "
      "expected, with a number as PORT",
      NULL },
    { "handshake: server requires TLS", NULL,
      "the server wants TLS: give credentials (tls-creds, or a nbds:// address)", NULL },
    { "handshake: server refused TLS", NULL,
      "the server does not speak TLS, which tls-creds or the nbds:// address asks for", NULL },
    { "gnutls_handshake: ", "certificate verification",
      "TLS handshake failed: the server's certificate is for another host, or of an authority that "
      "the credentials do not know",
      NULL },
    { "gnutls_", "push function",
      "the server hung up after the TLS handshake began: it may not accept the credentials", NULL },
    { "gnutls_", "pull function",
      "the server hung up after the TLS handshake began: it may not accept the credentials", NULL },
    { "gnutls_", "non-properly terminated",
      "the server hung up after the TLS handshake began: it may not accept the credentials", NULL },
    { "gnutls_", NULL, NULL, no_tls },
};

int nbd_refusal(const char *uri, const char *said, int errnum)
{
    const char *sentence = said ? without_function(said) : "the server cannot be understood";

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!begins(sentence, rows[i].beginning) ||
            (rows[i].part && !strstr(sentence, rows[i].part)))
            continue;
        if (rows[i].make)
            return rows[i].make(uri, sentence, errnum);
        return error_set(errnum, "Could not open '%s': %s", uri, rows[i].sentence);
    }
    return error_set(errnum, "Could not open '%s': %s", uri, sentence);
}
