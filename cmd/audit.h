/* SPDX-License-Identifier: BSD-3-Clause */
/* audit.h - what an image from a stranger would do to whoever opens it
 *
 * An audit is a list of findings.  Each has a name that scripts know, a level, and a sentence.  The
 * verdict is the highest level.
 */

#ifndef QCOW_CMD_AUDIT_H
#define QCOW_CMD_AUDIT_H

#include <jansson.h>
#include <stdint.h>

#include "qcow2.h"

typedef enum {
    AUDIT_SAFE,
    AUDIT_CAUTION, /* harmless, if those who use it know */
    AUDIT_DANGER,  /* not to be given to a hypervisor */
    AUDIT_FAILED,  /* nothing can be said */
} audit_level;

typedef struct {
    const char *filename;
    audit_level level;
    json_t *facts;    /* an object; see audit-image.c */
    json_t *findings; /* an array of objects with level, name and text */
} audit;

void audit_begin(audit *a, const char *filename);
void audit_end(audit *a);

void audit_find(audit *a, audit_level level, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Looks at the file, which is opened for reading, and at no other.  wait: seconds, if another
 * program has locked it. */
void audit_image(audit *a, uint32_t flags, uint64_t wait);

/* What the disk of the image holds, and the disks of its snapshots: audit-content.c. */
void audit_content(audit *a, const qcow2_info *info, uint32_t flags);

/* What was found, with depth steps of indentation and no newline at the end. */
void audit_print_json(const audit *a, int depth);

void audit_print_human(const audit *a);

#endif /* QCOW_CMD_AUDIT_H */
