/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox.c - what a process gives up before it reads what a stranger made */

#include "sandbox.h"

#include "calls.h"
#include "counts.h"
#include "landlock.h"
#include "rlimits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static int fail(struct sandbox *sandbox, int errnum,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(sandbox->error, sizeof sandbox->error, format, args);
    va_end(args);
    errno = errnum;
    return -1;
}

static void add_weakness(struct sandbox *sandbox, const char *words)
{
    size_t used = strlen(sandbox->weakness);

    snprintf(sandbox->weakness + used, sizeof sandbox->weakness - used, "%s%s",
             used > 0 ? "; " : "", words);
}

void sandbox_begin(struct sandbox *sandbox, enum sandbox_role role)
{
    *sandbox = (struct sandbox){ .role = role, .ruleset = landlock_new() };
    /* a machine is left no system call that opens or removes a file */
    if (sandbox->ruleset < 0 && (role != SANDBOX_MACHINE || !calls_restrictable()))
        snprintf(sandbox->weakness, sizeof sandbox->weakness,
                 "the kernel does not keep other files shut: it has no Landlock (%s)",
                 strerror(errno));
    if (!calls_restrictable())
        add_weakness(sandbox, "system calls are not restricted: this program was built without "
                              "libseccomp");
}

void sandbox_end(struct sandbox *sandbox)
{
    if (sandbox->ruleset >= 0)
        close(sandbox->ruleset);
    sandbox->ruleset = -1;
}

const char *sandbox_weakness(const struct sandbox *sandbox)
{
    return sandbox->weakness[0] ? sandbox->weakness : NULL;
}

static int check_kind(struct sandbox *sandbox, const char *path, const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        return 0;
    if (S_ISLNK(st->st_mode))
        return fail(sandbox, ELOOP, "'%s' is a symbolic link: name the file itself", path);
    return fail(sandbox, EINVAL, "'%s' is not a regular file", path);
}

static int add_open_file(struct sandbox *sandbox, const char *path, int fd, bool writable)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail(sandbox, errno, "'%s': %s", path, strerror(errno));
    if (check_kind(sandbox, path, &st) < 0)
        return -1;
    sandbox->allocated += (uint64_t)st.st_blocks * 512;
    if (sandbox->ruleset >= 0 &&
        landlock_allow(sandbox->ruleset, fd, writable ? LANDLOCK_WRITE : LANDLOCK_READ) < 0)
        return fail(sandbox, errno, "'%s': Landlock: %s", path, strerror(errno));
    return 0;
}

int sandbox_add_file(struct sandbox *sandbox, const char *path, bool writable)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int result, errnum;

    if (fd < 0)
        return fail(sandbox, errno, "'%s': %s", path, strerror(errno));
    result = add_open_file(sandbox, path, fd, writable);
    errnum = errno;
    close(fd);
    errno = errnum;
    return result;
}

/* The order: what takes rights away comes last, for the steps before it need them. */
int sandbox_enter(struct sandbox *sandbox, const struct sandbox_limits *limits)
{
    int errnum;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(sandbox, errno, "no_new_privs: %s", strerror(errno));
    if (rlimits_set(limits) < 0)
        return fail(sandbox, errno, "limits: %s", strerror(errno));
    if (sandbox->ruleset >= 0 &&
        (counts_allow(sandbox->ruleset) < 0 || landlock_enforce(sandbox->ruleset) < 0))
        return fail(sandbox, errno, "Landlock: %s", strerror(errno));
    sandbox_end(sandbox);
    errnum = calls_restrict(sandbox->role);
    if (errnum != 0)
        return fail(sandbox, errnum, "seccomp: %s", strerror(errnum));
    return 0;
}

void sandbox_exit(int status)
{
    counts_write();
    _exit(status);
}
