/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-create.c - options of a new image, as text: what can be created is without damage
 *
 * The input: lines of "name=value".
 */

#include "fuzz/fuzz.h"

#include <string.h>

#define MAX_SIZE (UINT64_C(64) << 20) /* of a disk that is really made */

static void set_options(qcow2_create_options *options, char *text)
{
    char *rest;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '=');

        if (value == NULL)
            continue;
        *value++ = '\0';
        qcow2_create_options_set(options, line, value);
    }
}

static void create(const qcow2_create_options *options)
{
    struct store *store = store_memory_new("new");
    struct qcow2_image *image;

    fuzz_require(store != NULL);
    if (image_format_store(store, options) == -1) {
        store_close(store);
        return;
    }
    fuzz_require(!fuzz_is_damaged(store));
    if (options->data_file) { /* which is somewhere else */
        store_close(store);
        return;
    }
    image = fuzz_open(store, 0, NULL);
    fuzz_require(image != NULL);
    fuzz_look(image);
    fuzz_require(image_close(image) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    qcow2_create_options *options = qcow2_create_options_new();
    char *text = strndup((const char *)data, size);

    fuzz_require(options != NULL && text != NULL);
    set_options(options, text);
    if (options->size <= MAX_SIZE && options->format == FORMAT_QCOW2)
        create(options);
    qcow2_create_options_free(options);
    free(text);
    return 0;
}
