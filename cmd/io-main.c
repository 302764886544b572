/* SPDX-License-Identifier: BSD-3-Clause */
/* io-main.c - qcow-io: reads, writes and more on an image, by command
 *
 * A command that fails does not keep the next from running; it makes the exit status 1.
 */

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "confine.h"
#include "io.h"
#include "lock-wait.h"
#include "message.h"
#include "object.h"
#include "output.h"
#include "qcow2.h"
#include "standard-streams.h"

/* What the command line said. */
typedef struct {
    io_choice choice;
    bool misaligned;
    bool untrusted;
    const char **commands; /* of -c, in order */
    size_t nb_commands;
} io_options;

typedef struct {
    int letter; /* for long names only: above all letters */
    const char *name;
    const char *argument; /* NULL for a flag */
    const char *help;
} io_option;

enum {
    OPTION_OBJECT = 256,
    OPTION_IMAGE_OPTS,
    OPTION_UNTRUSTED,
    OPTION_BACKING_NBD,
    OPTION_WAIT,
};

static const io_option table[] = {
    { 'h', "help", NULL, "show this help and exit" },
    { 'V', "version", NULL, "show the version and exit" },
    { OPTION_OBJECT, "object", "OBJECT",
      "a secret (secret,id=ID,data=TEXT), or for TLS tls-creds-x509 or tls-creds-psk" },
    { OPTION_IMAGE_OPTS, "image-opts", NULL,
      "FILE is options, as in driver=qcow2,file.filename=FILE" },
    { 'c', "cmd", "COMMAND", "run this command; may be given again" },
    { 'f', "format", "FMT",
      "format of the image, raw, qcow2, qcow or luks (default: probe the file)" },
    { 'r', "read-only", NULL, "open the image read-only" },
    { 's', "snapshot", NULL, "write to a temporary overlay, leave FILE as it is" },
    { 'n', "nocache", NULL, "bypass the host's cache, short for -t none" },
    { 'C', "copy-on-read", NULL, "keep what is read from a backing file in the image" },
    { 'm', "misalign", NULL, "use buffers that begin at odd places in memory" },
    { 'k', "native-aio", NULL, "short for -i native" },
    { 'i', "aio", "MODE",
      "threads, native (only without the host's cache) or io_uring: all the same" },
    { 't', "cache", "MODE", "none, writeback, writethrough (default), directsync, unsafe" },
    { 'd', "discard", "MODE", "what discarding does on the host: unmap (default) or ignore" },
    { 'T', "trace", "PATTERN", "accepted and ignored" },
    { 'U', "force-share", NULL, "share the image with other writers (only with -r)" },
    { OPTION_UNTRUSTED, "untrusted", NULL,
      "open no file that an image names, and work in a sandbox" },
    { OPTION_WAIT, "wait", "[=SECONDS]", "wait for an image that another program has locked" },
    { OPTION_BACKING_NBD, "backing-nbd", NULL,
      "open backing files that images name on NBD servers" },
};

enum {
    TABLE_ROWS = sizeof table / sizeof *table,
};

static int takes_argument(const io_option *option)
{
    if (!option->argument)
        return no_argument;
    return option->argument[0] == '[' ? optional_argument : required_argument;
}

static void print_help(void)
{
    printf("usage: %s [OPTIONS] [-c COMMAND]... [FILE]\n"
           "Read, write and look at a disk image, by commands from -c or from standard input.\n\n",
           message_program());
    for (size_t i = 0; i < TABLE_ROWS; i++) {
        if (table[i].letter < OPTION_OBJECT)
            printf("  -%c, ", table[i].letter);
        else
            printf("  ");
        printf("--%s%s%s\n        %s\n", table[i].name,
               takes_argument(&table[i]) == required_argument ? " " : "",
               table[i].argument ? table[i].argument : "", table[i].help);
    }
    printf("\n'%s -c help' lists the commands.\n", message_program());
}

/* ------------------------------------------------------------------------------------------------
 * The command line
 */

static void add_command(io_options *o, const char *command)
{
    o->commands = xrealloc(o->commands, (o->nb_commands + 1) * sizeof *o->commands);
    o->commands[o->nb_commands++] = command;
}

/* The next word (or NULL) is not looked at yet.  Returns -1 when an error was reported, 1 when help
 * was printed. */
static int set_option(io_options *o, int letter, const char *next)
{
    image_source *source = &o->choice.source;

    switch (letter) {
    case 'c': add_command(o, optarg); break;
    case 'f': source->format = optarg; break;
    case 'r': source->flags |= QCOW2_OPEN_READ_ONLY; break;
    case 'U': source->flags |= QCOW2_OPEN_FORCE_SHARE; break;
    case 'n': source->cache = "none"; break;
    case 't': source->cache = optarg; break;
    case 'd': return io_parse_discard(optarg, &source->flags);
    case 's': o->choice.temporary = true; break;
    case 'C': o->choice.copy_on_read = true; break;
    case 'm': o->misaligned = true; break;
    case 'k': o->choice.aio = "native"; break;
    case 'i': return io_parse_aio(optarg, &o->choice.aio);
    case OPTION_OBJECT: return object_add(optarg);
    case OPTION_IMAGE_OPTS: source->image_opts = true; break;
    case OPTION_WAIT: return lock_wait_parse(optarg, next, &source->wait);
    case OPTION_BACKING_NBD: source->flags |= QCOW2_OPEN_BACKING_NBD; break;
    case OPTION_UNTRUSTED:
        o->untrusted = true;
        o->choice.source.flags |= QCOW2_OPEN_UNTRUSTED;
        source->backing = QCOW2_BACKING_REFUSE;
        break;
    default: break;
    }
    return 0;
}

static void make_grammar(char *short_options, struct option *long_options)
{
    for (size_t i = 0; i < TABLE_ROWS; i++) {
        long_options[i] = (struct option){
            .name = table[i].name,
            .has_arg = takes_argument(&table[i]),
            .val = table[i].letter,
        };
        if (table[i].letter >= OPTION_OBJECT)
            continue;
        *short_options++ = (char)table[i].letter;
        if (table[i].argument)
            *short_options++ = ':';
    }
    *short_options = '\0';
    long_options[TABLE_ROWS] = (struct option){ 0 };
}

/* Returns -1 to go on, or the status to exit with. */
static int parse(io_options *o, int argc, char **argv)
{
    char short_options[2 * TABLE_ROWS + 1];
    struct option long_options[TABLE_ROWS + 1];
    int letter, result;

    make_grammar(short_options, long_options);
    while ((letter = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        if (letter == 'h' || letter == '?') {
            print_help();
            return letter == 'h' && output_end_result() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        if (letter == 'V') {
            message_print_version(qcow2_get_version());
            return output_end_result() ? EXIT_FAILURE : EXIT_SUCCESS;
        }
        result = set_option(o, letter, argv[optind]);
        if (result)
            return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (argc - optind > 1) {
        print_help();
        return EXIT_FAILURE;
    }
    if (o->choice.source.image_opts && o->choice.source.format) {
        error_report("--image-opts and -f are mutually exclusive");
        return EXIT_FAILURE;
    }
    o->choice.source.filename = argv[optind];
    if (!o->untrusted && environment_allows_backing_nbd())
        o->choice.source.flags |= QCOW2_OPEN_BACKING_NBD;
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Commands
 */

/* What ended meanwhile is reported between two commands. */
static int run_line(io_session *session, const char *line)
{
    int result = io_run_line(session, line);

    io_async_report(session, false);
    return result;
}

static int run_commands(io_session *session, const io_options *o)
{
    int result = 0;

    for (size_t i = 0; i < o->nb_commands && !session->finished; i++)
        if (run_line(session, o->commands[i]))
            result = -1;
    return result;
}

/* Reports requests that end while nobody has typed a line. */
static void await_input(io_session *session)
{
    struct pollfd fds[] = {
        { .fd = STDIN_FILENO, .events = POLLIN },
        { .fd = io_async_descriptor(session), .events = POLLIN },
    };

    while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
        io_async_report(session, false);
        fflush(stdout);
    }
}

static int run_standard_input(io_session *session)
{
    CLEANUP_FREE char *line = NULL;
    size_t size = 0;
    int result = 0;

    setvbuf(stdin, NULL, _IONBF, 0); /* nothing waits in memory that poll cannot see */
    while (!session->finished) {
        printf("%s> ", message_program());
        fflush(stdout);
        await_input(session);
        if (getline(&line, &size, stdin) < 0)
            break;
        if (run_line(session, line))
            result = -1;
    }
    return result;
}

/* Returns the exit status. */
static int run(void *opaque)
{
    io_options *o = opaque;
    const image_source *named = &o->choice.source;
    io_session session = {
        .overlay = NO_OVERLAY,
        .misaligned = o->misaligned,
        .untrusted = o->untrusted,
        .every = { .wait = named->wait,
                   .flags = named->flags & (QCOW2_OPEN_UNTRUSTED | QCOW2_OPEN_BACKING_NBD),
                   .backing = named->backing },
    };
    int result = -1;

    if (!o->choice.source.filename || io_session_open(&session, &o->choice) == 0) {
        result = o->nb_commands ? run_commands(&session, o) : run_standard_input(&session);
        if (io_session_close(&session))
            result = -1;
    }
    io_session_clear(&session);
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Only the file of the command line can be opened then, also by commands. */
static int run_untrusted(io_options *o)
{
    const image_source *source = &o->choice.source;
    bool writable = !(source->flags & QCOW2_OPEN_READ_ONLY);
    confinement c;
    int status = EXIT_FAILURE;

    confine_begin(&c);
    if (!source->filename ||
        (source->image_opts ? confine_add_keys(&c, source->filename, writable)
                            : confine_add_file(&c, source->filename, writable)) == 0)
        status = confine_run(&c, run, o);
    confine_end(&c);
    return status;
}

int main(int argc, char **argv)
{
    /* as qemu-io: what a command has reported as written survives a kill */
    io_options o = { .choice.source = { .backing = QCOW2_BACKING_ALLOW_PROBE,
                                        .cache = "writethrough",
                                        .flags = QCOW2_OPEN_DISCARD } };
    int status;

    keep_standard_streams_apart();
    message_set_program(argv[0]);
    output_outlive_reader();
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit then fails and is reported */
    /* getopt opens its complaints with the whole of argv[0]. */
    argv[0] = (char *)message_program();
    status = parse(&o, argc, argv);
    if (status < 0)
        status = o.untrusted ? run_untrusted(&o) : run(&o);
    free(o.commands);
    return status;
}
