/* SPDX-License-Identifier: BSD-3-Clause */
/* console.c - standard input as the keyboard of the serial console
 *
 * Ctrl-A begins an escape: Ctrl-A x quits, Ctrl-A Ctrl-A is one for the guest,
 * Ctrl-A and anything else is dropped.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"

#define ESCAPE 0x01

/* For the exit handler, which takes no argument. */
static int terminal_fd;
static struct termios saved_settings;

static void restore_terminal(void)
{
    tcsetattr(terminal_fd, TCSANOW, &saved_settings);
}

static void make_raw(int fd)
{
    struct termios settings;

    if (tcgetattr(fd, &saved_settings) < 0)
        return; /* not a terminal */
    terminal_fd = fd;
    settings = saved_settings;
    cfmakeraw(&settings);
    settings.c_oflag |= OPOST; /* our own sentences still end their lines */
    if (atexit(restore_terminal) == 0)
        tcsetattr(fd, TCSANOW, &settings);
}

void console_open(struct console *console, int fd)
{
    *console = (struct console){ .fd = fd };
    make_raw(fd);
}

bool console_wants_input(const struct console *console)
{
    return !console->at_end && !console->pending_count;
}

static enum console_event take_byte(struct console *console, uint8_t byte)
{
    if (!console->escaped && byte == ESCAPE) {
        console->escaped = true;
        return CONSOLE_INPUT;
    }
    if (console->escaped && byte == 'x')
        return CONSOLE_QUIT;
    if (!console->escaped || byte == ESCAPE)
        console->pending[console->pending_count++] = byte;
    console->escaped = false;
    return CONSOLE_INPUT;
}

enum console_event console_read(struct console *console)
{
    uint8_t bytes[sizeof console->pending];
    ssize_t count = read(console->fd, bytes, sizeof bytes);

    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return CONSOLE_INPUT;
    console->at_end = count <= 0;
    for (ssize_t i = 0; i < count; i++)
        if (take_byte(console, bytes[i]) == CONSOLE_QUIT)
            return CONSOLE_QUIT;
    return CONSOLE_INPUT;
}

void console_feed(struct console *console, struct serial *serial)
{
    size_t taken = serial_input(serial, console->pending, console->pending_count);

    console->pending_count -= taken;
    memmove(console->pending, console->pending + taken, console->pending_count);
}
