# SPDX-License-Identifier: BSD-3-Clause
"""measuring.py - one run of a program, and what many runs amount to

Times and memory are the kernel's own account of the finished process (wait4), children included, so
that nothing of this program's own work is in them.  Memory is the exception below what this program
itself needs: the kernel charges a process with its parent's pages until it starts its own program.
"""

import os
import resource
import statistics
import subprocess
import tempfile
import time


class Failed(Exception):
    """A program did not do what it was asked to do."""


def use_the_programs_themselves():
    """Not the scripts that libtool puts before programs that are not installed."""
    folder = os.path.join(os.environ.get("abs_top_builddir", "."), "cmd", ".libs")
    if os.path.isdir(folder):
        os.environ["PATH"] = folder + ":" + os.environ["PATH"]


class Run:
    """One finished run: wall and cpu in seconds, memory in bytes or None where it is not known."""

    def __init__(self, wall, cpu, memory):
        self.wall = wall
        self.cpu = cpu
        self.memory = memory


def run(words, repeat=1, statuses=(0,)):
    """Run a command, repeat times in a row for one that is over in milliseconds."""
    null = os.open(os.devnull, os.O_RDWR)
    with tempfile.TemporaryFile() as errors:
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
                   (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
        cpu = memory = 0
        start = time.monotonic()
        for _ in range(repeat):
            process = os.posix_spawnp(words[0], words, os.environ, file_actions=actions)
            _, status, usage = os.wait4(process, 0)
            if os.waitstatus_to_exitcode(status) not in statuses:
                errors.seek(0)
                raise Failed("%s: %s" % (" ".join(words), errors.read(2000).decode(errors="replace")))
            cpu += usage.ru_utime + usage.ru_stime
            memory = max(memory, usage.ru_maxrss * 1024)
        wall = time.monotonic() - start
    os.close(null)
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Run(wall / repeat, cpu / repeat, memory if memory > floor else None)


def output_of(words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout


class Result:
    """What the rounds of one case gave: pairs of runs, and sizes of what was written."""

    def __init__(self, case):
        self.case = case
        self.pairs = []
        self.sizes = []

    def ratios(self, what):
        values = [(getattr(ours, what), getattr(theirs, what)) for ours, theirs in self.pairs]
        return [ours / max(theirs, 1e-9) for ours, theirs in values if ours and theirs]

    def as_numbers(self):
        """The figures by name: ratios ours / theirs as [median, least, greatest]."""
        numbers = {"case": self.case.name, "goal": self.case.goal, "rounds": len(self.pairs)}
        for what in ("wall", "cpu", "memory"):
            ratios = self.ratios(what)
            if ratios:
                numbers[what] = [statistics.median(ratios), min(ratios), max(ratios)]
        numbers["seconds"] = [statistics.median(ours.wall for ours, _ in self.pairs),
                              statistics.median(theirs.wall for _, theirs in self.pairs)]
        if self.sizes:
            numbers["size"] = statistics.median(ours / theirs for ours, theirs in self.sizes)
        return numbers


HEADINGS = "%-26s %19s %6s %6s %6s %6s  %s"


def print_heading():
    print(HEADINGS % ("case", "wall (min-max)", "cpu", "memory", "size", "goal", "ours, theirs"))


def print_result(result):
    n = result.as_numbers()
    print(HEADINGS % (
        n["case"], "%.2f (%.2f-%.2f)" % tuple(n["wall"]), "%.2f" % n["cpu"][0] if "cpu" in n else "",
        "%.2f" % n["memory"][0] if "memory" in n else "", "%.3f" % n["size"] if "size" in n else "",
        "%.2f" % n["goal"] if n["goal"] else "", "%.4g s, %.4g s" % tuple(n["seconds"])), flush=True)
