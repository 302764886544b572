/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshot-open.c - the state of an internal snapshot as an image, for -l */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "message.h"
#include "snapshot-open.h"
#include "words.h"

typedef struct {
    const char *id;   /* NULL: any */
    const char *name; /* NULL: any */
    bool either;      /* id or name will do, but an id is better */
    char *found;      /* the id of the best one so far */
} search;

static int match(void *opaque, const qcow2_snapshot *snapshot)
{
    search *s = opaque;
    bool same_id = !s->id || strcmp(snapshot->id, s->id) == 0;
    bool same_name = !s->name || strcmp(snapshot->name, s->name) == 0;
    bool best = same_id && (same_name || s->either);

    if (best || (s->either && same_name && !s->found)) {
        free(s->found);
        s->found = xstrdup(snapshot->id);
    }
    return best;
}

/* The id, which the caller frees; NULL when there is no such snapshot. */
static char *find(const image_source *source, search *s)
{
    image_source metadata = *source;
    CLEANUP_IMAGE qcow2_image *image = NULL;
    qcow2_info info;

    metadata.flags |= QCOW2_OPEN_NO_IO;
    image = open_image(&metadata);
    if (!image)
        return NULL;
    if (qcow2_get_info(image, &info, sizeof info) == 0 && strcmp(info.format, "qcow2") != 0)
        error_report(
            "Failed to load snapshot: Block format '%s' used by device '' does not support "
            "temporarily loading internal snapshots",
            info.format);
    else if (qcow2_snapshot_list(image, match, s) == -1)
        error_report("Failed to load snapshot: %s", qcow2_get_error());
    else if (!s->found)
        error_report("Failed to load snapshot: Can't find snapshot");
    return s->found;
}

/* Only "snapshot.id" and "snapshot.name" may be there. */
static int parse(keyval_list *list, const char *text)
{
    if (keyval_parse(list, text, NULL) == -1)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const char *key = list->items[i].key;

        if (strcmp(key, "snapshot.id") != 0 && strcmp(key, "snapshot.name") != 0) {
            error_report("Invalid parameter '%s'", key);
            error_report("Failed in parsing snapshot param '%s'", text);
            return -1;
        }
    }
    return 0;
}

static char *find_by_text(const image_source *source, const char *text)
{
    keyval_list keys = { 0 };
    search s = { .id = text, .name = text, .either = true };
    char *id = NULL;

    if (!begins(text, "snapshot."))
        return find(source, &s);
    if (parse(&keys, text) == 0) {
        s = (search){
            .id = keyval_get(&keys, "snapshot.id"),
            .name = keyval_get(&keys, "snapshot.name"),
        };
        id = find(source, &s);
    }
    keyval_list_clear(&keys);
    return id;
}

qcow2_image *open_image_snapshot(const image_source *source, const char *text)
{
    CLEANUP_FREE char *id = find_by_text(source, text);
    image_source of_snapshot = *source;

    of_snapshot.snapshot = id;
    return id ? open_image(&of_snapshot) : NULL;
}
