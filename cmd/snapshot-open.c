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

/* Says so if none was found. */
static char *choose(void *opaque, qcow2_image *image)
{
    search *s = opaque;
    CLEANUP_FREE char *name = printable(qcow2_get_filename(image));
    qcow2_info info;

    warn_of_lost_snapshots(image, name);
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

static qcow2_image *open_found(const image_source *source, search *s)
{
    image_source of_snapshot = *source;

    of_snapshot.choose = choose;
    of_snapshot.choose_opaque = s;
    return open_image(&of_snapshot);
}

qcow2_image *open_image_snapshot(const image_source *source, const char *text)
{
    search s = { .id = text, .name = text, .either = true };
    keyval_list keys = { 0 };
    qcow2_image *image = NULL;

    if (!begins(text, "snapshot."))
        return open_found(source, &s);
    if (parse(&keys, text) == 0) {
        s = (search){
            .id = keyval_get(&keys, "snapshot.id"),
            .name = keyval_get(&keys, "snapshot.name"),
        };
        image = open_found(source, &s);
    }
    keyval_list_clear(&keys);
    return image;
}
