/* SPDX-License-Identifier: BSD-3-Clause */
/* parameters.c - the table of the plugin's parameters
 *
 * PARAMETERS has a row for each: its key, how its value is parsed, where the value goes, and what
 * nbdkit --help says about it.  A parameter given twice has the value given last, as everywhere in
 * nbdkit, but a second file is refused: it would not be served.
 */

#define NBDKIT_API_VERSION 2
#include <errno.h>
#include <inttypes.h>
#include <nbdkit-plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parameters.h"
#include "qcow2.h"

static const struct choice formats[] = {
    { "qcow2", 0 }, { "raw", 0 }, { "qcow", 0 }, { "luks", 0 }, { NULL, 0 },
};

static const struct choice backing_policies[] = {
    { "refuse", QCOW2_BACKING_REFUSE },
    { "allow", QCOW2_BACKING_ALLOW },
    { NULL, 0 },
};

static const struct choice data_file_policies[] = {
    { "refuse", QCOW2_DATA_FILE_REFUSE },
    { "allow", QCOW2_DATA_FILE_ALLOW },
    { NULL, 0 },
};

static const struct choice cache_modes[] = {
    { "writeback", 0 },
    { "writethrough", QCOW2_OPEN_WRITETHROUGH },
    { "none", QCOW2_OPEN_DIRECT },
    { "directsync", QCOW2_OPEN_DIRECT | QCOW2_OPEN_WRITETHROUGH },
    { "unsafe", QCOW2_OPEN_UNSAFE },
    { NULL, 0 },
};

struct parameters parameters = {
    .format = &formats[0],
    .backing = &backing_policies[0],
    .external_data = &data_file_policies[0],
    .cache = &cache_modes[0],
    .discard = true,
};

struct row {
    const char *key;
    int (*parse)(const struct row *row, const char *value);
    const struct choice *choices; /* for parse_choice */
    void *target;
};

static bool is_server(const char *value)
{
    return strncmp(value, "nbd", 3) == 0 && strncmp(value + strcspn(value, ":"), "://", 3) == 0;
}

static int parse_path(const struct row *row, const char *value)
{
    char **path = row->target;

    if (*value == '\0') {
        nbdkit_error("%s= needs a file name", row->key);
        return -1;
    }
    if (is_server(value)) {
        nbdkit_error(
            "%s=%s: only files are served here: nbdcopy brings an image from a server into a "
            "file, and nbdkit's nbd plugin passes on the disk that a server has",
            row->key, value);
        return -1;
    }
    if (*path) {
        nbdkit_error("%s=%s: there is %s=%s already, and a server has one", row->key, value,
                     row->key, *path);
        return -1;
    }
    *path = nbdkit_absolute_path(value);
    return *path ? 0 : -1;
}

static int parse_string(const struct row *row, const char *value)
{
    if (*value == '\0') {
        nbdkit_error("%s= needs a value", row->key);
        return -1;
    }
    *(const char **)row->target = value;
    return 0;
}

static void forget(char **passphrase)
{
    if (*passphrase)
        explicit_bzero(*passphrase, strlen(*passphrase));
    free(*passphrase);
    *passphrase = NULL;
}

/* From a file, a file descriptor or the terminal, as in all plugins. */
static int parse_passphrase(const struct row *row, const char *value)
{
    char **passphrase = row->target;

    forget(passphrase);
    return nbdkit_read_password(value, passphrase);
}

static int parse_bool(const struct row *row, const char *value)
{
    int parsed = nbdkit_parse_bool(value);

    if (parsed == -1)
        return -1;
    *(bool *)row->target = parsed;
    return 0;
}

static int parse_seconds(const struct row *row, const char *value)
{
    const uint64_t most = UINT64_C(100) * 365 * 86400;
    uint64_t parsed;

    if (nbdkit_parse_uint64_t(row->key, value, &parsed) == -1)
        return -1;
    if (parsed > most) {
        nbdkit_error("%s=%s: at most %" PRIu64 " seconds are possible", row->key, value, most);
        return -1;
    }
    *(uint64_t *)row->target = parsed;
    return 0;
}

static int parse_size(const struct row *row, const char *value)
{
    int64_t parsed = nbdkit_parse_size(value);

    if (parsed == -1)
        return -1;
    *(uint64_t *)row->target = (uint64_t)parsed;
    return 0;
}

static void report_choices(const struct row *row, const char *value)
{
    char words[128] = "";
    size_t length = 0;

    for (const struct choice *choice = row->choices; choice->word; choice++)
        length += (size_t)snprintf(words + length, sizeof words - length, "%s%s",
                                   length > 0 ? "|" : "", choice->word);
    nbdkit_error("%s=%s: expected %s=%s", row->key, value, row->key, words);
}

static int parse_choice(const struct row *row, const char *value)
{
    for (const struct choice *choice = row->choices; choice->word; choice++) {
        if (strcmp(choice->word, value) == 0) {
            *(const struct choice **)row->target = choice;
            return 0;
        }
    }
    report_choices(row, value);
    return -1;
}

/* NAME=VALUE, as qcow2_open_options_set takes it. */
static int set_option(qcow2_open_options *options, const char *text)
{
    const char *value = strchr(text, '=');
    char name[64] = "";

    if (value && (size_t)(value - text) < sizeof name)
        memcpy(name, text, (size_t)(value - text));
    return qcow2_open_options_set(options, name, value ? value + 1 : "");
}

int parameters_set_options(qcow2_open_options *options)
{
    for (size_t i = 0; i < parameters.nb_options; i++)
        if (set_option(options, parameters.options[i]) == -1)
            return -1;
    return 0;
}

static int parse_option(const struct row *row, const char *value)
{
    const char **more =
        realloc(parameters.options, (parameters.nb_options + 1) * sizeof parameters.options[0]);
    qcow2_open_options *trial = qcow2_open_options_new();
    int result = -1;

    if (more) {
        parameters.options = more;
        parameters.options[parameters.nb_options++] = value;
    }
    if (!more || !trial)
        nbdkit_error("%s", strerror(ENOMEM));
    else if (parameters_set_options(trial) == -1)
        nbdkit_error("%s=%s: %s", row->key, value, qcow2_get_error());
    else
        result = 0;
    qcow2_open_options_free(trial);
    return result;
}

/* key, parse function, choices, member of struct parameters, help */
#define PARAMETERS(ROW)                                                                            \
    ROW("file", parse_path, NULL, file, "[file=]FILENAME               (required) the disk image") \
    ROW("format", parse_choice, formats, format,                                                   \
        "format=qcow2|raw|qcow|luks    its format, never guessed [qcow2]")                         \
    ROW("snapshot", parse_string, NULL, snapshot,                                                  \
        "snapshot=ID_OR_NAME           serve an internal snapshot, read-only")                     \
    ROW("readonly", parse_bool, NULL, readonly,                                                    \
        "readonly=true|false           never write to the file [false]")                           \
    ROW("backing", parse_choice, backing_policies, backing,                                        \
        "backing=refuse|allow          whether to open the backing files it names [refuse]")       \
    ROW("external-data", parse_choice, data_file_policies, external_data,                          \
        "external-data=refuse|allow    whether to open the data file it names [refuse]")           \
    ROW("data-file", parse_path, NULL, data_file,                                                  \
        "data-file=FILENAME            the data file, whatever the image names")                   \
    ROW("passphrase", parse_passphrase, NULL, passphrase,                                          \
        "passphrase=+FILENAME|-FD|-    what opens an encrypted image, see the manual")             \
    ROW("untrusted", parse_bool, NULL, untrusted,                                                  \
        "untrusted=true|false          open no other file, and serve from a sandbox [false]")      \
    ROW("wait", parse_seconds, NULL, wait,                                                         \
        "wait=SECONDS                  wait for an image that another program has locked [0]")     \
    ROW("cache", parse_choice, cache_modes, cache,                                                 \
        "cache=writeback|writethrough|none|directsync|unsafe\n"                                    \
        "                              how writes reach the host [writeback]")                     \
    ROW("discard", parse_bool, NULL, discard,                                                      \
        "discard=true|false            give freed space back to the host [true]")                  \
    ROW("l2-cache-size", parse_size, NULL, l2_cache_size,                                          \
        "l2-cache-size=SIZE            memory for L2 tables [the whole disk, at most 32M]")        \
    ROW("refcount-cache-size", parse_size, NULL, refcount_cache_size,                              \
        "refcount-cache-size=SIZE      memory for refcount blocks")                                \
    ROW("option", parse_option, NULL, options,                                                     \
        "option=NAME=VALUE             an option of QEMU's for an open image, see the manual")

#define TABLE_ROW(key, parse, choices, member, help) { key, parse, choices, &parameters.member },
#define HELP_LINE(key, parse, choices, member, help) help "\n"

static const struct row rows[] = { PARAMETERS(TABLE_ROW) };

const char parameters_help[] = PARAMETERS(HELP_LINE);

int parameters_set(const char *key, const char *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].key, key) == 0)
            return rows[i].parse(&rows[i], value);
    nbdkit_error("unknown parameter '%s': nbdkit qcow2 --help lists them", key);
    return -1;
}

int parameters_complete(void)
{
    if (!parameters.file) {
        nbdkit_error("which disk image? pass its name: nbdkit qcow2 FILENAME");
        return -1;
    }
    if (parameters.untrusted && (parameters.backing->value != QCOW2_BACKING_REFUSE ||
                                 parameters.external_data->value != QCOW2_DATA_FILE_REFUSE)) {
        nbdkit_error("untrusted=true allows no backing=allow and no external-data=allow");
        return -1;
    }
    return 0;
}

void parameters_free(void)
{
    forget(&parameters.passphrase);
    free(parameters.file);
    free(parameters.data_file);
    parameters.file = parameters.data_file = NULL;
    free(parameters.options);
    parameters.options = NULL;
    parameters.nb_options = 0;
}
