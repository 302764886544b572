/* SPDX-License-Identifier: BSD-3-Clause */
/* lock-wait.c - waiting for an image that another program has locked
 *
 * What is forbidden is spread over several bytes of the file, and asked for rather than taken
 * (whoever forbids writing holds a lock that nobody has to wait for), so the kernel cannot wake
 * those who wait.  They look again after pauses that grow from 10 milliseconds to half a second.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "lock-wait.h"
#include "message.h"
#include "qcow2.h"

static const long first_pause = 10 * 1000 * 1000, longest_pause = 500 * 1000 * 1000;

static bool is_over(const struct timespec *deadline)
{
    struct timespec now = clock_now();

    return now.tv_sec > deadline->tv_sec ||
           (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

/* What a command has opened itself, for another purpose, it would wait for in vain. */
static bool is_held_here(const char *sentence)
{
    static const char holder[] = " (held by this process)";
    size_t length = strlen(sentence), tail = strlen(holder);

    return length >= tail && strcmp(sentence + length - tail, holder) == 0;
}

bool lock_wait_helps(void)
{
    return qcow2_get_errno() == EBUSY && !is_held_here(qcow2_get_error());
}

static void begin(lock_wait *wait)
{
    error_report("waiting: %s", qcow2_get_error());
    wait->deadline = clock_now();
    if (wait->seconds != LOCK_WAIT_FOR_EVER)
        wait->deadline.tv_sec += (time_t)wait->seconds;
    wait->pause = first_pause;
}

bool lock_wait_pause(lock_wait *wait)
{
    if (!lock_wait_helps() || wait->seconds == 0)
        return false;
    if (wait->pause == 0)
        begin(wait);
    else if (wait->seconds != LOCK_WAIT_FOR_EVER && is_over(&wait->deadline))
        return false;
    nanosleep(&(struct timespec){ .tv_nsec = wait->pause }, NULL);
    wait->pause += wait->pause / 2;
    wait->pause = wait->pause < longest_pause ? wait->pause : longest_pause;
    return true;
}

/* "--wait 5" is two words: the 5 would be taken as a file's name. */
static bool is_time(const char *word)
{
    return *word && word[strspn(word, "0123456789")] == '\0' && access(word, F_OK) != 0;
}

int lock_wait_parse(const char *seconds, const char *next, uint64_t *result)
{
    const uint64_t most = 100 * 365 * 86400UL;
    char *end;

    if (!seconds && next && is_time(next)) {
        error_report("--wait takes its seconds in the same word: --wait=%s (a file of that name: "
                     "./%s)",
                     next, next);
        return -1;
    }
    if (!seconds) {
        *result = LOCK_WAIT_FOR_EVER;
        return 0;
    }
    errno = 0;
    *result = strtoull(seconds, &end, 10);
    if (!errno && end != seconds && !*end && !strchr(seconds, '-') && *result <= most)
        return 0;
    error_report("Invalid time to wait specified: %s (a number of seconds is expected)", seconds);
    return -1;
}
