/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-server.c - a server at the other end of an NBD store, which answers as an input says */

#include "fuzz/nbd-server.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "store/nbd_library.h"

#define MAX_MESSAGE (UINT32_C(4) << 20) /* bytes of a request */
#define MAX_ANSWER (UINT32_C(4) << 20)  /* bytes that are read at once */
#define MAX_TOLD 16u                    /* extents in an honest answer */

#define OPTION_MAGIC UINT64_C(0x49484156454F5054)
#define OPTION_REPLY_MAGIC UINT64_C(0x3e889045565a9)
#define REQUEST_MAGIC UINT32_C(0x25609513)
#define SIMPLE_MAGIC UINT32_C(0x67446698)
#define CHUNK_MAGIC UINT32_C(0x668e33ef)
#define CONTEXT_ID 1u
#define CONTEXT "base:allocation"
#define OPTION_BYTES 16u  /* without data */
#define REQUEST_BYTES 28u /* without data */

enum {
    OPTION_EXPORT_NAME = 1,
    OPTION_ABORT,
    OPTION_GO = 7,
    OPTION_STRUCTURED_REPLY,
    OPTION_CONTEXT = 10
};
enum { REPLY_ACK = 1, REPLY_INFO = 3, REPLY_CONTEXT = 4 };
#define REPLY_UNSUPPORTED UINT32_C(0x80000001)
#define REPLY_UNKNOWN UINT32_C(0x80000006)

enum { READ, WRITE, DISCONNECT, FLUSH, TRIM, ZERO = 6, BLOCK_STATUS };
enum { CHUNK_DATA = 1, CHUNK_HOLE, CHUNK_STATUS = 5, CHUNK_ERROR = 0x8001 };
enum { CHUNK_DONE = 1, HOLE_AND_ZERO = 3 };

struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
};

struct request {
    uint16_t type;
    uint64_t cookie, offset;
    uint32_t length;
    const uint8_t *data;
};

/* Takes a message from the start of what was received; how long it was, 0: it is not there yet. */
typedef size_t step(void);

static step take_flags, take_option, take_request, take_nothing;

static struct {
    struct nbd_script script;
    int fd; /* -1: nobody has called yet, or it is over */
    unsigned calls;
    step *next;
    struct buffer in, out;
    bool lied, structured;
} server;

/* ------------------------------------------------------------------------------------------------
 * Bytes
 */

static void append(struct buffer *b, const void *bytes, size_t count)
{
    if (b->size + count > b->capacity) {
        b->capacity = 2 * (b->size + count);
        b->bytes = realloc(b->bytes, b->capacity);
        fuzz_require(b->bytes != NULL);
    }
    if (count > 0)
        memcpy(b->bytes + b->size, bytes, count);
    b->size += count;
}

static void remove_first(struct buffer *b, size_t count)
{
    b->size -= count;
    memmove(b->bytes, b->bytes + count, b->size);
}

static void say(const void *bytes, size_t count)
{
    append(&server.out, bytes, count);
}

/* A number of so many bytes. */
static void say_number(uint64_t number, size_t bytes)
{
    uint8_t all[8];

    store_be64(all, number);
    say(all + sizeof all - bytes, bytes);
}

static uint8_t next_byte(void)
{
    if (server.script.nb_moods == 0)
        return 0;
    server.script.nb_moods--;
    return *server.script.moods++;
}

/* ------------------------------------------------------------------------------------------------
 * Moods
 */

static void hang_up(void)
{
    shutdown(server.fd, SHUT_RDWR);
    server.next = take_nothing;
}

static void say_raw(void)
{
    size_t count = min_u64(next_byte(), server.script.nb_moods);

    say(server.script.moods, count);
    server.script.moods += count;
    server.script.nb_moods -= count;
    server.lied = true;
}

static void say_chunk(const struct request *r, unsigned flags, unsigned type, uint32_t length)
{
    say_number(CHUNK_MAGIC, 4);
    say_number(flags, 2);
    say_number(type, 2);
    say_number(r->cookie, 8);
    say_number(length, 4);
}

static void say_simple(const struct request *r, uint32_t error)
{
    say_number(SIMPLE_MAGIC, 4);
    say_number(error, 4);
    say_number(r->cookie, 8);
}

static void say_error(const struct request *r, uint32_t error)
{
    if (!server.structured || (r->type != READ && r->type != BLOCK_STATUS)) {
        say_simple(r, error);
        return;
    }
    say_chunk(r, CHUNK_DONE, CHUNK_ERROR, 4 + 2);
    say_number(error, 4);
    say_number(0, 2);
}

static void say_content(uint64_t offset, uint32_t length)
{
    static uint8_t bytes[MAX_ANSWER];

    if (store_pread(server.script.content, bytes, length, offset) == -1)
        memset(bytes, 0, length); /* so far away there is nothing */
    say(bytes, length);
}

static void say_data(const struct request *r, unsigned flags, uint32_t first, uint32_t length)
{
    say_chunk(r, flags, CHUNK_DATA, 8 + length);
    say_number(r->offset + first, 8);
    say_content(r->offset + first, length);
}

static void read_honestly(const struct request *r)
{
    if (server.structured) {
        say_data(r, CHUNK_DONE, 0, r->length);
        return;
    }
    say_simple(r, 0);
    say_content(r->offset, r->length);
}

static void tell_extents(const struct request *r)
{
    struct store_extent extents[MAX_TOLD];
    uint64_t told = 0;
    uint32_t count = 0;

    while (count < MAX_TOLD && told < r->length) {
        if (store_extent_at(server.script.content, r->length - told, r->offset + told,
                            &extents[count]) == -1)
            extents[count] = (struct store_extent){ .length = r->length - told, .hole = true };
        told += extents[count++].length;
    }
    say_chunk(r, CHUNK_DONE, CHUNK_STATUS, 4 + count * 8);
    say_number(CONTEXT_ID, 4);
    for (uint32_t i = 0; i < count; i++) {
        say_number(extents[i].length, 4);
        say_number(extents[i].hole ? HOLE_AND_ZERO : 0, 4);
    }
}

static void be_honest(const struct request *r)
{
    struct store *content = server.script.content;
    int done = 0;

    switch (r->type) {
    case READ: read_honestly(r); return;
    case BLOCK_STATUS: tell_extents(r); return;
    case WRITE: done = store_pwrite(content, r->data, r->length, r->offset); break;
    case TRIM:
    case ZERO: done = store_zero(content, r->length, r->offset, true); break;
    default: break;
    }
    say_error(r, done == -1 ? EIO : 0);
}

static void fail(const struct request *r)
{
    say_error(r, 1 + next_byte() % 110u);
}

/* Of what has no pieces it is honest. */
static bool has_pieces(const struct request *r)
{
    return r->type == READ && server.structured && r->length > 1;
}

static void read_in_pieces(const struct request *r)
{
    uint32_t first = 1 + next_byte() * 257u % (r->length > 1 ? r->length - 1 : 1);

    if (!has_pieces(r)) {
        be_honest(r);
        return;
    }
    say_data(r, 0, first, r->length - first);
    say_data(r, CHUNK_DONE, 0, first);
}

static void read_and_fail(const struct request *r)
{
    if (has_pieces(r))
        say_data(r, 0, 0, r->length / 2);
    fail(r);
}

static void read_hole(const struct request *r)
{
    if (!has_pieces(r)) {
        be_honest(r);
        return;
    }
    say_chunk(r, CHUNK_DONE, CHUNK_HOLE, 8 + 4);
    say_number(r->offset, 8);
    say_number(r->length, 4);
    server.lied = true;
}

static void tell_any_extents(const struct request *r)
{
    uint32_t count = next_byte();

    say_chunk(r, CHUNK_DONE, CHUNK_STATUS, 4 + count * 8);
    say_number(CONTEXT_ID, 4);
    for (uint32_t i = 0; i < count; i++) {
        for (unsigned k = 0; k < 4; k++)
            say_number(next_byte(), 1);
        say_number(next_byte(), 4);
    }
    server.lied = true;
}

static void tell_wrong_length(const struct request *r)
{
    int difference = (next_byte() ^ 0x80) - 0x80; /* of the byte as a signed one */
    uint32_t length = r->length + (uint32_t)difference;

    server.lied = true;
    length = length > MAX_ANSWER ? 0 : length;
    if (server.structured)
        say_data(r, CHUNK_DONE, 0, length);
    else
        read_honestly(&(struct request){ .cookie = r->cookie, .length = length });
}

static void tell_wrong_place(const struct request *r)
{
    struct request other = *r;

    server.lied = true;
    other.offset += (uint64_t)(int8_t)next_byte() * 64;
    if (server.structured && r->type == READ) {
        say_chunk(r, CHUNK_DONE, CHUNK_DATA, 8 + r->length);
        say_number(other.offset, 8);
        say_content(r->offset, r->length);
    } else {
        be_honest(r);
    }
}

static void tell_wrong_cookie(const struct request *r)
{
    struct request other = *r;

    server.lied = true;
    other.cookie += next_byte();
    be_honest(&other);
}

static void be_raw(const struct request *r)
{
    (void)r;
    say_raw();
}

static void be_gone(const struct request *r)
{
    (void)r;
    hang_up();
}

static void (*const moods[NBD_MOODS])(const struct request *r) = {
    [NBD_HONEST] = be_honest,
    [NBD_FAIL] = fail,
    [NBD_PIECES] = read_in_pieces,
    [NBD_AND_FAIL] = read_and_fail,
    [NBD_HOLE] = read_hole,
    [NBD_EXTENTS] = tell_any_extents,
    [NBD_WRONG_LENGTH] = tell_wrong_length,
    [NBD_WRONG_PLACE] = tell_wrong_place,
    [NBD_WRONG_COOKIE] = tell_wrong_cookie,
    [NBD_RAW] = be_raw,
    [NBD_HANG_UP] = be_gone,
};

/* ------------------------------------------------------------------------------------------------
 * The conversation
 */

static void answer_option(uint32_t option, uint32_t type, const void *data, uint32_t length)
{
    say_number(OPTION_REPLY_MAGIC, 8);
    say_number(option, 4);
    say_number(type, 4);
    say_number(length, 4);
    say(data, length);
}

static void answer_go(uint32_t option)
{
    uint8_t export[2 + 8 + 2] = { 0 }, blocks[2 + 3 * 4] = { 0, 3 };

    if (server.script.flaws & NBD_NO_EXPORT) {
        answer_option(option, REPLY_UNKNOWN, "no\033such export", 14);
        return;
    }
    if (server.calls > 1 && server.script.flaws & NBD_OTHER_LATER)
        server.script.size ^= 1u << 20;
    store_be64(export + 2, server.script.size);
    store_be16(export + 10, server.script.flags);
    store_be32(blocks + 2, server.script.minimum);
    store_be32(blocks + 6, server.script.preferred);
    store_be32(blocks + 10, server.script.maximum);
    answer_option(option, REPLY_INFO, export, sizeof export);
    if (!(server.script.flaws & NBD_NO_BLOCK_SIZES))
        answer_option(option, REPLY_INFO, blocks, sizeof blocks);
    answer_option(option, REPLY_ACK, NULL, 0);
    server.next = take_request;
}

static void answer_context(uint32_t option)
{
    static const char context[4 + sizeof CONTEXT - 1] = "\0\0\0\1" CONTEXT;

    if (!(server.script.flaws & NBD_NO_CONTEXT))
        answer_option(option, REPLY_CONTEXT, context, sizeof context);
    answer_option(option, REPLY_ACK, NULL, 0);
}

static void answer(uint32_t option)
{
    bool structured = !(server.script.flaws & NBD_NO_STRUCTURED_REPLIES);

    if (server.script.flaws & NBD_ODD_OPTIONS && next_byte() == NBD_RAW) {
        say_raw();
    } else if (option == OPTION_GO) {
        answer_go(option);
    } else if (option == OPTION_CONTEXT) {
        answer_context(option);
    } else if (option == OPTION_STRUCTURED_REPLY && structured) {
        server.structured = true;
        answer_option(option, REPLY_ACK, NULL, 0);
    } else if (option == OPTION_EXPORT_NAME || option == OPTION_ABORT) {
        hang_up();
    } else {
        answer_option(option, REPLY_UNSUPPORTED, NULL, 0);
    }
}

static size_t take_nothing(void)
{
    return 0;
}

static size_t take_flags(void)
{
    if (server.in.size < 4)
        return 0;
    server.next = take_option;
    return 4;
}

static size_t take_option(void)
{
    const uint8_t *message = server.in.bytes;
    uint32_t length;

    if (server.in.size < OPTION_BYTES)
        return 0;
    length = load_be32(message + 12);
    fuzz_require(load_be64(message) == OPTION_MAGIC && length < MAX_MESSAGE);
    if (server.in.size < OPTION_BYTES + length)
        return 0;
    answer(load_be32(message + 8));
    return OPTION_BYTES + length;
}

/* What the store must not ask for: it was told the size. */
static bool is_within(const struct request *r)
{
    return range_within(r->offset, r->length, server.script.size);
}

static size_t take_request(void)
{
    const uint8_t *message = server.in.bytes;
    struct request r;
    size_t data;

    if (server.in.size < REQUEST_BYTES)
        return 0;
    fuzz_require(load_be32(message) == REQUEST_MAGIC);
    r = (struct request){ load_be16(message + 6), load_be64(message + 8), load_be64(message + 16),
                          load_be32(message + 24), message + REQUEST_BYTES };
    data = r.type == WRITE ? r.length : 0;
    fuzz_require(data <= MAX_MESSAGE);
    if (server.in.size < REQUEST_BYTES + data)
        return 0;
    fuzz_require(is_within(&r));
    if (r.type == DISCONNECT || (r.type == READ && r.length > MAX_ANSWER))
        hang_up();
    else
        moods[next_byte() % NBD_MOODS](&r);
    return REQUEST_BYTES + data;
}

static void receive(void)
{
    static uint8_t bytes[65536];
    ssize_t count;

    while ((count = recv(server.fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        append(&server.in, bytes, (size_t)count);
    for (size_t taken; (taken = server.next()) > 0;)
        remove_first(&server.in, taken);
}

static void answer_now(void)
{
    ssize_t count = server.out.size ? send(server.fd, server.out.bytes, server.out.size,
                                           MSG_DONTWAIT | MSG_NOSIGNAL)
                                    : 0;

    if (count > 0)
        remove_first(&server.out, (size_t)count);
}

static bool is_readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) != 0;
}

/* ------------------------------------------------------------------------------------------------
 * The library of NBD functions
 */

#define OWN_FUNCTIONS(X) X(nbd_aio_connect_socket)

static struct nbd_library real;

static struct {
    OWN_FUNCTIONS(LIBRARY_MEMBER)
} own;

static struct library library = {
    .name = LIBRARY_NAME("nbd", 0),
    .user = "This target",
    LIBRARY_TABLE(NBD_FUNCTIONS, real),
    .nb_optional = NBD_OPTIONAL,
};

static struct library own_library = {
    .name = LIBRARY_NAME("nbd", 0),
    .user = "This target",
    LIBRARY_TABLE(OWN_FUNCTIONS, own),
};

/* ------------------------------------------------------------------------------------------------
 * Time
 */

static struct timespec rested; /* by which the clock was put on for this script */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);

static void put_on(struct timespec *t, const struct timespec *by)
{
    t->tv_sec += by->tv_sec;
    t->tv_nsec += by->tv_nsec;
    if (t->tv_nsec >= 1000000000) {
        t->tv_nsec -= 1000000000;
        t->tv_sec++;
    }
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int r = __real_clock_gettime(clock, now);

    put_on(now, &rested);
    return r;
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)left;
    put_on(&rested, wanted);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Calls
 */

static int connect_here(struct nbd_handle *handle, const char *uri)
{
    int ends[2];

    (void)uri;
    nbd_server_end();
    fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    server.fd = ends[1];
    server.in.size = server.out.size = 0;
    server.structured = false;
    server.calls++;
    server.next = take_flags;
    if (server.calls > 1 && server.script.flaws & NBD_NOBODY_LATER)
        hang_up();
    else
        say("NBDMAGICIHAVEOPT\0\3", 18);
    return own.nbd_aio_connect_socket(handle, ends[0]);
}

/* The store asks for this before it waits. */
static unsigned look_at_server(struct nbd_handle *handle)
{
    unsigned direction = real.nbd_aio_get_direction(handle);

    receive();
    answer_now();
    if (server.out.size == 0 && direction == LIBNBD_AIO_DIRECTION_READ &&
        !is_readable(real.nbd_aio_get_fd(handle)))
        hang_up();
    return direction;
}

/* In the place of the one in lib/store. */
const struct nbd_library *nbd_library(void)
{
    static struct nbd_library functions;

    if (library_load(&library) == -1 || library_load(&own_library) == -1)
        return NULL;
    functions = real;
    functions.nbd_aio_connect_uri = connect_here;
    functions.nbd_aio_get_direction = look_at_server;
    return &functions;
}

void nbd_server_begin(const struct nbd_script *script)
{
    server.script = *script;
    server.fd = -1;
    server.calls = 0;
    server.lied = false;
    rested = (struct timespec){ 0 };
}

bool nbd_server_has_lied(void)
{
    return server.lied;
}

void nbd_server_end(void)
{
    if (server.fd != -1)
        close(server.fd);
    server.fd = -1;
}
