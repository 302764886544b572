# SPDX-License-Identifier: BSD-3-Clause
"""cases.py - what is compared: a row per case

In the words of a command, {name} is an image that is only read, {copy name} one that is new for every
run, {out} the file that is made.  goal is the ratio of wall times, ours / theirs, that is aimed at.
"""

import os
import re
import subprocess

import measuring
import serving

PROGRAM = {"ours": "qcow-img", "theirs": "qemu-img"}


class Case:
    def __init__(self, name, goal):
        self.name = name
        self.goal = goal


class Command(Case):
    """A command line of both programs; theirs where it is not the same."""

    def __init__(self, name, goal, words, theirs=None, holds=None, repeat=1):
        super().__init__(name, goal)
        self.words = {"ours": words, "theirs": theirs or words}
        self.holds = holds  # the image that out must show
        self.repeat = repeat

    def out(self, images, side):
        return images.path("out-" + side)

    def prepare(self, images, side):
        out = self.out(images, side)
        if os.path.exists(out):
            os.unlink(out)

        def place(match):
            kind, _, name = match.group(1).rpartition(" ")
            if name == "out":
                return out
            return images.copy(name, "copy-" + side) if kind == "copy" else images[name]

        return [re.sub(r"\{([^}]*)\}", place, word) for word in
                re.findall(r"\{[^}]*\}|[^ {]+", PROGRAM[side] + " " + self.words[side])]

    def run(self, images, side):
        words = self.prepare(images, side)
        os.sync()
        return measuring.run(words, self.repeat)

    def verify(self, images, side):
        if self.holds:
            subprocess.run(["qemu-img", "compare", "-q", images[self.holds], self.out(images, side)], check=True)

    def size(self, images, side):
        """Bytes of what was made; None where it says nothing."""
        out = self.out(images, side)
        return os.stat(out).st_blocks * 512 if self.holds and os.path.exists(out) else None

    def clean(self, images):
        for side in PROGRAM:
            for name in ("out-", "copy-", "base-"):
                if os.path.exists(images.path(name + side)):
                    os.unlink(images.path(name + side))


class Commit(Command):
    """An overlay into a base, both copies."""

    def prepare(self, images, side):
        base = images.copy("plain.qcow2", "base-" + side)
        top = images.copy("overlay.qcow2", "copy-" + side)
        subprocess.run(["qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", base, top],
                       check=True)
        return [PROGRAM[side], "commit", "-q", "-f", "qcow2", top]

    def verify(self, images, side):
        subprocess.run(["qemu-img", "compare", "-q", images["overlay.qcow2"], images.path("base-" + side)],
                       check=True)


class Served(Case):
    """fio's words against a server; copy: the image is changed."""

    def __init__(self, name, goal, image, words, copy=False):
        super().__init__(name, goal)
        self.image = image
        self.words = words.split()
        self.copy = copy

    def run(self, images, side):
        path = images.copy(self.image, "copy-" + side) if self.copy else images[self.image]
        os.sync()
        return serving.run(side, path, images.folder, self.words)

    def verify(self, images, side):
        if self.copy:
            subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", images.path("copy-" + side)], check=True)

    def size(self, images, side):
        return None

    def clean(self, images):
        for side in PROGRAM:
            if os.path.exists(images.path("copy-" + side)):
                os.unlink(images.path("copy-" + side))


CASES = (
    Command("raw-to-qcow2", 0.9, "convert -f raw -O qcow2 {root.raw} {out}", holds="root.raw"),
    Command("qcow2-to-raw", 0.6, "convert -f qcow2 -O raw {plain.qcow2} {out}", holds="root.raw"),
    Command("to-zlib", 0.52, "convert -c -f raw -O qcow2 {root.raw} {out}", holds="root.raw"),
    Command("to-zlib-fast", 0.15, "convert -c -f raw -O qcow2 -o compression_level=fast {root.raw} {out}",
            "convert -c -f raw -O qcow2 {root.raw} {out}", holds="root.raw"),
    Command("to-zlib-wide", 0.2, "convert -c -f raw -O qcow2 -o compression_window=wide {root.raw} {out}",
            "convert -c -f raw -O qcow2 {root.raw} {out}", holds="root.raw"),
    Command("to-zstd", 0.4, "convert -c -f raw -O qcow2 -o compression_type=zstd {root.raw} {out}", holds="root.raw"),
    Command("zlib-to-raw", 0.4, "convert -f qcow2 -O raw {zlib.qcow2} {out}", holds="root.raw"),
    Command("zstd-to-raw", 0.6, "convert -f qcow2 -O raw {zstd.qcow2} {out}", holds="root.raw"),
    Command("chain3-to-raw", 0.8, "convert -f qcow2 -O raw {chain3.qcow2} {out}", holds="chain3.qcow2"),
    Command("chain10-to-raw", 0.8, "convert -f qcow2 -O raw {chain10.qcow2} {out}", holds="chain10.qcow2"),
    Command("compare", 0.8, "compare -f raw -F qcow2 {root.raw} {plain.qcow2}"),
    Command("rebase", 0.8, "rebase -f qcow2 -b {plain.qcow2} -F qcow2 {copy chain3.qcow2}"),
    Commit("commit", 0.8, ""),
    Command("create-1t", 0.2, "create -q -f qcow2 -o preallocation=metadata {out} 1T"),
    Command("snapshot-create-1t", 0.2, "snapshot -c s1 {copy mapped-1t.qcow2}"),
    Command("snapshot-apply-1t", 0.2, "snapshot -a s1 {copy snapshot-1t.qcow2}"),
    Command("snapshot-delete-1t", 0.2, "snapshot -d s1 {copy snapshot-1t.qcow2}"),
    Command("check-1t", 0.4, "check -f qcow2 {mapped-1t.qcow2}"),
    Command("map-1t", 0.4, "map -f qcow2 --output=json {mapped-1t.qcow2}"),
    Command("version", 0.4, "--version", repeat=100),
    Command("info-small", 0.4, "info -f qcow2 {small.qcow2}", repeat=100),
    Command("measure-small", 0.4, "measure -f qcow2 -O qcow2 {small.qcow2}", repeat=100),
    Command("map-small", 0.4, "map -f qcow2 {small.qcow2}", repeat=100),
    Served("nbd-randread-1", 0.85, "dense.qcow2", "--rw=randread --bs=4k --iodepth=1 --number_ios=20000"),
    Served("nbd-randread-16", 0.7, "dense.qcow2", "--rw=randread --bs=4k --iodepth=16 --number_ios=80000"),
    Served("nbd-randread-16x4", 0.55, "dense.qcow2",
           "--rw=randread --bs=4k --iodepth=16 --numjobs=4 --number_ios=40000"),
    Served("nbd-read-128k", 0.5, "dense.qcow2", "--rw=read --bs=128k --iodepth=4 --io_size=2G"),
    Served("nbd-read-1m", 0.5, "dense.qcow2", "--rw=read --bs=1M --iodepth=4 --io_size=4G"),
    Served("nbd-zlib-read-4k", 0.35, "dense-zlib.qcow2", "--rw=read --bs=4k --iodepth=1 --io_size=64M"),
    Served("nbd-zlib-randread-4k", 0.6, "dense-zlib.qcow2", "--rw=randread --bs=4k --iodepth=16 --number_ios=20000"),
    Served("nbd-zlib-read-1m", 0.5, "dense-zlib.qcow2", "--rw=read --bs=1M --iodepth=4 --io_size=1G"),
    Served("nbd-randwrite-allocated", 1.0, "dense.qcow2",
           "--rw=randwrite --bs=4k --iodepth=16 --number_ios=40000", copy=True),
    Served("nbd-randwrite-fresh", 1.0, "empty.qcow2",
           "--rw=randwrite --bs=4k --iodepth=16 --number_ios=20000", copy=True),
    Served("nbd-write-1m", 1.0, "empty.qcow2", "--rw=write --bs=1M --iodepth=4 --io_size=2G", copy=True),
)
