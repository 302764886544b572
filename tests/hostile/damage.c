/* SPDX-License-Identifier: BSD-3-Clause */
/* damage.c - hostile values in every field */

#include "hostile/damage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "hostile/recipes.h"
#include "hostile/wholes.h"
#include "interop/twin-tools.h"

/* ------------------------------------------------------------------------------------------------
 * Fields
 */

struct field {
    enum structure in;
    const char *name;
    uint32_t at;
    uint32_t bytes; /* 1 to 8, or 0: text, which begins here */
};

static const struct field fields[] = {
    { HEADER, "magic", 0, 4 },
    { HEADER, "version", 4, 4 },
    { HEADER, "backing_file_offset", 8, 8 },
    { HEADER, "backing_file_size", 16, 4 },
    { HEADER, "cluster_bits", 20, 4 },
    { HEADER, "size", 24, 8 },
    { HEADER, "crypt_method", 32, 4 },
    { HEADER, "l1_size", 36, 4 },
    { HEADER, "l1_table_offset", 40, 8 },
    { HEADER, "refcount_table_offset", 48, 8 },
    { HEADER, "refcount_table_clusters", 56, 4 },
    { HEADER, "nb_snapshots", 60, 4 },
    { HEADER, "snapshots_offset", 64, 8 },
    { HEADER, "incompatible_features", 72, 8 },
    { HEADER, "compatible_features", 80, 8 },
    { HEADER, "autoclear_features", 88, 8 },
    { HEADER, "refcount_order", 96, 4 },
    { HEADER, "header_length", 100, 4 },
    { HEADER, "compression_type", 104, 1 },
    { EXTENSION, "type", 0, 4 },
    { EXTENSION, "length", 4, 4 },
    { FEATURE_NAMES, "type", 0, 1 },
    { FEATURE_NAMES, "bit", 1, 1 },
    { FEATURE_NAMES, "name", 2, 0 },
    { BITMAPS_EXTENSION, "nb_bitmaps", 0, 4 },
    { BITMAPS_EXTENSION, "reserved", 4, 4 },
    { BITMAPS_EXTENSION, "directory_size", 8, 8 },
    { BITMAPS_EXTENSION, "directory_offset", 16, 8 },
    { CRYPTO_EXTENSION, "offset", 0, 8 },
    { CRYPTO_EXTENSION, "length", 8, 8 },
    { FORMAT_NAME, "name", 0, 0 },
    { DATA_FILE_NAME, "name", 0, 0 },
    { BACKING_NAME, "name", 0, 0 },
    { L1, "entry0", 0, 8 },
    { L1, "entry1", 8, 8 },
    { L2, "entry0", 0, 8 },
    { L2, "entry1", 8, 8 },
    { L2, "entry2", 16, 8 },
    { EXTENDED_L2, "entry0", 0, 8 },
    { EXTENDED_L2, "bitmap0", 8, 8 },
    { EXTENDED_L2, "bitmap1", 24, 8 },
    { COMPRESSED_L2, "entry0", 0, 8 },
    { COMPRESSED_L2, "entry1", 8, 8 },
    { STREAM, "byte0", 0, 1 },
    { STREAM, "head", 0, 8 },
    { STREAM, "frame", 4, 4 },
    { REFCOUNT_TABLE, "entry0", 0, 8 },
    { REFCOUNT_TABLE, "entry1", 8, 8 },
    { REFCOUNT_BLOCK, "byte0", 0, 1 },
    { REFCOUNT_BLOCK, "counts0", 0, 8 },
    { REFCOUNT_BLOCK, "counts1", 8, 8 },
    { SNAPSHOT_TABLE, "l1_table_offset", 0, 8 },
    { SNAPSHOT_TABLE, "l1_size", 8, 4 },
    { SNAPSHOT_TABLE, "id_size", 12, 2 },
    { SNAPSHOT_TABLE, "name_size", 14, 2 },
    { SNAPSHOT_TABLE, "date_seconds", 16, 4 },
    { SNAPSHOT_TABLE, "date_nanoseconds", 20, 4 },
    { SNAPSHOT_TABLE, "vm_clock", 24, 8 },
    { SNAPSHOT_TABLE, "vm_state_size", 32, 4 },
    { SNAPSHOT_TABLE, "extra_size", 36, 4 },
    { SNAPSHOT_TABLE, "vm_state_size_large", 40, 8 },
    { SNAPSHOT_TABLE, "disk_size", 48, 8 },
    { SNAPSHOT_TABLE, "icount", 56, 8 },
    { SNAPSHOT_TABLE, "id", 64, 0 },
    { SNAPSHOT_L1, "entry0", 0, 8 },
    { BITMAP_DIRECTORY, "table_offset", 0, 8 },
    { BITMAP_DIRECTORY, "table_size", 8, 4 },
    { BITMAP_DIRECTORY, "flags", 12, 4 },
    { BITMAP_DIRECTORY, "type", 16, 1 },
    { BITMAP_DIRECTORY, "granularity_bits", 17, 1 },
    { BITMAP_DIRECTORY, "name_size", 18, 2 },
    { BITMAP_DIRECTORY, "extra_data_size", 20, 4 },
    { BITMAP_DIRECTORY, "name", 24, 0 },
    { BITMAP_TABLE, "entry0", 0, 8 },
    { LUKS, "version", 6, 2 },
    { LUKS, "cipher_name", 8, 0 },
    { LUKS, "cipher_mode", 40, 0 },
    { LUKS, "hash_spec", 72, 0 },
    { LUKS, "payload_offset", 104, 4 },
    { LUKS, "key_bytes", 108, 4 },
    { LUKS, "digest_iterations", 164, 4 },
    { LUKS, "uuid", 168, 0 },
    { LUKS, "slot0_active", 208, 4 },
    { LUKS, "slot0_iterations", 212, 4 },
    { LUKS, "slot0_material_offset", 248, 4 },
    { LUKS, "slot0_stripes", 252, 4 },
    { LUKS, "slot1_active", 256, 4 },
    { LUKS, "slot1_material_offset", 296, 4 },
    { QCOW1_HEADER, "backing_file_offset", 8, 8 },
    { QCOW1_HEADER, "backing_file_size", 16, 4 },
    { QCOW1_HEADER, "size", 24, 8 },
    { QCOW1_HEADER, "cluster_bits", 32, 1 },
    { QCOW1_HEADER, "l2_bits", 33, 1 },
    { QCOW1_HEADER, "crypt_method", 36, 4 },
    { QCOW1_HEADER, "l1_table_offset", 40, 8 },
    { QCOW1_L1, "entry0", 0, 8 },
    { QCOW1_L2, "entry0", 0, 8 },
};

#define NB_FIELDS (sizeof fields / sizeof fields[0])

static const char *const structure_names[STRUCTURES] = {
    [HEADER] = "header",
    [EXTENSION] = "extension",
    [FORMAT_NAME] = "format",
    [FEATURE_NAMES] = "feature",
    [BITMAPS_EXTENSION] = "bitmaps",
    [DATA_FILE_NAME] = "data-file",
    [CRYPTO_EXTENSION] = "crypto",
    [BACKING_NAME] = "backing",
    [L1] = "l1",
    [L2] = "l2",
    [EXTENDED_L2] = "extended-l2",
    [COMPRESSED_L2] = "compressed-l2",
    [STREAM] = "stream",
    [REFCOUNT_TABLE] = "refcount-table",
    [REFCOUNT_BLOCK] = "refcount-block",
    [SNAPSHOT_TABLE] = "snapshot",
    [SNAPSHOT_L1] = "snapshot-l1",
    [BITMAP_DIRECTORY] = "directory",
    [BITMAP_TABLE] = "bitmap-table",
    [LUKS] = "luks",
    [QCOW1_HEADER] = "header",
    [QCOW1_L1] = "l1",
    [QCOW1_L2] = "l2",
};

/* ------------------------------------------------------------------------------------------------
 * Values
 */

typedef uint64_t rule(const struct bytes *image, const struct field *field, uint64_t old);

#define RULE(name, expression)                                                               \
    static uint64_t name(const struct bytes *image, const struct field *field, uint64_t old) \
    {                                                                                        \
        (void)image, (void)field, (void)old;                                                 \
        return expression;                                                                   \
    }

RULE(zero, 0)
RULE(one, 1)
RULE(ones, UINT64_MAX)
RULE(half, UINT64_MAX >> 1 >> (64 - 8 * field->bytes)) /* the largest that is not negative */
RULE(sign, old ^ UINT64_C(1) << (8 * field->bytes - 1))
RULE(next, old + 1)
RULE(doubled, old * 2)
RULE(unaligned, old + 512)
RULE(flag, old ^ UINT64_C(1) << 62 >> (64 - 8 * field->bytes))
RULE(beyond, round_up(image->size, 65536))
RULE(far, UINT64_C(0x00fffffffff00000))
RULE(itself, structure_find(image, field->in))
RULE(l1, structure_find(image, L1))
RULE(block, structure_find(image, REFCOUNT_BLOCK))

static const struct {
    const char *name;
    rule *rule;
    uint32_t least; /* bytes of fields that it makes sense for */
} values[] = {
    { "zero", zero, 1 },       { "one", one, 1 },
    { "ones", ones, 1 },       { "half", half, 1 },
    { "sign", sign, 1 },       { "next", next, 1 },
    { "doubled", doubled, 1 }, { "unaligned", unaligned, 4 },
    { "flag", flag, 1 },       { "beyond", beyond, 4 },
    { "far", far, 8 },         { "itself", itself, 8 },
    { "l1", l1, 8 },           { "block", block, 8 },
};

#define NB_VALUES (sizeof values / sizeof values[0])

/* For a terminal, a shell, a browser, a reader of JSON, and for whoever trusts that it is UTF-8. */
static const char *const texts[] = { "\033[2J", "\r\n\t\b", "\x9b\xff\xc3", "\"}',<", "json:{}" };

#define NB_TEXTS (sizeof texts / sizeof texts[0])

/* ------------------------------------------------------------------------------------------------
 * One field
 */

/* False: nothing has changed. */
static bool set_number(struct bytes *image, const struct field *field, size_t value)
{
    uint64_t at = structure_find(image, field->in) + field->at;
    uint64_t old = load_number(image, at, field->bytes), new;
    uint8_t number[8];

    if (field->bytes < values[value].least || at + field->bytes > image->size)
        return false;
    new = values[value].rule(image, field, old);
    store_be64(number, new);
    if (memcmp(number + 8 - field->bytes, image->data + at, field->bytes) == 0)
        return false;
    memcpy(image->data + at, number + 8 - field->bytes, field->bytes);
    return true;
}

static bool set_text(struct bytes *image, const struct field *field, size_t value)
{
    uint64_t at = structure_find(image, field->in) + field->at;
    size_t size = strlen(texts[value]);

    if (at + size > image->size)
        return false;
    memcpy(image->data + at, texts[value], size);
    return true;
}

static size_t nb_values(const struct field *field)
{
    return field->bytes ? NB_VALUES : NB_TEXTS;
}

#define NB_LENGTHS 16u /* at which each recipe is cut off */

/* ------------------------------------------------------------------------------------------------
 * All of them
 */

static struct bytes *made; /* by recipe */

/* A case is a number: recipe, kind, field and value; many numbers are no case. */
struct choice {
    const struct recipe *recipe;
    const struct field *field; /* NULL: cut off, or a whole */
    size_t value;
    const struct whole *whole;
};

static struct choice *choices;
static size_t nb_choices;

static void choose(struct choice choice)
{
    choices = realloc(choices, (nb_choices + 1) * sizeof *choices);
    if (choices == NULL)
        die("no memory");
    choices[nb_choices++] = choice;
}

static struct bytes copy(const struct bytes *image)
{
    struct bytes b = { malloc(image->size + 1), image->size };

    if (b.data == NULL)
        die("no memory");
    memcpy(b.data, image->data, b.size);
    return b;
}

static bool damage(struct bytes *image, const struct choice *c)
{
    if (c->whole) {
        c->whole->make(image, c->whole);
        return true;
    }
    if (c->field == NULL) {
        image->size = c->value == NB_LENGTHS ? image->size : image->size / NB_LENGTHS * c->value;
        return true;
    }
    return c->field->bytes ? set_number(image, c->field, c->value)
                           : set_text(image, c->field, c->value);
}

static void choose_of_recipe(size_t r)
{
    const struct recipe *recipe = &recipes[r];
    struct bytes image;

    for (size_t f = 0; f < NB_FIELDS; f++) {
        if (!(recipe->structures >> fields[f].in & 1))
            continue;
        for (size_t v = 0; v < nb_values(&fields[f]); v++) {
            struct choice c = { recipe, &fields[f], v, NULL };

            image = copy(&made[r]);
            if (damage(&image, &c))
                choose(c);
            free(image.data);
        }
    }
    for (size_t i = 0; i <= NB_LENGTHS; i++) /* the last of them is whole */
        choose((struct choice){ recipe, NULL, i, NULL });
    for (size_t w = 0; w < nb_wholes; w++)
        if (strcmp(wholes[w].recipe, recipe->name) == 0)
            choose((struct choice){ recipe, NULL, 0, &wholes[w] });
}

static void make_file(const char *name)
{
    int fd = open(name, O_CREAT | O_RDWR, 0600);

    if (fd == -1 || ftruncate(fd, 262144) == -1 || close(fd) == -1)
        die("no file %s", name);
}

void damage_prepare(void)
{
    make_file(CANARY);
    make_file("data");
    if (mkfifo("pipe", 0600) == -1)
        die("no pipe");
    made = calloc(nb_recipes, sizeof *made);
    for (size_t r = 0; r < nb_recipes; r++) {
        made[r] = recipe_make(&recipes[r]);
        choose_of_recipe(r);
    }
}

size_t damage_count(void)
{
    return nb_choices;
}

static void name_case(char *name, size_t size, const struct choice *c)
{
    if (c->whole)
        snprintf(name, size, "%s", c->whole->name);
    else if (c->field == NULL)
        snprintf(name, size, "%s-cut-%zu", c->recipe->name, c->value);
    else
        snprintf(name, size, "%s-%s.%s-%s%zu", c->recipe->name, structure_names[c->field->in],
                 c->field->name, c->field->bytes ? values[c->value].name : "text", c->value);
}

bool damage_next(size_t *number, struct damage_case *c)
{
    const struct choice *choice = &choices[*number];

    if (*number == nb_choices)
        return false;
    ++*number;
    *c = (struct damage_case){
        .format = choice->recipe->format,
        .encrypted = choice->recipe->encrypted,
        .endless = choice->whole && choice->whole->endless,
        .image = copy(&made[choice->recipe - recipes]),
    };
    name_case(c->name, sizeof c->name, choice);
    damage(&c->image, choice);
    return true;
}
