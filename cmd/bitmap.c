/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap.c - qcow-img bitmap: actions on one persistent bitmap, done in the order in which they are
 * given */

#include <stdio.h>
#include <stdlib.h>

#include "image-open.h"
#include "message.h"
#include "verb.h"

/* What the actions work on. */
typedef struct {
    const options *options;
    qcow2_image *image;
    qcow2_image *source; /* of merges; the image itself if no other is named */
    const char *bitmap;
} work;

static int add(const work *w, const char *argument)
{
    (void)argument;
    return qcow2_bitmap_add(w->image, w->bitmap, w->options->granularity, QCOW2_BITMAP_ENABLED);
}

static int remove_bitmap(const work *w, const char *argument)
{
    (void)argument;
    return qcow2_bitmap_remove(w->image, w->bitmap);
}

static int clear(const work *w, const char *argument)
{
    (void)argument;
    return qcow2_bitmap_clear(w->image, w->bitmap);
}

static int enable(const work *w, const char *argument)
{
    (void)argument;
    return qcow2_bitmap_enable(w->image, w->bitmap);
}

static int disable(const work *w, const char *argument)
{
    (void)argument;
    return qcow2_bitmap_disable(w->image, w->bitmap);
}

static int merge(const work *w, const char *argument)
{
    return qcow2_bitmap_merge(w->image, w->bitmap, w->source, argument);
}

static const struct {
    const char *name;
    int (*act)(const work *w, const char *argument);
} actions[] = {
    [BITMAP_ADD] = { "add", add },
    [BITMAP_REMOVE] = { "remove", remove_bitmap },
    [BITMAP_CLEAR] = { "clear", clear },
    [BITMAP_ENABLE] = { "enable", enable },
    [BITMAP_DISABLE] = { "disable", disable },
    [BITMAP_MERGE] = { "merge", merge },
};

static bool has_action(const options *o, bitmap_action action)
{
    for (size_t i = 0; i < o->nb_bitmap_steps; i++)
        if (o->bitmap_steps[i].action == action)
            return true;
    return false;
}

/* Returns the sentence, or NULL. */
static const char *refusal(const options *o)
{
    if (o->nb_bitmap_steps == 0)
        return "Need at least one of --add, --remove, --clear, --enable, --disable, or --merge";
    if (o->granularity && !has_action(o, BITMAP_ADD))
        return "granularity only supported with --add";
    if (o->source_format && !o->source_file)
        return "-F only supported with -b";
    if (o->source_file && !has_action(o, BITMAP_MERGE))
        return "Merge bitmap source file only supported with --merge";
    if (o->nb_arguments != 2)
        return "Expecting filename and bitmap name";
    return NULL;
}

static int do_steps(const work *w)
{
    const options *o = w->options;

    for (size_t i = 0; i < o->nb_bitmap_steps; i++) {
        const bitmap_step *step = &o->bitmap_steps[i];

        if (actions[step->action].act(w, step->argument) == -1) {
            error_report("Operation %s on bitmap %s failed: %s", actions[step->action].name,
                         w->bitmap, qcow2_get_error());
            return -1;
        }
    }
    return 0;
}

static qcow2_image *open_source(const options *o)
{
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY);

    source.filename = o->source_file;
    source.format = o->source_format;
    source.image_opts = false;
    source.backing = QCOW2_BACKING_IGNORE;
    return open_image(&source);
}

static int work_on(const options *o, qcow2_image *image)
{
    CLEANUP_IMAGE qcow2_image *source = o->source_file ? open_source(o) : NULL;
    const work w = { o, image, source ? source : image, o->arguments[1] };

    return o->source_file && !source ? -1 : do_steps(&w);
}

int run_bitmap(const options *o)
{
    const char *sentence = refusal(o);
    image_source source;
    qcow2_image *image;
    int result;

    if (sentence) {
        error_report("%s", sentence);
        return EXIT_FAILURE;
    }
    source = image_source_of(o, 0);
    source.backing = QCOW2_BACKING_IGNORE;
    image = open_image(&source);
    if (!image)
        return EXIT_FAILURE;
    result = work_on(o, image);
    if (close_image(image))
        result = -1;
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
