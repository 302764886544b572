/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshot.c - qcow-img snapshot: list, create, apply and delete internal snapshots */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "facts.h"
#include "image-open.h"
#include "json.h"
#include "message.h"
#include "verb.h"

typedef int action(const options *o, qcow2_image *image);

static bool has_no_snapshots(qcow2_image *image)
{
    qcow2_info info;

    return qcow2_get_info(image, &info, sizeof info) == 0 && strcmp(info.format, "qcow2") != 0;
}

static int list(const options *o, qcow2_image *image)
{
    CLEANUP_JSON json_t *snapshots = facts_of_snapshots(image);

    if (!snapshots) {
        error_report("Could not list the snapshots: %s", qcow2_get_error());
        return -1;
    }
    if (o->output == OUTPUT_JSON)
        json_print(snapshots);
    else
        facts_print_snapshots(snapshots);
    return 0;
}

/* The library says "Snapshot 'x' is ..., but" when something failed after that. */
static void report_failure(const options *o, const char *what)
{
    static const char done[] = "Snapshot '";
    const char *sentence = qcow2_get_error();

    if (strncmp(sentence, done, strlen(done)) == 0)
        error_report("%s", sentence);
    else
        error_report("Could not %s snapshot '%s': %s", what, o->snapshot, sentence);
}

static int create(const options *o, qcow2_image *image)
{
    if (qcow2_snapshot_create(image, o->snapshot) == 0)
        return 0;
    if (qcow2_get_errno() == ENOTSUP)
        error_report("Could not create snapshot '%s': %d (%s)", o->snapshot, -ENOTSUP,
                     strerror(ENOTSUP));
    else
        report_failure(o, "create");
    return -1;
}

static int apply(const options *o, qcow2_image *image)
{
    int error;

    if (qcow2_snapshot_apply(image, o->snapshot) == 0)
        return 0;
    error = qcow2_get_errno();
    if (error == ENOTSUP && has_no_snapshots(image))
        error_report("Could not apply snapshot '%s': Block driver does not support snapshots",
                     o->snapshot);
    else if (error == ENOENT || error == ENOTSUP)
        error_report("Could not apply snapshot '%s': Failed to load snapshot: %s", o->snapshot,
                     strerror(error));
    else
        report_failure(o, "apply");
    return -1;
}

typedef struct {
    const char *name;
    char *id; /* of the first snapshot of that name, or NULL */
} name_search;

static int match_name(void *opaque, const qcow2_snapshot *snapshot)
{
    name_search *search = opaque;

    if (strcmp(snapshot->name, search->name) != 0)
        return 0;
    search->id = xstrdup(snapshot->id);
    return 1;
}

/* Deleting goes by the name alone, so that a snapshot called "1" is not taken for the first. */
static int delete (const options *o, qcow2_image *image)
{
    name_search search = { .name = o->snapshot };
    CLEANUP_FREE char *id = NULL;

    if (!has_no_snapshots(image) && qcow2_snapshot_list(image, match_name, &search) == -1) {
        error_report("Could not delete snapshot '%s': %s", o->snapshot, qcow2_get_error());
        return -1;
    }
    id = search.id;
    if (!id) {
        error_report("Could not delete snapshot '%s': snapshot not found", o->snapshot);
        return -1;
    }
    if (qcow2_snapshot_delete(image, id) == 0)
        return 0;
    report_failure(o, "delete");
    return -1;
}

static const struct {
    action *act;
    bool writes;
} actions[] = {
    [SNAPSHOT_NONE] = { NULL, false },    [SNAPSHOT_LIST] = { list, false },
    [SNAPSHOT_CREATE] = { create, true }, [SNAPSHOT_APPLY] = { apply, true },
    [SNAPSHOT_DELETE] = { delete, true },
};

/* A list needs the named file only; changes are refused, as by qemu-img, when the chain is broken.
 */
static image_source source_for(const options *o, bool writes)
{
    image_source source =
        image_source_of(o, writes ? QCOW2_OPEN_DISCARD : QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO);

    if (!writes)
        source.backing = QCOW2_BACKING_IGNORE;
    return source;
}

int run_snapshot(const options *o)
{
    image_source source;
    qcow2_image *image;
    action *act = actions[o->snapshot_action].act;
    int result;

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    source = source_for(o, actions[o->snapshot_action].writes);
    image = open_image(&source);
    if (!image)
        return EXIT_FAILURE;
    result = act ? act(o, image) : 0;
    if (close_image(image))
        result = -1;
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
