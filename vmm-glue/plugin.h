/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.h - which nbdkit plugin serves a disk that is a file */

#ifndef VMM_PLUGIN_H
#define VMM_PLUGIN_H

/* What nbdkit is given as the plugin, for the program of this path and plugins that are installed
 * in this folder.  To be freed; NULL: out of memory.
 */
char *plugin_choose(const char *program, const char *folder);

/* The same for the program that runs, and where its own plugin is installed. */
char *plugin_of_this_program(void);

#endif
