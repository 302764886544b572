/* SPDX-License-Identifier: BSD-3-Clause */
/* object.h - --object: things that the command line makes and its other options name by an id */

#ifndef QCOW_CMD_OBJECT_H
#define QCOW_CMD_OBJECT_H

/* Makes what "TYPE,id=ID,KEY=VALUE..." or the JSON object of the same members describes.  Returns
 * 0, -1 when an error was reported, or 1 when help was asked for and printed. */
int object_add(const char *text);

#endif /* QCOW_CMD_OBJECT_H */
