/* SPDX-License-Identifier: BSD-3-Clause */
/* untrusted.c - a verb of qcow-img under --untrusted: which files its command line names
 *
 * A row of the table says what a verb's words are.  The names of backing and data files that the
 * user gives count as named; those that images give do not.
 */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "confine.h"
#include "path.h"
#include "untrusted.h"
#include "words.h"

typedef bool writes_test(const options *o);

static bool always(const options *o)
{
    (void)o;
    return true;
}

static bool never(const options *o)
{
    (void)o;
    return false;
}

static bool bench_writes(const options *o)
{
    return o->bench.write;
}

static bool check_writes(const options *o)
{
    return o->repair != NULL;
}

static bool snapshot_writes(const options *o)
{
    return o->snapshot_action != SNAPSHOT_NONE && o->snapshot_action != SNAPSHOT_LIST;
}

/* What the words are. */
typedef enum {
    ONE_IMAGE,       /* the first */
    IMAGES,          /* all */
    SOURCES_TARGET,  /* all but the last, which is made */
    TARGET,          /* the first, which is made */
    INPUT_AND_OUTPUT /* if=FILE of=FILE */
} words;

static const struct {
    verb_bit verb;
    words words;
    writes_test *writes; /* into the images */
} table[] = {
    { VERB_AMEND, ONE_IMAGE, always },
    { VERB_BENCH, ONE_IMAGE, bench_writes },
    { VERB_BITMAP, ONE_IMAGE, always },
    { VERB_CHECK, ONE_IMAGE, check_writes },
    { VERB_COMMIT, ONE_IMAGE, always },
    { VERB_COMPARE, IMAGES, never },
    { VERB_CONVERT, SOURCES_TARGET, never },
    { VERB_CREATE, TARGET, never },
    { VERB_DD, INPUT_AND_OUTPUT, never },
    { VERB_INFO, ONE_IMAGE, never },
    { VERB_MAP, ONE_IMAGE, never },
    { VERB_MEASURE, ONE_IMAGE, never },
    { VERB_REBASE, ONE_IMAGE, always },
    { VERB_RESIZE, ONE_IMAGE, always },
    { VERB_SNAPSHOT, ONE_IMAGE, snapshot_writes },
};

static int add_images(confinement *c, const options *o, size_t count, bool writable)
{
    for (size_t i = 0; i < count && i < o->nb_arguments; i++) {
        const char *name = o->arguments[i];

        if (o->image_opts ? confine_add_keys(c, name, writable)
                          : confine_add_file(c, name, writable))
            return -1;
    }
    return 0;
}

static int add_target(confinement *c, const options *o, const char *name)
{
    if (o->target_image_opts)
        return confine_add_keys(c, name, true);
    return o->no_create ? confine_add_file(c, name, true) : confine_add_target(c, name);
}

static int add_operands(confinement *c, const options *o)
{
    for (size_t i = 0; i < o->nb_arguments; i++) {
        const char *word = o->arguments[i];

        if (begins(word, "if=") && (o->image_opts ? confine_add_keys(c, word + 3, false)
                                                  : confine_add_file(c, word + 3, false)))
            return -1;
        if (begins(word, "of=") && confine_add_target(c, word + 3))
            return -1;
    }
    return 0;
}

static int add_words(confinement *c, const options *o, words what, bool writable)
{
    size_t last = o->nb_arguments - 1;

    if (o->nb_arguments == 0)
        return 0;
    switch (what) {
    case ONE_IMAGE: return add_images(c, o, 1, writable);
    case IMAGES: return add_images(c, o, o->nb_arguments, writable);
    case SOURCES_TARGET:
        return add_images(c, o, last, writable) || add_target(c, o, o->arguments[last]);
    case TARGET: return confine_add_target(c, o->arguments[0]);
    case INPUT_AND_OUTPUT: return add_operands(c, o);
    }
    return 0;
}

/* A name that is seen from another file's directory. */
static int add_beside(confinement *c, const char *image, const char *name)
{
    CLEANUP_FREE char *path = name && *name ? path_beside(image, name) : NULL;

    return path ? confine_add_file(c, path, false) : 0;
}

static int add_named_by_options(confinement *c, const options *o, verb_bit bit)
{
    const char *data_file = keyval_get(&o->creation, "data_file");
    const char *last = o->nb_arguments > 0 ? o->arguments[o->nb_arguments - 1] : "";
    const char *image = bit == VERB_CONVERT || o->nb_arguments == 0 ? last : o->arguments[0];
    bool makes = bit == VERB_CREATE || bit == VERB_CONVERT;

    if (o->source_file && confine_add_file(c, o->source_file, false))
        return -1;
    if (bit == VERB_COMMIT && o->backing && confine_add_file(c, o->backing, true))
        return -1;
    if (bit != VERB_COMMIT && !o->backing_unsafe && add_beside(c, image, o->backing))
        return -1;
    if (makes && !o->backing_unsafe &&
        add_beside(c, image, keyval_get(&o->creation, "backing_file")))
        return -1;
    return makes && data_file ? confine_add_target(c, data_file) : 0;
}

static int add_files(confinement *c, verb_bit bit, const options *o)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].verb == bit && add_words(c, o, table[i].words, table[i].writes(o)))
            return -1;
    return add_named_by_options(c, o, bit);
}

/* What the sandboxed process is given. */
typedef struct {
    const verb *verb;
    const options *options;
} call;

static int run_verb(void *opaque)
{
    const call *made = opaque;

    return verb_run(made->verb, made->options);
}

int untrusted_run(const verb *v, const options *o)
{
    call made = { v, o };
    confinement c;
    int status = EXIT_FAILURE;

    confine_begin(&c);
    if (!o->creation_help && add_files(&c, v->bit, o) == 0)
        status = confine_run(&c, run_verb, &made);
    else if (o->creation_help)
        status = verb_run(v, o);
    confine_end(&c);
    return status;
}
