# SPDX-License-Identifier: BSD-3-Clause
"""bench.py - qcow-img and the plugin beside QEMU's tools, case by case, in alternating rounds"""

import argparse
import json
import os
import sys

import measuring
from cases import CASES
from images import Images


def arguments():
    parser = argparse.ArgumentParser(description="Compare with QEMU's tools.")
    parser.add_argument("names", nargs="*", metavar="CASE", help="run these cases only; a prefix will do")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (default 5)")
    parser.add_argument("--data", default="bench-data", help="the folder of the images")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file, too")
    return parser.parse_args()


def chosen(names):
    cases = [case for case in CASES if not names or any(case.name.startswith(name) for name in names)]
    if not cases:
        sys.exit("bench: no case is called %s" % " ".join(names))
    return cases


def measure(case, images, rounds):
    result = measuring.Result(case)
    for number in range(-1, rounds):  # the first round warms up, and what it made is compared
        runs, sizes = {}, {}
        for side in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
            runs[side] = case.run(images, side)
            sizes[side] = case.size(images, side)
            if number == -1:
                case.verify(images, side)
        if number >= 0:
            result.pairs.append((runs["ours"], runs["theirs"]))
            if sizes["ours"]:
                result.sizes.append((sizes["ours"], sizes["theirs"]))
    case.clean(images)
    return result


def main():
    args = arguments()
    if args.list:
        print("\n".join(case.name for case in CASES))
        return
    measuring.use_the_programs_themselves()
    images = Images(os.path.abspath(args.data))
    figures, failures = [], 0
    measuring.print_heading()
    for case in chosen(args.names):
        try:
            result = measure(case, images, args.rounds)
        except (measuring.Failed, OSError, measuring.subprocess.CalledProcessError) as failure:
            print("%-26s FAILED: %s" % (case.name, failure), flush=True)
            case.clean(images)
            failures += 1
            continue
        measuring.print_result(result)
        figures.append(result.as_numbers())
    if args.json:
        with open(args.json, "w") as file:
            json.dump(figures, file, indent=4)
    sys.exit(1 if failures else 0)


main()
