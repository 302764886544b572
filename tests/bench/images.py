# SPDX-License-Identifier: BSD-3-Clause
"""images.py - what the cases work on, built once and kept

The content is a file system of 4 GiB with more than 1 GiB of files of the Debian installation that
this runs on.  All images are made by qemu-img, so that neither side reads what only it would write;
an image that a case changes is copied first.
"""

import os
import re
import shutil
import subprocess

DISK_SIZE = "4G"
CONTENT = 1400 << 20  # bytes of files
DENSE = 1 << 30  # bytes of a disk without holes, for requests at random places


def sh(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def files_of_the_system(size):
    """Regular files below /usr, in a fixed order, until they have this many bytes."""
    total = 0
    for folder, folders, files in os.walk("/usr"):
        folders.sort()
        for name in sorted(files):
            source = os.path.join(folder, name)
            if os.path.isfile(source) and not os.path.islink(source) and total < size:
                total += os.path.getsize(source)
                yield source


class Images:
    """Names images; each is made when it is first asked for."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def __getitem__(self, name):
        """The path of an image, which is made under another name and renamed when whole."""
        path = self.path(name)
        if not os.path.exists(path):
            print("building %s" % name, flush=True)
            self.maker(name)(path + ".new")
            os.rename(path + ".new", path)
        return path

    def maker(self, name):
        """What makes the image of this name at a path."""
        return getattr(self, "make_" + re.sub("[-.]", "_", name))

    # ---- Content ----

    def make_root_raw(self, path):
        tree = self.path("tree")
        shutil.rmtree(tree, ignore_errors=True)
        for source in files_of_the_system(CONTENT):
            os.makedirs(tree + os.path.dirname(source), exist_ok=True)
            shutil.copyfile(source, tree + source)
        sh("mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,nodiscard", "-d", tree, path, DISK_SIZE)
        shutil.rmtree(tree)

    def make_dense_raw(self, path):
        with open(path, "wb") as disk:
            for source in files_of_the_system(DENSE):
                with open(source, "rb") as file:
                    shutil.copyfileobj(file, disk)
            disk.truncate(DENSE)

    def make_dense_qcow2(self, path):
        self.convert(self["dense.raw"], path, "-S", "0")

    def make_dense_zlib_qcow2(self, path):
        self.convert(self["dense.raw"], path, "-c", "-m", "16", "-W")

    def convert(self, source, path, *words):
        sh("qemu-img", "convert", "-f", "raw" if source.endswith("raw") else "qcow2", "-O", "qcow2",
           *words, source, path)

    def make_plain_qcow2(self, path):
        self.convert(self["root.raw"], path)

    def make_zlib_qcow2(self, path):
        self.convert(self["root.raw"], path, "-c", "-m", "16", "-W")

    def make_zstd_qcow2(self, path):
        self.convert(self["root.raw"], path, "-c", "-m", "16", "-W", "-o", "compression_type=zstd")

    def make_small_qcow2(self, path):
        sh("qemu-img", "create", "-q", "-f", "qcow2", path, "64M")
        sh("qemu-io", "-f", "qcow2", "-c", "write -q 0 4M", "-c", "write -q 32M 4M", path)

    # ---- Chains: every image above the base holds a different piece of every 64 MiB ----

    def make_chain(self, path, length):
        base = self["plain.qcow2"]
        for level in range(1, length):
            top = path if level == length - 1 else self.path("chain%d-%d.qcow2" % (length, level))
            if os.path.exists(top):
                os.unlink(top)
            sh("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
            commands = []
            for at in range(0, 4096, 64):
                commands += ["-c", "write -q -P %d %dM 3M" % (level, at + 3 * level)]
            sh("qemu-io", "-f", "qcow2", *commands, top)
            base = top

    def make_chain3_qcow2(self, path):
        self.make_chain(path, 3)

    def make_chain10_qcow2(self, path):
        self.make_chain(path, 10)

    def make_overlay_qcow2(self, path):
        self.make_chain(path, 2)

    # ---- Metadata ----

    def make_mapped_1t_qcow2(self, path):
        sh("qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, "1T")

    def make_snapshot_1t_qcow2(self, path):
        sh("cp", "--sparse=always", self["mapped-1t.qcow2"], path)
        sh("qemu-img", "snapshot", "-c", "s1", path)

    def make_empty_qcow2(self, path):
        sh("qemu-img", "create", "-q", "-f", "qcow2", path, "4G")

    def make_snapshots10_qcow2(self, path):
        shutil.copyfile(self["plain.qcow2"], path)
        for n in range(10):
            sh("qemu-img", "snapshot", "-c", "s%d" % n, path)
            sh("qemu-io", "-f", "qcow2", "-c", "write -q -P %d %dM 16M" % (n, 100 * n), path)

    # ---- Copies that a case may change ----

    def copy(self, name, to):
        """A copy that keeps holes; its pages are written back before anything is timed."""
        path = self.path(to)
        sh("cp", "--sparse=always", self[name], path)
        sh("sync", path)
        return path
