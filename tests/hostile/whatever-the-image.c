/* SPDX-License-Identifier: BSD-3-Clause */
/* whatever-the-image.c - every verb on every hostile image, held to what is promised of any image
 *
 *     whatever-the-image [STEP [FIRST]]    of the cases, every STEP-th from FIRST on (1, 0: all)
 *     whatever-the-image -c PATTERN        only these cases: snapshots*
 *     whatever-the-image -m NAME FILE      make its image
 *     whatever-the-image -l                their names
 *
 * A verb ends by itself, with a status of its own; if it fails, one sentence says why.  It takes
 * less than ten seconds and 512 MiB.  Nothing that it prints can harm a terminal, and what is to be
 * JSON is. What only reads changes no byte, and what looks at one file opens no other.  An image
 * that a repair calls well is called well by the next check.
 */

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile/damage.h"
#include "hostile/verbs.h"
#include "interop/twin-tools.h"

#define CPU_SECONDS 10
#define WALL_SECONDS 120
#define MEMORY_KIB (512L << 10)
#define MOST_PRINTED (UINT64_C(32) << 20) /* bytes */
#define MOST_SENTENCES 4                  /* lines: one, and hints */

/* What one verb has done. */
struct outcome {
    int status; /* of wait */
    double seconds;
    long kib;
    struct bytes out, err;
    bool opened; /* a file that the image names */
};

static size_t runs, failures;
static double slowest;
static long largest;
static char slowest_name[200], largest_name[200];
static bool sanitized;

/* ------------------------------------------------------------------------------------------------
 * Running
 */

static void put_image(const char *filename, const struct bytes *image)
{
    int fd = open(filename, O_CREAT | O_TRUNC | O_RDWR, 0600);

    if (fd == -1 || pwrite(fd, image->data, image->size, 0) != (ssize_t)image->size)
        die("cannot write %s", filename);
    close(fd);
}

static struct bytes get_bytes(int fd)
{
    struct bytes b = { 0 };
    struct stat st;

    if (fd == -1 || fstat(fd, &st) == -1)
        die("cannot read: %s", strerror(errno));
    b.size = (size_t)st.st_size;
    b.data = calloc(1, b.size + 1);
    if (b.data == NULL || pread(fd, b.data, b.size, 0) != (ssize_t)b.size)
        die("cannot read: %s", strerror(errno));
    close(fd);
    return b;
}

/* By layers of keys: in a window that is too small for it, or as an image on the image's disk. */
static size_t name_layers(const struct damage_case *c, bool window, char **words)
{
    char keys[200];

    if (window)
        snprintf(keys, sizeof keys,
                 "driver=%s,file.driver=raw,file.size=%zu,file.file.filename=image", c->format,
                 c->image.size / 1024 * 512);
    else
        snprintf(keys, sizeof keys, "driver=qcow2,file.driver=%s,file.file.filename=image",
                 c->format);
    words[0] = strdup("--image-opts");
    words[1] = strdup(keys);
    return 2;
}

/* The words that name the image: a password comes with it. */
static size_t name_image(const struct damage_case *c, char **words)
{
    size_t n = 0;

    if (!c->encrypted) {
        words[n++] = strdup("-f");
        words[n++] = strdup(c->format);
        words[n++] = strdup("image");
        return n;
    }
    words[n++] = strdup("--object");
    words[n++] = strdup("secret,id=s,data=hostile");
    words[n++] = strdup("--image-opts");
    words[n++] = strdup(strcmp(c->format, "luks") == 0
                            ? "driver=luks,file.filename=image,key-secret=s"
                            : "driver=qcow2,file.filename=image,encrypt.key-secret=s");
    return n;
}

static void make_words(const struct verb *verb, const struct damage_case *c, char **words)
{
    const char *plugin = getenv("QCOW2_PLUGIN");
    size_t n = 0;

    for (size_t i = 0; i < MOST_WORDS && verb->words[i]; i++) {
        if (strcmp(verb->words[i], "@") == 0)
            n += name_image(c, words + n);
        else if (verb->promises & LAYERS && *verb->words[i] == '@')
            n += name_layers(c, strcmp(verb->words[i], "@window") == 0, words + n);
        else
            words[n++] =
                strdup(plugin && strcmp(verb->words[i], "@plugin") == 0 ? plugin : verb->words[i]);
    }
    words[n] = NULL;
}

/* Work without end ends the program, and so a file cannot grow without end.  The length of files
 * has no limit: that of a sparse copy is whatever size the image says; nor have addresses:
 * sanitizers take many. */
static void limit(void)
{
    const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS + 1 }, core = { 0, 0 };

    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &core);
    alarm(WALL_SECONDS);
}

static void execute(char **words, int out, int err)
{
    int nothing = open("/dev/null", O_RDONLY);

    dup2(nothing, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    limit();
    execvp(words[0], words);
    _exit(127);
}

/* Has the canary been opened since the last time? */
static bool is_disturbed(int watch)
{
    char events[4096];
    bool any = false;

    while (read(watch, events, sizeof events) > 0)
        any = true;
    return any;
}

static struct outcome run(const struct verb *verb, const struct damage_case *c, int watch)
{
    char *words[MOST_WORDS + 8];
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    struct outcome o = { 0 };
    struct rusage usage;
    pid_t pid;

    make_words(verb, c, words);
    is_disturbed(watch);
    pid = fork();
    if (pid == 0)
        execute(words, out, err);
    if (pid == -1 || wait4(pid, &o.status, 0, &usage) == -1)
        die("fork: %s", strerror(errno));
    o.opened = is_disturbed(watch);
    o.seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    o.kib = usage.ru_maxrss;
    o.out = get_bytes(out);
    o.err = get_bytes(err);
    for (size_t i = 0; words[i]; i++)
        free(words[i]);
    return o;
}

/* ------------------------------------------------------------------------------------------------
 * Judging
 */

static void complain(const struct damage_case *c, const struct verb *verb, const struct outcome *o,
                     const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: %s: ", c->name, verb->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n    %.*s\n", (int)(o->err.size < 400 ? o->err.size : 400), o->err.data);
    failures++;
}

/* Escape sequences begin with a control character, of ASCII or of Latin 1 in UTF-8. */
static bool is_harmless(const struct bytes *b)
{
    for (size_t i = 0; i < b->size; i++) {
        uint8_t byte = b->data[i];

        if ((byte < ' ' && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7f)
            return false;
        if (byte == 0xc2 && i + 1 < b->size && b->data[i + 1] < 0xa0)
            return false;
    }
    return true;
}

static bool is_json(const struct bytes *b)
{
    json_t *json = json_loadb((const char *)b->data, b->size, JSON_DECODE_ANY, NULL);
    bool good = json != NULL;

    json_decref(json);
    return good;
}

static size_t count_lines(const struct bytes *b)
{
    size_t lines = 0;

    for (size_t i = 0; i < b->size; i++)
        lines += b->data[i] == '\n';
    return lines;
}

static bool is_answer(const struct verb *verb, int status)
{
    if (verb->promises & SERVES)
        return status < 126;
    return status <= 1 || (verb->promises & VERDICT && (status <= 4 || status == 63));
}

static void judge_status(const struct damage_case *c, const struct verb *verb,
                         const struct outcome *o)
{
    int status = WEXITSTATUS(o->status);
    size_t lines = count_lines(&o->err);

    if (WIFSIGNALED(o->status)) {
        complain(c, verb, o, "killed by signal %d", WTERMSIG(o->status));
        return;
    }
    if (!is_answer(verb, status))
        complain(c, verb, o, "ends with %d", status);
    if (status != 0 && o->err.size + (verb->promises & (VERDICT | TALKS) ? o->out.size : 0) == 0)
        complain(c, verb, o, "fails without a word");
    if (!(verb->promises & TALKS) && lines > MOST_SENTENCES)
        complain(c, verb, o, "says %zu lines", lines);
    if (verb->promises & SERVES && strstr((char *)o->err.data, "killed by signal"))
        complain(c, verb, o, "the server was killed");
}

static void judge_output(const struct damage_case *c, const struct verb *verb,
                         const struct outcome *o)
{
    if (!is_harmless(&o->out) || !is_harmless(&o->err))
        complain(c, verb, o, "prints control characters");
    if (o->out.size + o->err.size > MOST_PRINTED)
        complain(c, verb, o, "prints %zu bytes", o->out.size + o->err.size);
    if (verb->promises & JSON && (o->out.size > 0 || o->status == 0) && !is_json(&o->out))
        complain(c, verb, o, "prints what is not JSON");
    if (verb->promises & OPENS_ONE && o->opened)
        complain(c, verb, o, "opens a file that the image names");
}

static void judge_cost(const struct damage_case *c, const struct verb *verb,
                       const struct outcome *o)
{
    if (o->seconds > slowest) {
        slowest = o->seconds;
        snprintf(slowest_name, sizeof slowest_name, "%s: %s", c->name, verb->name);
    }
    if (o->kib > largest) {
        largest = o->kib;
        snprintf(largest_name, sizeof largest_name, "%s: %s", c->name, verb->name);
    }
    if (o->seconds > CPU_SECONDS)
        complain(c, verb, o, "takes %.1f s", o->seconds);
    if (o->kib > MEMORY_KIB && !sanitized)
        complain(c, verb, o, "takes %ld KiB", o->kib);
}

static void judge_file(const struct damage_case *c, const struct verb *verb,
                       const struct outcome *o)
{
    struct bytes now = get_bytes(open("image", O_RDONLY));

    if (now.size != c->image.size || memcmp(now.data, c->image.data, now.size) != 0)
        complain(c, verb, o, "changes the file");
    free(now.data);
}

/* ------------------------------------------------------------------------------------------------
 * The cases
 */

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < nb_verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    die("no verb %s", name);
}

static bool is_for(const struct verb *verb, const struct damage_case *c)
{
    if (verb->promises & LAYERS && c->encrypted)
        return false;
    if (verb->promises & SERVES && (c->encrypted || strcmp(c->format, "qcow2") != 0))
        return false;
    return !(verb->promises & WALKS && c->endless);
}

static struct outcome run_and_judge(const struct verb *verb, const struct damage_case *c, int watch)
{
    struct outcome o = run(verb, c, watch);

    runs++;
    judge_status(c, verb, &o);
    judge_output(c, verb, &o);
    judge_cost(c, verb, &o);
    if (verb->promises & KEEPS)
        judge_file(c, verb, &o);
    unlink("out");
    return o;
}

static void forget(struct outcome *o)
{
    free(o->out.data);
    free(o->err.data);
}

static void try_verb(const struct verb *verb, const struct damage_case *c, int watch)
{
    struct outcome o = run_and_judge(verb, c, watch), again;

    if (strncmp(verb->name, "repair", 6) == 0 && o.status == 0) {
        again = run(find_verb("check"), c, watch);
        if (again.status != 0)
            complain(c, verb, &again, "the next check finds what is left");
        forget(&again);
    }
    forget(&o);
}

static void try_case(const struct damage_case *c, int watch)
{
    bool fresh = false;

    for (size_t i = 0; i < nb_verbs; i++) {
        if (!is_for(&verbs[i], c))
            continue;
        if (!fresh)
            put_image("image", &c->image);
        try_verb(&verbs[i], c, watch);
        fresh = verbs[i].promises & KEEPS;
    }
}

static int watch_canary(void)
{
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (watch == -1 || inotify_add_watch(watch, CANARY, IN_OPEN) == -1)
        die("cannot watch " CANARY);
    return watch;
}

static int try_all(size_t step, size_t first, const char *only)
{
    struct damage_case c;
    size_t images = 0;
    int watch;

    enter_scratch_folder();
    damage_prepare();
    watch = watch_canary();
    for (size_t number = 0; damage_next(&number, &c); free(c.image.data)) {
        if (only ? fnmatch(only, c.name, FNM_EXTMATCH) != 0 : (number - 1) % step != first)
            continue;
        try_case(&c, watch);
        images++;
    }
    close(watch);
    printf("%zu of %zu images, %zu runs, %zu failures\n"
           "slowest: %.2f s of CPU, %s\nlargest: %ld MiB, %s\n",
           images, damage_count(), runs, failures, slowest, slowest_name, largest >> 10,
           largest_name);
    return images == 0 || failures > 0;
}

static int make(const char *name, const char *filename)
{
    struct damage_case c;
    char here[4096], target[8192];
    bool found = false;

    if (getcwd(here, sizeof here) == NULL)
        die("no folder");
    snprintf(target, sizeof target, "%s/%s", here, filename ? filename : "");
    enter_scratch_folder();
    damage_prepare();
    for (size_t number = 0; damage_next(&number, &c); free(c.image.data)) {
        if (name == NULL)
            printf("%s\n", c.name);
        if (name == NULL || strcmp(name, c.name) != 0)
            continue;
        put_image(target, &c.image);
        found = true;
    }
    return name != NULL && !found;
}

int main(int argc, char **argv)
{
    sanitized = getenv("QCOW_SANITIZED") != NULL;
    if (argc == 2 && strcmp(argv[1], "-l") == 0)
        return make(NULL, NULL);
    if (argc == 4 && strcmp(argv[1], "-m") == 0)
        return make(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "-c") == 0)
        return try_all(1, 0, argv[2]);
    return try_all(argc > 1 ? strtoul(argv[1], NULL, 10) : 1,
                   argc > 2 ? strtoul(argv[2], NULL, 10) : 0, NULL);
}
