# SPDX-License-Identifier: BSD-3-Clause
"""growth.py - how time and memory grow with an image, beside QEMU's tools: tables, a plot and a page"""

import json
import os
import statistics
import sys

import measuring
import page
import plot
import program
from curves import CURVES
from growing import GrowingImages

SIDES = ("ours", "theirs")


def arguments():
    parser = program.arguments_parser("Show how time and memory grow, beside QEMU's tools.", "curve", 3)
    parser.add_argument("--up-to", type=int, metavar="N", help="leave out points above N")
    parser.add_argument("--out", default=".", metavar="FOLDER",
                        help="where growth.md, growth.svg and growth.json are written (default .)")
    return parser.parse_args()


def point(curve, n, images, rounds):
    """Medians of both sides at one point."""
    runs = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in SIDES if number % 2 else reversed(SIDES):
            runs[side].append(curve.run(images, side, n))
    figures = {"at": n}
    for side in SIDES:
        memory = [run.memory for run in runs[side] if run.memory]
        figures[side] = {
            "wall": statistics.median(run.wall for run in runs[side]),
            "cpu": statistics.median(run.cpu for run in runs[side]),
            "memory": max(memory) if memory else None,
        }
    return figures


def measure(curve, images, args):
    figures = {"curve": curve.name, "title": curve.title, "unit": curve.unit, "points": []}
    print("%s (%s)" % (curve.title, curve.unit), flush=True)
    for n in curve.points:
        if args.up_to is None or n <= args.up_to:
            figures["points"].append(point(curve, n, images, args.rounds))
            print("  " + "  ".join(page.cells(figures["points"][-1])), flush=True)
    curve.clean(images)
    return figures


def main():
    args = arguments()
    curves = program.chosen(CURVES, args)
    measuring.use_the_programs_themselves()
    images = GrowingImages(os.path.abspath(args.data))
    figures, complete = program.measure_all(curves, images, lambda curve: measure(curve, images, args))
    os.makedirs(args.out, exist_ok=True)
    for name, text in (("growth.json", json.dumps(figures, indent=4) + "\n"),
                       ("growth.svg", plot.draw(figures)), ("growth.md", page.write(figures, args.rounds))):
        with open(os.path.join(args.out, name), "w") as file:
            file.write(text)
    sys.exit(0 if complete else 1)


main()
