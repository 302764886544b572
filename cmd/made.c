/* SPDX-License-Identifier: BSD-3-Clause */
/* made.c - a file that was made, to be taken away if it does not become what it was to be
 *
 * Between the making and the taking away the file may have been moved, another may have been put in
 * its place, or another program may have begun to use it.  All the bytes that programs lock to use
 * an image are taken first, exclusively: who comes meanwhile is refused, and who was there before
 * keeps it.
 *
 * When a signal ends the process, the file is still open, and those locks are our own: it is
 * enough that the name leads to that file.  While it is being made, the library does that, and
 * which file it is shows in that it is open here and was not there before.
 *
 * A file to which a symbolic link leads is emptied: the link, and the name at its end, are the
 * user's.  So is one whose name may not be removed, in a sandbox or a folder of somebody else's. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ending.h"
#include "lock-wait.h"
#include "made.h"
#include "message.h"

enum {
    FIRST_LOCK = 100, /* bytes 100 to 103 and 200 to 203 */
    LOCKS = 104,
    MAX_GUARDED = 2, /* an image and its data file */
    MAX_OPEN = 256,  /* as low are the numbers of files that are open */
};

static bool *begun; /* shared with another process; NULL: nobody asks */

/* What a signal that ends the process takes away; NULL: nothing.  The signal handler reads them, in
 * any thread: who takes one out waits for the handlers that may have seen it. */
static const made_file *_Atomic guarded[MAX_GUARDED];
static atomic_int looking; /* handlers */

void made_note(made_file *made, const char *name)
{
    struct stat st;

    *made = (made_file){ 0 };
    if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
        *made = (made_file){ xstrdup(name), st.st_dev, st.st_ino, false };
}

void made_expect(made_file *made, const char *name)
{
    struct stat st;

    *made = (made_file){ 0 };
    if (lstat(name, &st) < 0 && errno == ENOENT)
        *made = (made_file){ .name = xstrdup(name), .expected = true };
}

static bool is_that(const made_file *made, const struct stat *st)
{
    return st->st_dev == made->device && st->st_ino == made->inode;
}

static bool is_open_here(const struct stat *st)
{
    struct stat open;

    for (int fd = 0; fd < MAX_OPEN; fd++)
        if (fstat(fd, &open) == 0 && open.st_dev == st->st_dev && open.st_ino == st->st_ino)
            return true;
    return false;
}

static bool is_ours(const made_file *made, const struct stat *st)
{
    return made->expected ? S_ISREG(st->st_mode) && is_open_here(st) : is_that(made, st);
}

static bool take_name_away(const made_file *made)
{
    struct stat st;

    return lstat(made->name, &st) == 0 && is_ours(made, &st) && unlink(made->name) == 0;
}

static int open_ours(const made_file *made)
{
    struct stat st;
    int fd;

    if (stat(made->name, &st) < 0 || !is_ours(made, &st))
        return -1;
    fd = open(made->name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !is_ours(made, &st))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Nobody is left to hear that it could not be emptied. */
static void empty(int fd)
{
    if (ftruncate(fd, 0) < 0)
        return;
}

static void take_guarded_away(void)
{
    atomic_fetch_add(&looking, 1);
    for (size_t i = 0; i < MAX_GUARDED; i++) {
        const made_file *made = atomic_load(&guarded[i]);
        int fd;

        if (!made || take_name_away(made))
            continue;
        fd = open_ours(made);
        if (fd >= 0) {
            empty(fd);
            close(fd);
        }
    }
    atomic_fetch_sub(&looking, 1);
}

static bool replace_guarded(const made_file *from, const made_file *to)
{
    for (size_t i = 0; i < MAX_GUARDED; i++) {
        if (guarded[i] == from) {
            guarded[i] = to;
            return true;
        }
    }
    return false;
}

static bool guards_any(void)
{
    for (size_t i = 0; i < MAX_GUARDED; i++)
        if (guarded[i])
            return true;
    return false;
}

void made_guard(const made_file *made)
{
    if (made->name && replace_guarded(NULL, made))
        ending_add(take_guarded_away);
}

void made_forget(made_file *made)
{
    if (replace_guarded(made, NULL)) {
        if (!guards_any())
            ending_remove(take_guarded_away);
        while (atomic_load(&looking) > 0)
            sched_yield();
    }
    free(made->name);
    *made = (made_file){ 0 };
}

static bool is_locked_by_another(int fd)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = FIRST_LOCK, .l_len = LOCKS
    };

    return fcntl(fd, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES);
}

void made_take_away(made_file *made)
{
    int fd = made->name ? open_ours(made) : -1;

    if (fd >= 0 && !is_locked_by_another(fd) && !take_name_away(made))
        empty(fd);
    if (fd >= 0)
        close(fd);
    made_forget(made);
}

/* Preallocation may take long. */
static int create_guarded(const char *filename, const char *data_file,
                          const qcow2_create_options *new)
{
    made_file made, made_data = { 0 };
    int result;

    made_expect(&made, filename);
    if (data_file)
        made_expect(&made_data, data_file);
    made_guard(&made);
    made_guard(&made_data);
    result = qcow2_create(filename, new);
    if (result == 0 && begun)
        *begun = true;
    made_forget(&made);
    made_forget(&made_data);
    return result;
}

void made_tell(bool *is_made)
{
    begun = is_made;
}

int create_when_free(const char *filename, const char *data_file, const qcow2_create_options *new,
                     uint64_t seconds)
{
    lock_wait wait = { .seconds = seconds };
    int result;

    do {
        result = create_guarded(filename, data_file, new);
    } while (result && lock_wait_pause(&wait));
    return result;
}
