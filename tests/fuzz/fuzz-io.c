/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-io.c - what people and scripts say to qcow-io
 *
 * The input: how the image is and how it is opened (1 byte), commands, a line each; or, as that
 * byte says, the words of a command line, a line each.
 *
 * No other file is opened.  Whatever is said, the image has no damage afterwards.
 */

#include "fuzz/fuzz.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/listen.h"
#include "io.h"
#include "message.h"

/* The program itself. */
int io_main(int argc, char **argv);
#define main io_main
#include "io-main.c"
#undef main

#define MAX_COMMANDS 16u
#define MAX_WORDS 32u
#define DISK_SIZE (UINT64_C(64) << 10)
#define MAX_DISK_SIZE (UINT64_C(256) << 10) /* a command may leave it: it may be dumped */

enum {
    SMALL_CLUSTERS = 1,
    SUBCLUSTERS = 2,
    READ_ONLY = 4,
    MISALIGNED = 8,
    LAZY = 16,
    COPY_ON_READ = 32,
    COMMAND_LINE = 64
};

/* The image as it is at first, for each way to make it. */
static struct {
    uint8_t *bytes;
    size_t size;
} made[32];

static void make(unsigned how)
{
    qcow2_create_options *creation = qcow2_create_options_new();
    struct store *store = store_memory_new("new");
    uint64_t size;

    fuzz_require(creation != NULL && store != NULL);
    creation->size = DISK_SIZE;
    creation->cluster_size = how & SMALL_CLUSTERS ? how & SUBCLUSTERS ? 16384 : 512 : 65536;
    creation->extended_l2 = how & SUBCLUSTERS;
    creation->lazy_refcounts = how & LAZY;
    fuzz_require(image_format_store(store, creation) == 0 && store_size(store, &size) == 0);
    made[how].bytes = malloc(size);
    made[how].size = size;
    fuzz_require(made[how].bytes != NULL && store_pread(store, made[how].bytes, size, 0) == 0);
    store_close(store);
    qcow2_create_options_free(creation);
}

static int image_file(unsigned how)
{
    int fd = memfd_create("image", MFD_CLOEXEC);

    how &= SMALL_CLUSTERS | SUBCLUSTERS | LAZY;
    if (made[how].bytes == NULL)
        make(how);
    fuzz_require(fd != -1);
    fuzz_require(write(fd, made[how].bytes, made[how].size) == (ssize_t)made[how].size);
    return fd;
}

/* Those that take their time, end the program or open other files. */
static bool is_left_out(const char *line)
{
    const char *word = line + strspn(line, " \t\r");

    return strncmp(word, "sleep", 5) == 0 || strncmp(word, "abort", 5) == 0 ||
           strncmp(word, "sigraise", 8) == 0 || *word == 'o' || strstr(line, "-s") != NULL;
}

static void run_lines(io_session *session, char *text)
{
    unsigned commands = 0;
    char *rest;

    for (char *line = strtok_r(text, "\n", &rest); line && commands < MAX_COMMANDS;
         line = strtok_r(NULL, "\n", &rest), commands++) {
        if (!is_left_out(line))
            io_run_line(session, line);
        if (session->finished || (session->image && qcow2_get_size(session->image) > MAX_DISK_SIZE))
            return;
    }
}

static void run_commands_on(unsigned how, const char *name, char *text)
{
    io_choice choice = {
        .source = { .filename = name,
                    .format = "qcow2",
                    .cache = "writeback",
                    .backing = QCOW2_BACKING_IGNORE,
                    .flags = QCOW2_OPEN_DISCARD | (how & READ_ONLY ? QCOW2_OPEN_READ_ONLY : 0) },
        .copy_on_read = how & COPY_ON_READ,
    };
    io_session session = { .overlay = NO_OVERLAY, .misaligned = how & MISALIGNED };

    if (io_session_open(&session, &choice) == 0)
        run_lines(&session, text);
    io_session_close(&session);
    io_session_clear(&session);
}

/* ------------------------------------------------------------------------------------------------
 * Command lines
 */

/* What would be confined runs as it is. */
void confine_begin(confinement *c)
{
    (void)c;
}

int confine_add_file(confinement *c, const char *name, bool writable)
{
    (void)c;
    (void)name;
    (void)writable;
    return 0;
}

int confine_add_keys(confinement *c, const char *keys, bool writable)
{
    return confine_add_file(c, keys, writable);
}

int confine_run(confinement *c, int (*function)(void *opaque), void *opaque)
{
    (void)c;
    return function(opaque);
}

void confine_end(confinement *c)
{
    (void)c;
}

/* Words that name files, servers or passwords in files. */
static bool names_something(const char *word)
{
    return strstr(word, "file") != NULL || strstr(word, "nbd") != NULL || strchr(word, '/') != NULL;
}

static int split(char *text, char **words)
{
    int count = 0;
    char *rest;

    words[count++] = (char *)"qcow-io";
    for (char *word = strtok_r(text, "\n", &rest); word && count < (int)MAX_WORDS;
         word = strtok_r(NULL, "\n", &rest))
        if (!names_something(word))
            words[count++] = word;
    words[count] = NULL;
    return count;
}

/* Commands that are left out become another one, as nothing is read from standard input. */
static void restrict_commands(io_options *o)
{
    if (o->nb_commands == 0)
        add_command(o, "info");
    if (o->nb_commands > MAX_COMMANDS)
        o->nb_commands = MAX_COMMANDS;
    for (size_t i = 0; i < o->nb_commands; i++)
        if (is_left_out(o->commands[i]))
            o->commands[i] = "length";
}

/* Whether the image was opened as what it is. */
static bool run_command_line(const char *name, char *text)
{
    io_options o = { .choice.source = { .backing = QCOW2_BACKING_IGNORE,
                                        .cache = "writeback",
                                        .flags = QCOW2_OPEN_DISCARD } };
    image_source *source = &o.choice.source;
    char *words[MAX_WORDS + 1], *keys = NULL;
    int count = split(text, words);
    bool as_it_is = true;

    optind = 0;
    if (parse(&o, count, words) == -1) {
        if (source->image_opts && source->filename &&
            asprintf(&keys, "driver=qcow2,file.filename=%s,%s", name, source->filename) == -1)
            abort();
        source->filename = keys ? keys : name;
        source->image_opts = keys != NULL;
        source->wait = 0;
        o.choice.temporary = false;
        as_it_is = !keys && (!source->format || strcmp(source->format, "qcow2") == 0);
        restrict_commands(&o);
        o.untrusted ? run_untrusted(&o) : run(&o);
    }
    free(o.commands);
    free(keys);
    return as_it_is;
}

/* ------------------------------------------------------------------------------------------------
 * The target
 */

static bool is_damaged(const char *name)
{
    struct store *store = store_open(name, STORE_READ_ONLY, STORE_LOCK_NONE);
    bool damaged;

    fuzz_require(store != NULL);
    damaged = fuzz_is_damaged(store);
    store_close(store);
    return damaged;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listening out, err;
    char name[64], *text;
    bool as_it_is = true;
    int fd;

    if (size < 1)
        return 0;
    fd = image_file(data[0]);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    text = strndup((const char *)data + 1, size - 1);
    fuzz_require(text != NULL);
    message_set_program("qcow-io");
    listen_begin(&out, &stdout);
    listen_begin(&err, &stderr);
    if (data[0] & COMMAND_LINE)
        as_it_is = run_command_line(name, text);
    else
        run_commands_on(data[0], name, text);
    listen_end(&err, false); /* getopt itself complains of letters */
    listen_end(&out, false);
    fuzz_require(!as_it_is || !is_damaged(name));
    free(text);
    close(fd);
    return 0;
}
