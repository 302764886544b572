/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin-callbacks.c - the plugin without nbdkit: its callbacks, from many threads
 *
 * The sanitizers see little of a plugin inside the real nbdkit.  Here the plugin's own sources are
 * linked with doubles of the few functions that it uses of nbdkit, and its callbacks are called as
 * nbdkit calls them: connections open and close while requests run on others, several requests at
 * once on each.
 *
 * Each thread owns a region of the disk, which starts and ends within a cluster, and a model of its
 * content.  A trim, and a fast zero that is refused, may or may not take effect on each byte.
 */

#define NBDKIT_API_VERSION 2
#include <errno.h>
#include <fcntl.h>
#include <nbdkit-plugin.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "qcow2.h"

struct nbdkit_plugin *plugin_init(void);

enum {
    THREADS = 8,
    CONNECTIONS = 3,
    OPERATIONS = 400,
    REGION = 333333, /* bytes of the disk for each thread */
    REQUEST_MAX = 100000,
    DISK_SIZE = (THREADS * REGION + 511) / 512 * 512,
};

static struct nbdkit_plugin *plugin;
static char folder[4000];
static char image[sizeof folder + 16];

/* ------------------------------------------------------------------------------------------------
 * What the plugin uses of nbdkit
 */

static _Thread_local char last_error[1024];
static _Thread_local int last_errno;

/* Strings that nbdkit would keep for the plugin. */
static pthread_mutex_t interned_lock = PTHREAD_MUTEX_INITIALIZER;
static char *interned[16];
static size_t interned_count;

void nbdkit_error(const char *message, ...)
{
    va_list arguments;

    va_start(arguments, message);
    vsnprintf(last_error, sizeof last_error, message, arguments);
    va_end(arguments);
}

void nbdkit_debug(const char *message, ...)
{
    (void)message;
}

void nbdkit_set_error(int error)
{
    last_errno = error;
}

char *nbdkit_absolute_path(const char *path)
{
    return strdup(path);
}

int nbdkit_read_password(const char *value, char **password)
{
    *password = strdup(value);
    return *password ? 0 : -1;
}

int nbdkit_parse_bool(const char *text)
{
    return strcmp(text, "true") == 0 ? 1 : strcmp(text, "false") == 0 ? 0 : -1;
}

int nbdkit_parse_uint64_t(const char *what, const char *text, uint64_t *number)
{
    (void)what;
    *number = strtoull(text, NULL, 0);
    return 0;
}

int64_t nbdkit_parse_size(const char *text)
{
    char *end;
    long long size = strtoll(text, &end, 10);

    return *end == '\0' && size >= 0 ? size : -1;
}

const char *nbdkit_printf_intern(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) == -1)
        abort();
    va_end(arguments);
    pthread_mutex_lock(&interned_lock);
    if (interned_count == sizeof interned / sizeof interned[0])
        abort();
    interned[interned_count++] = text;
    pthread_mutex_unlock(&interned_lock);
    return text;
}

struct nbdkit_exports {
    size_t count;
};

int nbdkit_add_export(struct nbdkit_exports *exports, const char *name, const char *description)
{
    if (*name != '\0' || !description)
        return -1;
    exports->count++;
    return 0;
}

/* Checks what nbdkit demands of block status, and keeps what the tests look at. */
struct nbdkit_extents {
    uint64_t next; /* where the next one must start */
    uint64_t end;  /* of the disk */
    size_t count;
    const char *wrong;    /* NULL: nothing */
    const uint8_t *model; /* of the bytes from model_offset on, or NULL */
    uint64_t model_offset;
};

int nbdkit_add_extent(struct nbdkit_extents *extents, uint64_t offset, uint64_t length,
                      uint32_t type)
{
    if (offset != extents->next)
        extents->wrong = "not contiguous";
    else if (length == 0)
        extents->wrong = "empty";
    else if (length > extents->end - offset)
        extents->wrong = "beyond the end";
    else if (type & ~(uint32_t)(NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO))
        extents->wrong = "of unknown type";
    if (extents->wrong)
        return -1;
    if (extents->model && type & NBDKIT_EXTENT_ZERO)
        for (uint64_t i = 0; i < length; i++)
            if (extents->model[offset - extents->model_offset + i] != 0)
                extents->wrong = "said to be zero and is not";
    extents->next = offset + length;
    extents->count++;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * A server's life
 */

static void configure(const char *key, const char *value)
{
    if (plugin->config(key, value) == -1)
        fail_msg("%s=%s: %s", key, value, last_error);
}

/* nbdkit forgets the plugin's globals when it ends.  A test that sets a parameter sets it back. */
static void start_server(void)
{
    configure("file", image);
    if (plugin->config_complete() == -1 || plugin->get_ready() == -1)
        fail_msg("%s", last_error);
}

static void *connect_to_server(void)
{
    void *handle = plugin->open(0);

    if (!handle)
        fail_msg("%s", last_error);
    return handle;
}

static void stop_server(void)
{
    plugin->unload();
    while (interned_count > 0)
        free(interned[--interned_count]);
}

static void make_image(void)
{
    qcow2_create_options *options = qcow2_create_options_new();
    char size[32];

    snprintf(size, sizeof size, "%d", DISK_SIZE);
    assert_non_null(options);
    assert_int_equal(qcow2_create_options_set(options, "size", size), 0);
    assert_int_equal(qcow2_create_options_set(options, "cluster_size", "4096"), 0);
    if (qcow2_create(image, options) == -1)
        fail_msg("%s", qcow2_get_error());
    qcow2_create_options_free(options);
}

static void print_finding(void *opaque, const char *message)
{
    (void)opaque;
    fprintf(stderr, "%s\n", message);
}

static void assert_image_is_clean(void)
{
    qcow2_open_options *options = qcow2_open_options_new();
    qcow2_check_result result = { 0 };
    qcow2_image *checked;

    assert_int_equal(qcow2_open_options_set_flags(options, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK),
                     0);
    checked = qcow2_open(image, options);
    if (!checked || qcow2_check(checked, 0, &result, sizeof result, print_finding, NULL) == -1)
        fail_msg("%s", qcow2_get_error());
    assert_int_equal(result.corruptions, 0);
    assert_int_equal(result.leaks, 0);
    qcow2_close(checked);
    qcow2_open_options_free(options);
}

/* ------------------------------------------------------------------------------------------------
 * Threads
 */

struct worker {
    pthread_t thread;
    uint64_t offset;       /* of its region */
    uint8_t model[REGION]; /* of its region */
    uint8_t buf[REGION];
    unsigned seed;
    void *const *handles; /* CONNECTIONS of them */
    const char *failed;   /* NULL: nothing */
};

static uint32_t draw(struct worker *worker, uint32_t below)
{
    return (uint32_t)rand_r(&worker->seed) % below;
}

static const char *compare_region(struct worker *worker, void *handle)
{
    if (plugin->pread(handle, worker->buf, REGION, worker->offset, 0) == -1)
        return "pread of the region";
    return memcmp(worker->buf, worker->model, REGION) == 0 ? NULL : "wrong content";
}

static const char *do_write(struct worker *worker, void *handle, uint32_t at, uint32_t count)
{
    uint32_t flags = draw(worker, 16) == 0 ? NBDKIT_FLAG_FUA : 0;

    memset(worker->model + at, (int)(1 + draw(worker, 255)), count);
    return plugin->pwrite(handle, worker->model + at, count, worker->offset + at, flags) == -1
               ? "pwrite"
               : NULL;
}

/* Take over a range that may or may not have become zero, byte by byte. */
static const char *adopt(struct worker *worker, void *handle, uint32_t at, uint32_t count)
{
    if (plugin->pread(handle, worker->buf, count, worker->offset + at, 0) == -1)
        return "pread";
    for (uint32_t i = 0; i < count; i++)
        if (worker->buf[i] != 0 && worker->buf[i] != worker->model[at + i])
            return "neither zero nor the old value";
    memcpy(worker->model + at, worker->buf, count);
    return NULL;
}

static const char *do_zero(struct worker *worker, void *handle, uint32_t at, uint32_t count)
{
    uint32_t flags = (draw(worker, 2) ? NBDKIT_FLAG_MAY_TRIM : 0) |
                     (draw(worker, 4) ? 0 : NBDKIT_FLAG_FAST_ZERO) |
                     (draw(worker, 16) ? 0 : NBDKIT_FLAG_FUA);

    if (plugin->zero(handle, count, worker->offset + at, flags) == -1) {
        bool refused = flags & NBDKIT_FLAG_FAST_ZERO && last_errno == ENOTSUP;
        return refused ? adopt(worker, handle, at, count) : "zero";
    }
    memset(worker->model + at, 0, count);
    return NULL;
}

static const char *do_trim(struct worker *worker, void *handle, uint32_t at, uint32_t count)
{
    if (plugin->trim(handle, count, worker->offset + at, 0) == -1)
        return "trim";
    return adopt(worker, handle, at, count);
}

static const char *do_extents(struct worker *worker, void *handle, uint32_t at, uint32_t count)
{
    uint32_t flags = draw(worker, 2) ? NBDKIT_FLAG_REQ_ONE : 0;
    struct nbdkit_extents extents = {
        .next = worker->offset + at,
        .end = worker->offset + at + count,
        .model = worker->model,
        .model_offset = worker->offset,
    };

    if (plugin->extents(handle, count, worker->offset + at, flags, &extents) == -1)
        return extents.wrong ? extents.wrong : "extents";
    if (extents.count == 0)
        return "no extent";
    if (!flags && extents.next != extents.end)
        return "not all extents";
    return extents.wrong;
}

static const char *do_something(struct worker *worker, void *handle)
{
    uint32_t count = 1 + draw(worker, REQUEST_MAX);
    uint32_t at = draw(worker, REGION - count + 1);

    switch (draw(worker, 10)) {
    case 0: return do_zero(worker, handle, at, count);
    case 1: return do_trim(worker, handle, at, count);
    case 2: return do_extents(worker, handle, at, count);
    case 3: return plugin->flush(handle, 0) == -1 ? "flush" : NULL;
    case 4:
    case 5: return compare_region(worker, handle);
    default: return do_write(worker, handle, at, count);
    }
}

static void *work(void *opaque)
{
    struct worker *worker = opaque;

    for (int i = 0; i < OPERATIONS && !worker->failed; i++)
        worker->failed = do_something(worker, worker->handles[draw(worker, CONNECTIONS)]);
    if (worker->failed)
        fprintf(stderr, "thread at %llu: %s: %s\n", (unsigned long long)worker->offset,
                worker->failed, last_error);
    return NULL;
}

/* Meanwhile other clients come, look and go. */
static void *come_and_go(void *opaque)
{
    const char **failed = opaque;
    uint32_t minimum, preferred, maximum;

    for (int i = 0; i < OPERATIONS && !*failed; i++) {
        void *handle = plugin->open(0);

        if (!handle || plugin->get_size(handle) != DISK_SIZE || plugin->can_write(handle) != 1 ||
            plugin->can_multi_conn(handle) != 1 ||
            plugin->block_size(handle, &minimum, &preferred, &maximum) == -1)
            *failed = "open";
        if (handle)
            plugin->close(handle);
    }
    return NULL;
}

static void many_threads_on_several_connections(void **state)
{
    struct worker *workers = calloc(THREADS, sizeof *workers);
    void *handles[CONNECTIONS];
    const char *visitor_failed = NULL;
    pthread_t visitor;

    (void)state;
    assert_non_null(workers);
    make_image();
    start_server();
    for (int i = 0; i < CONNECTIONS; i++)
        handles[i] = connect_to_server();
    for (int i = 0; i < THREADS; i++) {
        workers[i].offset = (uint64_t)i * REGION;
        workers[i].seed = 1 + (unsigned)i;
        workers[i].handles = handles;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    assert_int_equal(pthread_create(&visitor, NULL, come_and_go, &visitor_failed), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_null(workers[i].failed);
    }
    pthread_join(visitor, NULL);
    assert_null(visitor_failed);
    for (int i = 0; i < CONNECTIONS; i++)
        plugin->close(handles[i]);
    stop_server();
    assert_image_is_clean();

    /* A new server reads what the last one wrote. */
    start_server();
    handles[0] = connect_to_server();
    for (int i = 0; i < THREADS; i++)
        assert_null(compare_region(&workers[i], handles[0]));
    plugin->close(handles[0]);
    stop_server();
    free(workers);
}

/* ------------------------------------------------------------------------------------------------
 * Errors and answers
 */

static void errors_reach_the_client_by_name(void **state)
{
    char buf[512];
    void *handle;

    (void)state;
    make_image();
    configure("readonly", "true");
    start_server();
    handle = connect_to_server();
    assert_int_equal(plugin->can_write(handle), 0);

    last_errno = 0;
    assert_int_equal(plugin->pwrite(handle, buf, sizeof buf, 0, 0), -1);
    assert_int_equal(last_errno, EPERM);
    last_errno = 0;
    assert_int_equal(plugin->zero(handle, 512, 0, NBDKIT_FLAG_MAY_TRIM), -1);
    assert_int_equal(last_errno, EPERM);
    last_errno = 0;
    assert_int_equal(plugin->trim(handle, 512, 0, 0), -1);
    assert_int_equal(last_errno, EPERM);
    last_errno = 0;
    last_error[0] = '\0';
    assert_int_equal(plugin->pread(handle, buf, sizeof buf, DISK_SIZE, 0), -1);
    assert_int_equal(last_errno, EINVAL);
    assert_true(strlen(last_error) > 0);
    assert_int_equal(plugin->flush(handle, 0), 0);

    plugin->close(handle);
    stop_server();
    configure("readonly", "false");
}

static void a_server_that_cannot_start_says_why(void **state)
{
    (void)state;
    make_image();
    configure("file", "/nowhere/disk.qcow2");
    assert_int_equal(plugin->get_ready(), -1);
    assert_non_null(strstr(last_error, "/nowhere/disk.qcow2"));
    stop_server();
    assert_int_equal(plugin->config_complete(), -1);
    assert_int_equal(plugin->config("format", "vmdk"), -1);
    assert_int_equal(plugin->config("colour", "blue"), -1);
}

static void one_nameless_export_is_listed(void **state)
{
    struct nbdkit_exports exports = { 0 };
    void *handle;

    (void)state;
    make_image();
    start_server();
    assert_int_equal(plugin->list_exports(0, 0, &exports), 0);
    assert_int_equal(exports.count, 1);
    assert_string_equal(plugin->default_export(0, 0), "");
    handle = connect_to_server();
    assert_string_equal(plugin->export_description(handle), "qcow2 disk");
    plugin->close(handle);
    stop_server();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_on_several_connections),
        cmocka_unit_test(errors_reach_the_client_by_name),
        cmocka_unit_test(a_server_that_cannot_start_says_why),
        cmocka_unit_test(one_nameless_export_is_listed),
    };
    int failures;

    plugin = plugin_init();
    snprintf(folder, sizeof folder, "%s/plugin-callbacks-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        return EXIT_FAILURE;
    }
    snprintf(image, sizeof image, "%s/disk.qcow2", folder);
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(image);
    rmdir(folder);
    return failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
