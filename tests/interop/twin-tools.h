/* SPDX-License-Identifier: BSD-3-Clause */
/* twin-tools.h - the same operations on an image by this library and by QEMU's programs
 *
 * A tool makes an image, runs a batch of guest operations on it in one go, and manages it.  What
 * ought to work and does not ends the test with a sentence that tells how to repeat it.
 */

#ifndef QCOW2_TESTS_TWIN_TOOLS_H
#define QCOW2_TESTS_TWIN_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The data file of IMAGE is IMAGE.data. */
enum data_file { DATA_FILE_NONE, DATA_FILE_PLAIN, DATA_FILE_RAW };

struct image_options {
    uint64_t size; /* bytes */
    uint32_t cluster_size;
    uint32_t refcount_bits;
    const char *compat;
    bool extended_l2;
    bool preallocated;        /* metadata are */
    const char *backing_file; /* NULL: none */
    const char *backing_format;
    enum data_file data_file;
    bool encrypted; /* with LUKS and the password that both tools know */
};

enum operation_kind {
    OPERATION_WRITE,
    OPERATION_COMPRESS, /* whole clusters that are not allocated */
    OPERATION_ZERO,
    OPERATION_UNMAP, /* zeroes, and the space may be given back */
    OPERATION_DISCARD,
    OPERATION_READ, /* all bytes are pattern */
    OPERATION_FLUSH,
};

struct operation {
    enum operation_kind kind;
    uint8_t pattern;
    uint64_t offset; /* guest */
    uint64_t count;  /* bytes */
};

struct batch {
    const struct operation *operations;
    size_t count;
    bool unmap; /* ours: give the host's space back (QEMU always does) */
};

struct tool {
    const char *name;
    void (*create)(const char *filename, const char *format, const struct image_options *options);
    void (*run)(const char *filename, const char *format, const struct batch *batch);
    /* what: 'c' create, 'a' apply, 'd' delete */
    void (*snapshot)(const char *filename, char what, const char *name);
    /* False: refused. */
    bool (*resize)(const char *filename, uint64_t size);
    void (*amend)(const char *filename, const char *compat, uint32_t refcount_bits);
    /* Neither corruptions nor leaks. */
    void (*check)(const char *filename);
};

extern const struct tool our_tool, qemu_tool;

/* The whole disk, or as a snapshot has it, as this library reads it. */
uint8_t *our_content(const char *filename, const char *format, const char *snapshot,
                     uint64_t *size);

/* An image on the command line of QEMU's programs, as --image-opts, with the password of images
 * that are encrypted. */
#define PASSWORD "open sesame"
#define QEMU_SECRET "--object", "secret,id=pw,data=" PASSWORD, "--image-opts"
struct qemu_keys {
    char text[300];
};
struct qemu_keys qemu_keys(const char *format, const char *filename);

/* The exit status of a program, what it prints goes to the file "log". */
int run_program(const char *const *arguments);

/* Work in a folder that is gone when the test ends (unless KEEP is in the environment). */
void enter_scratch_folder(void);

/* What is under way, for the sentence of die(). */
void now_doing(const char *format, ...) __attribute__((format(printf, 1, 2)));
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Exit with 77 unless QEMU's programs are there. */
void need_qemu(void);

#endif
