/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.c - nbdkit's callbacks, each a call of the library
 *
 * The handle of every connection is the image itself (disk.c), so that a flush or a write with FUA
 * on one connection covers what all of them have written: that is what multi-conn promises to
 * clients.  The library may be used by any number of threads, hence the parallel thread model.
 *
 * nbdkit checks that requests lie within the disk and that read-only connections do not write.
 */

#define NBDKIT_API_VERSION 2
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <nbdkit-plugin.h>

#include "disk.h"
#include "parameters.h"
#include "qcow2.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* What clients are told about block sizes.  The smallest preferred one is the usual page: nothing
 * is gained by smaller requests, even where clusters are smaller. */
#define PREFERRED_MIN 4096u
#define BLOCK_SIZE_MAX (32u * 1024 * 1024)

/* Block status of a finely fragmented disk is answered in parts, so that no request takes long. */
#define EXTENTS_PER_REQUEST 65536u

/* ------------------------------------------------------------------------------------------------
 * Errors
 */

/* The protocol knows few errors, and nbdkit turns what it does not know into EINVAL, which would
 * blame the client. */
static int errno_for_client(int error)
{
    switch (error) {
    case EPERM:
    case EROFS:
    case EACCES: return EPERM;
    case ENOMEM:
    case EINVAL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return error;
    default: return EIO;
    }
}

/* Report the library's last error, and return what callbacks return then. */
static int failed(void)
{
    nbdkit_error("%s", qcow2_get_error());
    nbdkit_set_error(errno_for_client(qcow2_get_errno()));
    return -1;
}

static int result_of(int result)
{
    return result == -1 ? failed() : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The server's life
 */

static void plugin_unload(void)
{
    disk_close();
    parameters_free();
}

static const char *description(void)
{
    if (parameters.snapshot)
        return nbdkit_printf_intern("%s disk, snapshot %s", parameters.format->word,
                                    parameters.snapshot);
    return nbdkit_printf_intern("%s disk", parameters.format->word);
}

/* There is one disk, and it has no name. */
static int plugin_list_exports(int readonly, int is_tls, struct nbdkit_exports *exports)
{
    (void)readonly;
    (void)is_tls;
    return nbdkit_add_export(exports, "", description());
}

static const char *plugin_default_export(int readonly, int is_tls)
{
    (void)readonly;
    (void)is_tls;
    return "";
}

/* ------------------------------------------------------------------------------------------------
 * Connections
 */

static bool is_read_only(qcow2_image *image)
{
    qcow2_info info;

    return qcow2_get_info(image, &info, sizeof info) == -1 || info.read_only;
}

static void *plugin_open(int readonly)
{
    return disk_connect(readonly);
}

/* A client that went away without a word may have been killed.  What it wrote must not depend on
 * the server's luck, too. */
static void plugin_close(void *handle)
{
    if (!is_read_only(handle) && qcow2_flush(handle, 0) == -1)
        nbdkit_error("%s", qcow2_get_error());
}

static int64_t plugin_get_size(void *handle)
{
    return (int64_t)qcow2_get_size(handle);
}

static const char *plugin_export_description(void *handle)
{
    (void)handle;
    return description();
}

static int plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
                             uint32_t *maximum)
{
    qcow2_info info;

    if (qcow2_get_info(handle, &info, sizeof info) == -1)
        return failed();
    *minimum = 1;
    *preferred = info.cluster_size > PREFERRED_MIN ? (uint32_t)info.cluster_size : PREFERRED_MIN;
    *maximum = BLOCK_SIZE_MAX;
    return 0;
}

static int plugin_can_write(void *handle)
{
    return !is_read_only(handle);
}

static int always(void *handle)
{
    (void)handle;
    return 1;
}

static int plugin_can_fua(void *handle)
{
    (void)handle;
    return NBDKIT_FUA_NATIVE;
}

/* Reading warms both the metadata cache and the host's page cache. */
static int plugin_can_cache(void *handle)
{
    (void)handle;
    return NBDKIT_CACHE_EMULATE;
}

/* ------------------------------------------------------------------------------------------------
 * Requests
 */

static uint32_t library_flags(uint32_t nbdkit_flags)
{
    return (nbdkit_flags & NBDKIT_FLAG_FUA ? QCOW2_FUA : 0) |
           (nbdkit_flags & NBDKIT_FLAG_MAY_TRIM ? QCOW2_MAY_UNMAP : 0) |
           (nbdkit_flags & NBDKIT_FLAG_FAST_ZERO ? QCOW2_FAST_ZERO : 0);
}

static int plugin_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
    (void)flags;
    return result_of(qcow2_pread(handle, buf, count, offset, 0));
}

static int plugin_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset,
                         uint32_t flags)
{
    return result_of(qcow2_pwrite(handle, buf, count, offset, library_flags(flags)));
}

static int plugin_flush(void *handle, uint32_t flags)
{
    (void)flags;
    return result_of(qcow2_flush(handle, 0));
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    return result_of(qcow2_discard(handle, count, offset, library_flags(flags)));
}

/* A client that asks for fast zeroes counts on a no, which is therefore nothing to report. */
static int plugin_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    int result = qcow2_zero(handle, count, offset, library_flags(flags));

    if (result == -1 && qcow2_get_errno() == ENOTSUP) {
        nbdkit_debug("%s", qcow2_get_error());
        nbdkit_set_error(ENOTSUP);
        return -1;
    }
    return result_of(result);
}

/* ------------------------------------------------------------------------------------------------
 * Block status
 */

struct extents_walk {
    struct nbdkit_extents *extents;
    uint32_t left; /* how many more extents to report */
    bool only_one; /* stop where the type changes */
    bool started;  /* type is valid */
    uint32_t type; /* of the extent reported last */
};

/* What ends the walk. */
enum { ENOUGH = 1, GAVE_UP = 2 };

/* As qemu-nbd tells it: all that does not come from host storage is a hole, also where the image
 * has reserved space for it. */
static uint32_t extent_type(const qcow2_extent *extent)
{
    uint32_t type = 0;

    if (extent->status & QCOW2_EXTENT_ZERO)
        type |= NBDKIT_EXTENT_ZERO;
    if (!(extent->status & QCOW2_EXTENT_DATA))
        type |= NBDKIT_EXTENT_HOLE;
    return type;
}

static int add_extent(void *opaque, const qcow2_extent *extent)
{
    struct extents_walk *walk = opaque;
    uint32_t type = extent_type(extent);

    if (walk->left == 0 || (walk->only_one && walk->started && type != walk->type))
        return ENOUGH;
    walk->left--;
    walk->started = true;
    walk->type = type;
    if (nbdkit_add_extent(walk->extents, extent->guest_offset, extent->length, type) == -1)
        return GAVE_UP;
    return 0;
}

static int plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                          struct nbdkit_extents *extents)
{
    struct extents_walk walk = {
        .extents = extents,
        .left = EXTENTS_PER_REQUEST,
        .only_one = flags & NBDKIT_FLAG_REQ_ONE,
    };

    switch (qcow2_map(handle, count, offset, 0, add_extent, &walk)) {
    case 0:
    case ENOUGH: return 0;
    case GAVE_UP: return -1; /* reported by nbdkit_add_extent */
    default: return failed();
    }
}

static struct nbdkit_plugin plugin = {
    .name = "qcow2",
    .longname = "qcow2 disk image",
    .version = PACKAGE_VERSION,
    .description = "Serves a disk image in the qcow2 format, or a raw one.",
    .magic_config_key = "file",
    .config_help = parameters_help,
    .config = parameters_set,
    .config_complete = parameters_complete,
    .get_ready = disk_get_ready,
    .after_fork = disk_after_fork,
    .unload = plugin_unload,
    .list_exports = plugin_list_exports,
    .default_export = plugin_default_export,
    .open = plugin_open,
    .close = plugin_close,
    .get_size = plugin_get_size,
    .export_description = plugin_export_description,
    .block_size = plugin_block_size,
    .can_write = plugin_can_write,
    .can_fast_zero = always,
    .can_multi_conn = always,
    .can_fua = plugin_can_fua,
    .can_cache = plugin_can_cache,
    .pread = plugin_pread,
    .pwrite = plugin_pwrite,
    .flush = plugin_flush,
    .trim = plugin_trim,
    .zero = plugin_zero,
    .extents = plugin_extents,
};

NBDKIT_REGISTER_PLUGIN(plugin)
