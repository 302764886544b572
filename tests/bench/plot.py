# SPDX-License-Identifier: BSD-3-Clause
"""plot.py - curves as an SVG picture: a panel each, both axes logarithmic, time upwards"""

import math
from xml.sax.saxutils import escape

COLUMNS = 3
WIDTH, HEIGHT = 300, 220  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 34, 36  # its margins
COLOURS = {"ours": "#0b6fb8", "theirs": "#c8551b"}
NAMES = {"ours": "qcow-tools", "theirs": "QEMU"}


class Axis:
    """Values from least to most between two coordinates."""

    def __init__(self, values, start, end):
        self.least, self.most = math.log10(min(values)), math.log10(max(values))
        if self.most - self.least < 1e-9:
            self.least, self.most = self.least - 0.5, self.most + 0.5
        self.start, self.end = start, end

    def at(self, value):
        part = (math.log10(value) - self.least) / (self.most - self.least)
        return self.start + part * (self.end - self.start)


def whole_decades(values):
    return [10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))]


def line(x1, y1, x2, y2, colour):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>\n' % (x1, y1, x2, y2, colour)


def text(x, y, words, anchor="middle", colour="#333", size=11):
    return ('<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" font-size="%d">%s</text>\n'
            % (x, y, anchor, colour, size, escape(words)))


def time_label(seconds):
    return "%g s" % seconds if seconds >= 1 else "%g ms" % (seconds * 1000)


def axes(x, y, points, curve):
    drawing = text((x.start + x.end) / 2, y.end - 14, curve["title"], size=12)
    drawing += text((x.start + x.end) / 2, y.start + 30, curve["unit"])
    for decade in range(round(y.least), round(y.most) + 1):
        height = y.at(10 ** decade)
        drawing += line(x.start, height, x.end, height, "#ddd")
        drawing += text(x.start - 5, height + 4, time_label(10 ** decade), "end")
    for point in points:
        drawing += line(x.at(point["at"]), y.start, x.at(point["at"]), y.start + 4, "#888")
        drawing += text(x.at(point["at"]), y.start + 16, "%d" % point["at"])
    return drawing


def side(x, y, points, name):
    places = [(x.at(point["at"]), y.at(point[name]["wall"])) for point in points]
    drawing = '<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>\n' % (
        COLOURS[name], " ".join("%.1f,%.1f" % place for place in places))
    return drawing + "".join('<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>\n' % (*place, COLOURS[name])
                             for place in places)


def panel(curve, left, top):
    points = curve["points"]
    x = Axis([point["at"] for point in points], left + LEFT, left + WIDTH - RIGHT)
    y = Axis(whole_decades([point[name]["wall"] for point in points for name in COLOURS]),
             top + HEIGHT - BOTTOM, top + TOP)
    return axes(x, y, points, curve) + "".join(side(x, y, points, name) for name in COLOURS)


def draw(figures):
    curves = [curve for curve in figures if curve["points"]]
    height = 30 + HEIGHT * -(-len(curves) // COLUMNS)
    drawing = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif">\n'
               '<rect width="100%%" height="100%%" fill="white"/>\n' % (WIDTH * COLUMNS, height))
    for number, name in enumerate(COLOURS):
        drawing += text(12 + 110 * number, 20, NAMES[name], "start", COLOURS[name], 14)
    for number, curve in enumerate(curves):
        drawing += panel(curve, WIDTH * (number % COLUMNS), 30 + HEIGHT * (number // COLUMNS))
    return drawing + "</svg>\n"
