/* SPDX-License-Identifier: BSD-3-Clause */
/* sandboxed.c - serving an image that is not trusted */

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <stddef.h>

#include "parameters.h"
#include "qcow2.h"
#include "sandbox.h"
#include "sandboxed.h"

/* Many connections, each with its threads, have a stack each. */
#define MEMORY (UINT64_C(4) << 30)

static int add_files(struct sandbox *sandbox)
{
    bool writable = !parameters.readonly && !parameters.snapshot;

    if (sandbox_add_file(sandbox, parameters.file, writable) == 0 &&
        (!parameters.data_file || sandbox_add_file(sandbox, parameters.data_file, writable) == 0))
        return 0;
    nbdkit_error("untrusted=true: %s", sandbox->error);
    return -1;
}

int sandboxed_check(void)
{
    struct sandbox sandbox;
    int result;

    sandbox_begin(&sandbox, SANDBOX_SERVER);
    if (sandbox_weakness(&sandbox))
        nbdkit_error("warning: untrusted=true: %s", sandbox_weakness(&sandbox));
    result = add_files(&sandbox);
    sandbox_end(&sandbox);
    return result;
}

int sandboxed_enter(void)
{
    const struct sandbox_limits limits = { .memory = MEMORY };
    struct sandbox sandbox;
    int result;

    qcow2_load_libraries(); /* what is not there is missed by who needs it */
    sandbox_begin(&sandbox, SANDBOX_SERVER);
    result = add_files(&sandbox);
    if (result == 0) {
        result = sandbox_enter(&sandbox, &limits);
        if (result == -1)
            nbdkit_error("untrusted=true: could not enter the sandbox: %s", sandbox.error);
    }
    sandbox_end(&sandbox);
    return result;
}
