/* SPDX-License-Identifier: BSD-3-Clause */
/* twin-tools.c - the same operations on an image by this library and by QEMU's programs */

#include "twin-tools.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "qcow2.h"

extern char **environ;

#define PASSWORD_OBJECT "secret,id=pw,data=" PASSWORD

/* ------------------------------------------------------------------------------------------------
 * Around the test
 */

static char folder[PATH_MAX / 2];
static char doing[200];
static pid_t owner; /* of the folder: children leave it alone */

static void remove_scratch_folder(void)
{
    DIR *files = getpid() == owner ? opendir(folder) : NULL;
    const struct dirent *entry;

    if (files == NULL || chdir(folder) == -1)
        return;
    while ((entry = readdir(files)))
        unlink(entry->d_name); /* "." and ".." stay */
    closedir(files);
    if (chdir("/") == 0)
        rmdir(folder);
}

/* In memory if there is room: QEMU's programs flush often. */
static const char *scratch_parent(void)
{
    const char *chosen = getenv("TMPDIR");
    struct statvfs memory;

    if (chosen && *chosen)
        return chosen;
    if (statvfs("/dev/shm", &memory) == 0 && access("/dev/shm", W_OK) == 0 &&
        (uint64_t)memory.f_bavail * memory.f_frsize >= UINT64_C(1) << 30)
        return "/dev/shm";
    return "/tmp";
}

void enter_scratch_folder(void)
{
    snprintf(folder, sizeof folder, "%s/twins-XXXXXX", scratch_parent());
    if (mkdtemp(folder) == NULL || chdir(folder) == -1)
        die("no scratch folder");
    if (getenv("KEEP"))
        printf("working in %s\n", folder);
    owner = getpid();
    if (getenv("KEEP") == NULL)
        atexit(remove_scratch_folder);
}

void now_doing(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(doing, sizeof doing, format, arguments);
    va_end(arguments);
}

void die(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fprintf(stderr, "%s: ", doing);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(1);
}

int run_program(const char *const *arguments)
{
    posix_spawn_file_actions_t actions;
    int status;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "log", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)(uintptr_t)arguments,
                     environ) != 0)
        return 127;
    posix_spawn_file_actions_destroy(&actions);
    if (waitpid(pid, &status, 0) == -1)
        die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void need_qemu(void)
{
    if (run_program((const char *[]){ "qemu-img", "--version", NULL }) != 0 ||
        run_program((const char *[]){ "qemu-io", "--version", NULL }) != 0) {
        printf("SKIP: qemu-img and qemu-io are not installed\n");
        exit(77);
    }
}

/* ------------------------------------------------------------------------------------------------
 * QEMU
 */

static void show_log(void)
{
    FILE *log = fopen("log", "r");
    char line[500];

    while (log && fgets(line, sizeof line, log))
        fputs(line, stderr);
    if (log)
        fclose(log);
}

static void must_run(const char *const *arguments)
{
    int status = run_program(arguments);

    if (status == 0)
        return;
    show_log();
    die("%s %s ends with %d", arguments[0], arguments[1], status);
}

struct qemu_keys qemu_keys(const char *format, const char *filename)
{
    struct qemu_keys keys;

    snprintf(keys.text, sizeof keys.text, "driver=%s,file.filename=%s%s", format, filename,
             strcmp(format, "qcow2") == 0 ? ",encrypt.key-secret=pw" : "");
    return keys;
}

/* It cannot always tell the time that it has spent on making a key, and then fails. */
static void create_with_secret(const char *options, const char *filename, const char *size)
{
    int status = 1;

    for (int tries = 0; status != 0 && tries < 30; tries++)
        status =
            run_program((const char *[]){ "qemu-img", "create", "-q", "-f", "qcow2", "--object",
                                          PASSWORD_OBJECT, "-o", options, filename, size, NULL });
    if (status != 0) {
        show_log();
        die("qemu-img create of an encrypted image ends with %d", status);
    }
}

static void qemu_create(const char *filename, const char *format, const struct image_options *o)
{
    static const char *const raw[] = { "", "", ",data_file_raw=on" };
    char size[32], options[300] = "";
    size_t used;

    snprintf(size, sizeof size, "%" PRIu64, o->size);
    if (strcmp(format, "qcow2") == 0)
        snprintf(options, sizeof options, "cluster_size=%u,refcount_bits=%u,compat=%s%s%s%s%s%s%s",
                 o->cluster_size, o->refcount_bits, o->compat,
                 o->extended_l2 ? ",extended_l2=on" : "",
                 o->preallocated ? ",preallocation=metadata" : "",
                 o->backing_file ? ",backing_file=" : "", o->backing_file ? o->backing_file : "",
                 o->backing_file ? ",backing_fmt=" : "", o->backing_file ? o->backing_format : "");
    used = strlen(options);
    if (o->data_file != DATA_FILE_NONE)
        snprintf(options + used, sizeof options - used, ",data_file=%s.data%s", filename,
                 raw[o->data_file]);
    if (o->encrypted) {
        used = strlen(options);
        snprintf(options + used, sizeof options - used,
                 ",encrypt.format=luks,encrypt.key-secret=pw,encrypt.iter-time=10");
        create_with_secret(options, filename, size);
    } else if (*options)
        must_run((const char *[]){ "qemu-img", "create", "-q", "-f", format, "-o", options,
                                   filename, size, NULL });
    else
        must_run(
            (const char *[]){ "qemu-img", "create", "-q", "-f", format, filename, size, NULL });
}

static char *qemu_command(const struct operation *o)
{
    char *command;
    int n;

    switch (o->kind) {
    case OPERATION_FLUSH: n = asprintf(&command, "flush"); break;
    case OPERATION_DISCARD:
        n = asprintf(&command, "discard -q %" PRIu64 " %" PRIu64, o->offset, o->count);
        break;
    case OPERATION_ZERO:
    case OPERATION_UNMAP:
        n = asprintf(&command, "write -q -z %s %" PRIu64 " %" PRIu64,
                     o->kind == OPERATION_UNMAP ? "-u" : "", o->offset, o->count);
        break;
    case OPERATION_READ:
        n = asprintf(&command, "read -q -P %u %" PRIu64 " %" PRIu64, o->pattern, o->offset,
                     o->count);
        break;
    default:
        n = asprintf(&command, "write -q %s -P %u %" PRIu64 " %" PRIu64,
                     o->kind == OPERATION_COMPRESS ? "-c" : "", o->pattern, o->offset, o->count);
        break;
    }
    if (n == -1)
        die("no memory");
    return command;
}

/* What was done, for whoever looks into the folder of a failed test. */
static void note(const char *const *arguments)
{
    FILE *trace = fopen("trace", "a");

    for (; trace && *arguments; arguments++)
        fprintf(trace, strchr(*arguments, ' ') ? "'%s' " : "%s ", *arguments);
    if (trace)
        fprintf(trace, "\n"), fclose(trace);
}

static void qemu_run(const char *filename, const char *format, const struct batch *batch)
{
    CLEANUP_FREE const char **arguments = calloc(2 * batch->count + 8, sizeof arguments[0]);
    struct qemu_keys keys = qemu_keys(format, filename);
    size_t n = 0;

    arguments[n++] = "qemu-io";
    arguments[n++] = "--object";
    arguments[n++] = PASSWORD_OBJECT;
    arguments[n++] = "--image-opts";
    arguments[n++] = "-d";
    arguments[n++] = "unmap"; /* else discarding does nothing */
    for (size_t i = 0; i < batch->count; i++) {
        arguments[n++] = "-c";
        arguments[n++] = qemu_command(&batch->operations[i]);
    }
    arguments[n] = keys.text;
    note(arguments);
    must_run(arguments);
    for (size_t i = 0; i < batch->count; i++)
        free((char *)(uintptr_t)arguments[7 + 2 * i]);
}

static void qemu_snapshot(const char *filename, char what, const char *name)
{
    struct qemu_keys keys = qemu_keys("qcow2", filename);
    const char option[] = { '-', what, '\0' };

    must_run(
        (const char *[]){ "qemu-img", "snapshot", QEMU_SECRET, option, name, keys.text, NULL });
}

static bool qemu_resize(const char *filename, uint64_t size)
{
    struct qemu_keys keys = qemu_keys("qcow2", filename);
    char number[32];

    snprintf(number, sizeof number, "%" PRIu64, size);
    return run_program((const char *[]){ "qemu-img", "resize", "-q", "--shrink", QEMU_SECRET,
                                         keys.text, number, NULL }) == 0;
}

static void qemu_amend(const char *filename, const char *compat, uint32_t refcount_bits)
{
    struct qemu_keys keys = qemu_keys("qcow2", filename);
    char options[64];

    snprintf(options, sizeof options, "compat=%s,refcount_bits=%u", compat, refcount_bits);
    must_run((const char *[]){ "qemu-img", "amend", QEMU_SECRET, "-o", options, keys.text, NULL });
}

static void qemu_check(const char *filename)
{
    struct qemu_keys keys = qemu_keys("qcow2", filename);

    must_run((const char *[]){ "qemu-img", "check", QEMU_SECRET, keys.text, NULL });
}

const struct tool qemu_tool = {
    .name = "QEMU",
    .create = qemu_create,
    .run = qemu_run,
    .snapshot = qemu_snapshot,
    .resize = qemu_resize,
    .amend = qemu_amend,
    .check = qemu_check,
};

/* ------------------------------------------------------------------------------------------------
 * This library
 */

static void must(int result, const char *what, const char *filename)
{
    if (result != 0)
        die("%s %s: %s", what, filename, qcow2_get_error());
}

static void set(qcow2_create_options *options, const char *name, const char *value)
{
    must(qcow2_create_options_set(options, name, value), "set option", name);
}

static void our_create(const char *filename, const char *format, const struct image_options *o)
{
    qcow2_create_options *options = qcow2_create_options_new();
    char number[32];

    must(qcow2_create_options_set_format(options, format), "set format", format);
    snprintf(number, sizeof number, "%" PRIu64, o->size);
    set(options, "size", number);
    if (strcmp(format, "qcow2") == 0) {
        snprintf(number, sizeof number, "%u", o->cluster_size);
        set(options, "cluster_size", number);
        snprintf(number, sizeof number, "%u", o->refcount_bits);
        set(options, "refcount_bits", number);
        set(options, "compat", o->compat);
        set(options, "extended_l2", o->extended_l2 ? "on" : "off");
        set(options, "preallocation", o->preallocated ? "metadata" : "off");
    }
    if (o->encrypted) {
        must(qcow2_create_options_set_secret(options, PASSWORD, strlen(PASSWORD)), "set", "secret");
        set(options, "encrypt.format", "luks");
        set(options, "encrypt.iter-time", "1");
    }
    if (o->backing_file) {
        set(options, "backing_file", o->backing_file);
        set(options, "backing_fmt", o->backing_format);
    }
    if (o->data_file != DATA_FILE_NONE) {
        char data[300];

        snprintf(data, sizeof data, "%s.data", filename);
        set(options, "data_file", data);
        set(options, "data_file_raw", o->data_file == DATA_FILE_RAW ? "on" : "off");
    }
    must(qcow2_create(filename, options), "create", filename);
    qcow2_create_options_free(options);
}

static qcow2_image *our_open(const char *filename, const char *format, const char *snapshot,
                             uint32_t flags)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_image *image;

    must(qcow2_open_options_set_format(options, format), "set format", format);
    qcow2_open_options_set_flags(options, flags);
    qcow2_open_options_set_backing_policy(options, QCOW2_BACKING_ALLOW);
    qcow2_open_options_set_data_file_policy(options, QCOW2_DATA_FILE_ALLOW);
    qcow2_open_options_set_secret(options, PASSWORD, strlen(PASSWORD));
    if (snapshot)
        qcow2_open_options_set_snapshot(options, snapshot);
    image = qcow2_open(filename, options);
    qcow2_open_options_free(options);
    if (image == NULL)
        die("open: %s", qcow2_get_error());
    return image;
}

static void read_pattern(qcow2_image *image, const struct operation *o, uint8_t *buf)
{
    must(qcow2_pread(image, buf, o->count, o->offset, 0), "read", qcow2_get_filename(image));
    for (uint64_t i = 0; i < o->count; i++)
        if (buf[i] != o->pattern)
            die("read of %" PRIu64 " bytes at %" PRIu64 ": byte %" PRIu64 " is %u, not %u",
                o->count, o->offset, i, buf[i], o->pattern);
}

static void our_operation(qcow2_image *image, const struct operation *o)
{
    CLEANUP_FREE uint8_t *buf = malloc(o->count + 1);
    const char *name = qcow2_get_filename(image);

    memset(buf, o->pattern, o->count);
    switch (o->kind) {
    case OPERATION_WRITE:
        must(qcow2_pwrite(image, buf, o->count, o->offset, 0), "write", name);
        break;
    case OPERATION_COMPRESS:
        must(qcow2_pwrite_compressed(image, buf, o->count, o->offset, 0), "compress", name);
        break;
    case OPERATION_ZERO: must(qcow2_zero(image, o->count, o->offset, 0), "zero", name); break;
    case OPERATION_UNMAP:
        must(qcow2_zero(image, o->count, o->offset, QCOW2_MAY_UNMAP), "unmap", name);
        break;
    case OPERATION_DISCARD:
        must(qcow2_discard(image, o->count, o->offset, 0), "discard", name);
        break;
    case OPERATION_READ: read_pattern(image, o, buf); break;
    case OPERATION_FLUSH: must(qcow2_flush(image, 0), "flush", name); break;
    }
}

static void our_run(const char *filename, const char *format, const struct batch *batch)
{
    qcow2_image *image = our_open(filename, format, NULL, batch->unmap ? QCOW2_OPEN_DISCARD : 0);

    for (size_t i = 0; i < batch->count; i++)
        our_operation(image, &batch->operations[i]);
    must(qcow2_close(image), "close", filename);
}

static void our_snapshot(const char *filename, char what, const char *name)
{
    qcow2_image *image = our_open(filename, "qcow2", NULL, 0);

    must(what == 'c'   ? qcow2_snapshot_create(image, name)
         : what == 'a' ? qcow2_snapshot_apply(image, name)
                       : qcow2_snapshot_delete(image, name),
         "snapshot", filename);
    must(qcow2_close(image), "close", filename);
}

static bool our_resize(const char *filename, uint64_t size)
{
    qcow2_image *image = our_open(filename, "qcow2", NULL, 0);
    bool done = qcow2_resize(image, size, QCOW2_RESIZE_SHRINK) == 0;

    if (!done)
        note((const char *[]){ "resize refused:", qcow2_get_error(), NULL });

    must(qcow2_close(image), "close", filename);
    return done;
}

static void our_amend(const char *filename, const char *compat, uint32_t refcount_bits)
{
    qcow2_image *image = our_open(filename, "qcow2", NULL, 0);
    qcow2_amend_options *options = qcow2_amend_options_new();
    char bits[16];

    snprintf(bits, sizeof bits, "%u", refcount_bits);
    must(qcow2_amend_options_set(options, "compat", compat), "set", "compat");
    must(qcow2_amend_options_set(options, "refcount_bits", bits), "set", "refcount_bits");
    must(qcow2_amend(image, options, NULL, NULL), "amend", filename);
    qcow2_amend_options_free(options);
    must(qcow2_close(image), "close", filename);
}

static void print_finding(void *opaque, const char *message)
{
    (void)opaque;
    fprintf(stderr, "%s\n", message);
}

static void our_check(const char *filename)
{
    qcow2_image *image = our_open(filename, "qcow2", NULL, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK);
    qcow2_check_result r;

    must(qcow2_check(image, 0, &r, sizeof r, print_finding, NULL), "check", filename);
    if (r.corruptions || r.leaks || r.check_errors)
        die("our check of %s: %" PRIu64 " corruptions, %" PRIu64 " leaks, %" PRIu64 " errors",
            filename, r.corruptions, r.leaks, r.check_errors);
    qcow2_close(image);
}

uint8_t *our_content(const char *filename, const char *format, const char *snapshot, uint64_t *size)
{
    qcow2_image *image = our_open(filename, format, snapshot, QCOW2_OPEN_READ_ONLY);
    uint8_t *bytes;

    *size = qcow2_get_size(image);
    bytes = malloc(*size + 1);
    must(qcow2_pread(image, bytes, *size, 0, 0), "read", filename);
    qcow2_close(image);
    return bytes;
}

const struct tool our_tool = {
    .name = "libqcow2",
    .create = our_create,
    .run = our_run,
    .snapshot = our_snapshot,
    .resize = our_resize,
    .amend = our_amend,
    .check = our_check,
};
