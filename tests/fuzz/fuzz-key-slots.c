/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-key-slots.c - passwords come and go in a damaged LUKS header, alone and in a qcow2 image
 *
 * The input: which of the two (1 byte), the number of changes (1), changes, patches
 * (luks-volumes.h). A change:
 *
 *     what (1 byte) | slot (1) | old password (1) | new password (1)
 *
 * In a volume that nobody damaged exactly those passwords open it afterwards that should, and a
 * password that was put into a slot last opens any.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "crypto/luks.h"
#include "fuzz/luks-volumes.h"

#define CHANGE_BYTES 4u
#define MAX_CHANGES 6u
#define ASKED_SLOTS (LUKS_SLOTS + 2) /* there is no such slot */

enum { STATE_BITS = 3, FORCE = 4, HAS_KEYSLOT = 8, HAS_ITER_TIME = 16 };

static const char *const passwords[] = { "fuzz", "one", "", "two" };

#define PASSWORDS (sizeof passwords / sizeof passwords[0])
#define NONE ((unsigned)PASSWORDS)

/* Which password is in which slot, as long as that is known. */
struct model {
    unsigned in[LUKS_SLOTS];
    unsigned put; /* by the last change that succeeded; or NONE */
};

struct change {
    uint8_t what;
    unsigned slot, old, new;
};

static struct change decode(const uint8_t *bytes)
{
    return (struct change){ bytes[0], bytes[1] % ASKED_SLOTS, bytes[2] % (NONE + 1),
                            bytes[3] % (NONE + 1) };
}

static enum keyslot_state state_of(const struct change *c)
{
    return (enum keyslot_state)(c->what % STATE_BITS);
}

static void set_secret(struct secret *secret, unsigned password)
{
    if (password != NONE)
        fuzz_require(secret_set(secret, passwords[password], strlen(passwords[password])) == 0);
}

static int apply(struct qcow2_image *image, const struct change *c)
{
    struct qcow2_amend_options options = {
        .flags = c->what & FORCE ? QCOW2_AMEND_FORCE : 0,
        .keyslots = { .state = state_of(c),
                      .has_keyslot = c->what & HAS_KEYSLOT,
                      .keyslot = c->slot,
                      .has_iter_time = c->what & HAS_ITER_TIME,
                      .iter_time = 1 },
    };
    int r;

    set_secret(&options.keyslots.old_secret, c->old);
    set_secret(&options.keyslots.new_secret, c->new);
    r = image_amend(image, &options, NULL, NULL);
    secret_clear(&options.keyslots.old_secret);
    secret_clear(&options.keyslots.new_secret);
    return r;
}

/* What has become of the slots when the change has succeeded. */
static void follow(struct model *m, const struct change *c)
{
    unsigned slot = 0;

    m->put = state_of(c) == KEYSLOT_STATE_ACTIVE ? c->new : NONE;
    if (c->what & HAS_KEYSLOT) {
        m->in[c->slot] = m->put;
        return;
    }
    if (m->put == NONE) {
        for (slot = 0; slot < LUKS_SLOTS; slot++)
            m->in[slot] = m->in[slot] == c->old ? NONE : m->in[slot];
        return;
    }
    while (slot + 1 < LUKS_SLOTS && m->in[slot] != NONE)
        slot++;
    m->in[slot] = m->put;
}

static void change_all(struct qcow2_image *image, const uint8_t *changes, unsigned count,
                       struct model *m)
{
    for (unsigned i = 0; i < count; i++) {
        struct change c = decode(changes + i * CHANGE_BYTES);

        if (state_of(&c) != KEYSLOT_STATE_UNSAID && apply(image, &c) == 0)
            follow(m, &c);
    }
}

static bool opens(const struct luks_made *made, struct store *store, unsigned password)
{
    struct qcow2_image *image = luks_open(made, store, QCOW2_OPEN_READ_ONLY, passwords[password]);
    bool opened = image != NULL;

    if (opened)
        image_close(image);
    return opened;
}

static void look(const struct luks_made *made, struct store *store, const struct model *m,
                 bool damaged)
{
    if (m->put != NONE)
        fuzz_require(opens(made, store, m->put));
    for (unsigned password = 0; password < PASSWORDS && !damaged; password++) {
        bool is_there = false;

        for (unsigned slot = 0; slot < LUKS_SLOTS; slot++)
            is_there |= m->in[slot] == password;
        fuzz_require(opens(made, store, password) == is_there);
    }
}

static void use(const struct luks_made *made, struct store *store, const uint8_t *changes,
                unsigned count, bool damaged)
{
    struct model m = { .put = NONE };
    struct qcow2_image *image = luks_open(made, store, 0, passwords[0]);

    fuzz_require(image != NULL || damaged);
    if (image == NULL)
        return;
    for (unsigned slot = 1; slot < LUKS_SLOTS; slot++)
        m.in[slot] = NONE;
    change_all(image, changes, count, &m);
    fuzz_require(image_close(image) == 0 || damaged);
    look(made, store, &m, damaged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned count = size > 1 ? data[1] % (MAX_CHANGES + 1) : 0;
    size_t head = 2 + count * CHANGE_BYTES;
    const struct luks_made *made;
    struct store *store;
    const uint8_t *bytes;

    if (size < head)
        return 0;
    made = luks_made(data[0], passwords[0]);
    bytes = luks_damaged(made, data + head, size - head);
    store = fuzz_store(bytes, made->size);
    use(made, store, data + 2, count, memcmp(bytes, made->bytes, made->size) != 0);
    store_close(store);
    return 0;
}
