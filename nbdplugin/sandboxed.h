/* SPDX-License-Identifier: BSD-3-Clause */
/* sandboxed.h - serving an image that is not trusted */

#ifndef NBDPLUGIN_SANDBOXED_H
#define NBDPLUGIN_SANDBOXED_H

/* Are the files that the parameters name such as the sandbox would allow?  0, or -1 after
 * nbdkit_error. */
int sandboxed_check(void);

/* From now on this process opens them and nothing else.  As above. */
int sandboxed_enter(void);

#endif /* NBDPLUGIN_SANDBOXED_H */
