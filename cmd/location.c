/* SPDX-License-Identifier: BSD-3-Clause */
/* location.c - where the image is that the user names plainly */

#include <stdlib.h>
#include <string.h>

#include "location.h"
#include "message.h"
#include "nbd-address.h"
#include "path.h"

int location_read(location *l, const char *name, char **why)
{
    const char *driver;

    *l = (location){ .nbd = nbd_is_name(name) };
    if (l->nbd) {
        l->name = nbd_uri_of_name(name, why);
        return l->name ? 0 : -1;
    }
    driver = path_take_driver(&name);
    if (!driver && path_has_protocol(name)) {
        *why = xasprintf("Unknown protocol '%.*s'", (int)strcspn(name, ":"), name);
        return -1;
    }
    l->name = path_has_protocol(name) ? xasprintf("./%s", name) : xstrdup(name);
    *why = driver ? path_driver_refusal(driver, l->name) : NULL;
    if (*why)
        location_clear(l);
    return *why ? -1 : 0;
}

void location_clear(location *l)
{
    free(l->name);
    *l = (location){ 0 };
}
