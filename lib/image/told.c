/* SPDX-License-Identifier: BSD-3-Clause */
/* told.c - strings that an image has handed out, which live until it is closed
 *
 * Names in the header come and go with it.  Who asks for them gets a copy that stays, one of each
 * content: an image that changes its names to and fro, and tells them every time, keeps few. */

#include "image/told.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

struct told_text {
    struct told_text *next;
    char text[];
};

void told_init(struct told *told)
{
    pthread_mutex_init(&told->lock, NULL);
    told->texts = NULL;
}

void told_destroy(struct told *told)
{
    while (told->texts) {
        struct told_text *first = told->texts;

        told->texts = first->next;
        free(first);
    }
    pthread_mutex_destroy(&told->lock);
}

static struct told_text *find_locked(struct told *told, const char *text)
{
    struct told_text *t = told->texts;

    while (t && strcmp(t->text, text) != 0)
        t = t->next;
    return t;
}

static struct told_text *add_locked(struct told *told, const char *text)
{
    size_t size = strlen(text) + 1;
    struct told_text *t = malloc(sizeof *t + size);

    if (t == NULL)
        return error_no_memory();
    memcpy(t->text, text, size);
    t->next = told->texts;
    told->texts = t;
    return t;
}

int told_keep(struct told *told, const char *text, const char **to)
{
    struct told_text *t;

    *to = NULL;
    if (text == NULL)
        return 0;
    LOCK_SCOPE(&told->lock);
    t = find_locked(told, text);
    if (t == NULL && (t = add_locked(told, text)) == NULL)
        return -1;
    *to = t->text;
    return 0;
}
