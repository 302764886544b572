/* SPDX-License-Identifier: BSD-3-Clause */
/* confine.c - work on images that are not trusted, in a process of its own
 *
 * The limits grow with the host's space that the named files take, because honest work does: an
 * image of 1 MiB is given 11 seconds of processor time and 512 MiB.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "confine.h"
#include "location.h"
#include "message.h"
#include "path.h"
#include "qcow2.h"
#include "words.h"

#define MIB (UINT64_C(1) << 20)

enum {
    DESCRIPTORS = 64,
};

/* ------------------------------------------------------------------------------------------------
 * Files
 */

void confine_begin(confinement *c)
{
    *c = (confinement){ 0 };
    sandbox_begin(&c->sandbox, SANDBOX_TOOL);
    if (sandbox_weakness(&c->sandbox))
        warning_report("--untrusted: %s", sandbox_weakness(&c->sandbox));
}

void confine_end(confinement *c)
{
    while (c->nb_targets > 0)
        made_forget(&c->targets[--c->nb_targets].made);
    if (c->news)
        munmap(c->news, sizeof *c->news);
    sandbox_end(&c->sandbox);
}

/* A name that a stranger chose may be anything: only what cannot be mistaken for something else
 * than a file is taken. */
static char *path_of(const char *name)
{
    const char *path = name;

    if (!path_take_driver(&path) && path_has_protocol(name)) {
        error_report("Could not open '%s': --untrusted takes names of files only (./NAME for a "
                     "name with a colon)",
                     name);
        return NULL;
    }
    return xstrdup(path);
}

static int add_path(confinement *c, const char *path, bool writable)
{
    c->writes |= writable;
    if (sandbox_add_file(&c->sandbox, path, writable) == 0 || errno == ENOENT || errno == ENOTDIR)
        return 0;
    error_report("Could not open '%s': %s (--untrusted)", path, c->sandbox.error);
    return -1;
}

int confine_add_file(confinement *c, const char *name, bool writable)
{
    CLEANUP_FREE char *path = path_of(name);

    return path ? add_path(c, path, writable) : -1;
}

int confine_add_keys(confinement *c, const char *text, bool writable)
{
    keyval_list keys = { 0 };
    int result = keyval_parse(&keys, text, "node-name");

    for (size_t i = 0; result == 0 && i < keys.count; i++)
        if (keyval_is_filename(&keys.items[i]))
            result = add_path(c, keys.items[i].value, writable);
    keyval_list_clear(&keys);
    return result;
}

/* The sandbox cannot allow a file to be made, only one that is there to be written.  What keeps it
 * from being made will keep the work from it, too. */
static void make(confinement *c, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    confined_target *target = &c->targets[c->nb_targets++];

    target->was_there = fd < 0;
    made_note(&target->made, path);
    if (fd >= 0)
        close(fd);
}

int confine_add_target(confinement *c, const char *name)
{
    CLEANUP_FREE char *path = path_of(name);

    if (!path)
        return -1;
    if (c->nb_targets < MAX_CONFINED_TARGETS)
        make(c, path);
    return add_path(c, path, true);
}

/* ------------------------------------------------------------------------------------------------
 * The process that works
 */

static struct sandbox_limits limits_of(const confinement *c)
{
    uint64_t allocated = c->sandbox.allocated;

    return (struct sandbox_limits){
        .memory = 512 * MIB + allocated / 64,
        .seconds = 10 + (allocated + MIB - 1) / MIB,
        .file_length = c->writes ? 0 : 256 * MIB + 64 * allocated,
        .descriptors = DESCRIPTORS,
    };
}

/* What libraries would otherwise read from files when they first need it; how many processors there
 * are they ask each time. */
static void prepare_libraries(confinement *c)
{
    tzset();
    json_object_seed(0);
    qcow2_load_libraries(); /* what is not there is missed by who needs it */
    sandbox_add_file(&c->sandbox, "/sys/devices/system/cpu/online", false);
}

static void work_confined(confinement *c, int (*work)(void *opaque), void *opaque)
{
    struct sandbox_limits limits = limits_of(c);
    int status = EXIT_FAILURE;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prepare_libraries(c);
    if (c->news)
        made_tell(&c->news->has_made);
    if (sandbox_enter(&c->sandbox, &limits))
        error_report("--untrusted: could not enter the sandbox: %s", c->sandbox.error);
    else
        status = work(opaque);
    if (status != EXIT_SUCCESS && qcow2_get_errno() == EBUSY && c->news)
        c->news->met_a_lock = true;
    fflush(stdout);
    sandbox_exit(status); /* what belongs to the process that was started first is left to it */
}

/* ------------------------------------------------------------------------------------------------
 * The process that waits
 */

static volatile pid_t worker;

static const int passed_on[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                 SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM };

enum {
    NB_PASSED_ON = sizeof passed_on / sizeof *passed_on,
};

static void pass_on(int number)
{
    int saved = errno;

    if (worker > 0)
        kill(worker, number);
    errno = saved;
}

/* SIG_BLOCK or SIG_UNBLOCK those that are passed on: they wait until the worker is known, so that
 * none is lost. */
static void mask_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < NB_PASSED_ON; i++)
        sigaddset(&set, passed_on[i]);
    sigprocmask(how, &set, NULL);
}

static void pass_signals_on(void)
{
    struct sigaction action = { .sa_handler = pass_on };

    for (size_t i = 0; i < NB_PASSED_ON; i++)
        sigaction(passed_on[i], &action, NULL);
}

static void report_end(const confinement *c, int number)
{
    struct sandbox_limits limits = limits_of(c);

    if (number == SIGXCPU)
        error_report("stopped: it took more than %" PRIu64
                     " seconds of processor time, all that --untrusted gives for files of this "
                     "size",
                     limits.seconds);
    else
        error_report("stopped by signal %d (%s) while it worked on what is not trusted", number,
                     strsignal(number));
}

static int status_of(confinement *c, int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    for (size_t i = 0; i < NB_PASSED_ON; i++) {
        if (WTERMSIG(status) == passed_on[i]) { /* the user's wish: nothing to explain */
            signal(passed_on[i], SIG_DFL);
            raise(passed_on[i]);
        }
    }
    c->stopped = true;
    report_end(c, WTERMSIG(status));
    return EXIT_FAILURE;
}

static int wait_for_worker(void)
{
    int status;

    while (waitpid(worker, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_FAILURE << 8;
    worker = 0;
    return status;
}

static bool is_empty(const char *name)
{
    struct stat st;

    return name && lstat(name, &st) == 0 && st.st_size == 0;
}

/* What was made here may be another program's by now: then the work has met its lock, and the file
 * is not empty any more.  What was there before is not touched until the work has made its own of
 * it. */
static bool is_to_go(const confined_target *target, const confined_news *news)
{
    if (target->was_there)
        return news->has_made && !news->met_a_lock;
    return !news->met_a_lock || is_empty(target->made.name);
}

static void take_made_away(confinement *c)
{
    static const confined_news none;

    for (unsigned i = 0; i < c->nb_targets; i++)
        if (is_to_go(&c->targets[i], c->news ? c->news : &none))
            made_take_away(&c->targets[i].made);
}

static void *share_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

int confine_run(confinement *c, int (*work)(void *opaque), void *opaque)
{
    int status;

    fflush(stdout);
    c->news = share_memory(sizeof *c->news);
    mask_signals(SIG_BLOCK);
    worker = fork();
    if (worker == 0) {
        mask_signals(SIG_UNBLOCK);
        work_confined(c, work, opaque);
    }
    if (worker < 0) {
        error_report("could not start a process: %s", strerror(errno));
        take_made_away(c);
        return EXIT_FAILURE;
    }
    pass_signals_on();
    mask_signals(SIG_UNBLOCK);
    status = wait_for_worker();
    if (status != 0)
        take_made_away(c);
    return status_of(c, status);
}
