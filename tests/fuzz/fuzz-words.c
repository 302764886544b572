/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-words.c - what people type: sizes, option strings, names, objects, commands of qcow-io
 *
 * The input: who reads it (1 byte), which of several (1 byte), text.  The words of a command line and
 * the commands of qcow-io are a line each.
 *
 * No name is opened and no server called.  Whatever is said about the text can be shown on a terminal.
 */

#include "fuzz/fuzz.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "create-options.h"
#include "human.h"
#include "image-keys.h"
#include "io.h"
#include "json-keys.h"
#include "location.h"
#include "message.h"
#include "nbd-address.h"
#include "object.h"
#include "option-value.h"
#include "options.h"
#include "utf8.h"

#define MAX_WORDS 32u
#define MAX_COMMANDS 8u /* of qcow-io */
#define DISK_SIZE (UINT64_C(64) << 10)
#define MAX_DISK_SIZE (UINT64_C(256) << 10) /* that a command may leave behind: it may be dumped */

typedef void reader(char *text, unsigned which);

/* ------------------------------------------------------------------------------------------------
 * What is said
 */

/* Standard output or error, gathered in memory meanwhile. */
struct listening {
    FILE **stream, *before;
    char *text;
    size_t size;
};

static void listen_to(struct listening *l, FILE **stream)
{
    *l = (struct listening){ .stream = stream, .before = *stream };
    *stream = open_memstream(&l->text, &l->size);
    fuzz_require(*stream != NULL);
}

static void stop_listening(struct listening *l, bool harmless)
{
    uint32_t character;
    size_t length;

    fuzz_require(fclose(*l->stream) == 0);
    *l->stream = l->before;
    for (size_t at = 0; harmless && at < l->size; at += length) {
        length = utf8_decode((unsigned char *)l->text + at, &character);
        fuzz_require(length > 0);
        fuzz_require(character == '\n' ||
                     (character >= ' ' && (character < 0x7f || character > 0x9f)));
    }
    free(l->text);
}

/* ------------------------------------------------------------------------------------------------
 * Values and lists
 */

static void read_size(char *text, unsigned which)
{
    char human[HUMAN_SIZE_LENGTH];
    uint64_t bytes;

    if (size_parse_range("size", text, which, INT64_MAX, &bytes) == 0)
        human_size(human, bytes);
}

static void read_value(char *text, unsigned which)
{
    char *why = NULL, *value = option_value_rewrite("name", (value_type)(which % 4), text, &why);

    fuzz_require((value == NULL) == (why != NULL));
    free(value);
    free(why);
}

static void read_list(char *text, unsigned which)
{
    keyval_list list = { 0 };
    char *why = NULL;

    if (which % 2)
        keyval_parse(&list, text, which & 2 ? "driver" : NULL);
    else if (keyval_parse_strictly(&list, text, "driver", &why) == -1)
        fuzz_require(why != NULL);
    keyval_list_clear(&list);
    free(why);
}

/* ------------------------------------------------------------------------------------------------
 * Images
 */

static void read_name(char *text, unsigned which)
{
    CLEANUP_LOCATION location place = { 0 };
    char *why = NULL, *uri = NULL;

    if (which % 2 && location_read(&place, text, &why) == -1)
        fuzz_require(why != NULL);
    else if (which % 2 == 0 && nbd_is_name(text))
        uri = nbd_uri_of_name(text, &why);
    free(uri);
    free(why);
}

/* The format is given: nothing is probed. */
static void read_keys(char *text, unsigned which)
{
    static const char *const formats[] = { "qcow2", "raw", "luks" };
    image_target target = { .format = formats[which / 2 % 3] };
    keyval_list keys = { 0 };
    char *why = NULL;
    int r;

    r = which % 2 ? json_keys_parse(&keys, text, &why)
                  : keyval_parse_strictly(&keys, text, "driver", &why);
    if (r == 0 && image_target_begin(&target, &why) == 0)
        r = image_keys_read(&target, &keys, &why);
    fuzz_require(r == 0 || why != NULL);
    keyval_list_clear(&keys);
    image_target_clear(&target);
    free(why);
}

static void read_creation(char *text, unsigned which)
{
    static const char *const formats[] = { "qcow2", "raw", "luks" };
    const char *format = formats[which % 3];
    qcow2_create_options *creation = NULL;
    keyval_list list = { 0 };
    char *why = NULL;

    if (keyval_parse(&list, text, NULL) == 0 && create_options_check(&list, format, &why) == 0) {
        create_options_add_defaults(&list, format);
        free(create_options_text(&list, format));
        if (create_options_check_words(&list, format, &why) == 0)
            creation = create_options_make(&list, format, &why);
        fuzz_require((creation == NULL) == (why != NULL));
    }
    qcow2_create_options_free(creation);
    keyval_list_clear(&list);
    free(why);
}

/* Secrets from files would be read from any file there is. */
static void read_object(char *text, unsigned which)
{
    (void)which;
    if (strstr(text, "file") == NULL)
        object_add(text);
}

/* ------------------------------------------------------------------------------------------------
 * Command lines
 */

static void read_options(char *text, unsigned which)
{
    static const verb_bit verbs[] = { VERB_CHECK,   VERB_COMPARE, VERB_CONVERT, VERB_CREATE,
                                      VERB_INFO,    VERB_MAP,     VERB_RESIZE,  VERB_SNAPSHOT,
                                      VERB_MEASURE, VERB_AMEND,   VERB_BITMAP,  VERB_COMMIT,
                                      VERB_REBASE,  VERB_BENCH,   VERB_DD };
    char *words[MAX_WORDS + 2] = { (char *)"verb" };
    verb_bit verb = verbs[which % (sizeof verbs / sizeof verbs[0])];
    int count = 1;
    options o;
    char *rest;

    if (strstr(text, "file") != NULL)
        return;
    for (char *word = strtok_r(text, "\n", &rest); word && count <= (int)MAX_WORDS;
         word = strtok_r(NULL, "\n", &rest))
        words[count++] = word;
    options_parse(&o, verb, count, words);
    options_clear(&o);
}

/* Those that take their time, end the program or open other files. */
static bool is_left_out(const char *line)
{
    const char *word = line + strspn(line, " \t\r");

    return strncmp(word, "sleep", 5) == 0 || strncmp(word, "abort", 5) == 0 ||
           strncmp(word, "sigraise", 8) == 0 || *word == 'o';
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

static void create_image(const char *name, const char *cluster_size)
{
    qcow2_create_options *creation = qcow2_create_options_new();
    char size[32];

    snprintf(size, sizeof size, "%" PRIu64, DISK_SIZE);
    fuzz_require(creation != NULL && qcow2_create_options_set(creation, "size", size) == 0);
    fuzz_require(qcow2_create_options_set(creation, "cluster_size", cluster_size) == 0);
    fuzz_require(qcow2_create(name, creation) == 0);
    qcow2_create_options_free(creation);
}

static void read_commands(char *text, unsigned which)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    io_choice choice = {
        .source = { .format = "qcow2", .cache = "writeback", .flags = QCOW2_OPEN_DISCARD },
    };
    io_session session = { .overlay = NO_OVERLAY };
    char name[64];

    fuzz_require(fd != -1);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    choice.source.filename = name;
    create_image(name, which % 2 ? "512" : "65536");
    fuzz_require(io_session_open(&session, &choice) == 0);
    run_lines(&session, text);
    io_session_close(&session);
    io_session_clear(&session);
    close(fd);
}

/* ------------------------------------------------------------------------------------------------
 * The target
 */

static const struct {
    reader *read;
    bool harmless; /* getopt itself complains of qcow-io's letters */
} readers[] = {
    { read_size, true },   { read_value, true },   { read_list, true },
    { read_name, true },   { read_keys, true },    { read_creation, true },
    { read_object, true }, { read_options, true }, { read_commands, false },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listening out, err;
    unsigned who;
    char *text;

    if (size < 2)
        return 0;
    who = data[0] % (sizeof readers / sizeof readers[0]);
    text = strndup((const char *)data + 2, size - 2);
    fuzz_require(text != NULL);
    message_set_program("qcow-img");
    listen_to(&out, &stdout);
    listen_to(&err, &stderr);
    readers[who].read(text, data[1]);
    stop_listening(&err, readers[who].harmless);
    stop_listening(&out, readers[who].harmless);
    free(text);
    return 0;
}
