/* SPDX-License-Identifier: BSD-3-Clause */
/* replay.c - the power cut at every instant of a command, or of a server with a client
 *
 *     crash-replay LOG BEFORE OLD NEW           of a command that made the disk OLD into NEW
 *     crash-replay LOG BEFORE SEED -- SERVER... a client with a seed uses the server, on stdin
 *     crash-replay --stamps SECTORS SEED FILE   make a disk for a command
 *
 * LOG is what calls.c, loaded into the program, wrote of its changes of the image, BEFORE the image
 * as it was.  The changes are entered into a recorder, and each state that a cut could leave is
 * judged.  A disk of a command is a raw file whose sectors hold one stamp each; each sector is old
 * or new until the command has ended.  The client marks in the log what it asks for and which flush
 * was acknowledged; the disk was empty.
 *
 * A program with one thread that writes is what this is for: changes are in the order of their log.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libnbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "crash/calls.h"
#include "crash/random.h"
#include "crash/states.h"

#define REQUESTS 60
#define MOST_SECTORS 300u

struct bytes {
    uint8_t *at;
    size_t count;
};

struct replay {
    struct recorder *recorder;
    struct oracle oracle;
    struct states states;
    struct hash_set distinct;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "crash-replay: %s: %s\n", what, why);
    exit(2);
}

static struct bytes load(const char *name)
{
    FILE *file = fopen(name, "rb");
    struct bytes all = { .at = malloc(MEDIUM_MAX) };

    if (file == NULL || all.at == NULL)
        die(name, strerror(errno));
    all.count = fread(all.at, 1, MEDIUM_MAX, file);
    if (!feof(file))
        die(name, "too long");
    fclose(file);
    return all;
}

/* ------------------------------------------------------------------------------------------------
 * The client
 */

struct client {
    struct nbd_handle *nbd;
    int log;
    uint64_t random;
    uint64_t size; /* sectors */
    uint64_t next_stamp;
    uint8_t bytes[MOST_SECTORS * SECTOR];
};

static void mark(struct client *c, enum call_kind kind, uint64_t at, uint64_t count, uint64_t stamp)
{
    struct call_head head = { .kind = kind, .offset = at, .count = count, .stamp = stamp };

    if (write(c->log, &head, sizeof head) != sizeof head)
        die("the log", strerror(errno));
}

static void fill_with_stamps(uint8_t *bytes, uint64_t stamp, uint64_t count)
{
    for (uint64_t i = 0; i < count * SECTOR; i += sizeof stamp) {
        uint64_t own = stamp + i / SECTOR;

        memcpy(bytes + i, &own, sizeof own);
    }
}

static int request(struct client *c)
{
    uint64_t at = random_below(&c->random, c->size);
    uint64_t count = 1 + random_below(&c->random, min_u64(c->size - at, MOST_SECTORS));
    uint64_t stamp = ++c->next_stamp << 16;
    int r;

    switch (random_below(&c->random, 8)) {
    case 0:
        mark(c, CALL_ISSUED, at, count, 0);
        return nbd_zero(c->nbd, count * SECTOR, at * SECTOR, LIBNBD_CMD_FLAG_NO_HOLE);
    case 1:
        mark(c, CALL_ISSUED, at, count, 0);
        return nbd_zero(c->nbd, count * SECTOR, at * SECTOR, 0);
    case 2:
        r = nbd_flush(c->nbd, 0);
        if (r == 0)
            mark(c, CALL_SETTLED, 0, 0, 0);
        return r;
    default:
        fill_with_stamps(c->bytes, stamp, count);
        mark(c, CALL_ISSUED, at, count, stamp);
        return nbd_pwrite(c->nbd, c->bytes, count * SECTOR, at * SECTOR, 0);
    }
}

static void use_server(const char *log, uint64_t seed, char **server)
{
    struct client c = { .nbd = nbd_create(),
                        .log = open(log, O_WRONLY | O_APPEND),
                        .random = seed };

    if (c.log == -1)
        die(log, strerror(errno));
    if (c.nbd == NULL || nbd_connect_command(c.nbd, server) == -1)
        die("the server", nbd_get_error());
    c.size = (uint64_t)nbd_get_size(c.nbd) / SECTOR;
    for (int i = 0; i < REQUESTS; i++)
        if (request(&c) == -1)
            die("a request", nbd_get_error());
    nbd_shutdown(c.nbd, 0);
    nbd_close(c.nbd);
    close(c.log);
}

/* ------------------------------------------------------------------------------------------------
 * The replay
 */

static void issue(struct replay *r, uint64_t at, uint64_t count, const uint8_t *bytes)
{
    r->recorder->moment = ++r->oracle.moment;
    for (uint64_t i = 0; i < count; i++)
        oracle_issue(&r->oracle, at + i, bytes ? judge_stamp(bytes + i * SECTOR) : 0);
}

static void issue_stamps(struct replay *r, const struct call_head *head)
{
    static uint8_t bytes[MOST_SECTORS * SECTOR];

    if (head->stamp == 0) {
        issue(r, head->offset, head->count, NULL);
        return;
    }
    fill_with_stamps(bytes, head->stamp, head->count);
    issue(r, head->offset, head->count, bytes);
}

static int replay_call(struct replay *r, const struct call_head *head, const uint8_t *bytes)
{
    struct store *store = recorder_image(r->recorder);

    switch (head->kind) {
    case CALL_WRITE: return store_pwrite(store, bytes, head->count, head->offset);
    case CALL_ZERO: return store->ops->zero(store, head->count, head->offset, false);
    case CALL_PUNCH: return store_discard(store, head->count, head->offset);
    case CALL_LENGTH: return store_truncate(store, head->offset);
    case CALL_FLUSH_ENDED: return store_flush(store);
    case CALL_ISSUED: issue_stamps(r, head); return 0;
    case CALL_SETTLED: oracle_settle_all(&r->oracle); return 0;
    default: return 0;
    }
}

static void replay_log(struct replay *r, const struct bytes *log)
{
    struct call_head head;

    for (size_t at = 0; at + sizeof head <= log->count && r->states.verdict.rule == NULL;) {
        memcpy(&head, log->at + at, sizeof head);
        at += sizeof head;
        if (replay_call(r, &head, log->at + at) == -1)
            die("the replay", error_message());
        at += head.kind == CALL_WRITE ? head.count : 0;
    }
}

static void begin(struct replay *r, const char *before, uint64_t size, const struct effort *effort)
{
    struct bytes image = load(before);

    r->recorder = recorder_new();
    if (r->recorder == NULL || oracle_init(&r->oracle, size, size) == -1 ||
        store_pwrite(recorder_image(r->recorder), image.at, image.count, 0) == -1)
        die(before, error_message());
    recorder_settle(r->recorder);
    free(image.at);
    if (states_init(&r->states, effort, r->recorder, &r->oracle, &r->distinct, 1) == -1)
        die(before, error_message());
    r->recorder->observer = states_visit;
    r->recorder->opaque = &r->states;
}

/* Each sector is old or new. */
static void begin_command(struct replay *r, const char *before, const char *old, const char *new,
                          const struct effort *effort)
{
    struct bytes from = load(old), to = load(new);

    begin(r, before, from.count, effort);
    issue(r, 0, from.count / SECTOR, from.at);
    oracle_settle_all(&r->oracle);
    issue(r, 0, min_u64(from.count, to.count) / SECTOR, to.at);
    free(from.at);
    free(to.at);
}

static uint64_t size_of_disk(const char *name)
{
    struct bytes image = load(name);
    uint64_t size = load_be64(image.at + HEADER_SIZE_AT);

    free(image.at);
    return size;
}

/* Every eighth stretch is zeroes. */
static void make_disk(uint64_t sectors, uint64_t seed, const char *name)
{
    FILE *file = fopen(name, "wb");
    uint8_t sector[SECTOR];
    uint64_t random = seed;
    bool zero = false;

    if (file == NULL)
        die(name, strerror(errno));
    for (uint64_t i = 0; i < sectors; i++) {
        if (random_below(&random, 20) == 0)
            zero = random_below(&random, 8) == 0;
        fill_with_stamps(sector, zero ? 0 : seed << 40 | i, 1);
        if (fwrite(sector, 1, SECTOR, file) != SECTOR)
            die(name, strerror(errno));
    }
    if (fclose(file) != 0)
        die(name, strerror(errno));
}

int main(int argc, char **argv)
{
    const struct effort effort = { .subsets = 8, .use_every = 5, .directory = "." };
    bool served = argc > 5 && strcmp(argv[4], "--") == 0;
    struct replay r = { 0 };
    struct bytes log;

    if (argc == 5 && strcmp(argv[1], "--stamps") == 0) {
        make_disk(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), argv[4]);
        return 0;
    }
    if (!served && argc != 5)
        die("usage", "crash-replay LOG BEFORE OLD NEW | crash-replay LOG BEFORE SEED -- SERVER...");
    if (served) {
        use_server(argv[1], strtoull(argv[3], NULL, 10), argv + 5);
        begin(&r, argv[2], size_of_disk(argv[2]), &effort);
    } else {
        begin_command(&r, argv[2], argv[3], argv[4], &effort);
    }
    log = load(argv[1]);
    replay_log(&r, &log);
    oracle_settle_all(&r.oracle); /* it has ended */
    if (r.states.verdict.rule == NULL)
        states_visit(&r.states);
    printf("replay: %" PRIu64 " distinct states, %" PRIu64 " flushes\n", r.distinct.count,
           r.recorder->flushes);
    if (r.states.verdict.rule)
        printf("replay: VIOLATION of \"%s\": %s\n", r.states.verdict.rule, r.states.verdict.text);
    free(log.at);
    states_destroy(&r.states);
    oracle_destroy(&r.oracle);
    recorder_free(r.recorder);
    hash_set_destroy(&r.distinct);
    return r.states.verdict.rule != NULL;
}
