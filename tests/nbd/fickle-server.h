/* SPDX-License-Identifier: BSD-3-Clause */
/* fickle-server.h - an NBD server inside a test, which answers, waits, fails and hangs up as told
 *
 * Every connection has a cache of its own above the one disk, as if the address led to another
 * server each time: a flush takes what was written on its connection to the disk, and a connection
 * that ends takes the rest with it.  Each has a thread; a request that is held keeps none waiting
 * behind it.
 */

#ifndef NBD_FICKLE_SERVER_H
#define NBD_FICKLE_SERVER_H

#include <stdint.h>

#define FICKLE_SIZE 65536u /* bytes of the export */
#define FICKLE_MOST 200u   /* connections: who comes more often never tires, and ends the test */

enum nbd_request { NBD_READ, NBD_WRITE, NBD_DISCONNECT, NBD_FLUSH };
enum manner { ANSWER, FAIL, HOLD, HANG_UP };

/* What is done with a request, the number-th (from 0) of its connection (from 0). */
typedef enum manner deciding(unsigned connection, unsigned number, enum nbd_request request);

struct fickle_server;

/* It listens at this path, and says that it may have several connections. */
struct fickle_server *fickle_server_new(const char *path, deciding *decide);

/* Wait until there are so many connections (ever), or so many requests held. */
void fickle_server_await_connections(struct fickle_server *server, unsigned count);
void fickle_server_await_held(struct fickle_server *server, unsigned count);

unsigned fickle_server_connections(struct fickle_server *server);

/* What was held is answered: honestly, or with an error.  What is held later waits anew. */
void fickle_server_release(struct fickle_server *server, enum manner manner);

/* What is durable: FICKLE_SIZE bytes.  While nobody is connected. */
uint8_t *fickle_server_disk(struct fickle_server *server);

void fickle_server_hang_up(struct fickle_server *server, unsigned connection);
void fickle_server_end(struct fickle_server *server);

#endif
