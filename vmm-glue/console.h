/* SPDX-License-Identifier: BSD-3-Clause */
/* console.h - standard input as the keyboard of the serial console */

#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serial.h"

enum console_event { CONSOLE_INPUT, CONSOLE_QUIT };

/* The main thread's; there is no lock. */
struct console {
    int fd;
    bool at_end;  /* no more input will come */
    bool escaped; /* the last byte was Ctrl-A */
    uint8_t pending[256];
    size_t pending_count; /* bytes the guest has not had room for */
};

/* If input is a terminal it is in raw mode from here until the process exits. */
void console_open(struct console *console, int fd);

bool console_wants_input(const struct console *console);

/* Input is readable: reads it and looks for escapes. */
enum console_event console_read(struct console *console);

/* Passes on what the guest has room for. */
void console_feed(struct console *console, struct serial *serial);

#endif
