/* SPDX-License-Identifier: BSD-3-Clause */
/* io-commands.c - the table of qcow-io's commands, and from a line to a call */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "human.h"
#include "io.h"
#include "message.h"
#include "output.h"

static const io_command table[] = {
    { "abort", NULL, io_abort, 0, 0, "", NULL, "simulate a program crash using abort(3)",
      IO_ANYTIME },
    { "aio_flush", NULL, io_aio_flush, 0, 0, "", NULL, "completes all outstanding aio requests",
      0 },
    { "aio_read", NULL, io_aio_read, 2, -1, "CP:iqv", "[-Ciqv] [-P pattern] off len [len..]",
      "asynchronously reads a number of bytes", IO_VECTORED },
    { "aio_write", NULL, io_aio_write, 2, -1, "CfiP:quz", "[-Cfiquz] [-P pattern] off len [len..]",
      "asynchronously writes a number of bytes", IO_VECTORED | IO_WRITES },
    { "alloc", "a", io_alloc, 1, 2, "", "offset [count]",
      "checks if offset is allocated in the file", IO_REPORTS },
    { "break", NULL, io_break, 2, 2, "", "event tag",
      "sets a breakpoint on event and tags the stopped request as tag", 0 },
    { "close", "c", io_close, 0, 0, "", NULL, "close the current open file", 0 },
    { "discard", "d", io_discard, 2, -1, "Cq", "[-Cq] off len",
      "discards a number of bytes at a specified offset", IO_WRITES },
    { "flush", "f", io_flush, 0, 0, "", NULL, "flush all in-core file state to disk", 0 },
    { "help", "?", io_help, 0, 1, "", "[command]", "help for one or all commands",
      IO_ANYTIME | IO_REPORTS },
    { "info", "i", io_info, 0, 0, "", NULL, "prints information about the current file",
      IO_REPORTS },
    { "length", "l", io_length, 0, 0, "", NULL, "gets the length of the current file", IO_REPORTS },
    { "map", NULL, io_map, 0, 0, "", "", "prints the allocated areas of a file", IO_REPORTS },
    { "open", "o", io_open, 1, -1, "snCro:ki:t:d:U",
      "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]", "open the file specified by path",
      IO_ANYTIME },
    { "quit", "q", io_quit, 0, 0, "", NULL, "exit the program", IO_ANYTIME },
    { "read", "r", io_read, 2, -1, "bCl:pP:qs:v", "[-abCqv] [-P pattern [-s off] [-l len]] off len",
      "reads a number of bytes at a specified offset", 0 },
    { "readv", NULL, io_readv, 2, -1, "CP:qv", "[-Cqv] [-P pattern] off len [len..]",
      "reads a number of bytes at a specified offset", IO_VECTORED },
    { "remove_break", NULL, io_remove_break, 1, 1, "", "tag", "remove a breakpoint by tag", 0 },
    { "reopen", NULL, io_reopen, 0, -1, "rwc:o:", "[(-r|-w)] [-c cache] [-o options]",
      "reopens an image with new options", 0 },
    { "resume", NULL, io_resume, 1, 1, "", "tag", "resumes the request tagged as tag", 0 },
    { "sigraise", NULL, io_sigraise, 1, 1, "", "signal", "raises a signal", IO_ANYTIME },
    { "sleep", NULL, io_sleep, 1, 1, "", NULL, "waits for the given value in milliseconds",
      IO_ANYTIME },
    { "truncate", "t", io_truncate, 1, 3, "m:", "[-m prealloc_mode] off",
      "truncates the current file at the given offset", IO_WRITES },
    { "wait_break", NULL, io_wait_break, 1, 1, "", "tag", "waits for the suspension of a request",
      0 },
    { "write", "w", io_write, 2, -1, "bcCfnpP:qs:uz",
      "[-bcCfnquz] [-P pattern | -s source_file] off len",
      "writes a number of bytes at a specified offset", IO_WRITES },
    { "writev", NULL, io_writev, 2, -1, "CfP:q", "[-Cfq] [-P pattern] off len [len..]",
      "writes a number of bytes at a specified offset", IO_VECTORED | IO_WRITES },
};

enum {
    NB_COMMANDS = sizeof table / sizeof *table,
    MAX_WORDS = 64, /* of a line */
};

/* What an option letter means, for help on a command. */
static const struct {
    char letter;
    const char *commands; /* names, each followed by a space; NULL: all others that take it */
    const char *meaning;
} letters[] = {
    { 'b', NULL, "the VM state rather than the disk" },
    { 'c', "write ", "write compressed clusters" },
    { 'c', "reopen ", "cache mode" },
    { 'C', "open ", "keep what is read from a backing file in the image" },
    { 'C', NULL, "report statistics for a machine to read" },
    { 'd', NULL, "what discarding does: ignore or unmap" },
    { 'f', NULL, "durable when the command is done (force unit access)" },
    { 'i', "open ", "threads, native or io_uring: all the same" },
    { 'i', NULL, "count the request as invalid, and do nothing" },
    { 'k', NULL, "short for -i native" },
    { 'l', NULL, "length of what is verified (only with -P)" },
    { 'm', NULL, "preallocation mode" },
    { 'n', "open ", "bypass the host's cache" },
    { 'n', NULL, "with -z, fail where zeroing would be slow" },
    { 'o', "open ", "options, as in driver=qcow2; with file.filename=FILE in place of a path" },
    { 'o', "reopen ", "options to change, as in lazy-refcounts=on" },
    { 'p', NULL, "accepted and ignored" },
    { 'P', NULL, "the byte to write, or to verify what was read" },
    { 'q', NULL, "quiet, do not show I/O statistics" },
    { 'r', NULL, "read-only" },
    { 's', "open ", "write to a temporary overlay" },
    { 's', "write ", "write the content of this file, repeated" },
    { 's', NULL, "start of what is verified (only with -P)" },
    { 't', NULL, "cache mode" },
    { 'u', NULL, "with -z, allow unmapping" },
    { 'U', NULL, "share the image with other writers (only with -r)" },
    { 'v', NULL, "dump what was read" },
    { 'w', NULL, "writable" },
    { 'z', NULL, "write zeroes" },
};

static const io_command *find_command(const char *name)
{
    for (size_t i = 0; i < NB_COMMANDS; i++)
        if (strcmp(table[i].name, name) == 0 ||
            (table[i].alias && strcmp(table[i].alias, name) == 0))
            return &table[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Help
 */

static void print_synopsis(const io_command *command, const char *name)
{
    printf("%s%s%s -- %s\n", name, command->arguments ? " " : "",
           command->arguments ? command->arguments : "", command->purpose);
}

int io_usage(const io_command *command)
{
    print_synopsis(command, command->name);
    return -1;
}

static bool is_about(const char *commands, const io_command *command)
{
    size_t length = strlen(command->name);

    return !commands || (strncmp(commands, command->name, length) == 0 && commands[length] == ' ');
}

static const char *meaning_of(char letter, const io_command *command)
{
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].letter == letter && is_about(letters[i].commands, command))
            return letters[i].meaning;
    return NULL;
}

static void print_command_help(const io_command *command, const char *name)
{
    print_synopsis(command, name);
    for (const char *letter = command->letters; *letter; letter++)
        if (*letter != ':' && meaning_of(*letter, command))
            printf(" -%c, -- %s\n", *letter, meaning_of(*letter, command));
}

int io_help(io_session *session, const io_command *command, const io_request *request)
{
    (void)session;
    (void)command;
    if (request->nb_words > 0) {
        const io_command *topic = find_command(request->words[0]);
        CLEANUP_FREE char *word = printable(request->words[0]);

        if (topic)
            print_command_help(topic, request->words[0]);
        else
            printf("command %s not found\n", word);
        return topic ? 0 : -1;
    }
    for (size_t i = 0; i < NB_COMMANDS; i++)
        print_synopsis(&table[i], table[i].name);
    printf("\nUse 'help commandname' for extended help.\n");
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Lines
 */

int io_parse_size(const char *text, uint64_t *bytes)
{
    int error = size_parse(text, bytes);
    CLEANUP_FREE char *word = NULL;

    if (error == 0 && *bytes <= INT64_MAX)
        return 0;
    word = printable(text);
    if (error == -EINVAL)
        printf("Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- %s\n",
               word);
    else
        printf("Parsing error: argument too large -- %s\n", word);
    return -1;
}

static void complain_of_count(const io_command *command, int count)
{
    fflush(stdout);
    fprintf(stderr, "bad argument count %d to %s, expected ", count, command->name);
    if (command->max_words < 0)
        fprintf(stderr, "at least %d arguments\n", command->min_words);
    else if (command->min_words == command->max_words)
        fprintf(stderr, "%d arguments\n", command->min_words);
    else
        fprintf(stderr, "between %d and %d arguments\n", command->min_words, command->max_words);
}

static bool is_read_only(qcow2_image *image)
{
    qcow2_info info;

    return qcow2_get_info(image, &info, sizeof info) == 0 && info.read_only;
}

/* What stands in the way of a command, before its options are looked at. */
static int check_conditions(const io_session *session, const io_command *command, int nb_arguments)
{
    if (!(command->traits & IO_ANYTIME) && !session->image) {
        fflush(stdout);
        fprintf(stderr, "no file open, try 'help open'\n");
        return -1;
    }
    if (nb_arguments < command->min_words ||
        (command->max_words >= 0 && nb_arguments > command->max_words)) {
        complain_of_count(command, nb_arguments);
        return -1;
    }
    if ((command->traits & IO_WRITES) && is_read_only(session->image)) {
        error_report("Block node is read-only");
        return -1;
    }
    return 0;
}

static bool are_printable(char **words)
{
    bool same = true;

    for (; *words && same; words++) {
        CLEANUP_FREE char *word = printable(*words);

        same = strcmp(word, *words) == 0;
    }
    return same;
}

static int parse_request(const io_command *command, int argc, char **argv, io_request *request)
{
    int letter;

    *request = (io_request){ 0 };
    if (command->letters[0])
        fflush(stdout);
    optind = command->letters[0] ? 0 : 1;
    opterr = are_printable(argv); /* it echoes a letter as it is */
    while (command->letters[0] && (letter = getopt(argc, argv, command->letters)) != -1) {
        if (letter == '?')
            return io_usage(command);
        request->given[letter] = true;
        request->values[letter] = optarg;
    }
    request->words = argv + optind;
    request->nb_words = (size_t)(argc - optind);
    return 0;
}

/* Returns the number of words, or -1. */
static int split(char *line, char *words[MAX_WORDS + 1])
{
    int count = 0;
    char *state;

    for (char *word = strtok_r(line, " \t\r\n", &state); word;
         word = strtok_r(NULL, " \t\r\n", &state)) {
        if (count == MAX_WORDS) {
            error_report("A line of more than %d words", MAX_WORDS);
            return -1;
        }
        words[count++] = word;
    }
    words[count] = NULL;
    return count;
}

static int run_request(io_session *session, const io_command *command, const io_request *request)
{
    bool reports = (command->traits & IO_REPORTS) || request->given['v'];
    int result;

    if (reports)
        output_begin_result();
    result = command->run(session, command, request);
    return reports && output_end_result() ? -1 : result;
}

int io_run_line(io_session *session, const char *line)
{
    CLEANUP_FREE char *copy = xstrdup(line);
    char *words[MAX_WORDS + 1];
    int count = split(copy, words);
    const io_command *command;
    io_request request;

    if (count <= 0)
        return count;
    command = find_command(words[0]);
    if (!command) {
        CLEANUP_FREE char *word = printable(words[0]);

        fflush(stdout);
        fprintf(stderr, "command \"%s\" not found\n", word);
        return -1;
    }
    if (check_conditions(session, command, count - 1) ||
        parse_request(command, count, words, &request))
        return -1;
    return run_request(session, command, &request);
}
