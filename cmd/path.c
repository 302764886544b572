/* SPDX-License-Identifier: BSD-3-Clause */
/* path.c - names of image files */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "path.h"
#include "words.h"

char *path_beside(const char *image, const char *backing)
{
    const char *slash = strrchr(image, '/');
    const char *file = skip_prefix(backing, "file:");

    if (file != backing)
        return path_has_protocol(file) ? xasprintf("./%s", file) : xstrdup(file);
    if (!slash || backing[0] == '/' || path_has_protocol(backing))
        return xstrdup(backing);
    return xasprintf("%.*s/%s", (int)(slash - image), image, backing);
}

bool path_has_protocol(const char *name)
{
    return name[strcspn(name, ":/")] == ':';
}

const char *path_take_driver(const char **name)
{
    static const char *const drivers[] = { "file", "host_device" };

    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        size_t length = strlen(drivers[i]);

        if (begins(*name, drivers[i]) && (*name)[length] == ':') {
            *name += length + 1;
            return drivers[i];
        }
    }
    return NULL;
}

char *path_driver_refusal(const char *driver, const char *path)
{
    bool wants_device = strcmp(driver, "host_device") == 0;
    struct stat st;

    if (stat(path, &st) < 0)
        return wants_device ? xasprintf("Could not open '%s': %s", path, strerror(errno)) : NULL;
    if (wants_device && !S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
        return xasprintf("'host_device' driver requires '%s' to be either a character or block "
                         "device",
                         path);
    if (!wants_device && !S_ISREG(st.st_mode))
        return xasprintf("'file' driver requires '%s' to be a regular file", path);
    return NULL;
}

bool path_is_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}
