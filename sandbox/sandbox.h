/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox.h - what a process gives up before it reads what a stranger made
 *
 *     sandbox_begin       ask the kernel what it offers
 *     sandbox_add_file    each file that may be opened from then on
 *     sandbox_enter       there is no way back
 *
 * From then on:
 *
 *     no_new_privs    no program gains rights by being started
 *     limits          memory, processor time, descriptors, the length of files written
 *     Landlock        no file can be opened but those added, none made, renamed or removed
 *     seccomp         no system call but those on a list: no program can be started, no process
 *                     forked or sent a signal, no socket made, no memory made executable
 *
 * Limits are the process's; seccomp, and no_new_privs with it, reaches all its threads; Landlock
 * only the thread that enters and those that it starts from then on.
 *
 * A call that is not on the list fails with ENOSYS, as on a kernel that does not have it, which is
 * what libraries are written to survive.
 */

#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* Who enters; bits, for the table of calls. */
enum sandbox_role {
    SANDBOX_TOOL = 1,    /* works on files, then ends */
    SANDBOX_SERVER = 2,  /* serves clients that connect to sockets it listens on already */
    SANDBOX_MACHINE = 4, /* runs a guest, with every file it needs open: opens none at all */
};

/* 0: no limit. */
struct sandbox_limits {
    uint64_t memory;      /* bytes, beyond what is in use when the sandbox is entered */
    uint64_t seconds;     /* of processor time, from the start of the process */
    uint64_t file_length; /* bytes that a file may be made long */
    uint64_t descriptors; /* open at once */
};

struct sandbox {
    enum sandbox_role role;
    int ruleset;        /* Landlock's; -1: the kernel has none */
    uint64_t allocated; /* bytes of the host's space that the files added take */
    char weakness[256]; /* what the sandbox lacks; "": nothing */
    char error[256];    /* the sentence of the last failure */
};

void sandbox_begin(struct sandbox *sandbox, enum sandbox_role role);
void sandbox_end(struct sandbox *sandbox);

/* What is missing of the above, for a warning; NULL: nothing. */
const char *sandbox_weakness(const struct sandbox *sandbox);

/* Allow a regular file to be read, and to be written.  A name that is a symbolic link is refused:
 * whoever made it would choose the file.  What is allowed is the file that the name has now, so
 * nothing is gained by putting another in its place.  ENOENT if there is none. */
int sandbox_add_file(struct sandbox *sandbox, const char *path, bool writable);

/* 0, or -1 with the sandbox in part in force: the process should end. */
int sandbox_enter(struct sandbox *sandbox, const struct sandbox_limits *limits);

/* Ends the process at once, as _exit() does: for one that was forked and leaves exit handlers and
 * buffers to the other. */
__attribute__((noreturn)) void sandbox_exit(int status);

#endif
