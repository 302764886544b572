/* SPDX-License-Identifier: BSD-3-Clause */
/* landlock.c - the kernel's rules for which files a process may open
 *
 * The kernel's interface has versions.  Each adds rights that a ruleset can take away, and what is
 * not taken away stays allowed, so a newer kernel forbids more:
 *
 *     1  opening for reading, writing, executing; making and removing    Linux 5.13
 *     2  linking and renaming into another directory                     5.19
 *     3  truncating                                                      6.2
 *     4  TCP: binding and connecting                                     6.7
 *     5  ioctl on devices                                                6.10
 *     6  abstract sockets of, and signals to, processes outside          6.12
 *
 * The numbers are written out here because the headers of a system are often older than its kernel.
 */

#include "landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_TRUNCATE (UINT64_C(1) << 14)

/* Of linux/landlock.h, in the length that version 6 has. */
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

/* What a ruleset takes away, by version: the last row that the kernel knows counts. */
static const struct {
    size_t size; /* bytes of struct ruleset that this version reads */
    struct ruleset everything;
} versions[] = {
    { sizeof(uint64_t), { 0, 0, 0 } }, /* there is no version 0 */
    { sizeof(uint64_t), { 0x1fff, 0, 0 } },
    { sizeof(uint64_t), { 0x3fff, 0, 0 } },
    { sizeof(uint64_t), { 0x7fff, 0, 0 } },
    { 2 * sizeof(uint64_t), { 0x7fff, 0x3, 0 } },
    { 2 * sizeof(uint64_t), { 0xffff, 0x3, 0 } },
    { 3 * sizeof(uint64_t), { 0xffff, 0x3, 0x3 } },
};

enum {
    LAST_VERSION = sizeof versions / sizeof versions[0] - 1,
};

static long kernel_version(void)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, (uint32_t)LANDLOCK_CREATE_RULESET_VERSION);

    return version > LAST_VERSION ? LAST_VERSION : version;
}

int landlock_new(void)
{
    long version = kernel_version();

    if (version < 1)
        return -1;
    return (int)syscall(SYS_landlock_create_ruleset, &versions[version].everything,
                        versions[version].size, 0);
}

int landlock_allow(int ruleset, int fd, enum landlock_access access)
{
    static const uint64_t rights[] = {
        [LANDLOCK_READ] = FS_READ_FILE,
        [LANDLOCK_WRITE] = FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE,
        [LANDLOCK_MAKE] = FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG,
    };
    long version = kernel_version();
    struct landlock_path_beneath_attr rule = { .parent_fd = fd };

    if (version < 1)
        return -1;
    /* a rule may only give back what the ruleset has taken */
    rule.allowed_access = rights[access] & versions[version].everything.handled_access_fs;
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

int landlock_enforce(int ruleset)
{
    return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}
