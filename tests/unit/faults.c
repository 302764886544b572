/* SPDX-License-Identifier: BSD-3-Clause */
/* faults.c - what the library asks of the system, one answer of which is no */

#include "unit/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "crypto/libcrypto.h"

const struct fault_kind fault_kinds[FAULTS] = {
    [FAULT_MEMORY] = { "memory", ENOMEM }, [FAULT_READ] = { "read", EIO },
    [FAULT_CHANGE] = { "change", ENOSPC }, [FAULT_ROOM] = { "room", ENOSPC },
    [FAULT_FLUSH] = { "flush", EIO },      [FAULT_ASK] = { "ask", EIO },
    [FAULT_CIPHER] = { "cipher", 0 },
};

static struct {
    bool on, lasting, happened;
    enum fault kind;
    unsigned long at, requests;
} plan;

void fault_plan(enum fault kind, unsigned long at, bool lasting)
{
    plan.kind = kind;
    plan.at = at;
    plan.lasting = lasting;
    plan.requests = 0;
    plan.happened = false;
    plan.on = true;
}

bool fault_end(void)
{
    plan.on = false;
    return plan.happened;
}

/* Is this the request that fails?  Then errno is set. */
static bool is_due(enum fault kind)
{
    if (!plan.on || plan.kind != kind)
        return false;
    plan.requests++;
    if (plan.lasting ? plan.requests < plan.at : plan.requests != plan.at)
        return false;
    plan.happened = true;
    errno = fault_kinds[kind].errnum;
    return true;
}

/* The function that stands in for the system's, and the system's. */
#define STAND_IN(type, name, parameters) \
    type __real_##name parameters;       \
    type __wrap_##name parameters;       \
    type __wrap_##name parameters

#define FAIL(kind, failure, name, ...) return is_due(kind) ? (failure) : __real_##name(__VA_ARGS__)

/* ------------------------------------------------------------------------------------------------
 * Memory
 */

static void *pieces; /* a tree of the addresses */
static size_t held;

size_t fault_memory_held(void)
{
    return held;
}

static int compare(const void *a, const void *b)
{
    return a < b ? -1 : a > b;
}

static void *take(void *piece)
{
    if (piece) {
        held++;
        if (tsearch(piece, &pieces, compare) == NULL)
            abort();
    }
    return piece;
}

/* Memory that the C library took is not among the pieces. */
static void give_back(void *piece)
{
    if (piece && tdelete(piece, &pieces, compare))
        held--;
}

STAND_IN(void *, malloc, (size_t size))
{
    return is_due(FAULT_MEMORY) ? NULL : take(__real_malloc(size));
}

STAND_IN(void *, calloc, (size_t count, size_t size))
{
    return is_due(FAULT_MEMORY) ? NULL : take(__real_calloc(count, size));
}

STAND_IN(void *, reallocarray, (void *old, size_t count, size_t size))
{
    void *piece;

    if (is_due(FAULT_MEMORY))
        return NULL;
    give_back(old);
    piece = __real_reallocarray(old, count, size);
    take(piece ? piece : old);
    return piece;
}

STAND_IN(void *, realloc, (void *old, size_t size))
{
    (void)__real_realloc;
    return __wrap_reallocarray(old, 1, size);
}

STAND_IN(void *, aligned_alloc, (size_t alignment, size_t size))
{
    return is_due(FAULT_MEMORY) ? NULL : take(__real_aligned_alloc(alignment, size));
}

STAND_IN(int, posix_memalign, (void **piece, size_t alignment, size_t size))
{
    int errnum = is_due(FAULT_MEMORY) ? ENOMEM : __real_posix_memalign(piece, alignment, size);

    if (errnum == 0)
        take(*piece);
    return errnum;
}

STAND_IN(char *, strdup, (const char *text))
{
    return is_due(FAULT_MEMORY) ? NULL : take(__real_strdup(text));
}

STAND_IN(void, free, (void *piece))
{
    give_back(piece);
    __real_free(piece);
}

int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list args;
    int length;

    if (is_due(FAULT_MEMORY))
        return -1;
    va_start(args, format);
    length = vasprintf(text, format, args);
    va_end(args);
    if (length >= 0)
        take(*text);
    return length;
}

/* ------------------------------------------------------------------------------------------------
 * Files
 */

void (*fault_observer)(const char *name);

STAND_IN(ssize_t, pread, (int fd, void *buf, size_t count, off_t offset))
{
    FAIL(FAULT_READ, -1, pread, fd, buf, count, offset);
}

off_t __real_lseek(int fd, off_t offset, int whence);

/* Is any of the range in a hole, or beyond the end? */
static bool takes_room(int fd, off_t offset, off_t count)
{
    return plan.on && plan.kind == FAULT_ROOM &&
           __real_lseek(fd, offset, SEEK_HOLE) < offset + count;
}

static off_t length_of(const struct iovec *iov, int count)
{
    off_t length = 0;

    for (int i = 0; i < count; i++)
        length += (off_t)iov[i].iov_len;
    return length;
}

STAND_IN(ssize_t, pwritev, (int fd, const struct iovec *iov, int count, off_t offset))
{
    if (takes_room(fd, offset, length_of(iov, count)) && is_due(FAULT_ROOM))
        return -1;
    FAIL(FAULT_CHANGE, -1, pwritev, fd, iov, count, offset);
}

STAND_IN(int, fallocate, (int fd, int mode, off_t offset, off_t count))
{
    if (!(mode & FALLOC_FL_PUNCH_HOLE) && takes_room(fd, offset, count) && is_due(FAULT_ROOM))
        return -1;
    FAIL(FAULT_CHANGE, -1, fallocate, fd, mode, offset, count);
}

STAND_IN(int, ftruncate, (int fd, off_t length))
{
    FAIL(FAULT_CHANGE, -1, ftruncate, fd, length);
}

/* What was written is not to outlive the machine. */
STAND_IN(int, fdatasync, (int fd))
{
    (void)fd;
    (void)__real_fdatasync;
    return is_due(FAULT_FLUSH) ? -1 : 0;
}

off_t __wrap_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence)
{
    FAIL(FAULT_ASK, -1, lseek, fd, offset, whence);
}

STAND_IN(int, fstat, (int fd, struct stat *status))
{
    FAIL(FAULT_ASK, -1, fstat, fd, status);
}

STAND_IN(int, stat, (const char *name, struct stat *status))
{
    FAIL(FAULT_ASK, -1, stat, name, status);
}

STAND_IN(int, open, (const char *name, int flags, ...))
{
    va_list args;
    mode_t mode = 0;

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = (mode_t)va_arg(args, int);
    va_end(args);
    if (fault_observer && (flags & O_ACCMODE) != O_RDONLY)
        fault_observer(name);
    FAIL(FAULT_ASK, -1, open, name, flags, mode);
}

/* Only of locks is anything asked by it that may fail. */
STAND_IN(int, fcntl, (int fd, int command, ...))
{
    va_list args;
    void *argument;

    va_start(args, command);
    argument = va_arg(args, void *);
    va_end(args);
    FAIL(FAULT_ASK, -1, fcntl, fd, command, argument);
}

/* ------------------------------------------------------------------------------------------------
 * Ciphers: the library calls them through a table
 */

static struct libcrypto real;

#define CIPHER(type, failure, name, parameters, ...)                      \
    static type name##_or_not parameters                                  \
    {                                                                     \
        return is_due(FAULT_CIPHER) ? (failure) : real.name(__VA_ARGS__); \
    }

CIPHER(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void))
CIPHER(EVP_MD_CTX *, NULL, EVP_MD_CTX_new, (void))
CIPHER(EVP_CIPHER *, NULL, EVP_CIPHER_fetch,
       (OSSL_LIB_CTX * context, const char *name, const char *properties), context, name,
       properties)
CIPHER(EVP_MD *, NULL, EVP_MD_fetch,
       (OSSL_LIB_CTX * context, const char *name, const char *properties), context, name,
       properties)
CIPHER(int, 0, EVP_CipherInit_ex2,
       (EVP_CIPHER_CTX * context, const EVP_CIPHER *cipher, const unsigned char *key,
        const unsigned char *iv, int encrypts, const OSSL_PARAM params[]),
       context, cipher, key, iv, encrypts, params)
CIPHER(int, 0, EVP_CipherUpdate,
       (EVP_CIPHER_CTX * context, unsigned char *out, int *size, const unsigned char *in,
        int count),
       context, out, size, in, count)
CIPHER(int, 0, EVP_Digest,
       (const void *in, size_t count, unsigned char *out, unsigned *size, const EVP_MD *hash,
        ENGINE *engine),
       in, count, out, size, hash, engine)
CIPHER(int, 0, EVP_DigestFinal_ex, (EVP_MD_CTX * context, unsigned char *out, unsigned *size),
       context, out, size)
CIPHER(int, 0, RAND_priv_bytes, (unsigned char *out, int count), out, count)

/* Nothing here is secret: once is enough, however fast the machine is found to be. */
CIPHER(int, 0, PKCS5_PBKDF2_HMAC,
       (const char *password, int length, const unsigned char *salt, int salt_length,
        int iterations, const EVP_MD *hash, int count, unsigned char *out),
       password, length, salt, salt_length, iterations > 0, hash, count, out)

static time_t seconds_spent;

STAND_IN(int, clock_gettime, (clockid_t clock, struct timespec *time))
{
    if (clock != CLOCK_THREAD_CPUTIME_ID)
        return __real_clock_gettime(clock, time);
    *time = (struct timespec){ .tv_sec = seconds_spent++ };
    return 0;
}

#define INSTEAD(name) libcrypto.name = name##_or_not

int fault_stand_in_for_ciphers(void)
{
    if (libcrypto_load() == -1)
        return -1;
    real = libcrypto;
    INSTEAD(EVP_CIPHER_CTX_new);
    INSTEAD(EVP_MD_CTX_new);
    INSTEAD(EVP_CIPHER_fetch);
    INSTEAD(EVP_MD_fetch);
    INSTEAD(EVP_CipherInit_ex2);
    INSTEAD(EVP_CipherUpdate);
    INSTEAD(EVP_Digest);
    INSTEAD(EVP_DigestFinal_ex);
    INSTEAD(RAND_priv_bytes);
    INSTEAD(PKCS5_PBKDF2_HMAC);
    return 0;
}
