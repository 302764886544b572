/* SPDX-License-Identifier: BSD-3-Clause */
/* ending.c - what is done before a signal ends the process */

#include "ending.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* SIGUSR1 asks for progress; who has work to end ignores SIGPIPE. */
static const int deadly[] = { SIGINT,  SIGTERM, SIGHUP,    SIGQUIT, SIGUSR2,
                              SIGALRM, SIGXCPU, SIGVTALRM, SIGPROF };

enum {
    NB_DEADLY = sizeof deadly / sizeof *deadly,
    MAX_FUNCTIONS = 2,
};

static ending_function *volatile functions[MAX_FUNCTIONS];

static void end(int number)
{
    for (size_t i = 0; i < MAX_FUNCTIONS; i++) {
        ending_function *function = functions[i];

        if (function)
            function();
    }
    raise(number); /* is the default action by now, and comes when this returns */
}

static void replace_handlers(void (*from)(int), void (*to)(int))
{
    struct sigaction action = { .sa_handler = to, .sa_flags = to == SIG_DFL ? 0 : SA_RESETHAND };
    struct sigaction old;

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < NB_DEADLY; i++)
        if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler == from)
            sigaction(deadly[i], &action, NULL);
}

static bool replace_function(ending_function *from, ending_function *to)
{
    for (size_t i = 0; i < MAX_FUNCTIONS; i++) {
        if (functions[i] == from) {
            functions[i] = to;
            return true;
        }
    }
    return false;
}

void ending_add(ending_function *function)
{
    if (!replace_function(function, function) && replace_function(NULL, function))
        replace_handlers(SIG_DFL, end);
}

void ending_remove(ending_function *function)
{
    replace_function(function, NULL);
    for (size_t i = 0; i < MAX_FUNCTIONS; i++)
        if (functions[i])
            return;
    replace_handlers(end, SIG_DFL);
}
