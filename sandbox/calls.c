/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.c - the system calls that are left
 *
 * One table has a row per call: who may make it, and, for some, what an argument must look like.
 * Landlock says which files openat() opens; where a kernel has no Landlock it opens what the user
 * may open, and then only the programs' own care is left.
 *
 * Threads are made by clone(): clone3(), which is missing here, has its flags in memory, where no
 * filter can see them.
 */

#include "calls.h"

#include "counts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    FILES = SANDBOX_TOOL | SANDBOX_SERVER,
    ALL = SANDBOX_TOOL | SANDBOX_SERVER | SANDBOX_MACHINE,
};

struct row {
    int call;
    int roles;
    unsigned nb_tests;
    struct scmp_arg_cmp test;
};

#define CALL(name, roles)         \
    {                             \
        SCMP_SYS(name), roles, 0, \
        {                         \
            0                     \
        }                         \
    }

/* The argument, masked, has that value. */
#define CALL_IF(name, roles, argument, mask, value)       \
    {                                                     \
        SCMP_SYS(name), roles, 1,                         \
        {                                                 \
            argument, SCMP_CMP_MASKED_EQ, (mask), (value) \
        }                                                 \
    }

#define WHOLE UINT32_MAX /* of an argument that is an int */

#define IOCTL_TYPE ((uint32_t)_IOC_TYPEMASK << _IOC_TYPESHIFT)

#define KVM_TYPE 0xaeu /* KVMIO; not every architecture has <linux/kvm.h> */

/* TCGETS2 and TCSETS2, which newer C libraries use, with struct termios2 in 44 bytes. */
#define NEW_TCGETS _IOC(_IOC_READ, 'T', 0x2a, 44)
#define NEW_TCSETS _IOC(_IOC_WRITE, 'T', 0x2b, 44)

static const struct row rows[] = {
    /* what is open */
    CALL(read, ALL),
    CALL(write, ALL),
    CALL(readv, ALL),
    CALL(writev, ALL),
    CALL(pread64, ALL),
    CALL(pwrite64, ALL),
    CALL(preadv, FILES),
    CALL(pwritev, FILES),
    CALL(preadv2, FILES),
    CALL(pwritev2, FILES),
    CALL(lseek, ALL),
    CALL(close, ALL),
    CALL(fstat, ALL),
    CALL(dup, ALL),
    CALL(fallocate, FILES),
    CALL(ftruncate, FILES),
    CALL(fsync, FILES),
    CALL(fdatasync, FILES),
    CALL(sync_file_range, FILES),
    CALL(fadvise64, FILES),
    CALL(copy_file_range, FILES),
    CALL(flock, FILES),
    CALL(fstatfs, FILES),

    /* descriptors and locks, but not F_SETOWN and F_SETSIG, which have the kernel send signals */
    CALL_IF(fcntl, ALL, 1, WHOLE, F_GETFD),
    CALL_IF(fcntl, ALL, 1, WHOLE, F_SETFD),
    CALL_IF(fcntl, ALL, 1, WHOLE, F_GETFL),
    CALL_IF(fcntl, ALL, 1, WHOLE, F_SETFL),
    CALL_IF(fcntl, FILES, 1, WHOLE, F_DUPFD_CLOEXEC),
    CALL_IF(fcntl, FILES, 1, WHOLE, F_OFD_GETLK),
    CALL_IF(fcntl, FILES, 1, WHOLE, F_OFD_SETLK),

    /* names; what comes of them is Landlock's affair */
    CALL(open, FILES),
    CALL(openat, FILES | COUNTS_OPENER),
    CALL(newfstatat, ALL), /* fstat() is made of it */
    CALL(statx, FILES),
    CALL(stat, FILES),
    CALL(lstat, FILES),
    CALL(access, FILES),
    CALL(faccessat, FILES),
    CALL(faccessat2, FILES),
    CALL(readlink, FILES),
    CALL(readlinkat, FILES),
    CALL(getcwd, FILES),
    CALL(unlink, FILES),
    CALL(unlinkat, FILES),
    CALL(getdents64, FILES),

    /* at the end of a machine: for that of its NBD servers */
    CALL(wait4, SANDBOX_MACHINE),

    /* devices: sizes of disks and blocks, and is it a terminal? */
    CALL_IF(ioctl, FILES, 1, WHOLE, BLKGETSIZE64),
    CALL_IF(ioctl, FILES, 1, WHOLE, BLKSSZGET),
    CALL_IF(ioctl, FILES, 1, WHOLE, FICLONERANGE),
    CALL_IF(ioctl, ALL, 1, WHOLE, TCGETS),
    CALL_IF(ioctl, FILES, 1, WHOLE, TIOCGWINSZ),
    CALL_IF(ioctl, FILES, 1, WHOLE, TIOCGPGRP), /* whose is it? */
    CALL(getpgrp, FILES),
    CALL_IF(getpgid, FILES, 0, WHOLE, 0),

    /* /dev/kvm and what came of it; the terminal's settings, but not TIOCSTI, which types into
     * it */
    CALL_IF(ioctl, SANDBOX_MACHINE, 1, IOCTL_TYPE, KVM_TYPE << _IOC_TYPESHIFT),
    CALL_IF(ioctl, SANDBOX_MACHINE, 1, WHOLE, TCSETS),
    CALL_IF(ioctl, SANDBOX_MACHINE, 1, WHOLE, NEW_TCGETS),
    CALL_IF(ioctl, SANDBOX_MACHINE, 1, WHOLE, NEW_TCSETS),

    /* memory, none of it to be executed */
    CALL(brk, ALL),
    CALL_IF(mmap, ALL, 2, PROT_EXEC, 0),
    CALL_IF(mprotect, ALL, 2, PROT_EXEC, 0),
    CALL(mremap, ALL),
    CALL(munmap, ALL),
    CALL(madvise, ALL),

    /* threads of this process */
    CALL_IF(clone, ALL, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM),
    CALL(futex, ALL),
    CALL(set_robust_list, ALL),
    CALL(rseq, ALL),
    CALL(gettid, ALL),
    CALL(getpid, ALL),
    CALL(getuid, ALL),
    CALL(geteuid, ALL),
    CALL(getgid, ALL),
    CALL(getegid, ALL),
    CALL(sched_yield, ALL),
    CALL(sched_getaffinity, ALL),
    CALL_IF(prctl, ALL, 0, WHOLE, PR_SET_NAME),
    CALL_IF(prlimit64, ALL, 2, UINT64_MAX, 0), /* asking only */
    CALL(getrusage, ALL),
    CALL(exit, ALL),
    CALL(exit_group, ALL),

    /* time and chance */
    CALL(clock_gettime, ALL),
    CALL(clock_getres, ALL),
    CALL(clock_nanosleep, ALL),
    CALL(nanosleep, ALL),
    CALL(gettimeofday, ALL),
    CALL(getrandom, ALL),
    CALL(uname, ALL),

    /* signals, of which tgkill may only be sent to ourselves: see restrict_signals */
    CALL(rt_sigaction, ALL),
    CALL(rt_sigprocmask, ALL),
    CALL(rt_sigreturn, ALL),
    CALL(rt_sigtimedwait, ALL),
    CALL(sigaltstack, ALL),
    CALL(restart_syscall, ALL),

    /* waiting */
    CALL(poll, ALL),
    CALL(ppoll, ALL),
    CALL(select, ALL),
    CALL(pselect6, ALL),
    CALL(eventfd2, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(pipe2, SANDBOX_SERVER),
    CALL(epoll_wait, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(epoll_pwait, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(epoll_ctl, SANDBOX_SERVER | SANDBOX_MACHINE),

    /* clients, on sockets that exist already */
    CALL(accept, SANDBOX_SERVER),
    CALL(accept4, SANDBOX_SERVER),
    CALL(recvfrom, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(recvmsg, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(sendto, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(sendmsg, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(shutdown, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(getsockopt, SANDBOX_SERVER | SANDBOX_MACHINE),
    CALL(setsockopt, SANDBOX_SERVER),
    CALL(getsockname, SANDBOX_SERVER),
    CALL(getpeername, SANDBOX_SERVER),
};

static int add_rows(scmp_filter_ctx filter, enum sandbox_role role)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        int result = 0;

        if (row->roles & (int)role)
            result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, row->call, row->nb_tests,
                                            &row->test);
        if (result < 0)
            return result;
    }
    return 0;
}

/* abort() and threads that wake each other. */
static int restrict_signals(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

bool calls_restrictable(void)
{
    return true;
}

int calls_restrict(enum sandbox_role role)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int result;

    if (!filter)
        return ENOMEM;
    result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0)
        result = add_rows(filter, role);
    if (result == 0)
        result = restrict_signals(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return -result;
}
