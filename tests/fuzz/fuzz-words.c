/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-words.c - what people type: sizes, option strings, names, objects
 *
 * The input: who reads it (1 byte), which of several (1 byte), text.  The words of a command line
 * are a line each.
 *
 * No name is opened and no server called.  Whatever is said about the text can be shown on a
 * terminal. */

#include "fuzz/fuzz.h"

#include <string.h>

#include "create-options.h"
#include "fuzz/listen.h"
#include "human.h"
#include "image-keys.h"
#include "json-keys.h"
#include "location.h"
#include "message.h"
#include "nbd-address.h"
#include "object.h"
#include "option-value.h"
#include "options.h"

#define MAX_WORDS 32u

typedef void reader(char *text, unsigned which);

/* ------------------------------------------------------------------------------------------------
 * Values and lists
 */

static void read_size(char *text, unsigned which)
{
    char human[HUMAN_SIZE_LENGTH];
    uint64_t bytes;

    if (size_parse_range("size", text, which, INT64_MAX, &bytes) == 0)
        human_size(human, bytes);
}

static void read_value(char *text, unsigned which)
{
    char *why = NULL, *value = option_value_rewrite("name", (value_type)(which % 4), text, &why);

    fuzz_require((value == NULL) == (why != NULL));
    free(value);
    free(why);
}

static void read_list(char *text, unsigned which)
{
    keyval_list list = { 0 };
    char *why = NULL;

    if (which % 2)
        keyval_parse(&list, text, which & 2 ? "driver" : NULL);
    else if (keyval_parse_strictly(&list, text, "driver", &why) == -1)
        fuzz_require(why != NULL);
    keyval_list_clear(&list);
    free(why);
}

/* ------------------------------------------------------------------------------------------------
 * Images
 */

static void read_name(char *text, unsigned which)
{
    CLEANUP_LOCATION location place = { 0 };
    char *why = NULL, *uri = NULL;

    if (which % 2 && location_read(&place, text, &why) == -1)
        fuzz_require(why != NULL);
    else if (which % 2 == 0 && nbd_is_name(text))
        uri = nbd_uri_of_name(text, &why);
    free(uri);
    free(why);
}

/* The format is given: nothing is probed. */
static void read_keys(char *text, unsigned which)
{
    static const char *const formats[] = { "qcow2", "raw", "luks" };
    image_target target = { .format = formats[which / 2 % 3] };
    keyval_list keys = { 0 };
    char *why = NULL;
    int r;

    r = which % 2 ? json_keys_parse(&keys, text, &why)
                  : keyval_parse_strictly(&keys, text, "driver", &why);
    if (r == 0 && image_target_begin(&target, &why) == 0)
        r = image_keys_read(&target, &keys, &why);
    fuzz_require(r == 0 || why != NULL);
    keyval_list_clear(&keys);
    image_target_clear(&target);
    free(why);
}

static void read_creation(char *text, unsigned which)
{
    static const char *const formats[] = { "qcow2", "raw", "luks" };
    const char *format = formats[which % 3];
    qcow2_create_options *creation = NULL;
    keyval_list list = { 0 };
    char *why = NULL;

    if (keyval_parse(&list, text, NULL) == 0 && create_options_check(&list, format, &why) == 0) {
        create_options_add_defaults(&list, format);
        free(create_options_text(&list, format));
        if (create_options_check_words(&list, format, &why) == 0)
            creation = create_options_make(&list, format, &why);
        fuzz_require((creation == NULL) == (why != NULL));
    }
    qcow2_create_options_free(creation);
    keyval_list_clear(&list);
    free(why);
}

/* Secrets from files would be read from any file there is. */
static void read_object(char *text, unsigned which)
{
    (void)which;
    if (strstr(text, "file") == NULL)
        object_add(text);
}

/* ------------------------------------------------------------------------------------------------
 * Command lines
 */

static void read_options(char *text, unsigned which)
{
    static const verb_bit verbs[] = { VERB_CHECK,   VERB_COMPARE, VERB_CONVERT, VERB_CREATE,
                                      VERB_INFO,    VERB_MAP,     VERB_RESIZE,  VERB_SNAPSHOT,
                                      VERB_MEASURE, VERB_AMEND,   VERB_BITMAP,  VERB_COMMIT,
                                      VERB_REBASE,  VERB_BENCH,   VERB_DD };
    char *words[MAX_WORDS + 2] = { (char *)"verb" };
    verb_bit verb = verbs[which % (sizeof verbs / sizeof verbs[0])];
    int count = 1;
    options o;
    char *rest;

    if (strstr(text, "file") != NULL)
        return;
    for (char *word = strtok_r(text, "\n", &rest); word && count <= (int)MAX_WORDS;
         word = strtok_r(NULL, "\n", &rest))
        words[count++] = word;
    options_parse(&o, verb, count, words);
    options_clear(&o);
}

/* ------------------------------------------------------------------------------------------------
 * The target
 */

static reader *const readers[] = { read_size, read_value,    read_list,   read_name,
                                   read_keys, read_creation, read_object, read_options };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listening out, err;
    unsigned who;
    char *text;

    if (size < 2)
        return 0;
    who = data[0] % (sizeof readers / sizeof readers[0]);
    text = strndup((const char *)data + 2, size - 2);
    fuzz_require(text != NULL);
    message_set_program("qcow-img");
    listen_begin(&out, &stdout);
    listen_begin(&err, &stderr);
    readers[who](text, data[1]);
    listen_end(&err, true);
    listen_end(&out, true);
    free(text);
    return 0;
}
