/* SPDX-License-Identifier: BSD-3-Clause */
/* one-fault-views.c - all that can be seen of an image */

#include "unit/one-fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

struct viewing {
    FILE *facts;
    const char *name;
    qcow2_image *image;
    struct view view;
};

static void add_disk(struct viewing *v, qcow2_image *image)
{
    size_t size = round_up(qcow2_get_size(image), 512);

    v->view.bytes = realloc(v->view.bytes, v->view.size + size);
    memset(v->view.bytes + v->view.size, 0, size);
    if (qcow2_pread(image, v->view.bytes + v->view.size, qcow2_get_size(image), 0, 0) == -1)
        fprintf(v->facts, "unreadable: %s\n", qcow2_get_error());
    v->view.size += size;
}

static int add_snapshot(void *opaque, const qcow2_snapshot *s)
{
    struct viewing *v = opaque;
    qcow2_image *image = image_open_in_a_way(
        v->name, &(struct way){ .flags = QCOW2_OPEN_READ_ONLY, .snapshot = s->id });
    uint8_t state[8] = { 0 };

    fprintf(v->facts, "snapshot %s %s %" PRIu64 " %" PRIu64 "\n", s->id, s->name, s->disk_size,
            s->vm_state_size);
    if (image == NULL) {
        fprintf(v->facts, "unreadable: %s\n", qcow2_get_error());
        return 0;
    }
    add_disk(v, image);
    if (s->vm_state_size && qcow2_vm_state_pread(image, state, sizeof state - 1, 0, 0) == 0)
        fprintf(v->facts, "state %s\n", state);
    qcow2_close(image);
    return 0;
}

static int add_dirty(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    struct viewing *v = opaque;

    if (dirty)
        fprintf(v->facts, " %" PRIu64 "+%" PRIu64, offset, length);
    return 0;
}

struct named {
    char name[32];
    uint32_t flags;
};

struct bitmap_names {
    struct named list[8];
    size_t count;
};

static int add_name(void *opaque, const qcow2_bitmap *bitmap)
{
    struct bitmap_names *names = opaque;

    snprintf(names->list[names->count].name, sizeof names->list[0].name, "%s", bitmap->name);
    names->list[names->count++].flags = bitmap->flags;
    return 0;
}

static void add_bitmaps(struct viewing *v)
{
    struct bitmap_names names = { 0 };

    qcow2_bitmap_list(v->image, add_name, &names);
    for (size_t i = 0; i < names.count; i++) {
        fprintf(v->facts, "bitmap %s %" PRIu32, names.list[i].name, names.list[i].flags);
        qcow2_bitmap_extents(v->image, names.list[i].name, qcow2_get_size(v->image), 0, add_dirty,
                             v);
        fputc('\n', v->facts);
    }
}

static void add_facts(struct viewing *v)
{
    qcow2_info info;
    qcow2_encryption encryption;

    if (qcow2_get_info(v->image, &info, sizeof info) == 0)
        fprintf(v->facts,
                "size %" PRIu64 " version %" PRIu32 " refcount_bits %" PRIu32 " features %" PRIx32
                " backing %s %s data %s\n",
                info.virtual_size, info.version, info.refcount_bits,
                info.features & ~QCOW2_FEATURE_DIRTY,
                info.backing_filename ? info.backing_filename : "",
                info.backing_format ? info.backing_format : "",
                info.data_file ? info.data_file : "");
    if (qcow2_get_encryption(v->image, &encryption, sizeof encryption) == 0)
        for (size_t i = 0; i < QCOW2_KEYSLOTS; i++)
            fprintf(v->facts, "%s", encryption.slots[i].active ? "key " : "- ");
}

struct view view_of(const char *name)
{
    struct viewing v = { .name = name };
    size_t size;

    v.facts = open_memstream(&v.view.facts, &size);
    v.image = image_open_afterwards(name, &(struct way){ .flags = QCOW2_OPEN_READ_ONLY });
    if (v.image == NULL) {
        fprintf(v.facts, "does not open: %s\n", qcow2_get_error());
    } else {
        add_facts(&v);
        add_disk(&v, v.image);
        qcow2_snapshot_list(v.image, add_snapshot, &v);
        add_bitmaps(&v);
        qcow2_close(v.image);
    }
    fclose(v.facts);
    return v.view;
}

void view_free(struct view *view)
{
    free(view->facts);
    free(view->bytes);
}
