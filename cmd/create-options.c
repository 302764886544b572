/* SPDX-License-Identifier: BSD-3-Clause */
/* create-options.c - the options of a new image: their table, their values, their help */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "create-options.h"
#include "human.h"
#include "json.h"
#include "message.h"
#include "option-value.h"
#include "path.h"
#include "secret.h"
#include "words.h"

enum {
    FOR_QCOW2 = 1,
    FOR_RAW = 2,
    FOR_COPY = 4, /* no property of an image: only where content is written to it, too */
    FOR_LUKS = 8,
    FOR_ANY = FOR_QCOW2 | FOR_RAW | FOR_LUKS,
};

typedef struct {
    const char *name;
    value_type type;
    int formats;          /* FOR_... */
    bool of_host;         /* of the host's file system rather than of the format */
    const char *standard; /* shown when not set; NULL: not shown */
    const char *help;
} creation_row;

/* In the order of the "Formatting" line. */
static const creation_row table[] = {
    { "encryption", VALUE_SWITCH, FOR_QCOW2, false, NULL,
      "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)" },
    { "encrypt.format", VALUE_STRING, FOR_QCOW2, false, NULL,
      "Encrypt the image, format choices: 'aes', 'luks'" },
    { "encrypt.key-secret", VALUE_STRING, FOR_QCOW2, false, NULL,
      "ID of secret providing qcow AES key or LUKS passphrase" },
    { "encrypt.cipher-alg", VALUE_STRING, FOR_QCOW2, false, NULL,
      "Name of encryption cipher algorithm" },
    { "encrypt.cipher-mode", VALUE_STRING, FOR_QCOW2, false, NULL,
      "Name of encryption cipher mode" },
    { "encrypt.ivgen-alg", VALUE_STRING, FOR_QCOW2, false, NULL, "Name of IV generator algorithm" },
    { "encrypt.ivgen-hash-alg", VALUE_STRING, FOR_QCOW2, false, NULL,
      "Name of IV generator hash algorithm" },
    { "encrypt.hash-alg", VALUE_STRING, FOR_QCOW2, false, NULL,
      "Name of encryption hash algorithm" },
    { "encrypt.iter-time", VALUE_NUMBER, FOR_QCOW2, false, NULL,
      "Time to spend in PBKDF in milliseconds" },
    { "cluster_size", VALUE_SIZE, FOR_QCOW2, false, "65536", "qcow2 cluster size" },
    { "extended_l2", VALUE_SWITCH, FOR_QCOW2, false, "off", "Extended L2 tables" },
    { "preallocation", VALUE_STRING, FOR_QCOW2, false, NULL,
      "Preallocation mode (allowed values: off, metadata, falloc, full)" },
    { "compression_type", VALUE_STRING, FOR_QCOW2, false, "zlib",
      "Compression method used for image cluster compression" },
    { "compression_level", VALUE_STRING, FOR_QCOW2 | FOR_COPY, false, NULL,
      "How hard to compress: fast, default, best or a number" },
    { "compression_window", VALUE_NUMBER, FOR_QCOW2 | FOR_COPY, false, NULL,
      "Window of zlib streams, 9 to 15 (2^n bytes)" },
    { "size", VALUE_SIZE, FOR_ANY, false, NULL, "Virtual disk size" },
    { "key-secret", VALUE_STRING, FOR_LUKS, false, NULL,
      "ID of the secret that provides the keyslot passphrase" },
    { "cipher-alg", VALUE_STRING, FOR_LUKS, false, NULL, "Name of encryption cipher algorithm" },
    { "cipher-mode", VALUE_STRING, FOR_LUKS, false, NULL, "Name of encryption cipher mode" },
    { "ivgen-alg", VALUE_STRING, FOR_LUKS, false, NULL, "Name of IV generator algorithm" },
    { "ivgen-hash-alg", VALUE_STRING, FOR_LUKS, false, NULL,
      "Name of IV generator hash algorithm" },
    { "hash-alg", VALUE_STRING, FOR_LUKS, false, NULL, "Name of encryption hash algorithm" },
    { "iter-time", VALUE_NUMBER, FOR_LUKS, false, NULL, "Time to spend in PBKDF in milliseconds" },
    { "compat", VALUE_STRING, FOR_QCOW2, false, NULL,
      "Compatibility level (v2 [0.10] or v3 [1.1])" },
    { "backing_file", VALUE_STRING, FOR_QCOW2, false, NULL, "File name of a base image" },
    { "backing_fmt", VALUE_STRING, FOR_QCOW2, false, NULL, "Image format of the base image" },
    { "data_file", VALUE_STRING, FOR_QCOW2, false, NULL, "File name of an external data file" },
    { "data_file_raw", VALUE_SWITCH, FOR_QCOW2, false, NULL,
      "The external data file must stay valid as a raw image" },
    { "lazy_refcounts", VALUE_SWITCH, FOR_QCOW2, false, "off", "Postpone refcount updates" },
    { "refcount_bits", VALUE_NUMBER, FOR_QCOW2, false, "16",
      "Width of a reference count entry in bits" },
    { "nocow", VALUE_SWITCH, FOR_ANY, true, NULL, "Turn off copy-on-write (valid only on btrfs)" },
    { "preallocation", VALUE_STRING, FOR_RAW | FOR_LUKS, true, NULL,
      "Preallocation mode (allowed values: off, falloc, full)" },
    { "extent_size_hint", VALUE_SIZE, FOR_ANY, true, NULL,
      "Extent size hint for the image file, 0 to disable" },
};

enum {
    TABLE_ROWS = sizeof table / sizeof *table,
};

static bool is_for(const creation_row *row, const char *format)
{
    int bit = strcmp(format, "raw") == 0    ? FOR_RAW
              : strcmp(format, "luks") == 0 ? FOR_LUKS
                                            : FOR_QCOW2;

    return (row->formats & bit) != 0;
}

static const creation_row *find_row(const char *name, const char *format)
{
    for (size_t i = 0; i < TABLE_ROWS; i++)
        if (strcmp(table[i].name, name) == 0 && is_for(&table[i], format))
            return &table[i];
    return NULL;
}

int create_options_check(keyval_list *list, const char *format, char **why)
{
    for (size_t i = 0; i < list->count; i++) {
        keyval *item = &list->items[i];
        const creation_row *row = find_row(item->key, format);
        char *value;

        if (!row) {
            *why = xasprintf("Invalid parameter '%s'", item->key);
            return -1;
        }
        value = option_value_rewrite(row->name, row->type, item->value, why);
        if (!value)
            return -1;
        free(item->value);
        item->value = value;
    }
    return 0;
}

const char *create_options_of_copy(const keyval_list *list)
{
    for (size_t i = 0; i < TABLE_ROWS; i++)
        if ((table[i].formats & FOR_COPY) && keyval_get(list, table[i].name))
            return table[i].name;
    return NULL;
}

void create_options_add_defaults(keyval_list *list, const char *format)
{
    for (size_t i = 0; i < TABLE_ROWS; i++)
        if (is_for(&table[i], format) && table[i].standard && !keyval_get(list, table[i].name))
            keyval_set(list, table[i].name, table[i].standard);
}

/* A comma in a value is doubled, so that the line could be given to -o again. */
static char *double_commas(const char *value)
{
    char *result = xrealloc(NULL, 2 * strlen(value) + 1);
    char *to = result;

    for (; *value; value++) {
        if (*value == ',')
            *to++ = ',';
        *to++ = *value;
    }
    *to = '\0';
    return result;
}

char *create_options_text(const keyval_list *list, const char *format)
{
    char *text = xstrdup("");

    for (size_t i = 0; i < TABLE_ROWS; i++) {
        const char *value = is_for(&table[i], format) ? keyval_get(list, table[i].name) : NULL;
        CLEANUP_FREE char *before = NULL;
        CLEANUP_FREE char *doubled = NULL;

        if (!value)
            continue;
        before = text;
        doubled = double_commas(value);
        text = xasprintf("%s %s=%s", before, table[i].name, doubled);
    }
    return text;
}

/* What a value that has been checked stands for. */
static json_t *value_json(const char *value, value_type type)
{
    bool on = false;

    if (type == VALUE_SWITCH && switch_word_parse(value, &on) == 0)
        return json_boolean(on);
    if (type == VALUE_SIZE || type == VALUE_NUMBER)
        return json_number(strtoull(value, NULL, 10));
    return json_text(value);
}

json_t *create_options_json(const keyval_list *list, const char *format)
{
    json_t *object = json_object();

    for (size_t i = 0; i < TABLE_ROWS; i++) {
        const char *value = is_for(&table[i], format) ? keyval_get(list, table[i].name) : NULL;

        if (value)
            json_put(object, table[i].name, value_json(value, table[i].type));
    }
    return object;
}

/* Wishes to the host's file system are granted by the format where it knows them (preallocation)
 * and by nobody otherwise: they change nothing that a guest or a check could see. */
static bool is_mere_wish(const creation_row *row)
{
    return row->of_host && row->type != VALUE_STRING;
}

/* Options whose values are words, and what QEMU calls them when the word is none of these. */
static const struct {
    const char *name;
    const char *called;
    const char *words[4];
} choices[] = {
    { "compat", "version", { "0.10", "v2", "1.1", "v3" } },
    { "preallocation", "preallocation", { "off", "metadata", "falloc", "full" } },
    { "compression_type", "compression-type", { "zlib", "zstd" } },
    { "backing_fmt", "backing-fmt", { "qcow2", "raw", "qcow", "luks" } },
};

static int check_choice(const keyval *item, size_t row, const char *format, char **why)
{
    const char *const *words = choices[row].words;

    for (size_t i = 0; i < sizeof choices->words / sizeof *words && words[i]; i++)
        if (strcmp(words[i], item->value) == 0)
            return 0;
    if (strcmp(format, "qcow2") != 0)
        *why = xasprintf("invalid parameter value: %s", item->value);
    else
        *why = xasprintf("Parameter '%s' does not accept value '%s'", choices[row].called,
                         item->value);
    return -1;
}

int create_options_check_words(const keyval_list *list, const char *format, char **why)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t row = 0; row < sizeof choices / sizeof *choices; row++)
            if (strcmp(choices[row].name, list->items[i].key) == 0 &&
                check_choice(&list->items[i], row, format, why))
                return -1;
    return 0;
}

bool create_options_know(const char *name, const char *format)
{
    return find_row(name, format) != NULL;
}

const char *create_options_key_secret(const keyval_list *list)
{
    const char *id = keyval_get(list, "encrypt.key-secret");

    return id ? id : keyval_get(list, "key-secret");
}

static bool is_key_secret(const char *name)
{
    return strcmp(name, "encrypt.key-secret") == 0 || strcmp(name, "key-secret") == 0;
}

static int set_secret(qcow2_create_options *new, const char *id, char **why)
{
    const char *passphrase;

    if (secret_find_text(id, &passphrase, why))
        return -1;
    return qcow2_create_options_set_secret(new, passphrase, strlen(passphrase));
}

/* QEMU records what "file:NAME" names, too. */
static bool is_data_file(const keyval *item)
{
    return strcmp(item->key, "data_file") == 0;
}

const char *create_options_data_file(const keyval_list *list)
{
    const char *name = keyval_get(list, "data_file");

    return name ? skip_prefix(name, "file:") : NULL;
}

static int set_option(qcow2_create_options *new, const keyval *item, const char *format, char **why)
{
    CLEANUP_FREE char *path = NULL;

    if (is_key_secret(item->key))
        return set_secret(new, item->value, why);
    if (is_data_file(item)) {
        path = path_beside("", item->value);
        return qcow2_create_options_set(new, item->key, path);
    }
    return is_mere_wish(find_row(item->key, format))
               ? 0
               : qcow2_create_options_set(new, item->key, item->value);
}

qcow2_create_options *create_options_make(const keyval_list *list, const char *format, char **why)
{
    qcow2_create_options *new = qcow2_create_options_new();
    int error = !new || qcow2_create_options_set_format(new, format);

    for (size_t i = 0; i < list->count && !error; i++)
        error = set_option(new, &list->items[i], format, why);
    if (!error)
        return new;
    if (!*why)
        *why = xstrdup(qcow2_get_error());
    qcow2_create_options_free(new);
    return NULL;
}

int create_options_expect(qcow2_create_options *new, const keyval_list *list,
                          qcow2_image *const *sources, size_t nb_sources, bool bitmaps)
{
    uint64_t length = 0;

    if (!keyval_get(list, "cluster_size")) /* a table of one large cluster reaches terabytes */
        return 0;
    for (size_t i = 0; i < nb_sources; i++) {
        qcow2_measurement m;

        if (qcow2_measure(new, sources[i], &m, sizeof m) == 0)
            length += m.required + (bitmaps ? m.bitmaps : 0);
    }
    return qcow2_create_options_set_expected_length(new, length);
}

/* ------------------------------------------------------------------------------------------------
 * Help
 */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const creation_row *const *)a)->name, (*(const creation_row *const *)b)->name);
}

void create_options_print_help(const char *format, bool file_named, bool copies)
{
    const creation_row *rows[TABLE_ROWS] = { NULL };
    size_t count = 0;

    for (size_t i = 0; i < TABLE_ROWS; i++)
        if (is_for(&table[i], format) && (file_named || !table[i].of_host) &&
            (copies || !(table[i].formats & FOR_COPY)))
            rows[count++] = &table[i];
    qsort(rows, count, sizeof *rows, by_name);
    if (file_named)
        printf("Supported options:\n");
    else
        printf("Supported %s options:\n", format);
    for (size_t i = 0; i < count; i++)
        option_value_print_help(rows[i]->name, rows[i]->type, rows[i]->help);
    if (!file_named)
        printf("\nThe protocol level may support further options.\n"
               "Specify the target filename to include those options.\n");
}
