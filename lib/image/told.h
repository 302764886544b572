/* SPDX-License-Identifier: BSD-3-Clause */
/* told.h - strings that an image has handed out, which live until it is closed */

#ifndef QCOW2_IMAGE_TOLD_H
#define QCOW2_IMAGE_TOLD_H

#include <pthread.h>

struct told_text;

struct told {
    pthread_mutex_t lock; /* of texts; no other lock is taken while it is held */
    struct told_text *texts;
};

void told_init(struct told *told);
void told_destroy(struct told *told);

/* Let *to be a text of the same content that lives as long as told; NULL stays NULL. */
int told_keep(struct told *told, const char *text, const char **to);

#endif
