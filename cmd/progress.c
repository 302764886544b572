/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - how far a long command has come, for whoever asks */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "progress.h"

static volatile sig_atomic_t asked;

static void note_question(int signal_number)
{
    (void)signal_number;
    asked = 1;
}

/* System calls that a question interrupts go on by themselves. */
static void listen_for_questions(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = note_question;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
#ifdef SIGINFO
    sigaction(SIGINFO, &action, NULL);
#endif
}

static void show(progress *p, double percent)
{
    bool edge = percent == 0 || percent == 100;

    if (p->on_terminal)
        return;
    if (p->shown && (edge || percent > p->printed + p->step)) {
        printf("    (%3.2f/100%%)\r", percent);
        fflush(stdout);
        p->printed = percent;
    } else if (!p->shown && asked) {
        asked = 0;
        fprintf(stderr, "    (%3.2f/100%%)\n", percent);
    }
}

void progress_begin(progress *p, bool shown, progress_unit unit, double step)
{
    *p = (progress){ .shown = shown, .step = step };
    asked = 0;
    if (!shown)
        listen_for_questions();
    p->on_terminal = shown && progress_bar_possible();
    if (p->on_terminal)
        progress_bar_begin(&p->bar, unit == PROGRESS_IN_BYTES);
    show(p, 0);
}

void progress_at(progress *p, uint64_t done, uint64_t total)
{
    if (p->on_terminal)
        progress_bar_at(&p->bar, done, total);
    show(p, done >= total ? 100 : 100.0 * (double)done / (double)total);
}

int progress_show(void *p, uint64_t done, uint64_t total)
{
    progress_at(p, done, total);
    return 0;
}

void progress_complete(progress *p)
{
    show(p, 100);
}

void progress_yield(void)
{
    progress_bar_yield();
}

void progress_end_bar(progress *p, bool success)
{
    if (!p->on_terminal)
        return;
    progress_bar_end(&p->bar, success);
    *p = (progress){ 0 };
}

void progress_end(progress *p, bool success)
{
    progress_end_bar(p, success);
    if (p->shown) {
        putchar('\n');
        fflush(stdout);
    }
}
