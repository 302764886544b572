/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - qcow-img: the table of verbs */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "output.h"
#include "qcow2.h"
#include "standard-streams.h"
#include "untrusted.h"
#include "verb.h"

static const verb verbs[] = {
    { "amend", VERB_AMEND, "filename", "change the format options of an existing image", run_amend,
      VERB_WORKS },
    { "audit", VERB_AUDIT, "filename...", "judge images from strangers", run_audit, VERB_REPORTS },
    { "bench", VERB_BENCH, "filename", "measure how long requests take", run_bench, VERB_REPORTS },
    { "bitmap", VERB_BITMAP, "filename bitmap", "change a persistent bitmap of an image",
      run_bitmap, VERB_WORKS },
    { "check", VERB_CHECK, "filename", "look for damage in an image", run_check, VERB_REPORTS },
    { "commit", VERB_COMMIT, "filename", "write an image's content into its backing file",
      run_commit, VERB_WORKS },
    { "compare", VERB_COMPARE, "filename1 filename2", "compare the content of two images",
      run_compare, VERB_WORKS },
    { "convert", VERB_CONVERT, "filename [filename2 [...]] output_filename",
      "copy images into a new image", run_convert, VERB_WORKS },
    { "create", VERB_CREATE, "filename [size]", "create an image", run_create, VERB_WORKS },
    { "dd", VERB_DD, "[bs=block_size] [count=blocks] [skip=blocks] if=input of=output",
      "copy blocks of an image into a new image", run_dd, VERB_WORKS },
    { "info", VERB_INFO, "filename", "print facts about an image", run_info, VERB_REPORTS },
    { "map", VERB_MAP, "filename", "print where the content of an image is stored", run_map,
      VERB_REPORTS },
    { "measure", VERB_MEASURE, "[filename]", "say how large a new image would become", run_measure,
      VERB_REPORTS },
    { "rebase", VERB_REBASE, "filename", "give an image another backing file", run_rebase,
      VERB_WORKS },
    { "resize", VERB_RESIZE, "filename [+ | -]size", "change the size of the disk", run_resize,
      VERB_WORKS },
    { "snapshot", VERB_SNAPSHOT, "filename", "list, create, apply or delete internal snapshots",
      run_snapshot, VERB_REPORTS },
};

enum {
    NB_VERBS = sizeof verbs / sizeof *verbs,
};

/* Scripts look here for the version, for options and for formats. */
static void print_program_help(void)
{
    message_print_version(qcow2_get_version());
    printf("usage: %s [-h | -V] VERB [OPTIONS] ...\n"
           "Create, look at and change disk images.\n\n"
           "  -h, --help\n        show this help and exit\n"
           "  -V, --version\n        show the version and exit\n"
           "  -T, --trace PATTERN\n        accepted and ignored\n\nVerbs:\n",
           message_program());
    for (size_t i = 0; i < NB_VERBS; i++)
        printf("  %-10s %s\n", verbs[i].name, verbs[i].summary);
    printf("\nSyntax:\n");
    for (size_t i = 0; i < NB_VERBS; i++) {
        printf("  %s", verbs[i].name);
        options_print_synopsis(stdout, verbs[i].bit);
        printf(" %s\n", verbs[i].arguments);
    }
    printf("\n'%s VERB --help' tells more about a verb.\n"
           "Sizes are in bytes, or with one of the suffixes k, M, G, T, P, E (powers of 1024).\n"
           "Images in the format qcow are only read.\n\n"
           "Supported formats: luks qcow qcow2 raw\n"
           "Supported protocols: file host_device nbd\n",
           message_program());
}

static void print_verb_help(const verb *v)
{
    printf("usage: %s %s [OPTIONS] %s\n%c%s.\n\nOptions:\n", message_program(), v->name,
           v->arguments, v->summary[0] - 'a' + 'A', v->summary + 1);
    options_print_help(stdout, v->bit);
}

/* With 1, compare says that the disks differ; a command line that makes no sense is left to that,
 * as by qemu-img, but not a password that cannot be read. */
static int status_of_refusal(const verb *v, int parsed)
{
    return v->bit == VERB_COMPARE && parsed == OPTIONS_NO_OBJECT ? 2 : EXIT_FAILURE;
}

static int run_verb(const verb *v, int argc, char **argv)
{
    options o;
    int parsed = options_parse(&o, v->bit, argc, argv);
    int status = status_of_refusal(v, parsed);

    if (parsed == 0) {
        /* audit enters the sandbox by itself, for each file anew */
        status = o.untrusted && v->bit != VERB_AUDIT ? untrusted_run(v, &o) : verb_run(v, &o);
    } else if (parsed > 0) {
        if (parsed == OPTIONS_HELP)
            print_verb_help(v);
        status = output_end_result() ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    options_clear(&o);
    return status;
}

/* Options before the verb.  Returns -1 to go on with argv[optind], or the status to exit with. */
static int parse_first_options(int argc, char **argv)
{
    static const struct option names[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "trace", required_argument, NULL, 'T' }, /* there is nothing that could be traced */
        { 0 },
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "+:hVT:", names, NULL)) != -1) {
        switch (letter) {
        case 'h': print_program_help(); return output_end_result() ? EXIT_FAILURE : EXIT_SUCCESS;
        case 'V':
            message_print_version(qcow2_get_version());
            return output_end_result() ? EXIT_FAILURE : EXIT_SUCCESS;
        case ':': return usage_error("missing argument for option '%s'", argv[optind - 1]);
        case '?': return usage_error("unrecognized option '%s'", argv[optind - 1]);
        default: break;
        }
    }
    return optind < argc ? -1 : usage_error("Not enough arguments");
}

int main(int argc, char **argv)
{
    int status;

    keep_standard_streams_apart();
    message_set_program(argv[0]);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit then fails and is reported */
    signal(SIGUSR1, SIG_IGN); /* asks for progress, of verbs that have any to tell */
    status = parse_first_options(argc, argv);
    if (status >= 0)
        return status;
    argc -= optind;
    argv += optind;
    for (size_t i = 0; i < NB_VERBS; i++)
        if (strcmp(argv[0], verbs[i].name) == 0)
            return run_verb(&verbs[i], argc, argv);
    return usage_error("Command not found: %s", argv[0]);
}
