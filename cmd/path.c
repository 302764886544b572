/* SPDX-License-Identifier: BSD-3-Clause */
/* path.c - names of image files */

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

bool path_is_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}
