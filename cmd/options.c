/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the table of options, and parsing and help from it */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "image-open.h"
#include "lock-wait.h"
#include "message.h"
#include "object.h"
#include "option-value.h"
#include "options.h"
#include "verb.h"

/* ------------------------------------------------------------------------------------------------
 * Setters
 */

static void *member_of(options *o, const option_row *row)
{
    return (char *)o + row->member;
}

static int set_flag(options *o, const option_row *row, const char *argument)
{
    (void)argument;
    *(bool *)member_of(o, row) = true;
    return 0;
}

static int set_string(options *o, const option_row *row, const char *argument)
{
    *(const char **)member_of(o, row) = argument;
    return 0;
}

static int set_size(options *o, const option_row *row, const char *argument)
{
    return size_parse_argument(row->noun, argument, member_of(o, row));
}

/* A size that fits into an int. */
static int set_small_size(options *o, const option_row *row, const char *argument)
{
    return size_parse_range(row->noun, argument, 0, INT_MAX, member_of(o, row));
}

/* The least is 1 where the default is not 0. */
static int set_number(options *o, const option_row *row, const char *argument)
{
    uint64_t *number = member_of(o, row);
    char *end;

    errno = 0;
    *number = strtoull(argument, &end, 0);
    if (errno == 0 && end != argument && *end == '\0' && !strchr(argument, '-') &&
        *number >= (uint64_t)row->value && *number <= INT_MAX)
        return 0;
    error_report("Invalid %s specified", row->noun);
    return -1;
}

static int set_pattern(options *o, const option_row *row, const char *argument)
{
    if (set_number(o, row, argument))
        return -1;
    if (o->bench.pattern <= UINT8_MAX)
        return 0;
    error_report("Invalid %s specified", row->noun);
    return -1;
}

static int set_aio(options *o, const option_row *row, const char *argument)
{
    (void)row;
    o->bench.aio = argument;
    if (strcmp(argument, "threads") == 0 || strcmp(argument, "native") == 0 ||
        strcmp(argument, "io_uring") == 0)
        return 0;
    error_report("Invalid aio option: %s", argument);
    return -1;
}

static int set_output(options *o, const option_row *row, const char *argument)
{
    (void)row;
    if (strcmp(argument, "human") == 0) {
        o->output = OUTPUT_HUMAN;
    } else if (strcmp(argument, "json") == 0) {
        o->output = OUTPUT_JSON;
    } else {
        error_report("--output must be used with human or json as argument.");
        return -1;
    }
    return 0;
}

static int set_creation(options *o, const option_row *row, const char *argument)
{
    (void)row;
    if (keyval_wants_help(argument)) {
        o->creation_help = true;
        return 0;
    }
    return keyval_parse(&o->creation, argument, NULL);
}

static int set_object(options *o, const option_row *row, const char *argument)
{
    (void)o;
    (void)row;
    switch (object_add(argument)) {
    case 0: return 0;
    case 1: return OPTIONS_HELP_PRINTED;
    default: return OPTIONS_NO_OBJECT;
    }
}

static int set_wait(options *o, const option_row *row, const char *argument)
{
    (void)row;
    return lock_wait_parse(argument, o->arguments[0], &o->wait);
}

static int set_repair(options *o, const option_row *row, const char *argument)
{
    (void)row;
    o->repair = argument;
    if (strcmp(argument, "leaks") == 0 || strcmp(argument, "all") == 0)
        return 0;
    usage_error("Unknown option value for -r (expecting 'leaks' or 'all'): %s", argument);
    return -1;
}

static int set_snapshot_action(options *o, const option_row *row, const char *argument)
{
    if (o->snapshot_action != SNAPSHOT_NONE) {
        usage_error("Cannot mix '-l', '-a', '-c', '-d'");
        return -1;
    }
    o->snapshot_action = (snapshot_action)row->value;
    o->snapshot = argument;
    return 0;
}

static int add_bitmap_step(options *o, const option_row *row, const char *argument)
{
    o->bitmap_steps = xrealloc(o->bitmap_steps, (o->nb_bitmap_steps + 1) * sizeof *o->bitmap_steps);
    o->bitmap_steps[o->nb_bitmap_steps++] =
        (bitmap_step){ .action = (bitmap_action)row->value, .argument = argument };
    return 0;
}

static int set_workers(options *o, const option_row *row, const char *argument)
{
    char *end;
    unsigned long count = strtoul(argument, &end, 10);

    (void)row;
    if (end == argument || *end || count < 1 || count > 16) {
        error_report("Invalid number of coroutines. "
                     "Allowed number of coroutines is between 1 and 16");
        return -1;
    }
    o->workers = (unsigned)count;
    return 0;
}

static int set_preallocation(options *o, const option_row *row, const char *argument)
{
    (void)row;
    return preallocation_parse(argument, &o->preallocation);
}

static int set_help(options *o, const option_row *row, const char *argument)
{
    (void)o;
    (void)row;
    (void)argument;
    return OPTIONS_HELP;
}

/* ------------------------------------------------------------------------------------------------
 * The table
 */

enum {
    EVERY_VERB = VERB_AMEND | VERB_AUDIT | VERB_BENCH | VERB_BITMAP | VERB_CHECK | VERB_COMMIT |
                 VERB_COMPARE | VERB_CONVERT | VERB_CREATE | VERB_DD | VERB_INFO | VERB_MAP |
                 VERB_MEASURE | VERB_REBASE | VERB_RESIZE | VERB_SNAPSHOT,
    OPENING_VERBS = EVERY_VERB & ~(VERB_AUDIT | VERB_CREATE),
    READING_VERBS = OPENING_VERBS & ~(VERB_AMEND | VERB_BITMAP | VERB_COMMIT | VERB_RESIZE),
};

/* The shapes of rows: a flag, a text, a size, and an argument that a function of its own reads. */
#define FLAG(verbs, name, letters, member, help)                                       \
    {                                                                                  \
        verbs, name, letters, NULL, set_flag, offsetof(options, member), 0, NULL, help \
    }
#define TEXT(verbs, name, letters, argument, member, help)                                   \
    {                                                                                        \
        verbs, name, letters, argument, set_string, offsetof(options, member), 0, NULL, help \
    }
#define SIZE(verbs, name, letters, argument, member, noun, help)                           \
    {                                                                                      \
        verbs, name, letters, argument, set_size, offsetof(options, member), 0, noun, help \
    }
#define NUMBER(verbs, name, letters, argument, member, setter, least, noun, help)            \
    {                                                                                        \
        verbs, name, letters, argument, setter, offsetof(options, member), least, noun, help \
    }
#define CALL(verbs, name, letters, argument, setter, value, help)    \
    {                                                                \
        verbs, name, letters, argument, setter, 0, value, NULL, help \
    }

/* Rows stand in the order of help: what the verb works on, how it is opened, what is done, and what
 * is said about it. */
static const option_row table[] = {
    CALL(EVERY_VERB, "help", "h", NULL, set_help, 0, "show this help and exit"),
    CALL(EVERY_VERB, "object", "", "OBJECT", set_object, 0,
         "a secret (secret,id=ID,data=TEXT), or for TLS tls-creds-x509 or tls-creds-psk"),

    TEXT(VERB_AMEND | VERB_BENCH | VERB_BITMAP | VERB_CHECK | VERB_COMMIT | VERB_DD | VERB_INFO |
             VERB_MAP | VERB_MEASURE | VERB_REBASE | VERB_RESIZE,
         "format", "f", "FMT", format,
         "format of the image, raw, qcow2, qcow or luks (default: probe the file)"),
    TEXT(VERB_CREATE, "format", "f", "FMT", format,
         "format of the new image, raw (default), qcow2 or luks"),
    TEXT(VERB_COMPARE, "a-format", "f", "FMT", format,
         "format of the first image (default: probe the file)"),
    TEXT(VERB_COMPARE, "b-format", "F", "FMT", second_format,
         "format of the second image (default: probe the file)"),
    TEXT(VERB_CONVERT, "source-format", "f", "FMT", format,
         "format of the sources (default: probe each file)"),
    TEXT(VERB_CONVERT, "target-format", "O", "FMT", target_format,
         "format of the target, raw (default), qcow2 or luks"),
    TEXT(VERB_DD | VERB_MEASURE, "target-format", "O", "FMT", target_format,
         "format of the new image, raw (default), qcow2 or luks"),
    CALL(VERB_CREATE | VERB_MEASURE, "options", "o", "OPTIONS", set_creation, 0,
         "options of the new image, NAME=VALUE[,...]; -o help lists them"),
    CALL(VERB_AMEND, "options", "o", "OPTIONS", set_creation, 0,
         "what is to change, NAME=VALUE[,...]; -o help lists them"),
    CALL(VERB_CONVERT, "target-format-options", "o", "OPTIONS", set_creation, 0,
         "options of the target, NAME=VALUE[,...]; -o help lists them"),
    TEXT(VERB_CREATE, "backing", "b", "FILE", backing,
         "backing file of the new image, seen from the new image's directory"),
    TEXT(VERB_CONVERT, "backing", "Bb", "FILE", backing,
         "backing file of the target: copy only what differs from it"),
    TEXT(VERB_REBASE, "backing", "b", "FILE", backing,
         "the new backing file, seen from the image's directory; empty: none"),
    TEXT(VERB_COMMIT, "base", "b", "FILE", backing,
         "the file of the chain to write into (default: the backing file); implies -d"),
    TEXT(VERB_CREATE | VERB_REBASE, "backing-format", "FB", "FMT", backing_format,
         "format of the backing file"),
    TEXT(VERB_CONVERT, "backing-format", "F", "FMT", backing_format, "format of the backing file"),
    FLAG(VERB_CREATE, "backing-unsafe", "u", backing_unsafe,
         "do not open the backing file, which may be missing"),
    TEXT(VERB_CONVERT | VERB_MEASURE, "snapshot", "l", "SNAPSHOT", snapshot,
         "read this snapshot of the source: ID, NAME or snapshot.id=ID,snapshot.name=NAME"),
    FLAG(OPENING_VERBS, "image-opts", "", image_opts,
         "image names are options, as in driver=qcow2,file.filename=FILE"),
    FLAG(VERB_CONVERT, "target-image-opts", "", target_image_opts,
         "the target's name is options (needs -n)"),

    FLAG(EVERY_VERB, "untrusted", "", untrusted,
         "open no file that an image names, and work in a sandbox"),
    FLAG(EVERY_VERB & ~(VERB_AUDIT | VERB_CHECK), "backing-nbd", "", backing_nbd,
         "open backing files that images name on NBD servers"),
    FLAG(VERB_REBASE, "backing-unsafe", "u", backing_unsafe,
         "change the recorded name only, without a look at the content"),
    FLAG(READING_VERBS | VERB_AUDIT, "force-share", "U", force_share,
         "open the image even while another program writes it"),
    CALL(EVERY_VERB, "wait", "", "[=SECONDS]", set_wait, 0,
         "wait for an image that another program has locked"),
    TEXT(VERB_CONVERT, "cache", "t", "MODE", cache,
         "cache mode of the target: none, writeback, writethrough, directsync, unsafe (default)"),
    TEXT(VERB_AMEND | VERB_BENCH | VERB_COMMIT | VERB_INFO | VERB_REBASE | VERB_RESIZE |
             VERB_SNAPSHOT,
         "cache", "t", "MODE", cache,
         "cache mode: none, writeback (default), writethrough, directsync, unsafe"),
    TEXT(VERB_REBASE, "backing-cache", "T", "MODE", source_cache,
         "cache mode for reading the backing files (default: writeback)"),
    TEXT(VERB_CHECK | VERB_COMPARE | VERB_CONVERT, "source-cache", "T", "MODE", source_cache,
         "cache mode for reading (default: writeback)"),

    CALL(VERB_CHECK, "repair", "r", "WHAT", set_repair, 0, "repair what is found: leaks or all"),
    FLAG(VERB_INFO, "backing-chain", "", backing_chain,
         "go on with the backing file, its backing file, and so on"),
    SIZE(VERB_MAP, "start-offset", "s", "OFFSET", start_offset, "start offset", "begin there"),
    SIZE(VERB_MAP, "max-length", "l", "LENGTH", max_length, "max length",
         "go no farther than that"),
    TEXT(VERB_MAP, "bitmap", "", "NAME", bitmap,
         "print where this persistent bitmap says that the disk has changed"),
    SIZE(VERB_MEASURE, "size", "", "SIZE", measured_size, "image size",
         "measure for an empty disk of that size rather than for an image"),
    FLAG(VERB_AMEND, "force", "", force, "allow changes of key slots that lose data"),
    FLAG(VERB_RESIZE, "shrink", "", shrink,
         "allow a smaller size, which loses what lies beyond it"),
    CALL(VERB_RESIZE, "preallocation", "", "MODE", set_preallocation, 0,
         "allocate what is added: off (default), metadata, falloc, full"),
    CALL(VERB_SNAPSHOT, "list", "l", NULL, set_snapshot_action, SNAPSHOT_LIST,
         "list the internal snapshots"),
    CALL(VERB_SNAPSHOT, "create", "c", "NAME", set_snapshot_action, SNAPSHOT_CREATE,
         "create a snapshot of the disk as it is"),
    CALL(VERB_SNAPSHOT, "apply", "a", "SNAPSHOT", set_snapshot_action, SNAPSHOT_APPLY,
         "set the disk back to the snapshot of that ID or name"),
    CALL(VERB_SNAPSHOT, "delete", "d", "NAME", set_snapshot_action, SNAPSHOT_DELETE,
         "delete the snapshot of that name"),

    CALL(VERB_BITMAP, "add", "", NULL, add_bitmap_step, BITMAP_ADD,
         "add the bitmap, enabled: changes of the disk will set its bits"),
    CALL(VERB_BITMAP, "remove", "", NULL, add_bitmap_step, BITMAP_REMOVE, "remove the bitmap"),
    CALL(VERB_BITMAP, "clear", "", NULL, add_bitmap_step, BITMAP_CLEAR, "clear all its bits"),
    CALL(VERB_BITMAP, "enable", "", NULL, add_bitmap_step, BITMAP_ENABLE,
         "let changes of the disk set its bits"),
    CALL(VERB_BITMAP, "disable", "", NULL, add_bitmap_step, BITMAP_DISABLE,
         "keep its bits as they are, whatever changes"),
    CALL(VERB_BITMAP, "merge", "", "BITMAP", add_bitmap_step, BITMAP_MERGE,
         "set the bits that another bitmap has set"),
    SIZE(VERB_BITMAP, "granularity", "g", "SIZE", granularity, "granularity",
         "what a bit of the added bitmap stands for: a power of 2, at least 512"),
    TEXT(VERB_BITMAP, "source-file", "b", "FILE", source_file,
         "the image whose bitmap is merged (default: the same image)"),
    TEXT(VERB_BITMAP, "source-format", "F", "FMT", source_format,
         "format of that image (default: probe the file)"),

    NUMBER(VERB_BENCH, "count", "c", "COUNT", bench.count, set_number, 0, "request count",
           "requests (default: 75000)"),
    NUMBER(VERB_BENCH, "depth", "d", "COUNT", bench.depth, set_number, 1, "queue depth",
           "requests in parallel (default: 64)"),
    NUMBER(VERB_BENCH, "buffer-size", "s", "SIZE", bench.buffer_size, set_small_size, 0,
           "buffer size", "bytes of a request (default: 4k)"),
    NUMBER(VERB_BENCH, "step-size", "S", "SIZE", bench.step_size, set_small_size, 0, "step_size",
           "from the start of a request to that of the next (default: the size of a request)"),
    SIZE(VERB_BENCH, "offset", "o", "OFFSET", bench.offset, "offset", "where the first one starts"),
    FLAG(VERB_BENCH, "write", "w", bench.write, "write instead of reading"),
    NUMBER(VERB_BENCH, "pattern", "", "BYTE", bench.pattern, set_pattern, 0, "pattern byte",
           "the byte to write (default: 0)"),
    NUMBER(VERB_BENCH, "flush-interval", "", "COUNT", bench.flush_interval, set_number, 0,
           "flush interval", "flush after so many requests"),
    FLAG(VERB_BENCH, "no-drain", "", bench.no_drain, "do not wait for the requests before a flush"),
    CALL(VERB_BENCH, "aio", "i", "MODE", set_aio, 0,
         "threads (default), native, io_uring: all done by threads"),
    FLAG(VERB_BENCH, "native", "n", bench.native, "as --aio native"),

    FLAG(VERB_COMPARE, "strict", "s", strict, "sizes and allocation must be the same, too"),
    FLAG(VERB_CONVERT, "compress", "c", compress, "write compressed clusters"),
    SIZE(VERB_CONVERT, "sparse-size", "S", "SIZE", sparse_size, "buffer size for sparse output",
         "leave out zeroes from this length on (default: 4k; 0: allocate everything)"),
    FLAG(VERB_CONVERT, "no-create", "n", no_create, "write into a target that exists"),
    FLAG(VERB_CONVERT, "target-is-zero", "", target_is_zero,
         "the existing target reads as zeroes already (needs -n)"),
    CALL(VERB_CONVERT, "parallel", "m", "COUNT", set_workers, 0,
         "requests in flight, 1 to 16 (default: 8)"),
    FLAG(VERB_CONVERT, "oob-writes", "W", out_of_order, "writes may be done out of order"),
    FLAG(VERB_CONVERT, "copy-range-offloading", "C", copy_offload,
         "let the host copy where it can"),
    FLAG(VERB_COMMIT, "drop", "d", drop, "do not empty the image afterwards"),
    SIZE(VERB_COMMIT | VERB_CONVERT, "rate-limit", "r", "RATE", rate_limit, "rate limit",
         "copy no more than this many bytes a second"),
    FLAG(VERB_CONVERT, "salvage", "", salvage,
         "go on after read errors, with zeroes in their place"),
    FLAG(VERB_CONVERT, "bitmaps", "", bitmaps, "copy persistent bitmaps"),
    FLAG(VERB_CONVERT, "skip-broken-bitmaps", "", skip_broken_bitmaps,
         "leave out inconsistent bitmaps (needs --bitmaps)"),

    CALL(VERB_AUDIT | VERB_BENCH | VERB_CHECK | VERB_COMPARE | VERB_CREATE | VERB_INFO | VERB_MAP |
             VERB_MEASURE | VERB_SNAPSHOT,
         "output", "", "FORMAT", set_output, 0, "human (default) or json"),
    FLAG(VERB_AMEND | VERB_COMMIT | VERB_COMPARE | VERB_CONVERT | VERB_REBASE, "progress", "p",
         progress, "show progress"),
    FLAG(EVERY_VERB & ~(VERB_BITMAP | VERB_DD | VERB_INFO | VERB_MAP | VERB_MEASURE), "quiet", "q",
         quiet, "print nothing but errors"),
};

enum {
    TABLE_ROWS = sizeof table / sizeof *table,
    ROW_VALUES = 256, /* what getopt returns for long names: above all letters */
};

static void for_each(verb_bit bit, void (*fn)(void *opaque, const option_row *row), void *opaque)
{
    for (size_t i = 0; i < TABLE_ROWS; i++)
        if (table[i].verbs & bit)
            fn(opaque, &table[i]);
}

/* ------------------------------------------------------------------------------------------------
 * Parsing
 *
 * A long name may be shortened as far as one option remains.  Names that qemu-img 7.2 does not have
 * must not spoil what it takes: what is ambiguous among all names is looked for among these.
 */

static const struct {
    const char *name;
    uint32_t verbs; /* where qemu-img 7.2 has it */
} classic_names[] = {
    { "add", VERB_BITMAP },
    { "backing-chain", VERB_INFO },
    { "bitmaps", VERB_CONVERT },
    { "clear", VERB_BITMAP },
    { "disable", VERB_BITMAP },
    { "enable", VERB_BITMAP },
    { "flush-interval", VERB_BENCH },
    { "force", VERB_AMEND },
    { "force-share", READING_VERBS },
    { "format", VERB_CHECK | VERB_INFO | VERB_MAP },
    { "granularity", VERB_BITMAP },
    { "help", EVERY_VERB },
    { "image-opts", OPENING_VERBS },
    { "max-length", VERB_MAP },
    { "merge", VERB_BITMAP },
    { "no-drain", VERB_BENCH },
    { "object", EVERY_VERB & ~VERB_BENCH },
    { "output", VERB_CHECK | VERB_INFO | VERB_MAP | VERB_MEASURE },
    { "pattern", VERB_BENCH },
    { "preallocation", VERB_RESIZE },
    { "remove", VERB_BITMAP },
    { "repair", VERB_CHECK },
    { "salvage", VERB_CONVERT },
    { "shrink", VERB_RESIZE },
    { "size", VERB_MEASURE },
    { "skip-broken-bitmaps", VERB_CONVERT },
    { "source-file", VERB_BITMAP },
    { "source-format", VERB_BITMAP },
    { "start-offset", VERB_MAP },
    { "target-image-opts", VERB_CONVERT },
    { "target-is-zero", VERB_CONVERT },
};

static bool is_classic(verb_bit bit, const char *name)
{
    for (size_t i = 0; i < sizeof classic_names / sizeof *classic_names; i++)
        if ((classic_names[i].verbs & bit) && strcmp(name, classic_names[i].name) == 0)
            return true;
    return false;
}

typedef struct {
    char letters[2 * TABLE_ROWS + 3];
    size_t nb_letters;
    struct option names[TABLE_ROWS + 1];
    size_t nb_names;
    struct option classic[TABLE_ROWS + 1]; /* those of the names that qemu-img 7.2 has, too */
    size_t nb_classic;
    verb_bit bit;
} grammar;

static int takes_argument(const option_row *row)
{
    if (!row->argument)
        return no_argument;
    return row->argument[0] == '[' ? optional_argument : required_argument;
}

static void add_to_grammar(void *opaque, const option_row *row)
{
    grammar *g = opaque;

    for (const char *letter = row->letters; *letter; letter++) {
        g->letters[g->nb_letters++] = *letter;
        if (row->argument)
            g->letters[g->nb_letters++] = ':';
    }
    g->names[g->nb_names++] = (struct option){
        .name = row->name,
        .has_arg = takes_argument(row),
        .val = ROW_VALUES + (int)(row - table),
    };
    if (is_classic(g->bit, row->name))
        g->classic[g->nb_classic++] = g->names[g->nb_names - 1];
}

/* The next option, as getopt_long. */
static int next_option(const grammar *g, int nb_words, char **argv)
{
    int value = getopt_long(nb_words, argv, g->letters, g->names, NULL);

    if (value != '?' || optopt != 0)
        return value;
    optind--; /* a long name that is none, or ambiguous */
    return getopt_long(nb_words, argv, g->letters, g->classic, NULL);
}

static const option_row *find_row(verb_bit bit, int value)
{
    if (value >= ROW_VALUES)
        return &table[value - ROW_VALUES];
    for (size_t i = 0; i < TABLE_ROWS; i++)
        if ((table[i].verbs & bit) && strchr(table[i].letters, value))
            return &table[i];
    return NULL;
}

/* getopt leaves the letter it stumbled over in optopt; for a long name there is only the word. */
static int refuse_word(const char *complaint, char **argv)
{
    if (optopt > 0 && optopt < ROW_VALUES)
        usage_error("%s '-%c'", complaint, optopt);
    else
        usage_error("%s '%s'", complaint, argv[optind - 1]);
    return -1;
}

/* The size of resize may look like an option ("-5M"), and comes last. */
static int count_words(verb_bit bit, int argc, char **argv)
{
    const char *last = argv[argc - 1];
    bool negative = argc > 1 && last[0] == '-' && last[1] >= '0' && last[1] <= '9';

    return bit == VERB_RESIZE && negative ? argc - 1 : argc;
}

int options_parse(options *o, verb_bit bit, int argc, char **argv)
{
    /* A first ":" makes getopt tell a missing argument from an unknown option, in silence. */
    grammar g = { .letters = ":", .nb_letters = 1, .bit = bit };
    int words = count_words(bit, argc, argv);
    int value, result;

    *o = (options){
        .max_length = UINT64_MAX,
        .measured_size = UINT64_MAX,
        .sparse_size = UINT64_MAX,
        .bench = { .count = 75000, .depth = 64, .buffer_size = 4096 },
        .workers = 8,
    };
    for_each(bit, add_to_grammar, &g);
    optind = 0;
    while ((value = next_option(&g, words, argv)) != -1) {
        const option_row *row;

        if (value == ':')
            return refuse_word("missing argument for option", argv);
        if (value == '?')
            return refuse_word("unrecognized option", argv);
        row = find_row(bit, value);
        o->arguments = argv + optind; /* the words that are not looked at yet */
        result = row->set(o, row, row->argument ? optarg : NULL);
        if (result)
            return result;
    }
    o->arguments = argv + optind;
    o->nb_arguments = (size_t)(argc - optind);
    o->backing_nbd |= !o->untrusted && environment_allows_backing_nbd();
    if (bit != VERB_COMPARE && o->image_opts && o->format) {
        error_report("--image-opts and --format are mutually exclusive");
        return -1;
    }
    return 0;
}

void options_clear(options *o)
{
    keyval_list_clear(&o->creation);
    free(o->bitmap_steps);
}

/* ------------------------------------------------------------------------------------------------
 * Help
 */

/* An argument that may be absent is one word with its option. */
static const char *gap_before_argument(const option_row *row)
{
    return takes_argument(row) == required_argument ? " " : "";
}

static void print_row(void *opaque, const option_row *row)
{
    char left[80];
    size_t length = 0;

    for (const char *letter = row->letters; *letter; letter++)
        length += (size_t)snprintf(left + length, sizeof left - length, "-%c, ", *letter);
    length += (size_t)snprintf(left + length, sizeof left - length, "--%s", row->name);
    if (row->argument)
        snprintf(left + length, sizeof left - length, "%s%s", gap_before_argument(row),
                 row->argument);
    fprintf(opaque, "  %s\n        %s\n", left, row->help);
}

static void print_in_brackets(void *opaque, const option_row *row)
{
    if (row->letters[0])
        fprintf(opaque, " [-%c", row->letters[0]);
    else
        fprintf(opaque, " [--%s", row->name);
    if (row->argument)
        fprintf(opaque, "%s%s", gap_before_argument(row), row->argument);
    fputc(']', opaque);
}

void options_print_synopsis(FILE *stream, verb_bit bit)
{
    for_each(bit, print_in_brackets, stream);
}

void options_print_help(FILE *stream, verb_bit bit)
{
    for_each(bit, print_row, stream);
}
