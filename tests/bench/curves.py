# SPDX-License-Identifier: BSD-3-Clause
"""curves.py - what grows, and what is done at each point: a row per curve

In the words of a command, {image} is the image of a point, {copy} a copy of it that is new for every
run, {out} the file that is made and {n} what grows.  All images are made by qemu-img.
"""

import os
import re

import measuring
import serving
from cases import PROGRAM

GIB = (1, 4, 16, 64, 256, 1024)
CHAIN = (1, 2, 4, 8, 16, 32, 64)
SNAPSHOTS = (1, 3, 10, 30, 100, 300, 1000)
THREADS = (1, 2, 4, 8)
CONNECTIONS = (1, 2, 4, 8, 16)
REQUESTS = 64000  # of all connections together


class Curve:
    def __init__(self, name, title, unit, points, image):
        self.name = name
        self.title = title
        self.unit = unit
        self.points = points
        self.image = image  # the name of the image of a point

    def clean(self, images):
        for name in ("growth-out", "growth-copy"):
            if os.path.exists(images.path(name)):
                os.unlink(images.path(name))


class Command(Curve):
    """A command line of both programs."""

    def __init__(self, name, title, unit, points, image, words):
        super().__init__(name, title, unit, points, image)
        self.words = words

    def run(self, images, side, n):
        self.clean(images)
        place = {
            "n": lambda: str(n),
            "image": lambda: images[self.image.replace("%d", str(n))],
            "copy": lambda: images.copy(self.image.replace("%d", str(n)), "growth-copy"),
            "out": lambda: images.path("growth-out"),
        }
        words = [re.sub(r"\{(\w+)\}", lambda match: place[match.group(1)](), word)
                 for word in self.words.split()]
        os.sync()
        return measuring.run([PROGRAM[side]] + words)


class Served(Curve):
    """fio with so many connections."""

    def run(self, images, side, n):
        return serving.run(side, images[self.image], images.folder, [
            "--rw=randread", "--bs=4k", "--iodepth=4", "--numjobs=%d" % n, "--number_ios=%d" % (REQUESTS // n)])


CURVES = (
    Command("create", "create -o preallocation=metadata", "GiB", GIB, "",
            "create -q -f qcow2 -o preallocation=metadata {out} {n}G"),
    Command("check", "check", "GiB, all of it mapped", GIB, "mapped-%dg.qcow2", "check -f qcow2 {image}"),
    Command("map", "map", "GiB, all of it mapped", GIB, "mapped-%dg.qcow2", "map -f qcow2 --output=json {image}"),
    Command("snapshot", "snapshot -c", "GiB, all of it mapped", GIB, "mapped-%dg.qcow2", "snapshot -c new {copy}"),
    Command("chain-convert", "convert to raw", "images in a chain", CHAIN, "ladder-%d.qcow2",
            "convert -f qcow2 -O raw {image} {out}"),
    Command("chain-map", "map", "images in a chain", CHAIN, "ladder-%d.qcow2", "map -f qcow2 --output=json {image}"),
    Command("snapshots-create", "snapshot -c", "snapshots", SNAPSHOTS, "with-%d-snapshots.qcow2",
            "snapshot -c new {copy}"),
    Command("snapshots-delete", "snapshot -d", "snapshots", SNAPSHOTS, "with-%d-snapshots.qcow2",
            "snapshot -d s0 {copy}"),
    Command("snapshots-check", "check", "snapshots", SNAPSHOTS, "with-%d-snapshots.qcow2", "check -f qcow2 {image}"),
    Command("threads", "convert -c", "threads (-m)", THREADS, "part.raw",
            "convert -c -m {n} -f raw -O qcow2 {image} {out}"),
    Served("connections", "NBD, 4k at random, 4 at a time", "connections", CONNECTIONS, "dense.qcow2"),
)
