/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-own-server.c - a disk that is a file is served by an nbdkit started the right way
 *
 * A script of that name, first in the PATH, notes its arguments and then serves the
 * file with nbdkit's own plugin.
 */

#include "under-valgrind.h"
#include "vmm-guest.h"

#include "../../vmm-glue/plugin.h"

#include "sandbox.h"

#include <libnbd.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char script[] = "#!/bin/sh\n"
                             "echo \"$@\" >log\n"
                             "echo $$ >pid\n"
                             "[ ! -e refuse ] || exit 1\n"
                             "PATH=$REAL_PATH\n"
                             "exec nbdkit --exit-with-parent --filter=exitlast file disk\n";

static int put_script_first(void **state)
{
    char path[4096];
    const char *old_path = getenv("PATH");
    int fd;

    if (guest_make_folder(state) < 0)
        return -1;
    fd = open("nbdkit", O_WRONLY | O_CREAT, 0700);
    if (fd < 0 || write(fd, script, sizeof script - 1) < 0)
        return -1;
    close(fd);
    setenv("REAL_PATH", old_path, 1);
    snprintf(path, sizeof path, "%s:%s", guest_folder, old_path);
    setenv("PATH", path, 1);
    setenv("QCOW2_PLUGIN", "qcow2", 1); /* one may be installed */
    make_disk();
    return 0;
}

static int remove_script(void **state)
{
    unlink("nbdkit");
    return guest_remove_folder(state);
}

static void assert_started(const char *argument, const char *expected)
{
    struct disk_options options;
    struct nbd_disk disk;
    char line[512] = "";

    assert_int_equal(disk_options_parse(&options, PLACE_DISK, argument), 0);
    assert_int_equal(nbd_disk_open(&disk, &options, 2), 0);
    assert_int_equal(disk.size, DISK_SIZE);
    FILE *log = fopen("log", "r");
    assert_non_null(log);
    assert_non_null(fgets(line, sizeof line, log));
    fclose(log);
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(line, expected);
    nbd_disk_close(&disk);
    disk_options_free(&options);
}

static void arguments(void **state)
{
    (void)state;
    assert_started("disk", "--exit-with-parent --filter=exitlast qcow2 file=disk backing=allow");
    assert_started(
        "disk,format=raw,readonly=on,backing=refuse",
        "--exit-with-parent --filter=exitlast -r qcow2 file=disk backing=refuse format=raw");
    assert_started("disk,cache=none",
                   "--exit-with-parent --filter=exitlast qcow2 file=disk backing=allow cache=none");
    assert_started("disk,cache=directsync",
                   "--exit-with-parent --filter=exitlast qcow2 file=disk backing=allow cache=none");
    assert_started("disk,cache=writethrough",
                   "--exit-with-parent --filter=exitlast qcow2 file=disk backing=allow");
    assert_started("disk,cache=unsafe,format=qcow2",
                   "--exit-with-parent --filter=exitlast qcow2 file=disk backing=allow "
                   "format=qcow2 cache=unsafe");
}

static void plugin_from_the_environment(void **state)
{
    (void)state;
    setenv("QCOW2_PLUGIN", "./here.so", 1);
    assert_started("disk",
                   "--exit-with-parent --filter=exitlast ./here.so file=disk backing=allow");
    setenv("QCOW2_PLUGIN", "qcow2", 1);
}

static void assert_chosen(const char *program, const char *folder, const char *expected)
{
    char *chosen = plugin_choose(program, folder);

    assert_non_null(chosen);
    assert_string_equal(chosen, expected);
    free(chosen);
}

/* nbdkit itself looks in one folder only, which need not be where this plugin was installed. */
static void plugin_of_the_same_installation(void **state)
{
    static const char file[] = "here/nbdkit-qcow2-plugin.so";
    static const char built[] = "here/nbdplugin/.libs/nbdkit-qcow2-plugin.so";

    (void)state;
    unsetenv("QCOW2_PLUGIN");
    assert_int_equal(system("mkdir -p here/nbdplugin/.libs"), 0);
    assert_chosen("here/bin/qcow-vmm", "here", "qcow2");
    close(open(file, O_WRONLY | O_CREAT, 0600));
    assert_chosen("here/bin/qcow-vmm", "here", file);
    assert_chosen("here/vmm-glue/qcow-vmm", "here", file);
    close(open(built, O_WRONLY | O_CREAT, 0600));
    assert_chosen("here/vmm-glue/qcow-vmm", "here", built);
    assert_chosen("here/bin/qcow-vmm", "here", file);
    setenv("QCOW2_PLUGIN", "", 1);
    assert_chosen("here/bin/qcow-vmm", "here", file);
    setenv("QCOW2_PLUGIN", "qcow2", 1);
    assert_chosen("here/vmm-glue/qcow-vmm", "here", "qcow2");
    assert_int_equal(system("rm -r here"), 0);
}

static void server_that_does_not_start(void **state)
{
    struct disk_options options;
    struct nbd_disk disk;

    (void)state;
    close(open("refuse", O_WRONLY | O_CREAT, 0600));
    assert_int_equal(disk_options_parse(&options, PLACE_DISK, "disk"), 0);
    assert_int_equal(nbd_disk_open(&disk, &options, 1), -1);
    assert_reported("cannot open disk disk: nbdkit, which is to serve it, ended at once");
    disk_options_free(&options);
    unlink("refuse");
}

static bool has_private_socket(const struct nbd_disk *disk)
{
    struct sockaddr_un address = { 0 };
    socklen_t length = sizeof address - 1;
    int fd = nbd_aio_get_fd(disk->conns[0].nbd);

    assert_int_equal(getpeername(fd, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(address.sun_path[0], '/');
    if (access(address.sun_path, F_OK) == 0)
        return true;
    *strrchr(address.sun_path, '/') = '\0';
    return access(address.sun_path, F_OK) == 0;
}

/* Even a machine that is killed leaves no file behind. */
static void socket_goes_when_connected(void **state)
{
    struct disk_options options;
    struct nbd_disk disk;

    (void)state;
    assert_int_equal(disk_options_parse(&options, PLACE_DISK, "disk"), 0);
    assert_int_equal(nbd_disk_open(&disk, &options, 4), 0);
    assert_int_equal(disk.conn_count, 4);
    assert_false(has_private_socket(&disk));
    nbd_disk_close(&disk);
    disk_options_free(&options);
}

static int live_in_the_sandbox(void)
{
    static struct nbd_disk disk;
    struct disk_options options;
    struct sandbox sandbox;

    alarm(20); /* a server that does not end would be waited for */
    sandbox_begin(&sandbox, SANDBOX_MACHINE);
    if (disk_options_parse(&options, PLACE_DISK, "disk") < 0 ||
        nbd_disk_open(&disk, &options, 2) < 0 ||
        sandbox_enter(&sandbox, &(struct sandbox_limits){ 0 }) < 0 || nbd_disk_start(&disk) < 0)
        return 1;
    nbd_disk_close(&disk);
    disk_options_free(&options);
    return 0;
}

static pid_t pid_of_the_server(void)
{
    long pid = 0;
    FILE *file = fopen("pid", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    assert_true(pid > 1);
    return (pid_t)pid;
}

/* Neither a signal nor the removal of a file is possible there. */
static void server_ends_with_a_machine_in_its_sandbox(void **state)
{
    pid_t child;
    int status;

    (void)state;
    if (under_valgrind())
        skip();
    child = fork();
    if (child == 0)
        _exit(live_in_the_sandbox());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(kill(pid_of_the_server(), 0), -1);
    assert_int_equal(errno, ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments),
        cmocka_unit_test(plugin_from_the_environment),
        cmocka_unit_test(plugin_of_the_same_installation),
        cmocka_unit_test(server_that_does_not_start),
        cmocka_unit_test(socket_goes_when_connected),
        cmocka_unit_test(server_ends_with_a_machine_in_its_sandbox),
    };

    return cmocka_run_group_tests(tests, put_script_first, remove_script);
}
