# SPDX-License-Identifier: BSD-3-Clause
"""page.py - the figures of growth.py as a page with a table for each curve"""

import os
import platform
import subprocess

HEADINGS = ("", "ours", "QEMU's", "ratio", "CPU ratio", "memory", "QEMU's", "ratio")

INTRODUCTION = """# How time and memory grow

Measured by `make growth` on %s, Linux %s, %d processors, beside %s.
A figure is the median of %d runs (of memory the peak), taken in turns with QEMU's tools.
A dash stands for less memory than can be told from outside, about 20 MB. `growth.svg` shows the time.

![Time against size](growth.svg)
"""


def seconds(value):
    return "%.3g s" % value if value >= 1 else "%.3g ms" % (value * 1000)


def megabytes(value):
    return "%.1f MB" % (value / 1e6) if value else "-"


def ratio(ours, theirs):
    return "%.2f" % (ours / theirs) if ours and theirs else "-"


def cells(point):
    ours, theirs = point["ours"], point["theirs"]
    return ("%d" % point["at"], seconds(ours["wall"]), seconds(theirs["wall"]), ratio(ours["wall"], theirs["wall"]),
            ratio(ours["cpu"], theirs["cpu"]), megabytes(ours["memory"]), megabytes(theirs["memory"]),
            ratio(ours["memory"], theirs["memory"]))


def row(words):
    return "| " + " | ".join(words) + " |\n"


def processor():
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def write(figures, rounds):
    version = subprocess.run(["qemu-img", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    text = INTRODUCTION % (processor(), platform.release().split("-")[0], os.cpu_count(),
                           version.splitlines()[0], rounds)
    for curve in figures:
        text += "\n## %s: %s\n\n" % (curve["title"], curve["unit"])
        text += row(HEADINGS) + row(["---:"] * len(HEADINGS))
        text += "".join(row(cells(point)) for point in curve["points"])
    return text
