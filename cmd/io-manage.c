/* SPDX-License-Identifier: BSD-3-Clause */
/* io-manage.c - commands of qcow-io about the image: length, truncate, alloc, map, info */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "facts.h"
#include "human.h"
#include "io.h"
#include "json.h"
#include "message.h"
#include "option-value.h"

/* ------------------------------------------------------------------------------------------------
 * Sizes
 */

int io_length(io_session *session, const io_command *command, const io_request *request)
{
    char size[IO_SIZE_LENGTH];

    (void)command;
    (void)request;
    printf("%s\n", io_size_text(size, (double)qcow2_get_size(session->image)));
    return 0;
}

int io_truncate(io_session *session, const io_command *command, const io_request *request)
{
    const char *mode = request->values['m'];
    uint32_t flags = 0;
    uint64_t size;

    if (mode && preallocation_parse(mode, &flags))
        return -1;
    if (request->nb_words == 0)
        return io_usage(command);
    if (io_parse_size(request->words[0], &size))
        return -1;
    if (qcow2_resize(session->image, size, QCOW2_RESIZE_SHRINK | flags)) {
        error_report("%s", qcow2_get_error());
        return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Allocation
 */

static int add_allocated(void *opaque, const qcow2_extent *extent)
{
    uint64_t *sum = opaque;

    if (extent->status & QCOW2_EXTENT_PRESENT)
        *sum += extent->length;
    return 0;
}

static int map_failed(void)
{
    error_report("Failed to query allocation status: %s", qcow2_get_error());
    return -1;
}

int io_alloc(io_session *session, const io_command *command, const io_request *request)
{
    uint64_t size = qcow2_get_size(session->image);
    uint64_t offset, count = 512, rest, sum = 0;
    char text[IO_SIZE_LENGTH];

    (void)command;
    if (io_parse_size(request->words[0], &offset) ||
        (request->nb_words > 1 && io_parse_size(request->words[1], &count)))
        return -1;
    rest = offset < size ? size - offset : 0;
    count = count < rest ? count : rest;
    if (count > 0 &&
        qcow2_map(session->image, count, offset, QCOW2_MAP_SHALLOW, add_allocated, &sum))
        return map_failed();
    printf("%" PRIu64 "/%" PRIu64 " bytes allocated at offset %s\n", sum, count,
           io_size_text(text, (double)offset));
    return 0;
}

/* A stretch of the disk that is allocated throughout, or nowhere. */
typedef struct {
    uint64_t offset, length;
    bool allocated;
} stretch;

static void print_stretch(const stretch *s)
{
    char length[IO_SIZE_LENGTH], offset[IO_SIZE_LENGTH];

    if (s->length > 0)
        printf("%s (0x%" PRIx64 ") bytes %s at offset %s (0x%" PRIx64 ")\n",
               io_size_text(length, (double)s->length), s->length,
               s->allocated ? "    allocated" : "not allocated",
               io_size_text(offset, (double)s->offset), s->offset);
}

static int gather(void *opaque, const qcow2_extent *extent)
{
    stretch *s = opaque;
    bool allocated = (extent->status & QCOW2_EXTENT_PRESENT) != 0;

    if (s->length > 0 && s->allocated == allocated) {
        s->length += extent->length;
        return 0;
    }
    print_stretch(s);
    *s = (stretch){ extent->guest_offset, extent->length, allocated };
    return 0;
}

int io_map(io_session *session, const io_command *command, const io_request *request)
{
    uint64_t size = qcow2_get_size(session->image);
    stretch s = { 0 };

    (void)command;
    (void)request;
    if (size > 0 && qcow2_map(session->image, size, 0, QCOW2_MAP_SHALLOW, gather, &s))
        return map_failed();
    print_stretch(&s);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Facts
 */

/* The VM state begins where the next L1 entry behind the disk would map. */
static uint64_t vm_state_offset(const qcow2_info *info)
{
    uint64_t entry_size = info->features & QCOW2_FEATURE_EXTENDED_L2 ? 16 : 8;
    uint64_t per_l1_entry;

    if (info->cluster_size == 0)
        return 0;
    per_l1_entry = info->cluster_size / entry_size * info->cluster_size;
    return (info->virtual_size + per_l1_entry - 1) / per_l1_entry * per_l1_entry;
}

int io_info(io_session *session, const io_command *command, const io_request *request)
{
    CLEANUP_JSON json_t *facts = NULL, *bitmaps = NULL;
    char size[IO_SIZE_LENGTH];
    qcow2_info info;

    (void)command;
    (void)request;
    if (qcow2_get_info(session->image, &info, sizeof info)) {
        error_report("%s", qcow2_get_error());
        return -1;
    }
    printf("format name: %s\n", info.format);
    printf("cluster size: %s\n", io_size_text(size, (double)info.cluster_size));
    printf("vm state offset: %s\n", io_size_text(size, (double)vm_state_offset(&info)));
    if (strcmp(info.format, "qcow2") == 0 && !(bitmaps = facts_of_bitmaps(session->image))) {
        error_report("%s", qcow2_get_error());
        return -1;
    }
    facts = facts_of_format(session->image, &info, bitmaps);
    if (facts) {
        printf("Format specific information:\n");
        json_print_human(facts, 1);
    }
    return 0;
}
