# SPDX-License-Identifier: BSD-3-Clause
"""covered.py - is every option of every verb, and every option of an image, in a row of the tables?

What there is comes from qcow-img itself: its help names the verbs, the help of a verb its options, and
"-o help" those of each format.  What is tried comes from the tables (rows.py).  What no row can have
stands in a list, with the reason:

    VERB OPTION... = REASON         "*" stands for every verb

Images have their options as "create:FORMAT NAME" and "amend:FORMAT NAME", there and here.  What is in the list
and in a row, or is no option at all, is wrong, too.

    covered.py LIST TABLE...
"""

import os
import re
import subprocess
import sys

import rows

FORMATS = ("qcow2", "raw", "luks")
TARGET = {"create": "-f", "convert": "-O", "measure": "-O", "amend": "-f"}  # verbs with options of an image


class Option:
    """A line of help: "-f, --source-format FMT"."""

    def __init__(self, line):
        self.spellings = re.findall(r"(?:^|, )(--?[\w-]+)", line)
        self.is_flag = not re.search(r" [A-Z]+$|\[=", line)
        self.name = self.spellings[0]


def said(*words):
    return subprocess.run(["qcow-img", *words], stdout=subprocess.PIPE, check=True, text=True).stdout


def verbs():
    return re.findall(r"^  (\w+)  +\S", said("--help").split("Verbs:")[1].split("Syntax:")[0], re.MULTILINE)


def options_of(verb):
    text = said(verb, "--help").split("Options:\n")[1]
    return [Option(line.strip()) for line in re.findall(r"^  (-.*)", text, re.MULTILINE)]


def image_options():
    """"create:qcow2" -> the names of options."""
    for fmt in FORMATS:
        yield "create:" + fmt, re.findall(r"^  ([\w.-]+)=", said("create", "-f", fmt, "-o", "help", "x"), re.MULTILINE)
    for fmt in ("qcow2", "luks"):
        yield "amend:" + fmt, re.findall(r"^  ([\w.-]+)=", said("amend", "-f", fmt, "-o", "help"), re.MULTILINE)


def read_words(words, options):
    """Pairs of the options of a command line and their arguments."""
    words = list(words)
    while words:
        word = words.pop(0)
        name, _, argument = word.partition("=")
        if word.startswith("--"):
            found = [one for one in options if name in one.spellings]
            yield from ((one, argument or (words[0] if words and not one.is_flag else "")) for one in found)
        elif word.startswith("-"):
            for at, letter in enumerate(word[1:], 2):
                found = [one for one in options if "-" + letter in one.spellings]
                yield from ((one, word[at:] or (words[0] if words else "")) for one in found)
                if not found or not found[0].is_flag:
                    break


def tried(tables, options):
    """What occurs: (verb, option), and (verb:format, name) for what is made or amended."""
    setups, shorthands = {}, {}
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows")
    rows.read_table(os.path.join(here, "setups"), setups, shorthands)
    for table in tables:
        for row in rows.read_table(table, setups, shorthands):
            for verb, *words in row.commands("DIR", "PORT"):
                given = list(read_words(words, options.get(verb, [])))
                yield from ((verb, option.name) for option, _ in given)
                if verb not in TARGET:
                    continue
                formats = [value for option, value in given if TARGET[verb] in option.spellings]
                if verb == "amend" and not formats:
                    formats = ["luks" if "luks" in row.text else "qcow2"]
                kind = "%s:%s" % ("amend" if verb == "amend" else "create", (formats or ["raw"])[-1])
                for option, value in given:
                    if "-o" in option.spellings:
                        yield from ((kind, key.partition("=")[0]) for key in value.split(","))


def read_list(path):
    excused = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words, _, reason = line.partition(" = ")
            if reason and not line.startswith("#"):
                verb, *names = words.split()
                excused.update(((verb, name), False) for name in names)
    return excused


def main():
    options = {verb: options_of(verb) for verb in verbs()}
    known = [(verb, one.name) for verb in options for one in options[verb]]
    known += [(kind, name) for kind, names in image_options() for name in names]
    found = set(tried(sys.argv[2:], options))
    excused = read_list(sys.argv[1])
    wrong = []
    for verb, name in known:
        why = (verb, name) if (verb, name) in excused else ("*", name)
        if (verb, name) not in found and why not in excused:
            wrong.append("no row has %s %s" % (verb, name))
        elif (verb, name) not in found:
            excused[why] = True
    wrong += ["%s %s needs no excuse" % one for one in excused if not excused[one]]
    print("".join(one + "\n" for one in wrong), end="")
    print("%d options, %d in rows, %d missing or excused for nothing" % (len(known), len(found & set(known)), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
