/* SPDX-License-Identifier: BSD-3-Clause */
/* vm-state.c - the VM states of an image, through the public interface
 *
 *     vm-state save IMAGE NAME DATE_SEC DATE_NSEC CLOCK_NSEC ICOUNT
 *         writes standard input as the VM state, then creates a snapshot that records it
 *     vm-state snapshot IMAGE SNAPSHOT    prints the state of a snapshot
 *     vm-state active IMAGE SIZE          prints the first bytes of the active state
 *
 * ICOUNT "-": not recorded.  PASSWORD in the environment: of an encrypted image.
 */

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qcow2.h"

enum { PIECE = 32768 };

static void must(int result)
{
    if (result != 0)
        errx(1, "%s", qcow2_get_error());
}

static qcow2_image *open_image(const char *filename, const char *snapshot, uint32_t flags)
{
    qcow2_open_options *options = qcow2_open_options_new();
    const char *password = getenv("PASSWORD");
    qcow2_image *image;

    if (options == NULL)
        errx(1, "%s", qcow2_get_error());
    must(qcow2_open_options_set_flags(options, flags));
    must(qcow2_open_options_set_backing_policy(options, QCOW2_BACKING_ALLOW));
    if (password)
        must(qcow2_open_options_set_secret(options, password, strlen(password)));
    if (snapshot)
        must(qcow2_open_options_set_snapshot(options, snapshot));
    image = qcow2_open(filename, options);
    if (image == NULL)
        errx(1, "%s", qcow2_get_error());
    qcow2_open_options_free(options);
    return image;
}

static void print_state(qcow2_image *image, uint64_t size)
{
    static uint8_t buf[PIECE];

    for (uint64_t done = 0; done < size;) {
        size_t now = size - done < PIECE ? (size_t)(size - done) : PIECE;

        must(qcow2_vm_state_pread(image, buf, now, done, 0));
        if (fwrite(buf, 1, now, stdout) != now)
            err(1, "standard output");
        done += now;
    }
}

static void save(char **words)
{
    qcow2_image *image = open_image(words[0], NULL, 0);
    static uint8_t buf[PIECE];
    qcow2_snapshot snapshot = {
        .name = words[1],
        .date_sec = (uint32_t)strtoul(words[2], NULL, 10),
        .date_nsec = (uint32_t)strtoul(words[3], NULL, 10),
        .vm_clock_nsec = strtoull(words[4], NULL, 10),
        .icount = strcmp(words[5], "-") == 0 ? UINT64_MAX : strtoull(words[5], NULL, 10),
    };
    size_t count;

    while ((count = fread(buf, 1, sizeof buf, stdin)) > 0) {
        must(qcow2_vm_state_pwrite(image, buf, count, snapshot.vm_state_size, 0));
        snapshot.vm_state_size += count;
    }
    must(qcow2_snapshot_create_with_state(image, &snapshot, sizeof snapshot));
    must(qcow2_close(image));
}

struct search {
    const char *name;
    uint64_t size;
};

static int look(void *opaque, const qcow2_snapshot *snapshot)
{
    struct search *s = opaque;

    if (strcmp(snapshot->name, s->name) != 0)
        return 0;
    s->size = snapshot->vm_state_size;
    return 1;
}

static void print_snapshot(const char *filename, const char *name)
{
    struct search s = { name, 0 };
    qcow2_image *image = open_image(filename, name, QCOW2_OPEN_READ_ONLY);

    if (qcow2_snapshot_list(image, look, &s) != 1)
        errx(1, "there is no snapshot '%s'", name);
    print_state(image, s.size);
    must(qcow2_close(image));
}

static void print_active(const char *filename, const char *size)
{
    qcow2_image *image = open_image(filename, NULL, QCOW2_OPEN_READ_ONLY);

    print_state(image, strtoull(size, NULL, 10));
    must(qcow2_close(image));
}

int main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "save") == 0)
        save(argv + 2);
    else if (argc == 4 && strcmp(argv[1], "snapshot") == 0)
        print_snapshot(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "active") == 0)
        print_active(argv[2], argv[3]);
    else
        errx(1, "save, snapshot or active: see the head of the source");
    return 0;
}
