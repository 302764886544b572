/* SPDX-License-Identifier: BSD-3-Clause */
/* rlimits.c - how much of the host a process may take
 *
 * Memory is limited by RLIMIT_DATA, which counts what a process can write to and shares with
 * nobody: that is what runs out.  RLIMIT_AS would count address space that is only reserved, too,
 * of which every thread's allocator takes far more than it uses.
 */

#include "rlimits.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Bytes that RLIMIT_DATA counts now; 0 if the system does not say. */
static uint64_t data_in_use(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (!statm)
        return 0;
    /* size, resident, shared, text, lib (always 0), data */
    if (fscanf(statm, "%*u %*u %*u %*u %*u %llu", &pages) != 1)
        pages = 0;
    fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* grace: how far the process itself might go beyond, if it asked for it. */
static int set_limit(int resource, uint64_t value, uint64_t grace)
{
    struct rlimit limit;

    if (value == 0)
        return 0;
    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return -1;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < value)
        value = limit.rlim_max;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < value)
        return 0;
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > value + grace)
        limit.rlim_max = value + grace;
    limit.rlim_cur = value;
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

/* A core file would hold what was read; nothing else than 0 forbids it. */
static int forbid_core_files(void)
{
    return setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

int rlimits_set(const struct sandbox_limits *limits)
{
    uint64_t memory = limits->memory ? limits->memory + data_in_use() : 0;

    /* at the hard limit of processor time the signal would not tell what it was for */
    if (set_limit(RLIMIT_DATA, memory, 0) || set_limit(RLIMIT_CPU, limits->seconds, 1) ||
        set_limit(RLIMIT_FSIZE, limits->file_length, 0) ||
        set_limit(RLIMIT_NOFILE, limits->descriptors, 0))
        return -1;
    return forbid_core_files();
}
