#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With -p on a terminal a bar tells percent, rate and the time left: as wide as the terminal is just
# then, some times a second, and no trace of it is left in the way of what comes after it.  Anywhere
# else there are the percents of qemu-img.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs python3
qcow-img create -q -f raw disk.raw 16M
qcow-io -f raw -c 'write -P 1 0 16M' disk.raw >/dev/null
cp disk.raw longer.raw
truncate -s 17M longer.raw
qcow-img create -q -f qcow2 -b disk.raw -F raw top.qcow2
qcow-io -c 'write -P 2 0 4M' top.qcow2 >/dev/null
qcow-img convert -O qcow2 disk.raw other.qcow2
qcow-io -c 'write -P 3 15M 64k' other.qcow2 >/dev/null

python3 - <<'PYTHON'
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

def run(*words, columns=80, then=None, term="xterm"):
    """What appears on a terminal, and the status; then: what happens after some seconds."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = term
        signal.signal(signal.SIGINT, signal.SIG_DFL) # ignored in what a shell runs in the background
        os.execvp(words[0], words)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    said, begun = b"", time.monotonic()
    while True:
        ready = select.select([fd], [], [], 0.05)[0]
        try:
            piece = os.read(fd, 65536) if ready else None
        except OSError:
            piece = b""
        if piece == b"":
            break
        said += piece or b""
        if then and time.monotonic() - begun > then[0]:
            then[1](pid, fd)
            then = None
    os.close(fd)
    return said.decode(), os.waitpid(pid, 0)[1]

def look(said):
    """What stands on the lines of the terminal at the end."""
    lines, line, column = [], "", 0
    for part in re.findall(r"\x1b\[K|[^\x1b]", said):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append(line.rstrip())
            line, column = "", 0
        elif part == "\x1b[K":
            line = line[:column]
        else:
            line = line[:column] + part + line[column + 1:]
            column += 1
    return lines + [line]

def want(truth, *shown):
    if not truth:
        print("UNEXPECTED:", *map(repr, shown))
        sys.exit(1)

def frames(said):
    return re.findall(r"\r([^\r\n\x1b]+)\x1b\[K", said)

RUNNING = r" *[0-9]+\.[0-9]% \[=*>? *\] +(- */s|[0-9.]+ [KMG]?i?B/s) +(-:--|[0-9:]+) left"
DONE = r"100\.0% \[=+\] +([0-9.]+ [KMG]?i?B|-)/s +in [0-9:]+"
SLOWLY = ("-r", "8M")

# A copy of two seconds: all frames are bars, not more of them than a few a second.
begun = time.monotonic()
said, status = run("qcow-img", "convert", "-p", *SLOWLY, "-O", "qcow2", "disk.raw", "new.qcow2", columns=70)
shown = frames(said)
want(status == 0 and 3 <= len(shown) <= 12 * (time.monotonic() - begun) + 3, said)
want(all(re.fullmatch(RUNNING, text) for text in shown[:-1]), shown)
want(all(len(text) <= 69 for text in shown), shown)
want(len(look(said)) == 2 and re.fullmatch(DONE, look(said)[0]) and look(said)[1] == "", said)

# The terminal becomes narrower on the way, and wider than a line of output can be.
for columns in (40, 20, 12, 4, 1, 2000, 0):
    def resize(pid, fd):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    said, status = run("qcow-img", "convert", "-p", "-r", "32M", "-O", "raw", "disk.raw", "new.raw",
                       then=(0.2, resize))
    last = re.findall(r"\r([^\r\n\x1b]*)\x1b\[K", said)[-1]
    want(status == 0 and len(last) < (columns or 80), columns, said)
    want(columns in (1, 4) or last.startswith("100.0%"), columns, said)

# Interrupted: the signal is what ends it, and the next line is free.
said, status = run("qcow-img", "convert", "-p", *SLOWLY, "-O", "qcow2", "disk.raw", "new.qcow2",
                   then=(0.7, lambda pid, fd: os.kill(pid, signal.SIGINT)))
want(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status, said)
want(said.endswith("\r\n") and frames(said), said)

# In the sandbox, too.
said, status = run("qcow-img", "convert", "--untrusted", "-p", "-r", "16M", "-O", "raw", "disk.raw", "new.raw")
want(status == 0 and re.fullmatch(DONE, look(said)[0]), said)

# A job of a shell in the background leaves the terminal alone, and goes on.
for how in ("", "--untrusted"):
    words = f"qcow-img convert {how} -p -r 32M -O raw disk.raw new.raw"
    said, status = run("bash", "-c", f"set -m; stty tostop; {words} & wait %1; echo $?")
    want(not frames(said) and look(said)[-2:] == ["0", ""], said)

# Messages have the line to themselves.
said, status = run("qcow-img", "compare", "-p", "disk.raw", "other.qcow2")
want(look(said) == ["Content mismatch at offset 15728640!", ""], said)
said, status = run("qcow-img", "compare", "-p", "disk.raw", "disk.raw")
want(re.fullmatch(DONE, look(said)[0]) and look(said)[1:] == ["Images are identical.", ""], said)
said, status = run("qcow-img", "compare", "-p", "disk.raw", "longer.raw")
want(look(said)[0] == "Warning: Image size mismatch!" and re.fullmatch(DONE, look(said)[1]) and
     look(said)[2:] == ["Images are identical.", ""], said)
said, status = run("qcow-img", "convert", "-p", "-O", "qcow2", "nothere", "new.qcow2")
want(len(look(said)) == 2 and look(said)[0].startswith("qcow-img: Could not open 'nothere'"), said)
said, status = run("qcow-img", "compare", "-p", "disk.raw", "nothere")
want(len(look(said)) == 2 and look(said)[0].startswith("qcow-img: Could not open 'nothere'"), said)
said, status = run("prlimit", "--fsize=8388608", "qcow-img", "convert", "-p", *SLOWLY, "-O", "qcow2",
                   "disk.raw", "fails.qcow2")
want(status != 0 and frames(said) and len(look(said)) == 2 and "error while writing" in look(said)[0], said)

# The other verbs.
said, status = run("qcow-img", "commit", "-p", "top.qcow2")
want(re.fullmatch(DONE, look(said)[0]) and look(said)[1] == "Image committed.", said)
said, status = run("qcow-img", "rebase", "-p", "-b", "", "top.qcow2")
want(re.fullmatch(DONE, look(said)[0]), said)
said, status = run("qcow-img", "amend", "-p", "-o", "compat=0.10", "other.qcow2")
want(re.fullmatch(r"100\.0% \[=+\] +in 0:[0-9]+", look(said)[0]), said)
said, status = run("qcow-img", "convert", "-p", "-q", "-O", "raw", "disk.raw", "new.raw")
want(said == "", said)

# No bar without a terminal that can show one.
for term in ("dumb", ""):
    said, status = run("qcow-img", "convert", "-p", "-O", "raw", "disk.raw", "new.raw", term=term)
    want(re.fullmatch(r"(    \([0-9.]+/100%\)\r)+\r\n", said), said)
PYTHON

qcow-img convert -p -O raw disk.raw new.raw >said
LC_ALL=C grep -Pzq '^(    \([0-9.]+/100%\)\r)+\n\0?$' said ||
    { echo "not the percents:"; od -c said; exit 1; }

# What fails before it begins has not come to 0%.
[ -z "$(qcow-img compare -p disk.raw nothere 2>/dev/null)" ] ||
    { echo "progress of what never began"; exit 1; }
