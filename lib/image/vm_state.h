/* SPDX-License-Identifier: BSD-3-Clause */
/* vm_state.h - the room for a virtual machine's memory behind the disk */

#ifndef QCOW2_IMAGE_VM_STATE_H
#define QCOW2_IMAGE_VM_STATE_H

#include "image/image.h"

/* The image's tables and disk are open, its data in plain text. */
int image_vm_state_open(struct qcow2_image *image);

/* Offsets are counted from the start of the VM state.  What was not written reads as zeroes. */
int image_vm_state_read(struct qcow2_image *image, void *buf, size_t count, uint64_t offset);
int image_vm_state_write(struct qcow2_image *image, const void *buf, size_t count, uint64_t offset,
                         uint32_t flags);

/* Is there room for so many bytes?  0, or -1 with EFBIG. */
int image_vm_state_fits(const struct qcow2_image *image, uint64_t size);
/* A snapshot has taken the first bytes over: the active state gives them up.  operations is held
 * alone; flushes.  Where that fails it keeps them, which costs space and nothing else. */
void image_vm_state_drop(struct qcow2_image *image, uint64_t size);

#endif
