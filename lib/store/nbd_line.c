/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_line.c - the connections to one export: requests go where they are answered soonest
 *
 * Connections: one, as long as requests come one by one.  When they meet, and the server says that
 * several connections see each other's writes and flushes, a thread opens some more, and requests
 * go where the least is under way.  It does so in the background because a server may have told the
 * truth and still answer nobody else before the first connection ends.  If one of these is lost, it
 * is used no more, and what was to be read there is read elsewhere; a change that was under way
 * there has failed, for nobody knows what became of it.  Without the first the server counts as
 * lost: what answers others may be a new one, which does not have what was written.
 *
 * A lost server, where it is to be waited for:
 *
 *     requests    hold in_use shared while they are under way.  One that meets the loss breaks all
 *                 connections, so that the others come back, too, and lets go of it.
 *     recover     holds it alone: nothing is under way.  It connects again until the time is over,
 *                 looks whether it is the same export, and makes all changes once more that were
 *                 acknowledged and not flushed (nbd_journal.h).
 *     then        the requests that met the loss are made again.
 *
 * So whoever had a write acknowledged reads it back, and a flush that succeeds covers it.  This
 * wants one connection: an address may lead to another server each time, and a flush is a promise
 * of the one that answers it.  What the journal holds is bounded: when there is too much of it, the
 * server is told to flush.  A server that knows no flush keeps nothing back.
 *
 * The protocol has no fence: a server that goes on with requests of a connection that is gone may
 * write their bytes over newer ones.
 */

#include "store/nbd_line.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/nbd_journal.h"

#define MAX_CONNECTIONS 4
#define MAX_JOURNAL (UINT64_C(64) << 20) /* bytes of memory, and one request of each thread */
#define MAX_SECONDS (UINT64_C(1) << 31)  /* as good as for ever */

/* From one attempt to connect to the next: it grows. */
#define FIRST_PAUSE 50 /* milliseconds */
#define LAST_PAUSE 1000

struct nbd_line {
    const struct nbd_way *way;
    uint64_t reconnect_delay; /* seconds */
    struct nbd_export export;
    atomic_bool flush_failed;

    pthread_rwlock_t in_use; /* held shared by requests, alone by who opens a lost line again */
    uint64_t epoch;          /* how often it was; guarded by in_use, as is */
    bool over;               /* the server is lost for good, */
    struct error loss;       /* and this is why */
    atomic_bool broken;      /* the connections are of no use any more */

    struct nbd_connection *connections[MAX_CONNECTIONS];
    atomic_uint nb_connections; /* with in_use held shared it only grows */
    atomic_bool growing;        /* the thread below was to be started, */
    bool has_grower;            /* and was */
    pthread_t grower;
    int cancel; /* an eventfd that stops it */

    struct journal journal;
    pthread_mutex_t shortening; /* held by who has the server flush so that the journal ends */
};

/* ------------------------------------------------------------------------------------------------
 * Connections
 */

static bool is_same_export(const struct nbd_export *a, const struct nbd_export *b)
{
    return a->size == b->size && a->block_size == b->block_size &&
           a->max_request == b->max_request && a->read_only == b->read_only &&
           a->flush == b->flush && a->trim == b->trim && a->zero == b->zero &&
           a->fast_zero == b->fast_zero && a->extents == b->extents;
}

/* Servers allow as many connections as they allow: the first refusal ends it. */
static void *grow(void *opaque)
{
    struct nbd_line *l = opaque;

    for (unsigned n = 1; n < MAX_CONNECTIONS; n++) {
        struct nbd_connection *c = connection_open(l->way, HANDSHAKE_MILLISECONDS, l->cancel);

        if (c == NULL)
            break;
        if (!is_same_export(connection_export(c), &l->export)) {
            connection_close(c);
            break;
        }
        l->connections[n] = c;
        atomic_store(&l->nb_connections, n + 1);
    }
    return NULL;
}

static bool keeps_journal(const struct nbd_line *l)
{
    return l->reconnect_delay > 0 && l->export.flush;
}

static void start_growing(struct nbd_line *l)
{
    if (!l->export.multi_conn || keeps_journal(l) || atomic_exchange(&l->growing, true))
        return;
    l->has_grower = pthread_create(&l->grower, NULL, grow, l) == 0;
}

static void stop_growing(struct nbd_line *l)
{
    uint64_t one = 1;

    if (!l->has_grower)
        return;
    if (write(l->cancel, &one, sizeof one) < 0) {
        /* cannot fail on an empty counter; if it did, the thread would end by itself */
    }
    pthread_join(l->grower, NULL);
    if (read(l->cancel, &one, sizeof one) < 0) {
        /* nor this on one that is not */
    }
    l->has_grower = false;
}

static struct nbd_connection *connection_for(struct nbd_line *l)
{
    unsigned count = atomic_load(&l->nb_connections);
    struct nbd_connection *best = l->connections[0];

    if (connection_is_lost(best))
        return best;
    for (unsigned i = 1; i < count && connection_load(best) > 0; i++)
        if (!connection_is_lost(l->connections[i]) &&
            connection_load(l->connections[i]) < connection_load(best))
            best = l->connections[i];
    if (connection_load(best) > 0)
        start_growing(l);
    return best;
}

static void close_connections(struct nbd_line *l)
{
    stop_growing(l);
    for (unsigned i = 0; i < atomic_load(&l->nb_connections); i++)
        connection_close(l->connections[i]);
    atomic_store(&l->nb_connections, 0);
    atomic_store(&l->growing, false);
}

/* Other threads' requests may be under way, and shall not wait for an answer any more. */
static void break_connections(struct nbd_line *l)
{
    if (atomic_exchange(&l->broken, true))
        return;
    for (unsigned i = 0; i < atomic_load(&l->nb_connections); i++)
        connection_break(l->connections[i]);
}

static void rest(int64_t milliseconds)
{
    nanosleep(&(struct timespec){ milliseconds / 1000, milliseconds % 1000 * 1000000 }, NULL);
}

/* Try until the deadline, once at least. */
static struct nbd_connection *connect_until(const struct nbd_way *way, int64_t deadline)
{
    for (int64_t pause = FIRST_PAUSE;; pause = pause < LAST_PAUSE ? 2 * pause : LAST_PAUSE) {
        int64_t left = deadline - connection_clock();
        int64_t patience =
            left > 0 && left < HANDSHAKE_MILLISECONDS ? left : HANDSHAKE_MILLISECONDS;
        struct nbd_connection *c = connection_open(way, patience, -1);

        left = deadline - connection_clock();
        if (c != NULL || left <= 0)
            return c;
        pause = left < pause ? left : pause;
        rest(pause);
    }
}

/* ------------------------------------------------------------------------------------------------
 * A lost server
 */

static int write_zeroes(struct nbd_connection *c, uint64_t count, uint64_t offset)
{
    size_t size = min_u64(count, connection_export(c)->max_request);
    CLEANUP_FREE uint8_t *zeroes = calloc(1, size);
    int errnum = zeroes ? 0 : ENOMEM;

    for (uint64_t done = 0; done < count && errnum == 0; done += size)
        errnum = connection_write(c, zeroes, min_u64(size, count - done), offset + done);
    return errnum;
}

/* Zeroes that were quick once need not be so again. */
static int zero_again(struct nbd_connection *c, const struct journal_entry *e)
{
    int errnum = connection_zero(c, e->count, e->offset, e->may_punch, false);

    return errnum == 0 || errnum == ENOTCONN ? errnum : write_zeroes(c, e->count, e->offset);
}

static int make_again(void *opaque, const struct journal_entry *e)
{
    struct nbd_connection *c = opaque;

    return e->is_zero ? zero_again(c, e) : connection_write(c, e->bytes, e->count, e->offset);
}

/* A new connection on which everything is as it was on the lost ones.  1: that one was lost,
 * too. */
static int restore(struct nbd_line *l, struct nbd_connection *c)
{
    int errnum;

    if (!is_same_export(connection_export(c), &l->export))
        return error_set(EIO, "the export there now is another one");
    errnum = journal_replay(&l->journal, make_again, c);
    if (errnum == ENOTCONN)
        return 1;
    return errnum == 0
               ? 0
               : error_system(errnum, "what had not been flushed could not be written again");
}

static bool connect_again(struct nbd_line *l, int64_t deadline)
{
    int r = 1;

    close_connections(l);
    while (r == 1) {
        struct nbd_connection *c;

        if (connection_clock() >= deadline)
            return error_set(ENOTCONN, "the server hangs up again and again"), false;
        c = connect_until(l->way, deadline);
        if (c == NULL)
            return false;
        r = restore(l, c);
        if (r == 0) {
            l->connections[0] = c;
            continue;
        }
        connection_close(c);
        rest(FIRST_PAUSE);
    }
    if (r == -1)
        return false;
    l->export.multi_conn = connection_export(l->connections[0])->multi_conn;
    atomic_store(&l->nb_connections, 1);
    atomic_store(&l->broken, false);
    return true;
}

/* Called without in_use by who met the loss in this epoch; false: there is no going on. */
static bool recover(struct nbd_line *l, uint64_t epoch, int64_t deadline)
{
    WRITE_SCOPE(&l->in_use);

    if (l->over || l->epoch != epoch)
        return !l->over;
    l->epoch++;
    l->over = !connect_again(l, deadline);
    if (l->over)
        error_save(&l->loss);
    return !l->over;
}

/* ------------------------------------------------------------------------------------------------
 * Requests
 */

enum kind { READ, WRITE, ZERO, TRIM, FLUSH, EXTENTS };

struct request {
    enum kind kind;
    void *buf; /* READ: to be filled; WRITE: not changed */
    uint64_t count;
    uint64_t offset;
    bool may_punch;
    struct nbd_extents *extents;
};

static int send(struct nbd_connection *c, const struct request *r)
{
    switch (r->kind) {
    case READ: return connection_read(c, r->buf, r->count, r->offset);
    case WRITE: return connection_write(c, r->buf, r->count, r->offset);
    case ZERO: return connection_zero(c, r->count, r->offset, r->may_punch, true);
    case TRIM: return connection_trim(c, r->count, r->offset);
    case FLUSH: return connection_flush(c);
    case EXTENTS: return connection_extents(c, r->count, r->offset, r->extents);
    }
    return EINVAL;
}

/* Nobody minds that a question is asked twice. */
static int send_somewhere(struct nbd_line *l, const struct request *r)
{
    bool asks = r->kind == READ || r->kind == EXTENTS;
    struct nbd_connection *c;
    int errnum;

    do {
        c = connection_for(l);
        errnum = send(c, r);
    } while (errnum == ENOTCONN && asks && c != l->connections[0] && l->reconnect_delay == 0);
    return errnum;
}

/* A change is in the journal before in_use is let go, so that nobody who comes back from a loss has
 * missed it. */
static int attempt(struct nbd_line *l, const struct request *r, struct journal_entry **entry,
                   uint64_t *epoch)
{
    READ_SCOPE(&l->in_use);
    uint64_t mark = r->kind == FLUSH ? journal_mark(&l->journal) : 0;
    int errnum = l->over || atomic_load(&l->broken) ? ENOTCONN : send_somewhere(l, r);

    *epoch = l->epoch;
    if (errnum == 0 && *entry)
        journal_add(&l->journal, RELEASE(*entry));
    if (errnum == 0 && r->kind == FLUSH)
        journal_forget(&l->journal, mark);
    if (errnum == ENOTCONN && l->reconnect_delay > 0)
        break_connections(l);
    return errnum;
}

static int request(struct nbd_line *l, const struct request *r)
{
    CLEANUP_FREE struct journal_entry *entry = NULL;
    int64_t deadline = 0; /* when there is no more waiting, from the first loss on */
    uint64_t epoch;
    int errnum;

    if (keeps_journal(l) && (r->kind == WRITE || r->kind == ZERO)) {
        entry = journal_prepare(r->buf, r->count, r->offset, r->may_punch);
        if (entry == NULL)
            return ENOMEM;
    }
    while (errnum = attempt(l, r, &entry, &epoch), errnum == ENOTCONN && l->reconnect_delay > 0) {
        if (deadline == 0)
            deadline = connection_clock() + (int64_t)l->reconnect_delay * 1000;
        else
            rest(FIRST_PAUSE);
        if (!recover(l, epoch, deadline))
            break;
    }
    return errnum;
}

int line_flush(struct nbd_line *l)
{
    int errnum;

    if (atomic_load(&l->flush_failed))
        return EIO;
    errnum = request(l, &(struct request){ .kind = FLUSH });
    if (errnum != 0)
        atomic_store(&l->flush_failed, true);
    return errnum;
}

bool line_flush_failed(const struct nbd_line *l)
{
    return atomic_load(&l->flush_failed);
}

/* Changes wait while the server flushes what the journal cannot hold any longer. */
static int shorten_journal(struct nbd_line *l)
{
    if (journal_memory(&l->journal) <= MAX_JOURNAL)
        return 0;
    LOCK_SCOPE(&l->shortening);
    return journal_memory(&l->journal) <= MAX_JOURNAL ? 0 : line_flush(l);
}

static int change(struct nbd_line *l, const struct request *r)
{
    int errnum = request(l, r);

    return errnum == 0 ? shorten_journal(l) : errnum;
}

int line_read(struct nbd_line *l, void *buf, size_t count, uint64_t offset)
{
    return request(l,
                   &(struct request){ .kind = READ, .buf = buf, .count = count, .offset = offset });
}

int line_write(struct nbd_line *l, const void *buf, size_t count, uint64_t offset)
{
    return change(
        l, &(struct request){
               .kind = WRITE, .buf = (void *)(uintptr_t)buf, .count = count, .offset = offset });
}

int line_zero(struct nbd_line *l, uint64_t count, uint64_t offset, bool may_punch)
{
    return change(l, &(struct request){
                         .kind = ZERO, .count = count, .offset = offset, .may_punch = may_punch });
}

int line_trim(struct nbd_line *l, uint64_t count, uint64_t offset)
{
    return request(l, &(struct request){ .kind = TRIM, .count = count, .offset = offset });
}

int line_extents(struct nbd_line *l, uint64_t count, uint64_t offset, struct nbd_extents *extents)
{
    return request(l, &(struct request){
                          .kind = EXTENTS, .count = count, .offset = offset, .extents = extents });
}

/* ------------------------------------------------------------------------------------------------
 * Opening and closing
 */

const struct nbd_export *line_export(const struct nbd_line *l)
{
    return &l->export;
}

/* Once the line is over, nothing of it changes any more. */
const char *line_loss(const struct nbd_line *l)
{
    return l->reconnect_delay > 0 ? l->loss.message : NULL;
}

struct nbd_line *line_open(const struct nbd_way *way, uint64_t open_timeout,
                           uint64_t reconnect_delay)
{
    struct nbd_line *l = calloc(1, sizeof *l);
    int64_t seconds = (int64_t)min_u64(open_timeout, MAX_SECONDS);

    if (l == NULL)
        return error_no_memory();
    l->way = way;
    l->reconnect_delay = min_u64(reconnect_delay, MAX_SECONDS);
    l->cancel = eventfd(0, EFD_CLOEXEC);
    pthread_rwlock_init(&l->in_use, NULL);
    pthread_mutex_init(&l->shortening, NULL);
    journal_init(&l->journal);
    l->connections[0] =
        l->cancel >= 0 ? connect_until(way, connection_clock() + 1000 * seconds) : NULL;
    if (l->connections[0] != NULL) {
        l->nb_connections = 1;
        l->export = *connection_export(l->connections[0]);
        return l;
    }
    if (l->cancel < 0)
        error_system(errno, "Could not open '%s'", way->uri);
    line_close(l);
    return NULL;
}

void line_close(struct nbd_line *l)
{
    if (l == NULL)
        return;
    close_connections(l);
    if (l->cancel >= 0)
        close(l->cancel);
    journal_destroy(&l->journal);
    pthread_mutex_destroy(&l->shortening);
    pthread_rwlock_destroy(&l->in_use);
    free(l);
}
