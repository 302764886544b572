/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.h - moments of the clock that nobody sets */

#ifndef QCOW_COMMON_CLOCK_H
#define QCOW_COMMON_CLOCK_H

#include <time.h>

static inline struct timespec clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now;
}

static inline double clock_seconds(void)
{
    struct timespec now = clock_now();

    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The moment so many seconds later. */
static inline struct timespec clock_later(struct timespec when, double seconds)
{
    when.tv_sec += (time_t)seconds;
    when.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (when.tv_nsec >= 1000000000) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000;
    }
    return when;
}

#endif
