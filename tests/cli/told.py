# SPDX-License-Identifier: BSD-3-Clause
"""told.py - is every difference on purpose told in the manual, and every one that is told there tried?

The reasons come from the tables of rows (rows.py), from the rules for random lines (lines.py) and from the
rows of qemu-io ("differs: REASON:").  The manual's page has an entry for each, which is headed by the reason
itself.  An entry that is no reason of a row has a comment with the tests that try it.

    told.py PAGE TESTS-FOLDER
"""

import glob
import os
import re
import sys

import lines
import rows


def reasons(folder):
    """Reason -> where it is given first."""
    given = {}
    setups, shorthands = {}, {}
    rows.read_table(os.path.join(folder, "cli/rows/setups"), setups, shorthands)
    for table in sorted(glob.glob(os.path.join(folder, "cli/rows/*.rows"))):
        for row in rows.read_table(table, setups, shorthands):
            for reason in row.reasons:
                given.setdefault(reason, row.where)
    for rule in lines.read_rules(os.path.join(folder, "cli/lines/differences")):
        for reason in rule.reasons:
            given.setdefault(reason, rule.where)
    for table in sorted(glob.glob(os.path.join(folder, "cli/io-rows/*.rows"))):
        with open(table, encoding="utf-8") as text:
            for reason in re.findall(r"^differs: ([^:]*):", text.read(), re.MULTILINE):
                given.setdefault(reason, os.path.basename(table))
    return given


def entries(page):
    """Pairs of the head of an entry and the tests that its comment names."""
    with open(page, encoding="utf-8") as text:
        plain = text.read().replace(r"\(aq", "'").replace(r"\-", "-")
    for head, comment in re.findall(r'^\.TP\n\.B ([^\n]*)\n(?:\.\\" ([^\n]*)\n)?', plain, re.MULTILINE):
        yield head, comment.split()


def main():
    page, folder = sys.argv[1:]
    given, told = reasons(folder), list(entries(page))
    heads = [head for head, _ in told]
    wrong = ["%s: not told: %s" % (where, reason) for reason, where in given.items() if reason not in heads]
    wrong += ["told twice: %s" % head for head in set(heads) if heads.count(head) > 1]
    for head, tests in told:
        if not tests and head not in given:
            wrong.append("no row differs because: %s" % head)
        wrong += ["%s: no such test: %s" % (head, test) for test in tests
                  if not os.path.exists(os.path.join(folder, test))]
    print("".join(one + "\n" for one in wrong), end="")
    print("%d reasons, %d entries, %d wrong" % (len(given), len(told), len(wrong)))
    return 1 if wrong or not given else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except rows.Skipped as why:
        print("skipped: %s" % why)
        sys.exit(rows.SKIPPED)
