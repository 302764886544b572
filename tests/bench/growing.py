# SPDX-License-Identifier: BSD-3-Clause
"""growing.py - the images of curves.py, whose names say how large, deep or old they are"""

import re

from images import Images, sh

PART = 256 << 20  # bytes of content
PIECES = 16  # what an image of a chain holds itself, or what is written between two snapshots


def write_pieces(path, number):
    """Clusters all over the disk, other ones for each number."""
    commands = []
    for piece in range(PIECES):
        at = (piece * PART // PIECES + number * 65536) % PART
        commands += ["-c", "write -q -P %d %d 64k" % (1 + number % 255, at)]
    sh("qemu-io", "-f", "qcow2", *commands, path)


class GrowingImages(Images):
    def maker(self, name):
        for pattern, make in ((r"mapped-(\d+)g.qcow2", self.make_mapped), (r"ladder-(\d+).qcow2", self.make_ladder),
                              (r"with-(\d+)-snapshots.qcow2", self.make_with_snapshots)):
            match = re.fullmatch(pattern, name)
            if match:
                return lambda path: make(path, int(match.group(1)))
        return super().maker(name)

    def make_mapped(self, path, gib):
        sh("qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, "%dG" % gib)

    def make_part_raw(self, path):
        with open(self["dense.raw"], "rb") as source, open(path, "wb") as part:
            part.write(source.read(PART))

    def make_part_qcow2(self, path):
        self.convert(self["part.raw"], path, "-S", "0")

    def make_ladder(self, path, length):
        if length == 1:
            self.convert(self["part.raw"], path, "-S", "0")
            return
        base = self["ladder-%d.qcow2" % (length - 1)]
        sh("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", path)
        write_pieces(path, length)

    def make_with_snapshots(self, path, count):
        sh("cp", self["part.qcow2"], path)
        for number in range(count):
            sh("qemu-img", "snapshot", "-c", "s%d" % number, path)
            write_pieces(path, number)
