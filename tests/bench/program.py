# SPDX-License-Identifier: BSD-3-Clause
"""program.py - what the programs of this folder have in common: their arguments, and one by one"""

import argparse
import subprocess
import sys

import measuring


def arguments_parser(description, thing, rounds):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", metavar=thing.upper(),
                        help="measure these %ss only; a prefix will do" % thing)
    parser.add_argument("--list", action="store_true", help="print the names of the %ss" % thing)
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds of each (default %d)" % rounds)
    parser.add_argument("--data", default="bench-data", help="the folder of the images")
    return parser


def chosen(things, args):
    """Those that were named, or all.  To list them is all that is done then."""
    if args.list:
        print("\n".join(thing.name for thing in things))
        sys.exit()
    named = [thing for thing in things if not args.names or any(map(thing.name.startswith, args.names))]
    if not named:
        sys.exit("nothing here is called %s" % " ".join(args.names))
    return named


def measure_all(things, images, measure):
    """The figures of each, and whether all could be had: what fails says so and cleans up."""
    figures, complete = [], True
    for thing in things:
        try:
            figures.append(measure(thing))
        except (measuring.Failed, OSError, subprocess.CalledProcessError) as failure:
            print("%-26s FAILED: %s" % (thing.name, failure), flush=True)
            thing.clean(images)
            complete = False
    return figures, complete
