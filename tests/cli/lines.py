# SPDX-License-Identifier: BSD-3-Clause
"""lines.py - random command lines, and sequences of them, with QEMU's tools and with ours

Each line has a seed of its own.  From it comes a command line of any verb (linewords.py) over a
gallery of images (lines/gallery.setups); both programs run it, each in a folder of its own, and must
say and leave the same: what they print, the exit status, which files there are, and of every file that
either has changed all that rows.py looks at.  Where both fail, both must complain; only --strict asks for
the same first line of the complaint.  Where they succeed it is always the same.

A sequence is several lines on the same files, compared after each.  Which program works in which of
the two folders is thrown anew for every line, so that each goes on with what the other has written.

What differs on purpose is in lines/differences, a rule each:

    ASPECTS | LINE | THEIRS | OURS = REASON

ASPECTS are stdout, stderr, status, files, lost (a file that was there before, and that only ours took
away), and content, check, info, map, space of any file.  LINE, THEIRS and OURS are patterns for the
command line and for what the two programs say, which ends with "status N" and "all files as before" or
"other files than before"; each may be left out.  A line is as it should be if its differences are all
excused.

    lines.py [--seed N] [--lines N] [--sequences N] [-v]    the seed of a line that differs repeats it
    lines.py --line 'create -f qcow2 x.qcow2 1M'            this line
"""

import argparse
import collections
import filecmp
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
import time

import linesteps
import linewords
import rows

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lines")
SIDES = rows.SIDES
rows.PATIENCE = 30


# --------------------------------------------------------------------------------------------------
# What differs on purpose

class Rule:
    def __init__(self, line, where):
        text, _, self.reason = line.rpartition(" = ")
        fields = [field.strip() for field in re.split(r"\s\|(?=\s|$)", text)]
        if not self.reason or len(fields) > 4:
            raise rows.BadTable("%s: not understood: %s" % (where, line))
        self.reasons = self.reason.split("; ")
        self.aspects = set(fields[0].split())
        self.patterns = [re.compile(field) for field in fields[1:]]
        self.where = where
        self.used = 0

    def excuses(self, line, theirs, ours):
        """The aspects that may differ for this line."""
        fits = all(pattern.search(text) for pattern, text in zip(self.patterns, (line, theirs, ours)))
        return self.aspects if fits else set()


def read_rules(path):
    with open(path, encoding="utf-8") as table:
        return [Rule(line.strip(), "%s:%d" % (os.path.basename(path), number))
                for number, line in enumerate(table, 1) if line.strip() and not line.startswith("#")]


# --------------------------------------------------------------------------------------------------
# Two folders

def signature(path):
    status = os.lstat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Twins:
    """Two folders that begin as copies of the gallery."""

    def __init__(self, gallery, top):
        self.gallery = gallery
        self.folders = {side: os.path.join(top, side) for side in SIDES}
        self.known = {}
        for side, folder in self.folders.items():
            rows.copy_folder(gallery, folder)
            self.known[side] = self.look(folder)

    @staticmethod
    def look(folder):
        return {name: signature(os.path.join(folder, name)) for name in os.listdir(folder)}

    def changed_on(self, side):
        now, known = self.look(self.folders[side]), self.known[side]
        return {name for name in set(now) | set(known) if now.get(name) != known.get(name)}

    def changed(self):
        """The names of files that are new, gone or touched on either side since the last restore."""
        return sorted(set().union(*(self.changed_on(side) for side in SIDES)))

    def settle(self):
        """What is there now is how it should be."""
        self.known = {side: self.look(folder) for side, folder in self.folders.items()}

    def restore(self):
        for name in self.changed():
            source = os.path.join(self.gallery, name)
            for folder in self.folders.values():
                target = os.path.join(folder, name)
                if os.path.isdir(target):
                    shutil.rmtree(target)
                elif os.path.lexists(target):
                    os.unlink(target)
                if os.path.exists(source):
                    rows.subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)
        self.settle()


class Found(rows.File):
    """A file that was not named beforehand: its first bytes tell what it is."""

    def __init__(self, name, folders, mixed):
        self.name = name
        heads = []
        for side in SIDES:
            with open(os.path.join(folders[side], name), "rb") as file:
                heads.append(file.read(40))
        self.format = "qcow2" if any(head.startswith(b"QFI\xfb\0\0\0") for head in heads) else "raw"
        self.encrypted = any(self.format == "qcow2" and int.from_bytes(head[32:36], "big") == 2 for head in heads)
        self.aspects = [aspect for aspect in self.ASPECTS[self.format]
                        if not (self.encrypted and aspect in ("content", "info")) and not (mixed and aspect == "space")]

    def compare(self, folders):
        paths = [os.path.join(folders[side], self.name) for side in SIDES]
        if max(os.path.getsize(path) for path in paths) < 64 << 20 and filecmp.cmp(*paths, shallow=False):
            return []
        found = [(aspect, *(getattr(self, aspect)(folders))) for aspect in self.aspects]
        return [(aspect, theirs, ours) for aspect, theirs, ours in found if theirs != ours]

    def content(self, folders):
        if self.format == "raw" and len({os.path.getsize(os.path.join(folders[side], self.name)) for side in SIDES}) > 1:
            return tuple("%d bytes" % os.path.getsize(os.path.join(folders[side], self.name)) for side in SIDES)
        theirs, ours = super().content(folders)
        return theirs, "" if "Could not open backing file" in ours else ours  # nor could either be read before


# --------------------------------------------------------------------------------------------------
# Running

def text_of(line, which):
    return " ".join(shlex.quote(words[which]) for words in line if words[which] is not None)


class Player:
    def __init__(self, arguments, top, gallery, mixed):
        setups = {}
        rows.read_table(os.path.join(HERE, "gallery.setups"), setups, {})
        self.rules = read_rules(os.path.join(HERE, "differences"))
        self.twins = Twins(rows.Runner(setups, top, False).folder_of(gallery), top)
        self.mixed = mixed  # both programs write in both folders
        self.verbose = arguments.verbose
        self.keep = arguments.keep
        self.strict = arguments.strict
        self.left = {}  # what became of the files, by side
        self.tally = collections.Counter()
        self.wrong = 0

    def mask(self, text, folder):
        """Where both have written in both folders, each image has a layout of its own."""
        text = rows.mask(text, folder, "no port")
        if self.mixed:
            text = re.sub(r"(Image end offset|image-end-offset\"|fragmented-clusters\"): [0-9]+", r"\1: SOME", text)
            text = re.sub(r"[0-9.]+% fragmented", "SOME fragmented", text)
            text = re.sub(r"(required size|\"required\"): [0-9]+", r"\1: SOME", text)  # of what the host has holes for
        return text

    def run(self, line, where):
        """Run a line with both programs, each in a folder of its own; what they said."""
        said = {}
        for which, side in enumerate(SIDES):
            folder = self.twins.folders[where[side]]
            words = [pair[which].replace("{dir}", folder) for pair in line if pair[which] is not None]
            tool = "io" if words[0] == "io" else "img"
            done = rows.run([rows.PROGRAMS[side][tool], *words[tool == "io":]], folder)
            complaint = rows.mask(done.stderr, folder, "no port").strip("\n").split("\n")
            said[side] = {"stdout": self.mask(done.stdout, folder), "stderr": complaint[0], "status": done.returncode}
            self.left[side] = "other files than before" if self.twins.changed_on(where[side]) else "all files as before"
        return said

    def compare(self, line, where):
        """aspect -> (what, theirs, ours), and all that was said."""
        said = self.run(line, where)
        folders = {side: self.twins.folders[where[side]] for side in SIDES}
        found = {aspect: [("", said["theirs"][aspect], said["ours"][aspect])] for aspect in said["ours"]
                 if said["theirs"][aspect] != said["ours"][aspect]}
        if not self.strict and "status" not in found and said["ours"]["status"] and all(said[side]["stderr"] for side in SIDES):
            found.pop("stderr", None)
        for name in self.twins.changed():
            there = [os.path.exists(os.path.join(folders[side], name)) for side in SIDES]
            if not all(there):
                aspect = "lost" if name in self.twins.known["ours"] and not there[1] else "files"
                found.setdefault(aspect, []).append((name, *("there" if one else "not there" for one in there)))
            else:
                for aspect, theirs, ours in Found(name, folders, self.mixed).compare(folders):
                    found.setdefault(aspect, []).append((name, theirs, ours))
        return found, said

    def judge(self, line, found, said):
        """Whether all that differs is excused."""
        texts = [text_of(line, 0)] + ["%s\n%s\nstatus %s\n%s" % (said[side]["stdout"], said[side]["stderr"], said[side]["status"], self.left[side])
                                         for side in SIDES]
        for rule in self.rules:
            excused = rule.excuses(*texts) & set(found)
            rule.used += bool(excused)
            for aspect in excused:
                del found[aspect]
        return not found

    def report(self, seed, line, found, said, where):
        self.wrong += 1
        print("%s: %s" % (seed, text_of(line, 0)))
        if text_of(line, 0) != text_of(line, 1):
            print("  ours: %s" % text_of(line, 1))
        if where["ours"] != "ours":
            print("  the programs have changed places")
        for aspect in sorted(found):
            for name, theirs, ours in found[aspect]:
                print("  %s %s\n    - %s\n    + %s" % (aspect, name, *(str(one)[:600].rstrip("\n").replace("\n", "\n      ") for one in (theirs, ours))))
        if "stderr" not in found:
            print("  complaints: %s | %s" % (said["theirs"]["stderr"][:150], said["ours"]["stderr"][:150]))
        sys.stdout.flush()

    def play(self, seed, line, where):
        """Whether both did the same, with nothing to excuse."""
        found, said = self.compare(line, where)
        same = not found
        self.tally["%s %s" % (line[0][0], "succeeds" if said["theirs"]["status"] == 0 else "fails")] += 1
        if self.verbose:
            print("%s: %s: %s: %s" % (seed, "same" if same else "differs in " + ", ".join(sorted(found)), said["theirs"]["status"], text_of(line, 0)), flush=True)
        if not self.judge(line, found, said):
            self.report(seed, line, found, said, where)
        return same

    def play_sequence(self, seed):
        """Until the end, or until the two differ, even on purpose: what follows would differ, too."""
        numbers = random.Random(seed)
        history = []
        for line in linesteps.random_steps(numbers):
            places = SIDES if numbers.random() < 0.5 else SIDES[::-1]
            history.append("%s%s" % (text_of(line, 0), "" if places == SIDES else "  (changed places)"))
            wrong = self.wrong
            if not self.play(seed, line, dict(zip(SIDES, places))):
                break
            self.twins.settle()
        if self.wrong > wrong:
            print("  after\n    %s" % "\n    ".join(history[:-1]))
        self.tally["sequences"] += 1
        self.twins.restore()

    def play_line(self, seed):
        numbers = random.Random(seed)
        line = linewords.random_line(numbers)
        while linewords.risky(line):
            line = linewords.random_line(numbers)
        self.play(seed, line, dict(zip(SIDES, SIDES)))
        self.twins.restore()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--strict", action="store_true", help="compare complaints, too, where both programs fail alike")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10 ** 9))
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--sequences", type=int, default=0)
    parser.add_argument("--line", action="append", default=[], help="not at random: this one")
    parser.add_argument("--keep", action="store_true", help="do not take back what the lines given did")
    parser.add_argument("--print", action="store_true", help="only print the lines")
    arguments = parser.parse_args()
    if not all(shutil.which(program) for program in ("qemu-img", "qemu-io")):
        print("skipped: QEMU's tools are not installed")
        return rows.SKIPPED
    os.environ["LC_ALL"] = "C.UTF-8"
    rows.bypass_libtool()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lines") as top:
        player = Player(arguments, top, "nothing" if arguments.sequences else "gallery", bool(arguments.sequences))
        for text in arguments.line:
            player.play("given", [(one, one) for one in shlex.split(text)], dict(zip(SIDES, SIDES)))
            if not player.keep:
                player.twins.restore()
        play, number = (player.play_sequence, arguments.sequences) if arguments.sequences else (player.play_line, arguments.lines)
        for seed in range(arguments.seed, arguments.seed + number):
            play(seed)
    played = sum(player.tally.values())
    print("SEED=%d: %d lines, %d wrong (%.0f s)" % (arguments.seed, played, player.wrong, time.monotonic() - started))
    if arguments.verbose:
        for what, number in sorted(player.tally.items()):
            print("  %6d %s" % (number, what))
        for rule in player.rules:
            print("  %6d %s: %s" % (rule.used, rule.where, rule.reason))
    return 1 if player.wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except rows.BadTable as bad:
        sys.exit("lines.py: %s" % bad)
