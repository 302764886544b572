/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h - every option of every verb: the table's row, and the struct that parsing fills
 *
 * One table (options.c) has a row per option: its long name, its letters, its argument, the verbs
 * that take it, the member of struct options it fills and the sentence of help.  Parsing, help and
 * completion all come from it.  A letter that means different things to different verbs has a row
 * for each meaning.
 */

#ifndef QCOW_CMD_OPTIONS_H
#define QCOW_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "keyval.h"

typedef enum {
    VERB_CHECK = 0x0001,
    VERB_COMPARE = 0x0002,
    VERB_CONVERT = 0x0004,
    VERB_CREATE = 0x0008,
    VERB_INFO = 0x0010,
    VERB_MAP = 0x0020,
    VERB_RESIZE = 0x0040,
    VERB_SNAPSHOT = 0x0080,
    VERB_MEASURE = 0x0100,
    VERB_AMEND = 0x0200,
    VERB_BITMAP = 0x0400,
    VERB_COMMIT = 0x0800,
    VERB_REBASE = 0x1000,
    VERB_AUDIT = 0x2000,
    VERB_BENCH = 0x4000,
    VERB_DD = 0x8000,
} verb_bit;

typedef enum {
    OUTPUT_HUMAN,
    OUTPUT_JSON,
} output_format;

typedef enum {
    SNAPSHOT_NONE, /* no action was named */
    SNAPSHOT_LIST,
    SNAPSHOT_CREATE,
    SNAPSHOT_APPLY,
    SNAPSHOT_DELETE,
} snapshot_action;

typedef enum {
    BITMAP_ADD,
    BITMAP_REMOVE,
    BITMAP_CLEAR,
    BITMAP_ENABLE,
    BITMAP_DISABLE,
    BITMAP_MERGE,
} bitmap_action;

/* What bitmap is to do, one after the other. */
typedef struct {
    bitmap_action action;
    const char *argument; /* merge: the bitmap to merge; else NULL */
} bitmap_step;

/* What bench does. */
typedef struct {
    uint64_t count;          /* requests */
    uint64_t depth;          /* of them in parallel */
    uint64_t buffer_size;    /* bytes of a request */
    uint64_t step_size;      /* bytes from one to the next; 0: buffer_size */
    uint64_t offset;         /* bytes: where the first one is */
    bool write;              /* do not read */
    uint64_t pattern;        /* the byte that is written */
    uint64_t flush_interval; /* requests; 0: no flush */
    bool no_drain;           /* do not wait for requests before a flush */
    const char *aio;         /* NULL: threads */
    bool native;             /* as if aio were "native" */
} bench_options;

/* What the command line said.  Strings belong to argv; a member that no option set is zero, except
 * where a default is given here. */
typedef struct options {
    char **arguments; /* the words that are no options, as given */
    size_t nb_arguments;

    const char *format;         /* -f: of the (first) image; NULL: probe */
    const char *second_format;  /* compare -F: of the second image */
    const char *target_format;  /* convert, measure -O; NULL: raw */
    const char *backing;        /* -b (convert also -B); commit: its base */
    const char *backing_format; /* -F */
    bool backing_unsafe;        /* create, rebase -u: do not open the backing file */
    bool image_opts;            /* image names are dotted keys */
    bool target_image_opts;     /* convert: so is the target's */
    bool untrusted;             /* never open a file that an image names */
    bool backing_nbd;           /* backing files that images name may be on NBD servers */
    bool force_share;           /* -U */
    uint64_t wait;              /* --wait: seconds; UINT64_MAX: for ever */
    const char *cache;          /* -t: NULL: the verb's default */
    const char *source_cache;   /* -T: NULL: writeback */
    bool quiet;                 /* -q */
    bool progress;              /* -p */
    output_format output;       /* --output */
    keyval_list creation;       /* -o, all of them; freed by options_clear */
    bool creation_help;         /* -o help */

    const char *repair;     /* check -r: "leaks" or "all" */
    bool backing_chain;     /* info */
    uint64_t start_offset;  /* map -s: bytes */
    uint64_t max_length;    /* map -l: bytes; UINT64_MAX: to the end */
    const char *bitmap;     /* map: print this one; NULL: where the content is */
    uint64_t measured_size; /* measure --size: bytes; UINT64_MAX: not given */
    bool shrink;            /* resize */
    bool force;             /* amend */
    bool drop;              /* commit -d */
    uint32_t preallocation; /* resize: QCOW2_RESIZE_...; 0: off */
    snapshot_action snapshot_action;
    const char *snapshot; /* snapshot -c -a -d: its argument; convert, measure -l: as given */

    bitmap_step *bitmap_steps; /* bitmap; freed by options_clear */
    size_t nb_bitmap_steps;
    uint64_t granularity;      /* bitmap -g: bytes; 0: the default */
    const char *source_file;   /* bitmap -b: where merged bitmaps are; NULL: the same image */
    const char *source_format; /* bitmap -F: of source_file; NULL: probe */

    bench_options bench;

    bool strict;              /* compare -s */
    bool compress;            /* convert -c */
    bool no_create;           /* convert -n */
    bool target_is_zero;      /* convert */
    bool out_of_order;        /* convert -W */
    bool copy_offload;        /* convert -C */
    bool salvage;             /* convert */
    bool bitmaps;             /* convert */
    bool skip_broken_bitmaps; /* convert */
    uint64_t sparse_size;     /* convert -S: bytes; 0: allocate everything; UINT64_MAX: not given */
    unsigned workers;         /* convert -m: 1 to 16; default 8 */
    uint64_t rate_limit;      /* commit, convert -r: bytes a second; 0: none */
} options;

typedef struct option_row option_row;

/* Stores the argument (NULL for flags) in the row's member.  Reports an error and returns -1 when
 * the value is no good. */
typedef int option_setter(options *o, const option_row *row, const char *argument);

struct option_row {
    uint32_t verbs;       /* VERB_... that take it */
    const char *name;     /* the long name */
    const char *letters;  /* single letters, "" if none */
    const char *argument; /* what help calls the argument, "[=...]" if optional; NULL for a flag */
    option_setter *set;
    size_t member;    /* offsetof(options, ...) */
    int value;        /* for setters that store a constant */
    const char *noun; /* what messages call a value that is no good */
    const char *help;
};

/* What options_parse returns when help was asked for and nothing else should happen. */
enum {
    OPTIONS_HELP = 1,       /* help on the verb */
    OPTIONS_HELP_PRINTED,   /* help on something else, which has been given */
    OPTIONS_NO_OBJECT = -2, /* refused: an object that cannot be made */
};

/* Fills o from the words after the verb.  argv[0] is the verb.  Returns 0, one of the above, or -1
 * when an error was reported. */
int options_parse(options *o, verb_bit bit, int argc, char **argv);
void options_clear(options *o);

/* " [-f FMT] [--output FORMAT] ...": all options of the verb, for one line. */
void options_print_synopsis(FILE *stream, verb_bit bit);

/* The options of one verb, a line or more each. */
void options_print_help(FILE *stream, verb_bit bit);

/* Calls fn for each row that the verb takes, in the order of help. */
void options_for_each(verb_bit bit, void (*fn)(void *opaque, const option_row *row), void *opaque);

#endif /* QCOW_CMD_OPTIONS_H */
