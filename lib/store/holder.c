/* SPDX-License-Identifier: BSD-3-Clause */
/* holder.c - who holds a lock on a byte of a file
 *
 * A lock that belongs to an open file description has no owner that the kernel would name: asked
 * for one, it says pid -1.  But it lists the locks of each descriptor in /proc/PID/fdinfo/FD:
 *
 *     lock:   1: OFDLCK ADVISORY  READ -1 fe:00:10970234 100 101
 *                                         device:inode  first last
 *
 * One may read that of one's own processes, and root that of all.  The device is written in a way
 * that some file systems do not share with stat(), so a line with the inode sought is confirmed by
 * a stat() of /proc/PID/fd/FD.
 */

#include "store/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A name in a message is not worth looking through all descriptors of a very busy host. */
#define MOST_DESCRIPTORS 20000

struct search {
    const struct stat *file;
    uint64_t byte;
    unsigned descriptors; /* looked at so far */
};

/* Whether a line of fdinfo tells of a lock on the byte sought in a file of the inode sought. */
static bool line_matches(const struct search *search, const char *line)
{
    char kind[16], last[24];
    uint64_t inode, first;

    if (sscanf(line, "lock: %*u: %15s %*s %*s %*d %*x:%*x:%" SCNu64 " %" SCNu64 " %23s", kind,
               &inode, &first, last) != 4)
        return false;
    if (strcmp(kind, "OFDLCK") != 0 && strcmp(kind, "POSIX") != 0)
        return false;
    return inode == search->file->st_ino && first <= search->byte &&
           (strcmp(last, "EOF") == 0 || search->byte <= strtoull(last, NULL, 10));
}

static bool info_matches(const struct search *search, const char *path)
{
    char line[256];
    bool found = false;
    FILE *info = fopen(path, "re");

    if (!info)
        return false;
    while (!found && fgets(line, sizeof line, info))
        found = line_matches(search, line);
    fclose(info);
    return found;
}

static bool descriptor_matches(struct search *search, pid_t pid, const char *number)
{
    char path[64];
    struct stat st;

    search->descriptors++;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%.16s", (int)pid, number);
    if (!info_matches(search, path))
        return false;
    snprintf(path, sizeof path, "/proc/%d/fd/%.16s", (int)pid, number);
    return stat(path, &st) == 0 && st.st_dev == search->file->st_dev &&
           st.st_ino == search->file->st_ino;
}

static bool process_matches(struct search *search, pid_t pid)
{
    char path[64];
    const struct dirent *entry;
    bool found = false;
    DIR *directory;

    snprintf(path, sizeof path, "/proc/%d/fdinfo", (int)pid);
    directory = opendir(path);
    if (!directory)
        return false;
    while (!found && search->descriptors < MOST_DESCRIPTORS && (entry = readdir(directory)))
        found = isdigit((unsigned char)entry->d_name[0]) &&
                descriptor_matches(search, pid, entry->d_name);
    closedir(directory);
    return found;
}

static pid_t find_process(struct search *search)
{
    const struct dirent *entry;
    pid_t found = 0;
    DIR *processes = opendir("/proc");

    if (!processes)
        return 0;
    while (found == 0 && (entry = readdir(processes))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && process_matches(search, pid))
            found = pid;
    }
    closedir(processes);
    return found;
}

/* A process chooses its name itself, so it may hold anything. */
static void read_name(struct holder *holder)
{
    char path[64];
    FILE *comm;

    snprintf(path, sizeof path, "/proc/%d/comm", (int)holder->pid);
    comm = fopen(path, "re");
    if (!comm)
        return;
    if (!fgets(holder->name, sizeof holder->name, comm))
        holder->name[0] = '\0';
    fclose(comm);
    holder->name[strcspn(holder->name, "\n")] = '\0';
    for (char *c = holder->name; *c; c++) {
        if (!isprint((unsigned char)*c))
            *c = '?';
    }
}

struct holder holder_find(int fd, uint64_t byte)
{
    struct holder holder = { 0 };
    struct stat st;
    struct search search = { .file = &st, .byte = byte };

    if (fstat(fd, &st) == 0)
        holder.pid = find_process(&search);
    if (holder.pid > 0)
        read_name(&holder);
    return holder;
}
