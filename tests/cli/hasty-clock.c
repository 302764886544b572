/* SPDX-License-Identifier: BSD-3-Clause */
/* hasty-clock.c - processor time that runs a hundred times as fast, for qemu-img
 *
 * It tries passwords for a second or two, each time that it makes an encrypted volume, to find out
 * how often it can do so in the time that is asked for.  Loaded before the C library this library
 * lets it find out in hundredths of that.
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define HASTE 100

int getrusage(__rusage_who_t who, struct rusage *usage)
{
    int (*true_one)(__rusage_who_t, struct rusage *);
    void *next = dlsym(RTLD_NEXT, "getrusage");
    long microseconds;
    int result;

    if (!next)
        abort();
    memcpy(&true_one, &next, sizeof next); /* ISO C has no conversion */
    result = true_one(who, usage);
    if (result == 0) {
        microseconds = (usage->ru_utime.tv_sec * 1000000 + usage->ru_utime.tv_usec) * HASTE;
        usage->ru_utime.tv_sec = microseconds / 1000000;
        usage->ru_utime.tv_usec = microseconds % 1000000;
    }
    return result;
}
