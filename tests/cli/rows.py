# SPDX-License-Identifier: BSD-3-Clause
"""rows.py - run the same command line with QEMU's tool and with ours, a row of a table each, and compare

A table (rows/VERB.rows) has setups, and rows that start from one of them:

    setup disk [from OTHER]
        shell commands              run once, with QEMU's tools
        serve qemu-nbd ...          a server that runs beside each command of the rows

    let NAME WORDS                  {NAME} stands for the words in the rows that follow
    need PROGRAM...                 without them the table is skipped

    with disk
        COMMANDS | FILES | ASPECTS = REASON

COMMANDS      A verb and its arguments, quoted as in a shell; "io ..." is qemu-io or qcow-io, "-" the bare
              program.  Several are separated by " ; ".  {dir} stands for the folder they run in, {port}
              for a free port of this host.  With (x|y|z) the line stands for a row with each of them.
FILES         What they leave: NAME or NAME:ASPECT,...; see the class File.  May be left out.
ASPECTS       What is not the same, on purpose, and why; may be left out.  Everything else must be the
              same, and these must differ, so that no reason outlives its difference.  Aspects are those
              of files, and stdout, stderr, status (of any command) and files (which are there).
REASON        An entry of man/qcow-img-differences.7 (see told.py), or several with ";" between them.

Each row has a fresh copy of its setup for each of the two programs.  What must differ is masked: the
program's name, the folder, the time of day, how long something took, in how many steps progress
is shown, and how much of the host's space a file takes (which is compared with some tolerance, instead).

    rows.py [-v] [--differences] TABLE...     ROWS=PATTERN chooses rows by "VERB:COMMANDS"
"""

import argparse
import difflib
import filecmp
import fnmatch
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SIDES = ("theirs", "ours")
PROGRAMS = {"theirs": {"img": "qemu-img", "io": "qemu-io"}, "ours": {"img": "qcow-img", "io": "qcow-io"}}
SKIPPED = 77
PATIENCE = 60  # seconds a command may take
JUDGE = ("--object", "secret,id=judge,file=password")  # the secret of who compares
TRIES = 50  # as often a command is run that needs a quiet machine


class BadTable(Exception):
    """A table or a setup makes no sense."""


class Skipped(Exception):
    """What a table needs is not there."""


# --------------------------------------------------------------------------------------------------
# Tables

class Setup:
    def __init__(self, name, parent, where):
        self.name, self.parent, self.where = name, parent, where
        self.script = []
        self.servers = []

    def add(self, line):
        serve = line.removeprefix("serve ")
        (self.script if serve == line else self.servers).append(serve)


def expand(line):
    """A line for each choice of "(x|y|z)"."""
    choice = re.search(r"\(([^()]*\|[^()]*)\)", line)
    if not choice:
        return [line]
    return [whole for one in choice[1].split("|")
            for whole in expand(line[:choice.start()] + one + line[choice.end():])]


class Row:
    def __init__(self, setup, line, where):
        fields = (re.split(r"\s\|(?=\s|$)", line) + ["", ""])[:3]
        self.text, files, differs = (field.strip() for field in fields)
        aspects, _, self.reason = differs.partition(" = ")
        self.reasons = self.reason.split("; ") if self.reason else []
        self.setup, self.where = setup, where
        self.files = [File(word) for word in files.split()]
        self.purpose = set(aspects.split())
        if bool(self.purpose) != bool(self.reason):
            raise BadTable("%s: a difference wants aspects and a reason: %s" % (where, differs))

    def commands(self, folder, port):
        text = self.text.replace("{dir}", folder).replace("{port}", str(port))
        command = []
        for word in shlex.split(text) + [";"]:
            if word == ";":
                yield command
                command = []
            else:
                command.append(word)


def need(programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise Skipped("%s is not installed" % missing[0])


def read_table(path, setups, shorthands):
    """The rows of a table; its setups and shorthands go into the dictionaries."""
    rows, current = [], None
    with open(path, encoding="utf-8") as table:
        lines = list(enumerate(table.read().splitlines(), 1))
    for number, line in lines:
        where = "%s:%d" % (os.path.basename(path), number)
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if line[0] == " ":
            if isinstance(current, Setup):
                current.add(line.strip())
            else:
                for name, meaning in shorthands.items():
                    line = line.replace(name, meaning)
                rows += [Row(current, one, where) for one in expand(line.strip())]
        elif words[0] == "setup" and len(words) in (2, 4):
            current = setups[words[1]] = Setup(words[1], words[3] if len(words) == 4 else None, where)
        elif words[0] == "need":
            need(words[1:])
        elif words[0] == "let" and len(words) > 2:
            shorthands["{%s}" % words[1]] = line.split(None, 2)[2]
        elif words[0] == "with" and len(words) == 2 and words[1] in setups:
            current = words[1]
        else:
            raise BadTable("%s: not understood: %s" % (where, line))
    return rows


# --------------------------------------------------------------------------------------------------
# What is said

MASKS = [(re.compile(pattern, re.MULTILINE), to) for pattern, to in (
    (r"^qcow-(img|io)([:> ])", r"qemu-\1\2"),
    (r"(Try|use) 'qcow-img", r"\1 'qemu-img"),
    (r"^( *disk size:).*", r"\1 SIZE"),
    (r'("actual-size":) [0-9]+', r"\1 SIZE"),
    (r'("date-n?sec":) [0-9]+', r"\1 DATE"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "DATE"),
    (r"[0-9:.]+( sec)? \([^)]*sec\)$", "TIME"),
    (r"^(Run completed in) .*", r"\1 TIME"),
    (r"(\[[^]]*\]\?) \(held by .*\)$", r"\1"),
    (r"(    \([0-9]+\.[0-9]{2}/100%\)\r)+", "    (PROGRESS)\r"),
)]


def mask(said, folder, port):
    text = said.decode("utf-8", "backslashreplace")
    text = text.replace(folder, "DIR").replace(str(port), "PORT")
    for pattern, to in MASKS:
        text = pattern.sub(to, text)
    return text


def hasty_clock():
    """What makes QEMU's tools try passwords for a moment only; empty: they take the seconds they take."""
    library = os.environ.get("abs_top_builddir", "") + "/tests/cli/.libs/hasty-clock.so"
    return library if os.path.exists(library) else ""


def run(words, folder):
    """Run a command.  QEMU cannot always tell how long it tried a password: then it is asked again."""
    for _ in range(TRIES):
        done = run_once(words, folder)
        if b"Unable to get accurate CPU usage" not in done.stderr:
            break
    return done


def run_once(words, folder):
    theirs = words[0] in PROGRAMS["theirs"].values()
    environment = dict(os.environ, LD_PRELOAD=hasty_clock()) if theirs and hasty_clock() else None
    try:
        return subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(words, "too late", late.stdout or b"", late.stderr or b"")


# --------------------------------------------------------------------------------------------------
# What is left behind

class File:
    """A file that both leave, and how it is compared.  QEMU's tools are the judge.

    content   the disk: qemu-img compare       map    what is allocated, zero, and at what depth
    check     qemu-img check                   space  the host's space, roughly: no more than theirs
    info      qemu-img info
    and only where it is asked for
    bytes     every byte                       reserve  the host's space, roughly: nor less
    secret    the disk, with what is in the file "password" as its password
    opens     whether that password opens it
    """

    ASPECTS = {"qcow2": ("content", "check", "info", "map", "space"), "raw": ("content", "space"),
               "luks": ("secret", "info", "space")}

    def __init__(self, word):
        self.name, _, aspects = word.partition(":")
        ending = self.name.rpartition(".")[2]
        self.format = ending if ending in self.ASPECTS else "qcow2"
        self.aspects = aspects.split(",") if aspects else self.ASPECTS[self.format]

    def compare(self, folders):
        """Yields (aspect, theirs, ours) for what differs.  The same bytes have the same meaning."""
        paths = [os.path.join(folders[side], self.name) for side in SIDES]
        same = filecmp.cmp(*paths, shallow=False)
        for aspect in {"space", "reserve"}.intersection(self.aspects) if same else self.aspects:
            theirs, ours = getattr(self, aspect)(folders)
            if theirs != ours:
                yield "%s:%s" % (self.name, aspect), theirs, ours

    def look(self, folders, *words):
        """What a verb says of the file, on both sides, as JSON."""
        for side in SIDES:
            done = run(["qemu-img", *words, "-f", self.format, "--output=json", self.name], folders[side])
            try:
                yield side, done.returncode, json.loads(done.stdout)
            except ValueError:
                yield side, done.returncode, done.stderr.decode(errors="replace")

    def content(self, folders):
        paths = [os.path.join(folders[side], self.name) for side in SIDES]
        done = run(["qemu-img", "compare", "-f", self.format, "-F", self.format, *paths], folders["ours"])
        return "", "" if done.returncode == 0 else (done.stdout + done.stderr).decode(errors="replace")

    def unlocked(self, folder):
        key = "encrypt.key-secret" if self.format == "qcow2" else "key-secret"
        return "driver=%s,%s=judge,file.filename=%s" % (self.format, key, os.path.join(folder, self.name))

    def secret(self, folders):
        done = run(["qemu-img", "compare", *JUDGE, "--image-opts", *(self.unlocked(folders[side]) for side in SIDES)],
                   folders["ours"])
        return "", "" if done.returncode == 0 else (done.stdout + done.stderr).decode(errors="replace")

    def opens(self, folders):
        return [run(["qemu-io", *JUDGE, "--image-opts", "-c", "length", self.unlocked(folders[side])],
                    folders[side]).stdout.decode(errors="replace") for side in SIDES]

    def bytes(self, _):
        """Asked for only where they differ."""
        return "the same bytes", "others"

    def reserve(self, folders):
        """Within two clusters: metadata may lie elsewhere, or not at all where it lies in a hole."""
        paths = [os.path.join(folders[side], self.name) for side in SIDES]
        theirs, ours = (os.stat(path).st_blocks * 512 for path in paths)
        with open(paths[0], "rb") as file:
            head = file.read(24)
        cluster = 1 << int.from_bytes(head[20:24], "big") % 22 if head.startswith(b"QFI\xfb") else 4096
        return (theirs, theirs if abs(theirs - ours) <= 2 * cluster + (64 << 10) else ours)

    def space(self, folders):
        theirs, ours = self.reserve(folders)
        return theirs, max(theirs, ours)

    def check(self, folders):
        """Where the image ends and how it is scattered is for each to decide."""
        found = []
        for _, status, report in self.look(folders, "check"):
            for key in ("image-end-offset", "fragmented-clusters"):
                if isinstance(report, dict):
                    report.pop(key, None)
            found.append((status, report))
        return found

    def info(self, folders):
        found = []
        for side, status, report in self.look(folders, "info", "-U"):
            text = json.dumps(report, sort_keys=True, indent=1)
            text = re.sub(r'"(uuid|iters|master-key-iters)": .*', r'"\1"', text)
            found.append((status, mask(text.encode(), folders[side], "no port")))
        return found

    def map(self, folders):
        """Runs of equal state, wherever they are stored; data may lie in holes of the file."""
        found = []
        for _, status, report in self.look(folders, "map", "-U"):
            runs = []
            for entry in report if isinstance(report, list) else []:
                state = [entry["depth"], entry["present"], entry["zero"] and not entry["data"], entry["data"]]
                if runs and runs[-1][2] == state:
                    runs[-1][1] += entry["length"]
                else:
                    runs.append([entry["start"], entry["length"], state])
            found.append((status, runs))
        return found


# --------------------------------------------------------------------------------------------------
# Running

def copy_folder(source, target):
    if os.listdir(source):
        subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)
    else:
        os.mkdir(target)


def stop(server):
    """qemu-nbd may miss the signal that comes just as a client leaves: then it gets another."""
    for _ in range(5):
        server.terminate()
        try:
            server.wait(1)
            return
        except subprocess.TimeoutExpired:
            pass
    server.kill()
    server.wait()


class Runner:
    def __init__(self, setups, top, verbose):
        self.setups, self.top, self.verbose = setups, top, verbose
        self.differences = 0
        self.wrong = 0

    def folder_of(self, name):
        """The folder with what a setup makes."""
        setup = self.setups[name]
        folder = os.path.join(self.top, "setup-" + name)
        if os.path.isdir(folder):
            return folder
        if setup.parent:
            copy_folder(self.folder_of(setup.parent), folder)
        else:
            os.mkdir(folder)
        script = "\n".join(setup.script)
        done = subprocess.run(["bash", "-euc", script], cwd=folder, stdin=subprocess.DEVNULL, check=False,
                              env=dict(os.environ, HASTY_CLOCK=hasty_clock()),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise BadTable("%s: setup %s: %s" % (setup.where, name, done.stdout.decode(errors="replace")))
        return folder

    def servers_of(self, name):
        setup = self.setups[name]
        return (self.servers_of(setup.parent) if setup.parent else []) + setup.servers

    def serve(self, line, folder, port):
        """Start a server; it listens when its socket is there or its port answers."""
        line = line.replace("{dir}", folder).replace("{port}", str(port))
        server = subprocess.Popen(["bash", "-c", "exec " + line], cwd=folder, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        sockets = [word for word in shlex.split(line) if word.endswith(".sock")]
        deadline = time.monotonic() + PATIENCE
        while not self.listens(sockets, port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise BadTable("does not serve: %s" % line)
            time.sleep(0.002)
        return server

    @staticmethod
    def listens(sockets, port):
        if sockets:
            return all(os.path.exists(path) for path in sockets)
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    @staticmethod
    def free_port():
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return listener.getsockname()[1]

    def play(self, row, side):
        """Run a row for one program; what it said, by aspect."""
        folder = os.path.join(self.top, side)
        shutil.rmtree(folder, ignore_errors=True)
        copy_folder(self.folder_of(row.setup), folder)
        port = self.free_port() if "{port}" in row.text + " ".join(self.servers_of(row.setup)) else 0
        servers = [self.serve(line, folder, port) for line in self.servers_of(row.setup)]
        said = {"stdout": "", "stderr": "", "status": []}
        for words in row.commands(folder, port):
            tool = "img"
            if words[0] == "io":
                tool, words = "io", words[1:]
            elif words == ["-"]:
                words = []
            done = run([PROGRAMS[side][tool], *words], folder)
            said["stdout"] += mask(done.stdout, folder, port or "no port")
            said["stderr"] += mask(done.stderr, folder, port or "no port").rstrip("\n") + "\n"
            said["status"].append(done.returncode)
        for server in servers:
            stop(server)
        said["files"] = sorted(name for name in os.listdir(folder) if not name.endswith(".sock"))
        return folder, said

    def compare(self, row):
        """What differs: aspect -> (theirs, ours)."""
        folders, said = {}, {}
        for side in SIDES:
            folders[side], said[side] = self.play(row, side)
        found = {aspect: (said["theirs"][aspect], said["ours"][aspect]) for aspect in said["ours"]
                 if said["theirs"][aspect] != said["ours"][aspect]}
        for file in row.files:
            there = [os.path.exists(os.path.join(folders[side], file.name)) for side in SIDES]
            if all(there):
                found.update((aspect, both) for aspect, *both in file.compare(folders))
            elif not any(there):
                found[file.name] = ("not there", "not there")
        return found

    def judge(self, row):
        found = self.compare(row)
        if set(found) == row.purpose:
            self.differences += bool(found)
            if self.verbose:
                print("%s: %s: %s" % (row.where, "differs on purpose" if found else "same", row.text))
            return
        self.wrong += 1
        print("%s: %s" % (row.where, row.text))
        for aspect in sorted(row.purpose - set(found)):
            print("  %s: no longer differs (%s)" % (aspect, row.reason))
        for aspect in sorted(set(found) - row.purpose):
            print("  %s (- QEMU's, + ours):" % aspect)
            theirs, ours = (text_of(what).splitlines() for what in found[aspect])
            lines = list(difflib.unified_diff(theirs, ours, lineterm="", n=1))[2:]
            print("\n".join("    " + line[:200] for line in lines[:30] if line[:2] != "@@"))


def text_of(what):
    return what if isinstance(what, str) else json.dumps(what, indent=1)


def print_differences(rows):
    for verb, row in rows:
        if row.purpose:
            print("%s: %s\n    %s: %s" % (verb, row.text, " ".join(sorted(row.purpose)), row.reason))


def bypass_libtool():
    """The programs themselves, where the build tree has scripts that start them."""
    beside = os.path.join(os.path.dirname(shutil.which("qcow-img")), ".libs")
    if os.path.exists(os.path.join(beside, "qcow-img")):
        os.environ["PATH"] = beside + ":" + os.environ["PATH"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--differences", action="store_true", help="list what differs on purpose")
    parser.add_argument("tables", nargs="+")
    arguments = parser.parse_args()
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows")
    pattern = os.environ.get("ROWS") or "*"
    rows, setups, shorthands = [], {}, {}
    read_table(os.path.join(here, "setups"), setups, shorthands)
    for table in arguments.tables:
        verb = os.path.basename(table).removesuffix(".rows")
        rows += [(verb, row) for row in read_table(table, setups, shorthands)]
    rows = [(verb, row) for verb, row in rows if fnmatch.fnmatchcase("%s:%s" % (verb, row.text), pattern)]
    if arguments.differences:
        print_differences(rows)
        return 0
    need(("qemu-img", "qemu-io", "qemu-nbd"))
    if not rows:
        raise Skipped("no row is chosen")
    os.environ["LC_ALL"] = "C.UTF-8"
    bypass_libtool()
    with tempfile.TemporaryDirectory(prefix="rows") as top:
        runner = Runner(setups, top, arguments.verbose)
        started = time.monotonic()
        for _, row in rows:
            runner.judge(row)
    print("%d rows: %d the same, %d differ on purpose, %d wrong (%.0f s)" % (
        len(rows), len(rows) - runner.differences - runner.wrong, runner.differences, runner.wrong,
        time.monotonic() - started))
    return 1 if runner.wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadTable as bad:
        sys.exit("rows.py: %s" % bad)
    except Skipped as why:
        print("skipped: %s" % why)
        sys.exit(SKIPPED)
