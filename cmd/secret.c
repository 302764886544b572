/* SPDX-License-Identifier: BSD-3-Clause */
/* secret.c - passphrases and keys that the command line hands over, found by their id
 *
 *     data=, file=     the bytes as given
 *     format=base64    they are decoded
 *     keyid=, iv=      they are decrypted: AES-256-CBC with the secret of that id as the key
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "cleanup.h"
#include "decrypt.h"
#include "message.h"
#include "secret.h"
#include "utf8.h"

#define MAX_SECRET_BYTES (8u << 20) /* of a file: no key is longer, and /dev/zero is */

typedef struct {
    unsigned char *data;
    size_t length;   /* bytes */
    size_t capacity; /* bytes, the zero byte at the end included */
} buffer;

typedef struct entry {
    struct entry *next;
    char *id;
    buffer content;
} entry;

static entry *entries;

static void buffer_wipe(buffer *b)
{
    if (b->data)
        explicit_bzero(b->data, b->capacity);
    free(b->data);
    *b = (buffer){ 0 };
}

#define CLEANUP_BUFFER __attribute__((cleanup(buffer_wipe)))

static void buffer_new(buffer *b, size_t capacity)
{
    b->data = xrealloc(NULL, capacity);
    b->capacity = capacity;
    memset(b->data, 0, capacity);
}

static void wipe_all(void)
{
    while (entries) {
        entry *first = entries;

        entries = first->next;
        buffer_wipe(&first->content);
        free(first->id);
        free(first);
    }
}

/* ------------------------------------------------------------------------------------------------
 * The bytes as given
 */

static void take_data(buffer *b, const char *text)
{
    buffer_new(b, strlen(text) + 1);
    b->length = strlen(text);
    memcpy(b->data, text, b->length);
}

/* The file may be a pipe, so its size is known when it ends; memory that was outgrown is wiped. */
static int grow(buffer *b)
{
    CLEANUP_BUFFER buffer old = *b;

    if (b->capacity > MAX_SECRET_BYTES) {
        old = (buffer){ 0 };
        return -1;
    }
    buffer_new(b, old.capacity * 2);
    memcpy(b->data, old.data, old.length);
    return 0;
}

static int read_all(int fd, buffer *b)
{
    ssize_t count;

    buffer_new(b, 4096);
    do {
        if (b->length + 1 == b->capacity && grow(b))
            return EFBIG;
        count = read(fd, b->data + b->length, b->capacity - 1 - b->length);
        if (count > 0)
            b->length += (size_t)count;
    } while (count > 0 || (count < 0 && errno == EINTR));
    return count < 0 ? errno : 0;
}

static int take_file(buffer *b, const char *filename, char **why)
{
    int fd = open(filename, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : read_all(fd, b);

    if (fd >= 0)
        close(fd);
    if (error)
        *why = xasprintf("Unable to read %s: %s", filename, strerror(error));
    return error ? -1 : 0;
}

static int take_bytes(buffer *b, const keyval_list *properties, char **why)
{
    const char *data = keyval_get(properties, "data");
    const char *file = keyval_get(properties, "file");

    if (data && file)
        *why = xstrdup("'file' and 'data' are mutually exclusive");
    else if (file)
        return take_file(b, file, why);
    else if (data)
        take_data(b, data);
    else
        *why = xstrdup("Either 'file' or 'data' must be provided");
    return *why ? -1 : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Decoding and decrypting
 */

static int decode(buffer *b, char **why)
{
    long length = base64_decode(b->data, b->length);

    if (length < 0) {
        *why = xstrdup("Base64 data contains invalid characters");
        return -1;
    }
    explicit_bzero(b->data + length, b->capacity - (size_t)length);
    b->length = (size_t)length;
    return 0;
}

static int take_iv(buffer *iv, const keyval_list *properties, char **why)
{
    const char *text = keyval_get(properties, "iv");

    if (!text) {
        *why = xstrdup("IV is required to decrypt secret");
        return -1;
    }
    take_data(iv, text);
    if (decode(iv, why))
        return -1;
    if (iv->length == DECRYPT_BLOCK_SIZE)
        return 0;
    *why = xasprintf("IV should be %d bytes in length not %zu", DECRYPT_BLOCK_SIZE, iv->length);
    return -1;
}

/* The last byte says how many were added to fill the last block. */
static int remove_padding(buffer *b, char **why)
{
    size_t padding = b->length > 0 ? b->data[b->length - 1] : 0;

    if (padding == 0 || padding > DECRYPT_BLOCK_SIZE) {
        *why =
            xasprintf("Incorrect number of padding bytes (%zu) found on decrypted data", padding);
        return -1;
    }
    b->length -= padding;
    explicit_bzero(b->data + b->length, padding);
    return 0;
}

/* On failure ("No secret with id 'x'") as secret_add. */
static int find(const char *id, secret *found, char **why)
{
    for (const entry *e = entries; e; e = e->next) {
        if (strcmp(e->id, id) == 0) {
            *found = (secret){ e->content.data, e->content.length };
            return 0;
        }
    }
    *why = xasprintf("No secret with id '%s'", id);
    return -1;
}

static int decrypt(buffer *b, bool is_base64, const char *key_id, const keyval_list *properties,
                   char **why)
{
    CLEANUP_BUFFER buffer iv = { 0 };
    secret key;

    if (find(key_id, &key, why))
        return -1;
    if (key.length != DECRYPT_KEY_SIZE) {
        *why = xasprintf("Key should be %d bytes in length", DECRYPT_KEY_SIZE);
        return -1;
    }
    if (take_iv(&iv, properties, why) || (is_base64 && decode(b, why)))
        return -1;
    if (b->length % DECRYPT_BLOCK_SIZE) {
        *why = xasprintf("Length %zu must be a multiple of block size %d", b->length,
                         DECRYPT_BLOCK_SIZE);
        return -1;
    }
    return decrypt_blocks(key.data, iv.data, b->data, b->length, why) || remove_padding(b, why);
}

static int understand(buffer *b, const keyval_list *properties, char **why)
{
    const char *format = keyval_get(properties, "format");
    const char *key_id = keyval_get(properties, "keyid");
    bool is_base64 = format && strcmp(format, "base64") == 0;

    if (format && !is_base64 && strcmp(format, "raw") != 0) {
        *why = xasprintf("Parameter 'format' does not accept value '%s'", format);
        return -1;
    }
    if (take_bytes(b, properties, why))
        return -1;
    if (key_id)
        return decrypt(b, is_base64, key_id, properties, why);
    return is_base64 ? decode(b, why) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

int secret_add(const char *id, const keyval_list *properties, char **why)
{
    CLEANUP_BUFFER buffer content = { 0 };
    entry *new;

    *why = NULL;
    if (understand(&content, properties, why))
        return -1;
    if (!entries)
        atexit(wipe_all);
    new = xrealloc(NULL, sizeof *new);
    *new = (entry){ .next = entries, .id = xstrdup(id), .content = content };
    content = (buffer){ 0 };
    entries = new;
    return 0;
}

static bool is_text(const secret *s)
{
    uint32_t character;
    size_t length;

    for (size_t at = 0; at < s->length; at += length) {
        length = utf8_decode(s->data + at, &character);
        if (length == 0)
            return false;
    }
    return true;
}

int secret_find_text(const char *id, const char **text, char **why)
{
    secret found;

    if (find(id, &found, why))
        return -1;
    if (!is_text(&found)) {
        *why = xasprintf("Data from secret %s is not valid UTF-8", id);
        return -1;
    }
    *text = (const char *)found.data;
    return 0;
}
