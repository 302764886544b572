/* SPDX-License-Identifier: BSD-3-Clause */
/* dd.c - qcow-img dd: copy so many blocks of an image into a new image
 *
 * Every byte of the range is written, zeroes, too: what is copied is allocated in the target.
 */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "create-options.h"
#include "human.h"
#include "image-open.h"
#include "location.h"
#include "lock-wait.h"
#include "made.h"
#include "message.h"
#include "target.h"
#include "verb.h"

#define PIECE (2u << 20) /* bytes read and written at once */

/* The operands, NAME=VALUE. */
typedef struct {
    const char *input, *output;
    uint64_t block_size;  /* bytes */
    uint64_t count, skip; /* blocks */
    bool has_count;
    const options *options;
} operands;

/* ------------------------------------------------------------------------------------------------
 * Operands
 */

typedef int operand_reader(operands *o, const char *value);

static int read_input(operands *o, const char *value)
{
    o->input = value;
    return 0;
}

static int read_output(operands *o, const char *value)
{
    o->output = value;
    return 0;
}

static int read_block_size(operands *o, const char *value)
{
    return size_parse_range("bs", value, 1, INT_MAX, &o->block_size);
}

static int read_count(operands *o, const char *value)
{
    o->has_count = true;
    return size_parse_argument("count", value, &o->count);
}

static int read_skip(operands *o, const char *value)
{
    return size_parse_argument("skip", value, &o->skip);
}

static const struct {
    const char *name;
    operand_reader *read;
} table[] = {
    { "if", read_input },    { "of", read_output }, { "bs", read_block_size },
    { "count", read_count }, { "skip", read_skip },
};

static int read_operand(operands *o, const char *word)
{
    size_t length = strcspn(word, "=");

    for (size_t i = 0; word[length] && i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].name) == length && strncmp(table[i].name, word, length) == 0)
            return table[i].read(o, word + length + 1);
    error_report("unrecognized operand %.*s", (int)length, word);
    return -1;
}

static int read_operands(operands *result, const options *o)
{
    *result = (operands){ .block_size = 512, .options = o };
    for (size_t i = 0; i < o->nb_arguments; i++)
        if (read_operand(result, o->arguments[i]))
            return -1;
    if (result->input && result->output)
        return 0;
    error_report("Must specify both input and output files");
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Copying
 */

/* What is copied of the input: *count bytes from *offset on. */
static void range_of(const operands *o, uint64_t size, uint64_t *offset, uint64_t *count)
{
    *offset = o->skip > size / o->block_size ? size : o->skip * o->block_size;
    *count = size - *offset;
    if (o->has_count && o->count < (*count + o->block_size - 1) / o->block_size)
        *count = o->count * o->block_size;
}

static int create_output(const operands *o, const location *where, const char *format,
                         uint64_t count)
{
    CLEANUP_FREE char *size = xasprintf("%" PRIu64, count);
    CLEANUP_FREE char *why = NULL;
    keyval_list list = { 0 };
    qcow2_create_options *chosen;
    int result = -1;

    keyval_set(&list, "size", size);
    chosen = create_options_make(&list, format, &why);
    if (chosen && qcow2_create_options_set_flags(chosen, where->nbd ? QCOW2_CREATE_NBD : 0) == 0)
        result = create_when_free(where->name, NULL, chosen, o->options->wait);
    if (result)
        error_report("%s: error while creating output image: %s", o->output,
                     why ? why : qcow2_get_error());
    qcow2_create_options_free(chosen);
    keyval_list_clear(&list);
    return result;
}

static int copy(qcow2_image *from, uint64_t offset, uint64_t count, qcow2_image *to)
{
    CLEANUP_FREE void *buf = xrealloc(NULL, PIECE);

    for (uint64_t done = 0; done < count;) {
        size_t piece = count - done < PIECE ? (size_t)(count - done) : PIECE;

        if (qcow2_pread(from, buf, piece, offset + done, 0)) {
            error_report("error while reading from input image file: %s", qcow2_get_error());
            return -1;
        }
        if (qcow2_pwrite(to, buf, piece, done, 0)) {
            error_report("error while writing to output image file: %s", qcow2_get_error());
            return -1;
        }
        done += piece;
    }
    return 0;
}

static int copy_into_new(const operands *o, const location *where, const char *format,
                         qcow2_image *input, uint64_t offset, uint64_t count, made_file *made)
{
    image_source target = image_source_common(o->options, 0);
    qcow2_image *output;
    int result;

    target.filename = where->name;
    target.format = format;
    if (o->skip > qcow2_get_size(input) / o->block_size)
        error_report("%s: cannot skip to specified offset", o->input);
    output = open_image(&target);
    if (!output && lock_wait_helps()) /* somebody else was faster: it is theirs now */
        made_forget(made);
    if (!output)
        return -1;
    result = copy(input, offset, count, output);
    return close_image(output) ? -1 : result;
}

/* What could not be copied as a whole does not stay. */
static int copy_into(const operands *o, const location *where, const char *format,
                     qcow2_image *input)
{
    made_file made = { 0 };
    uint64_t offset, count;
    int result;

    if (target_is_read(input, where->name)) {
        error_report("%s: the input image is read from this file", o->output);
        return -1;
    }
    range_of(o, qcow2_get_size(input), &offset, &count);
    if (create_output(o, where, format, count))
        return -1;
    if (!where->nbd) {
        made_note(&made, where->name);
        made_guard(&made);
    }
    result = copy_into_new(o, where, format, input, offset, count, &made);
    if (result == -1)
        made_take_away(&made);
    made_forget(&made);
    return result;
}

/* ------------------------------------------------------------------------------------------------
 * The verb
 */

static int dd(const options *o, const operands *words)
{
    const char *format = format_known(o->target_format ? o->target_format : "raw");
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY);
    CLEANUP_IMAGE qcow2_image *input = NULL;
    CLEANUP_LOCATION location where = { 0 };
    CLEANUP_FREE char *why = NULL, *hint = NULL;

    source.filename = words->input;
    input = open_image(&source);
    if (!input)
        return -1;
    if (!format) {
        hint = format_not_made(o->target_format);
        error_report("Unknown file format%s", hint);
    } else if (location_read(&where, words->output, &why)) {
        error_report("%s", why);
    } else {
        return copy_into(words, &where, format, input);
    }
    return -1;
}

int run_dd(const options *o)
{
    operands words;

    if (read_operands(&words, o) || dd(o, &words))
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
