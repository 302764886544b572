/* SPDX-License-Identifier: BSD-3-Clause */
/* listen.h - what is said on standard output or error, gathered in memory meanwhile */

#ifndef FUZZ_LISTEN_H
#define FUZZ_LISTEN_H

#include <stdbool.h>
#include <stdio.h>

struct listening {
    FILE **stream, *before;
    char *text;
    size_t size;
};

void listen_begin(struct listening *listening, FILE **stream);

/* harmless: it must be text that can be shown on a terminal. */
void listen_end(struct listening *listening, bool harmless);

#endif
