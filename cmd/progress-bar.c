/* SPDX-License-Identifier: BSD-3-Clause */
/* progress-bar.c - a line on the terminal that shows how far a long command has come
 *
 * The rate is that of the last seconds: each look at the clock mixes what was done since the look
 * before into it, with the more weight the longer ago that was.
 */

#include "progress-bar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "ending.h"
#include "human.h"
#include "message.h"

#define INTERVAL 0.1 /* seconds from one drawing to the next */
#define MEMORY 4.0   /* seconds that the rate goes back, about */

enum {
    DEFAULT_COLUMNS = 80,
    MAX_COLUMNS = 250,
    FREE_COLUMNS = 3, /* on the right */
    MIN_BAR = 8,      /* columns between the brackets that still show something */
    PERCENT_COLUMNS = 6,
    FIELD_SIZE = 48,
};

/* The bar that is on the line where the cursor is; NULL: none.  Signal handlers read it. */
static progress_bar *volatile on_line;

/* ------------------------------------------------------------------------------------------------
 * The text
 */

static double portion(const progress_bar *bar)
{
    if (bar->complete)
        return 1;
    return bar->total == 0 ? 0 : (double)bar->done / (double)bar->total;
}

/* "0:31", "2:05:09".  Nobody waits for more than some days. */
static void print_time(char field[FIELD_SIZE], double duration)
{
    unsigned long whole = (unsigned long)(duration + 0.5);
    unsigned hours = (unsigned)(whole / 3600), minutes = (unsigned)(whole / 60 % 60);

    if (duration > 999 * 3600.0)
        snprintf(field, FIELD_SIZE, "-:--");
    else if (hours > 0)
        snprintf(field, FIELD_SIZE, "%u:%02u:%02u", hours, minutes, (unsigned)(whole % 60));
    else
        snprintf(field, FIELD_SIZE, "%u:%02u", minutes, (unsigned)(whole % 60));
}

/* How long it will take, or has taken. */
static void print_left(const progress_bar *bar, double now, char field[FIELD_SIZE])
{
    char time[FIELD_SIZE] = "-:--", text[FIELD_SIZE];

    if (bar->complete)
        print_time(time, now - bar->begun);
    else if (bar->rate > 0)
        print_time(time, (double)(bar->total - bar->done) / bar->rate);
    if (bar->complete)
        snprintf(text, sizeof text, "in %.20s", time);
    else
        snprintf(text, sizeof text, "%.20s left", time);
    snprintf(field, FIELD_SIZE, " %12.40s", text);
}

static void print_rate(const progress_bar *bar, double now, char field[FIELD_SIZE])
{
    double rate = bar->rate;
    char size[HUMAN_SIZE_LENGTH];

    if (bar->complete)
        rate = now > bar->begun ? (double)bar->done / (now - bar->begun) : 0;
    if (!bar->in_bytes)
        field[0] = '\0';
    else if (rate > 0 && rate < 1e18)
        snprintf(field, FIELD_SIZE, " %8s/s", human_size(size, (uint64_t)rate));
    else
        snprintf(field, FIELD_SIZE, " %8s/s", "-");
}

/* "[====>   ]" with so many columns between the brackets; returns what follows. */
static char *print_bar(const progress_bar *bar, char *to, unsigned columns)
{
    unsigned full = (unsigned)(portion(bar) * columns);

    *to++ = '[';
    for (unsigned i = 0; i < columns; i++)
        *to++ = (char)(i < full ? '=' : i == full ? '>' : ' ');
    *to++ = ']';
    return to;
}

/* A line of so many columns (at most size - 1).  What does not fit is left out, the bar first, then
 * the rate, then the time. */
static void print_line(const progress_bar *bar, double now, char *line, size_t size,
                       unsigned columns)
{
    char rate[FIELD_SIZE], left[FIELD_SIZE];
    unsigned room = columns < size ? columns : (unsigned)size - 1;
    unsigned tail;
    char *to = line;

    print_rate(bar, now, rate);
    print_left(bar, now, left);
    tail = (unsigned)(strlen(rate) + strlen(left));
    to += snprintf(line, size, room < PERCENT_COLUMNS ? "%.0f%%" : "%5.1f%%", 100 * portion(bar));
    if (room >= PERCENT_COLUMNS + MIN_BAR + 3 + tail) {
        *to++ = ' ';
        to = print_bar(bar, to, room - PERCENT_COLUMNS - 3 - tail);
    }
    if (room < PERCENT_COLUMNS + tail)
        rate[0] = '\0';
    if (room < PERCENT_COLUMNS + strlen(left))
        left[0] = '\0';
    snprintf(to, size - (size_t)(to - line), "%s%s", rate, left);
    line[room] = '\0';
}

/* ------------------------------------------------------------------------------------------------
 * The terminal
 */

bool progress_bar_possible(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

/* Asked for each time, so that no signal need tell of a change. */
static unsigned terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col == 0)
        return DEFAULT_COLUMNS;
    return size.ws_col < MAX_COLUMNS ? size.ws_col : MAX_COLUMNS;
}

/* A command in the background leaves the terminal to the one in front.  Where it cannot be asked it
 * is ours. */
static bool has_terminal(void)
{
    pid_t group = tcgetpgrp(STDOUT_FILENO);

    return group < 0 || group == getpgrp();
}

/* Some columns stay free: behind the last one a terminal goes on to the next line, and if the user
 * gives up, it shows "^C" here. */
static void draw(progress_bar *bar, double now)
{
    char line[MAX_COLUMNS + FIELD_SIZE];
    unsigned columns = terminal_columns(), room;

    if (!has_terminal())
        return;
    room = columns > FREE_COLUMNS ? columns - FREE_COLUMNS : 0;
    print_line(bar, now, line, sizeof line, room);
    printf("\r%s\033[K", line);
    fflush(stdout);
    bar->drawn = now;
    on_line = bar;
}

static void clear_line(void)
{
    if (!on_line)
        return;
    on_line->drawn = 0;
    on_line = NULL;
    printf("\r\033[K");
    fflush(stdout);
}

/* The line ends before a signal ends the process. */
static void end_line(void)
{
    if (on_line && write(STDOUT_FILENO, "\n", 1) < 0)
        on_line = NULL;
}

/* ------------------------------------------------------------------------------------------------
 * The bar
 */

void progress_bar_begin(progress_bar *bar, bool in_bytes)
{
    double now = clock_seconds();

    *bar = (progress_bar){ .in_bytes = in_bytes, .begun = now, .sampled = now };
    on_line = NULL;
    message_set_prelude(clear_line);
    ending_add(end_line);
}

static void take_sample(progress_bar *bar, double now)
{
    double since = now - bar->sampled;
    double rate, weight = bar->rate > 0 ? since / (since + MEMORY) : 1;

    if (since < INTERVAL || bar->done < bar->sampled_done)
        return;
    rate = (double)(bar->done - bar->sampled_done) / since;
    bar->rate += weight * (rate - bar->rate);
    bar->sampled = now;
    bar->sampled_done = bar->done;
}

void progress_bar_at(progress_bar *bar, uint64_t done, uint64_t total)
{
    double now = clock_seconds();

    bar->total = total;
    bar->done = done < total ? done : total;
    take_sample(bar, now);
    if (now - bar->drawn >= INTERVAL)
        draw(bar, now);
}

void progress_bar_yield(void)
{
    clear_line();
}

void progress_bar_end(progress_bar *bar, bool complete)
{
    clear_line();
    bar->complete = complete;
    if (complete)
        draw(bar, clock_seconds());
    if (on_line)
        putchar('\n');
    fflush(stdout);
    on_line = NULL;
    message_set_prelude(NULL);
    ending_remove(end_line);
}
