/* SPDX-License-Identifier: BSD-3-Clause */
/* create_check.h - which options of a new image exclude each other */

#ifndef QCOW2_IMAGE_CREATE_CHECK_H
#define QCOW2_IMAGE_CREATE_CHECK_H

#include "image/options.h"

/* Can there be an image with these options?  -1 with the error set if not. */
int create_check_options(const struct qcow2_create_options *options);

/* The same of its cluster size alone, for one that is only measured. */
int create_check_cluster_size(const struct qcow2_create_options *options);

#endif
