/* SPDX-License-Identifier: BSD-3-Clause */
/* simulate.c - cut the power at every instant of many scenarios
 *
 * Each scenario has its own seed, made of the given one and its name, so that one alone does what
 * it does among the others.
 */

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/random.h"
#include "crash/scenario.h"

struct simulation {
    const char *pattern; /* of scenarios */
    uint64_t seed;
    uint64_t seeds;  /* at least so many, */
    uint64_t enough; /* and further ones until there are so many distinct states */
    uint64_t lost_flush;
    bool lose_flushes;
    uint64_t faults;    /* per scenario and kind of fault; 0: cuts instead */
    struct fault fault; /* this one alone */
    bool slow;          /* shapes that take long, too */
    bool list;
    struct effort effort;

    bool have_qemu;
    struct hash_set distinct;
    uint64_t scenarios;
    uint64_t runs;
    uint64_t violations;
};

static const struct fault fault_kinds[] = {
    { .name = "eio", .errnum = EIO },
    { .name = "enospc", .errnum = ENOSPC },
    { .name = "full", .errnum = ENOSPC, .full = true },
};

#define FAULT_KINDS (sizeof fault_kinds / sizeof fault_kinds[0])

/* ------------------------------------------------------------------------------------------------
 * One scenario
 */

struct scenario {
    const struct script *script;
    const struct shape *shape;
    char name[64];
    uint64_t seed; /* that the user would give */
};

static uint64_t own_seed(const struct scenario *scenario)
{
    uint64_t seed = scenario->seed;

    for (const char *c = scenario->name; *c; c++)
        seed = random_mix(seed ^ (unsigned char)*c);
    return seed;
}

static void report(const struct scenario *scenario, const struct fault *fault,
                   const struct session *s)
{
    printf("crash: %s: VIOLATION of \"%s\": %s\n", scenario->name, s->verdict.rule,
           s->verdict.text);
    printf("  crash-simulate --verbose --seed %" PRIu64 " --scenario %s", scenario->seed,
           scenario->name);
    if (fault->at)
        printf(" --fault %s:%" PRIu64, fault->name, fault->at);
    else if (s->states.bad_number)
        printf(" --state %" PRIu64, s->states.bad_number);
    printf("\n");
}

/* Returns how many requests the store got. */
static uint64_t run(struct simulation *sim, const struct scenario *scenario,
                    const struct fault *fault)
{
    struct session session;

    if (session_begin(&session, scenario->shape, &sim->effort, &sim->distinct,
                      own_seed(scenario)) == 0) {
        session.recorder->lost_flush = sim->lost_flush;
        session.recorder->lose_flushes = sim->lose_flushes;
        session.recorder->fault = *fault;
        scenario->script->run(&session);
    }
    session_end(&session);
    sim->runs++;
    if (session.verdict.rule != NULL) {
        sim->violations++;
        report(scenario, fault, &session);
    }
    return session.requests;
}

/* One fault in each run. */
static void run_faults(struct simulation *sim, const struct scenario *scenario)
{
    uint64_t requests = run(sim, scenario, &(struct fault){ 0 });
    uint64_t random = own_seed(scenario);

    for (uint64_t i = 0; i < sim->faults * FAULT_KINDS; i++) {
        struct fault fault = fault_kinds[i % FAULT_KINDS];

        fault.at = 1 + random_below(&random, requests);
        run(sim, scenario, &fault);
    }
}

static bool is_wanted(const struct simulation *sim, const struct scenario *scenario)
{
    const struct script *script = scenario->script;

    return fnmatch(sim->pattern, scenario->name, FNM_EXTMATCH) == 0 &&
           script->chain == (scenario->shape->base > 0) &&
           (script->suits == NULL || script->suits(scenario->shape)) &&
           (sim->slow || !scenario->shape->slow) && (sim->have_qemu || !scenario->shape->qemu);
}

static void run_scenario(struct simulation *sim, const struct scenario *scenario)
{
    sim->scenarios++;
    if (sim->effort.verbose || sim->list)
        printf("%-45s %s\n", scenario->name, scenario->script->rules);
    if (sim->list)
        return;
    if (sim->faults)
        run_faults(sim, scenario);
    else
        run(sim, scenario, &sim->fault);
}

static void run_all(struct simulation *sim, uint64_t seed)
{
    for (const struct script *script = scripts; script->name; script++)
        for (const struct shape *shape = shapes; shape->name; shape++) {
            struct scenario scenario = { .script = script, .shape = shape, .seed = seed };

            snprintf(scenario.name, sizeof scenario.name, "%s-%s", script->name, shape->name);
            if (is_wanted(sim, &scenario))
                run_scenario(sim, &scenario);
        }
}

static void simulate(struct simulation *sim)
{
    uint64_t seed = sim->seed;

    do
        run_all(sim, seed++);
    while ((seed - sim->seed < sim->seeds || sim->distinct.count < sim->enough) &&
           sim->violations == 0 && sim->scenarios > 0);
    if (!sim->list)
        printf("crash: %" PRIu64 " distinct states, %" PRIu64 " scenarios, %" PRIu64
               " runs, %" PRIu64 " seeds, %" PRIu64 " violations, seed %" PRIu64 "\n",
               sim->distinct.count, sim->scenarios, sim->runs, seed - sim->seed, sim->violations,
               sim->seed);
}

/* ------------------------------------------------------------------------------------------------
 * Options
 */

static const struct {
    struct option option;
    const char *argument;
    const char *help;
} options[] = {
    { { "scenario", required_argument, NULL, 'n' }, "PATTERN", "only these: *, @(a|b)*" },
    { { "seed", required_argument, NULL, 's' }, "N", "start with this seed (1)" },
    { { "seeds", required_argument, NULL, 'e' }, "N", "with N seeds (1)" },
    { { "states", required_argument, NULL, 'S' }, "N", "go on with further seeds for N states" },
    { { "state", required_argument, NULL, 'o' }, "N", "look at the state of this number only" },
    { { "subsets", required_argument, NULL, 'r' }, "N", "random subsets per flush (8)" },
    { { "use-every", required_argument, NULL, 'u' }, "N", "write to every Nth image (5)" },
    { { "qemu-every", required_argument, NULL, 'q' }, "N", "qemu-img check every Nth (2000)" },
    { { "lose-flush", required_argument, NULL, 'l' }, "N", "the Nth flush does nothing" },
    { { "lose-flushes", no_argument, NULL, 'L' }, "", "no flush does anything" },
    { { "faults", required_argument, NULL, 'f' }, "N", "no cuts: N faults of each kind" },
    { { "fault", required_argument, NULL, 'F' }, "KIND:N", "no cuts: the Nth request fails" },
    { { "slow", no_argument, NULL, 'w' }, "", "large clusters and encryption, too" },
    { { "list", no_argument, NULL, 'i' }, "", "print the scenarios and the rules they are about" },
    { { "verbose", no_argument, NULL, 'v' }, "", "print what is done" },
    { { "help", no_argument, NULL, 'h' }, "", "print this" },
};

#define OPTIONS (sizeof options / sizeof options[0])

static void usage(void)
{
    printf("crash-simulate: cut the power at every instant of many scenarios\n");
    for (size_t i = 0; i < OPTIONS; i++)
        printf("  --%-12s %-8s %s\n", options[i].option.name, options[i].argument, options[i].help);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 0);

    if (*end != '\0' || end == text) {
        fprintf(stderr, "crash-simulate: '%s' is not a number\n", text);
        exit(2);
    }
    return n;
}

static struct fault fault_of(const char *text)
{
    size_t length = strcspn(text, ":");

    for (size_t i = 0; i < FAULT_KINDS; i++) {
        struct fault fault = fault_kinds[i];

        if (strlen(fault.name) != length || strncmp(fault.name, text, length) != 0)
            continue;
        fault.at = number(text[length] ? text + length + 1 : "");
        return fault;
    }
    fprintf(stderr, "crash-simulate: '%s' is no kind of fault: eio, enospc, full\n", text);
    exit(2);
}

static void take_option(struct simulation *sim, int option, const char *argument)
{
    switch (option) {
    case 'n': sim->pattern = argument; break;
    case 's': sim->seed = number(argument); break;
    case 'e': sim->seeds = number(argument); break;
    case 'S': sim->enough = number(argument); break;
    case 'o': sim->effort.only = number(argument); break;
    case 'r': sim->effort.subsets = (unsigned)number(argument); break;
    case 'u': sim->effort.use_every = (unsigned)number(argument); break;
    case 'q': sim->effort.qemu_every = (unsigned)number(argument); break;
    case 'l': sim->lost_flush = number(argument); break;
    case 'L': sim->lose_flushes = true; break;
    case 'f': sim->faults = number(argument); break;
    case 'F': sim->fault = fault_of(argument); break;
    case 'w': sim->slow = true; break;
    case 'i': sim->list = true; break;
    case 'v': sim->effort.verbose = true; break;
    case 'h': usage(); exit(0);
    default: exit(2);
    }
}

static void take_options(struct simulation *sim, int argc, char **argv)
{
    struct option all[OPTIONS + 1] = { 0 };
    int option;

    for (size_t i = 0; i < OPTIONS; i++)
        all[i] = options[i].option;
    while ((option = getopt_long(argc, argv, "", all, NULL)) != -1)
        take_option(sim, option, optarg);
    sim->effort.at_end = sim->faults || sim->fault.at;
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

static bool have(const char *program)
{
    char command[64];

    snprintf(command, sizeof command, "%s --version >/dev/null 2>&1", program);
    return system(command) == 0;
}

static void remove_directory(const char *name)
{
    DIR *directory = opendir(name);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory != NULL)
        closedir(directory);
    rmdir(name);
}

int main(int argc, char **argv)
{
    struct simulation sim = { .pattern = "*",
                              .seed = 1,
                              .effort = { .subsets = 8, .use_every = 5, .qemu_every = 2000 } };
    const char *base = getenv("TMPDIR");
    char directory[128];

    take_options(&sim, argc, argv);
    snprintf(directory, sizeof directory, "%s/crash-XXXXXX", base ? base : "/tmp");
    if (mkdtemp(directory) == NULL) {
        perror("crash-simulate: mkdtemp");
        return 2;
    }
    sim.effort.directory = directory;
    sim.have_qemu = have("qemu-img") && have("qemu-io");
    if (!sim.have_qemu)
        sim.effort.qemu_every = 0;
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* opening an image takes and frees 2 MiB each time */
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    setvbuf(stdout, NULL, _IOLBF, 0);
    simulate(&sim);
    hash_set_destroy(&sim.distinct);
    remove_directory(directory);
    return sim.violations ? 1 : 0;
}
