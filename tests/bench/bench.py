# SPDX-License-Identifier: BSD-3-Clause
"""bench.py - qcow-img and the plugin beside QEMU's tools, case by case, in alternating rounds"""

import json
import os
import sys

import measuring
import program
from cases import CASES
from images import Images


def arguments():
    parser = program.arguments_parser("Compare with QEMU's tools.", "case", 5)
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file, too")
    return parser.parse_args()


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
    cases = program.chosen(CASES, args)
    measuring.use_the_programs_themselves()
    images = Images(os.path.abspath(args.data))

    def measure_and_print(case):
        result = measure(case, images, args.rounds)
        measuring.print_result(result)
        return result.as_numbers()

    measuring.print_heading()
    figures, complete = program.measure_all(cases, images, measure_and_print)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(figures, file, indent=4)
    sys.exit(0 if complete else 1)


main()
