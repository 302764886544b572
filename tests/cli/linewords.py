# SPDX-License-Identifier: BSD-3-Clause
"""linewords.py - random command lines, from a grammar of the verbs of qemu-img

A verb is a row of VERBS: its options (Option: a letter, the long name that qemu-img 7.2 has, the one
that newer versions have, and where arguments come from) and its operands.  A source is a function of
the random numbers that returns a word; most are made by good(), which errs now and then on purpose.
A line is a list of pairs, (what qemu-img is given, what qcow-img is given): they differ where an
option has a name that qemu-img has only after 7.2, and nowhere else.
"""

import re

PLAIN = ["a.qcow2", "r.raw", "odd.raw", "blank.qcow2", "v2.qcow2", "sub.qcow2", "small.qcow2", "c.qcow2",
         "base.qcow2", "mid.qcow2", "top.qcow2", "onraw.qcow2", "snap.qcow2", "bits.qcow2", "pre.qcow2"]
ODD = ["empty.qcow2", "large.qcow2", "zstd.qcow2", "d.qcow2", "dr.qcow2", "base.raw", "both.qcow2",
       "leak.qcow2", "dirty.qcow2", "luks.qcow2", "broken.qcow2"]
BAD = ["cut.qcow2", "short.qcow2", "corrupt.qcow2", "marked.qcow2", "unknown.qcow2", "text", "nothing",
       "nothere", "no/where", ".", ""]

SECRET = "secret,id=s,data=open"
ERRS = 0.025  # how often a word is wrong on purpose


# --------------------------------------------------------------------------------------------------
# Sources of words

def word(*words):
    return lambda random: random.choice(words)


def good(*words, bad):
    """One of the words, or, now and then, one that is not."""
    def source(random):
        return random.choice(bad if random.random() < ERRS else words)
    return source


def call(random, source):
    return source(random) if callable(source) else source


def number(random, most):
    """A size of up to that many bytes, in one of the spellings sizes have."""
    value = random.choice((random.randrange(most + 1), random.randrange(most // 512 + 1) * 512,
                           random.randrange(most // 65536 + 1) * 65536))
    spelling = random.randrange(8)
    if spelling == 0:
        return hex(value)
    if spelling == 1 and value:
        return "%.*f%s" % (random.randrange(5), value / 1024, random.choice("kK"))
    if spelling == 2 and value:
        return "%.*f%s" % (random.randrange(1, 4), value / 1048576, random.choice("mM"))
    if spelling == 3:
        return "%d%s" % (value // 1024, random.choice("kK"))
    if spelling == 4:
        return "%d%s" % (value, random.choice("bB"))
    if spelling == 5:
        return "0%d" % value
    return str(value)


NO_SIZES = ("", "x", "-1", "-1k", "+1k", " 1k", "1k ", "1kB", "1KiB", "1.5", "1.", "1.k", ".5k", "1.5.5k", "1e3", "1e3k",
            "0x", "0x1.8k", "0x10k", "1,5k", "9E", "8E", "7.999999999E", "16E", "18446744073709551615",
            "18446744073709551616", "9223372036854775807", "9223372036854775808", "9223372036854774784", "7E", "1z",
            "nan", "inf", "--", "0.1k", "1000", "1001", "99999999999999999999", "0b1", "1_000", "k", "M", "-0", "1 M")


def size(most=8 << 20):
    return lambda random: random.choice(NO_SIZES) if random.random() < 2 * ERRS else number(random, most)


def count(*words):
    return good(*words, bad=("", "x", "-1", "0", "1.5", "0x2", "1k", "99999999999", "2147483648", " 1", "1 "))


FORMAT = good("qcow2", "raw", bad=("", "foo", "QCOW2", "qcow2 ", "luks", "vmdk", "file"))
CACHE = good("none", "writeback", "writethrough", "directsync", "unsafe", "off", bad=("", "foo", "None", "unsafe "))
OUTPUT = good("human", "json", "json", bad=("", "xml", "JSON", "json,"))
OBJECT = good(SECRET, SECRET, SECRET, "secret,id=t,data=x", "secret,data=b3Blbg==,format=base64,id=s",
              bad=("", "foo", "secret", "secret,id=s", "id=s", "secret,id=s,data=a,,b", "secret,id=1,data=x",
                   "secret,id=s,data=x,foo=y", "secret,id=s,file=nothere", "secret,qom-type=secret,id=s,data=x"))
SNAPSHOT = good("one", "1", "two words", "2", "3", bad=("", "nope", "4", "0", ",", "One"))
SNAPSHOT_OPTIONS = good("one", "1", "two words", "3", "snapshot.id=1", "snapshot.name=one", "snapshot.id=2,snapshot.name=1",
                        "snapshot.name=1", "snapshot.id=1,snapshot.id=2",
                        bad=("", ",", "nope", "snapshot.id=9", "snapshot.id=", "snapshot.foo=1", "snapshot.id=1,foo=2",
                             "snapshot.id=1,snapshot.name=two words", "snapshot.id", "snapshot.", "snapshot.name=one,"))
BITMAP = good("b0", "b 1", "new", bad=("", "gone", "b" * 1023, "b" * 1024, "B0"))
RATE = good("100M", "1G", "0", "10000k", bad=("", "x", "-1", "9E", "16E", "1.5.5"))


def image(random):
    """An image that is there, or now and then one that is damaged or not there at all."""
    chance = random.random()
    name = random.choice(PLAIN if chance < 0.75 else ODD if chance < 0.75 + 3 * ERRS else BAD)
    return random.choice((name, name, name, name, "./" + name, "file:" + name)) if name else name


def backing(random):
    names = ("base.qcow2", "base.raw", "mid.qcow2", "a.qcow2", "./base.qcow2", "{dir}/base.qcow2")
    return image(random) if random.random() < 0.3 else random.choice(names)


def new_file(random):
    names = ("x.qcow2", "x.raw", "x", "./x.qcow2", "file:x.qcow2", "{dir}/x")
    chance = random.random()
    if chance < ERRS:
        return random.choice(("no/x", "", ".", "x,y", "foo:x", "-x", "json:{}", "a b"))
    return image(random) if chance < 0.15 else random.choice(names)


def image_options(random):
    """What --image-opts takes in place of a name."""
    name = image(random)
    keys = ["file.filename=" + name.replace(",", ",,")]
    if random.random() < 0.7:
        keys.insert(0, "driver=" + call(random, FORMAT))
    for key in ("file.driver=file", "read-only=on", "read-only=off", "lazy-refcounts=on", "cache.direct=on", "discard=unmap",
                "detect-zeroes=on", "overlap-check=all", "l2-cache-size=64k", "l2-cache-size=x", "foo=bar", "file.foo=1",
                "node-name=x", "backing.driver=qcow2", "backing.file.filename=base.qcow2", "force-share=on",
                "file.locking=off", "cache-size=1M", "refcount-cache-size=256k", "pass-discard-other=on", "encrypt.key-secret=s",
                "encrypt.format=luks", "driver=raw", "data-file.filename=d.data", "data-file.driver=file", "backing=none",
                "size=1M", "offset=512"):
        if random.random() < 0.03:
            keys.append(key)
    if random.random() < 0.2:
        random.shuffle(keys)
    return ",".join(keys)


# --------------------------------------------------------------------------------------------------
# -o

CREATION = [
    # key, values; the format that has it: q(cow2), r(aw), a(mend); l(uks inside of qcow2)
    ("size", size(), "qra"),
    ("compat", good("0.10", "1.1", "v2", "v3", bad=("", "0.1", "2", "V3", "1.10")), "qa"),
    ("cluster_size", good("512", "4k", "65536", "64K", "1M", "0x10000", "32k", bad=("0", "100", "4M", "", "x", "1.5k", "-64k", "65537")), "q"),
    ("preallocation", good("off", "metadata", "falloc", "full", bad=("", "on", "Full", "foo")), "qr"),
    ("lazy_refcounts", good("on", "off", bad=("", "yes", "true", "ON", "1")), "qa"),
    ("refcount_bits", good("1", "8", "16", "64", "0x10", "32", bad=("0", "3", "128", "", "-1", "x", "8k", " 8")), "qa"),
    ("extended_l2", good("on", "off", bad=("", "yes", "y")), "q"),
    ("compression_type", good("zlib", "zstd", bad=("", "lz4", "ZLIB")), "q"),
    ("data_file", good("x.data", "./x.data", bad=("", "no/x", ".", "json:{}")), "q"),
    ("data_file_raw", good("on", "off", bad=("", "yes")), "q"),
    ("backing_file", backing, "q"),
    ("backing_fmt", FORMAT, "q"),
    ("encryption", good("off", bad=("", "yes", "on")), "q"),
    ("encrypt.format", good("luks", bad=("", "aes", "foo")), "l"),
    ("encrypt.key-secret", good("s", bad=("", "nobody")), "l"),
    ("encrypt.iter-time", good("10", bad=("", "x", "-1", "0")), "l"),
    ("encrypt.cipher-alg", good("aes-128", "aes-256", bad=("", "rot13")), "l"),
    ("encrypt.hash-alg", good("sha1", "sha256", bad=("", "md4")), "l"),
    ("nocow", good("off", bad=("", "yes")), "qr"),
    ("extent_size_hint", good("0", "64k", bad=("", "x", "-1")), "qr"),
    ("foo", word("bar", ""), ""),
]


def joined_keys(random, keys):
    """Keys and values as the argument of one -o or of several."""
    pairs = []
    for key, source in keys:
        value = call(random, source).replace(",", ",,")
        chance = random.random()
        pairs.append(key if chance < 0.02 else "no" + key if chance < 0.03 else "%s=%s" % (key, value))
    random.shuffle(pairs)
    arguments = [[]]
    for pair in pairs:
        if arguments[-1] and random.random() < 0.2:
            arguments.append([])
        arguments[-1].append(pair)
    chance = random.random()
    if chance < 0.01:
        arguments[-1].append(random.choice(("help", "?", "", "help=1", "foo", "=", "=x")))
    elif chance < 0.02:
        arguments[0].insert(0, random.choice(("", "help", "?")))
    text = [",".join(argument) for argument in arguments]
    if chance > 0.985:
        text[0] = text[0].replace(",", ",,", 1)
    return text


def creation(kinds, likely):
    """Arguments of -o: each key with about that likelihood."""
    def source(random):
        keys = [(key, value) for key, value, of in CREATION
                if (set(kinds) & set(of) and random.random() < likely) or random.random() < 0.004]
        if "q" in kinds and random.random() < 0.04:
            keys += [(key, value) for key, value, of in CREATION if of == "l" and random.random() < 0.7]
        if not keys:
            keys = [random.choice([(key, value) for key, value, of in CREATION if set(kinds) & set(of)])]
        return joined_keys(random, keys)
    return source


# --------------------------------------------------------------------------------------------------
# Verbs

class Option:
    """letter, or "" - the name in 7.2, or "" - the newer name, or "" - where arguments come from."""

    def __init__(self, letter, name, newer, source, likely=0.08):
        self.letter, self.name, self.newer = letter, name, newer
        self.source, self.likely = source, likely


def flag(letter, name="", newer="", likely=0.08):
    return Option(letter, name, newer, None, likely)


IMAGE_OPTS = flag("", "image-opts", likely=0.05)
SHARE = flag("U", "force-share", likely=0.05)
QUIET = flag("q", "", "quiet", 0.1)
PROGRESS = flag("p", "", "progress", 0.05)
SECRETS = Option("", "object", "", OBJECT, 0.04)
HELP = flag("h", "help", likely=0.002)


def format_of(newer="format", likely=0.15):
    return Option("f", "", newer, FORMAT, likely)


def one_image(random):
    return [image]


def create_operands(random):
    chance = random.random()
    if chance < 0.85:
        return [new_file, size()]
    return [[new_file], [], [new_file, size(), size()], [size(), new_file]][random.randrange(4)]


def images_and_target(random):
    return [image] * random.choice((0, 1, 1, 1, 1, 1, 1, 1, 2, 3)) + [new_file]


def dd_operands(random):
    operands = [lambda random: "if=" + image(random), lambda random: "of=" + new_file(random)]
    for key, source in (("bs", good("512", "1k", "64k", "1000", "1M", "0x200", "4096b", bad=("", "0", "-1", "x", "3G", "1.5k", "2147483648", "2147483647"))),
                        ("count", good("0", "1", "3", "100", "1k", bad=("", "x", "-1"))),
                        ("skip", good("0", "1", "4", "100", "0x2", bad=("", "x", "-1", "1E"))),
                        ("seek", word("1")), ("conv", word("notrunc"))):
        if random.random() < (0.4 if key in ("bs", "count", "skip") else 0.01):
            operands.append(lambda random, key=key, source=source: "%s=%s" % (key, source(random)))
    random.shuffle(operands)
    return operands if random.random() < 0.95 else operands[1:]


def resize_operands(random):
    def change(random):
        return random.choice(("", "", "+", "-")) + size(6 << 20)(random)
    return [image, change]


def measure_operands(random):
    return [] if random.random() < 0.3 else [image]


def snapshot_of(random):
    return [word("snap.qcow2")] if random.random() < 0.6 else [image]


def bitmap_operands(random):
    def holder(random):
        return "bits.qcow2" if random.random() < 0.6 else image(random)
    return [holder, BITMAP]


def overlay(random):
    def source(random):
        return random.choice(("top.qcow2", "mid.qcow2", "onraw.qcow2")) if random.random() < 0.6 else image(random)
    return [source]


def two_images(random):
    first = image(random)
    return [lambda _: first, (lambda _: first) if random.random() < 0.2 else image]


VERBS = {
    "create": (6, create_operands, [
        HELP, QUIET, Option("f", "", "format", FORMAT, 0.85), Option("b", "", "backing", backing, 0.2),
        Option("F", "", "backing-format", FORMAT, 0.2), flag("u", "", "backing-unsafe"),
        Option("o", "", "options", creation("q", 0.12), 0.6), SECRETS]),
    "convert": (8, images_and_target, [
        HELP, QUIET, PROGRESS, format_of("source-format", 0.1), Option("O", "", "target-format", FORMAT, 0.8),
        Option("o", "", "target-format-options", creation("q", 0.06), 0.25),
        Option("l", "", "snapshot", SNAPSHOT_OPTIONS, 0.05), Option("B", "", "", backing, 0.06),
        Option("F", "", "backing-format", FORMAT, 0.06), flag("c", "", "compress", 0.15),
        Option("S", "", "sparse-size", good("0", "512", "4k", "64k", "1M", "16M", bad=("", "x", "1000", "17M", "-1", "1")), 0.08),
        flag("n", "", "no-create", 0.06), flag("", "target-is-zero", likely=0.02),
        Option("m", "", "parallel", count("1", "4", "16"), 0.05), flag("W", "", "oob-writes", 0.05),
        flag("C", "", "copy-range-offloading", 0.04), Option("r", "", "rate-limit", RATE, 0.04),
        flag("", "salvage", likely=0.05), flag("", "bitmaps", likely=0.06), flag("", "skip-broken-bitmaps", likely=0.03),
        flag("", "target-image-opts", likely=0.02), Option("t", "", "cache", CACHE, 0.06),
        Option("T", "", "source-cache", CACHE, 0.06), SHARE, IMAGE_OPTS, SECRETS]),
    "info": (3, one_image, [
        HELP, Option("f", "format", "", FORMAT, 0.15), Option("", "output", "", OUTPUT, 0.4),
        flag("", "backing-chain", likely=0.2), SHARE, IMAGE_OPTS, SECRETS]),
    "check": (4, one_image, [
        HELP, QUIET, Option("f", "format", "", FORMAT, 0.15), Option("", "output", "", OUTPUT, 0.3),
        Option("r", "repair", "", good("leaks", "all", bad=("", "foo", "Leaks")), 0.3),
        Option("T", "", "source-cache", CACHE), SHARE, IMAGE_OPTS, SECRETS]),
    "map": (3, one_image, [
        HELP, Option("f", "format", "", FORMAT, 0.15), Option("", "output", "", OUTPUT, 0.5),
        Option("s", "start-offset", "", size(4 << 20), 0.2), Option("l", "max-length", "", size(4 << 20), 0.2),
        SHARE, IMAGE_OPTS, SECRETS]),
    "measure": (4, measure_operands, [
        HELP, format_of(), Option("O", "", "target-format", FORMAT, 0.7), Option("o", "", "options", creation("q", 0.08), 0.3),
        Option("l", "", "snapshot", SNAPSHOT_OPTIONS, 0.05), Option("", "size", "", size(1 << 40), 0.3),
        Option("", "output", "", OUTPUT, 0.4), SHARE, IMAGE_OPTS, SECRETS]),
    "snapshot": (3, snapshot_of, [
        HELP, QUIET, flag("l", "", "list", 0.25), Option("c", "", "create", good("new", "one", "1", bad=("", "n" * 256)), 0.25),
        Option("a", "", "apply", SNAPSHOT, 0.25), Option("d", "", "delete", SNAPSHOT, 0.25), SHARE, IMAGE_OPTS, SECRETS]),
    "bitmap": (4, bitmap_operands, [
        HELP, format_of(), flag("", "add", likely=0.25), flag("", "remove", likely=0.2), flag("", "clear", likely=0.2),
        flag("", "enable", likely=0.2), flag("", "disable", likely=0.2), Option("", "merge", "", BITMAP, 0.2),
        Option("g", "granularity", "", good("512", "4k", "64k", "1M", bad=("", "x", "500", "256", "4G", "-1", "0", "2G", "1.5k")), 0.15),
        Option("b", "source-file", "", image, 0.08), Option("F", "source-format", "", FORMAT, 0.05), IMAGE_OPTS, SECRETS]),
    "resize": (4, resize_operands, [
        HELP, QUIET, format_of(likely=0.25), flag("", "shrink", likely=0.4),
        Option("", "preallocation", "", good("off", "metadata", "falloc", "full", bad=("", "foo", "on")), 0.25),
        IMAGE_OPTS, SECRETS]),
    "rebase": (4, overlay, [
        HELP, QUIET, PROGRESS, format_of(), Option("b", "", "backing", backing, 0.9), Option("F", "", "", FORMAT, 0.75),
        Option("B", "", "backing-format", FORMAT, 0), flag("u", "", "backing-unsafe", 0.2), Option("t", "", "cache", CACHE),
        Option("T", "", "backing-cache", CACHE), SHARE, IMAGE_OPTS, SECRETS]),
    "commit": (3, overlay, [
        HELP, QUIET, PROGRESS, format_of(), Option("b", "", "base", good("base.qcow2", "mid.qcow2", "base.raw", "./mid.qcow2", bad=("", "nothere", "a.qcow2", "top.qcow2")), 0.25),
        flag("d", "", "drop", 0.2), Option("r", "", "rate-limit", RATE), Option("t", "", "cache", CACHE), IMAGE_OPTS, SECRETS]),
    "compare": (3, two_images, [
        HELP, QUIET, PROGRESS, format_of("a-format"), Option("F", "", "b-format", FORMAT, 0.15), flag("s", "", "strict", 0.3),
        Option("T", "", "source-cache", CACHE), SHARE, IMAGE_OPTS, SECRETS]),
    "dd": (3, dd_operands, [
        HELP, format_of(), Option("O", "", "target-format", FORMAT, 0.4), SHARE, IMAGE_OPTS, SECRETS]),
    "amend": (3, one_image, [
        HELP, QUIET, PROGRESS, format_of(), Option("o", "", "options", creation("a", 0.35), 0.97), flag("", "force"),
        Option("t", "", "cache", CACHE), IMAGE_OPTS, SECRETS]),
    "bench": (1, one_image, [
        HELP, QUIET, format_of(), Option("c", "", "count", count("1", "10", "33"), 1), Option("d", "", "depth", count("1", "4"), 0.2),
        Option("s", "", "buffer-size", good("512", "4k", "1000", "64k", bad=("", "x", "-1", "0", "3G")), 0.3),
        Option("S", "", "step-size", good("512", "4k", "0", "1M", bad=("", "x", "-1", "3G")), 0.2),
        Option("o", "", "offset", size(1 << 20), 0.2), flag("w", "", "write", 0.3),
        Option("", "pattern", "", count("1", "255", "256"), 0.1), Option("", "flush-interval", "", count("1", "4"), 0.1),
        flag("", "no-drain"), Option("i", "", "aio", good("threads", "native", "io_uring", bad=("", "foo")), 0.1),
        flag("n", "", "native"), Option("t", "", "cache", CACHE), SHARE, IMAGE_OPTS]),
}


# --------------------------------------------------------------------------------------------------
# Lines

def abbreviation(random, verb, name):
    """A shorter name that still means one option, for either program."""
    names = [other for option in VERBS[verb][2] for other in (option.name, option.newer) if other]
    names += ["untrusted", "wait", "backing-nbd", "bitmap", "bitmaps", "quiet", "cache", "force-share"]
    least = 1
    while least < len(name) and any(other != name and other.startswith(name[:least]) for other in names):
        least += 1
    return name[:random.randrange(least, len(name) + 1)]


def spell(random, verb, option, argument):
    """The words of an option, for each program."""
    spellings = []
    if option.letter:
        spellings += ["letter"] * 4
    if option.name:
        spellings += ["name"] * 3
    if option.newer and option.letter:
        spellings += ["newer"]
    how = random.choice(spellings)
    apart = random.random() < 0.7
    if argument is None:
        letter = ["-" + option.letter]
    else:
        letter = ["-" + option.letter, argument] if apart or not argument else ["-" + option.letter + argument]
    if how == "letter":
        return [(one, one) for one in letter]
    name = option.name if how == "name" else option.newer
    name = "--" + (abbreviation(random, verb, name) if random.random() < 0.15 and how == "name" else name)
    if argument is None:
        words = [name]
    else:
        words = [name, argument] if random.random() < 0.5 else [name + "=" + argument]
    if how == "name":
        return [(one, one) for one in words]
    if len(words) == len(letter):
        return list(zip(letter, words))
    return [(letter, words)]


def chosen_options(random, verb):
    """Groups of pairs, an option each."""
    groups = []
    for option in VERBS[verb][2]:
        times = (random.random() < option.likely) + (random.random() < 0.01 * bool(option.likely))
        for _ in range(times):
            arguments = call(random, option.source) if option.source else None
            for argument in arguments if isinstance(arguments, list) else [arguments]:
                groups.append((option, spell(random, verb, option, argument)))
    return groups


def spoil(random, groups, operands):
    """What people mistype: a word too many or too few, an option that is none."""
    chance = random.random()
    if chance < 0.01:
        groups.insert(random.randrange(len(groups) + 1), [(one, one) for one in random.choice((["-Z"], ["--foo"], ["--foo=bar"], ["-"], ["-6"], ["---"], ["--=x"]))])
    elif chance < 0.02 and operands:
        operands.pop(random.randrange(len(operands)))
    elif chance < 0.03:
        extra = image(random)
        operands.append([(extra, extra)])
    elif chance < 0.04 and groups:
        groups.pop(random.randrange(len(groups)))
    elif chance < 0.05:
        operands.insert(0, [("--", "--")])


def flatten(groups):
    for group in groups:
        for theirs, ours in group:
            theirs, ours = ([words] if isinstance(words, str) else words for words in (theirs, ours))
            yield from zip(theirs + [None] * (len(ours) - len(theirs)), ours + [None] * (len(theirs) - len(ours)))


def without(options, letters):
    return [one for one in options if not one[0].letter or one[0].letter not in letters]


def with_backing_format(random, verb, options):
    """-b wants an -F that is true of the file."""
    names = " ".join(str(words) for option, words in options if option.letter == "b")
    option = next(option for option in VERBS[verb][2] if option.letter == "F")
    actual = "raw" if ".raw" in names else "qcow2"
    return without(options, "F") + ([(option, spell(random, verb, option, actual))] if names else [])


def fit_together(random, verb, options, operands):
    """What most lines need in order to make sense."""
    chosen = {option.name or option.letter: words for option, words in options}
    if "image-opts" in chosen and random.random() < 0.9:
        options = without(options, "f")
        if verb != "dd":
            operands = [image_options if source in (image, backing) else source for source in operands]
    if verb in ("create", "rebase") and random.random() < 0.9:
        options = with_backing_format(random, verb, options)
    target = chosen.get("O" if verb in ("convert", "measure") else "f", [])
    if verb in ("create", "convert", "measure") and random.random() < 0.8 and "qcow2" not in str(target):
        options = without(options, "bBFco")
        if random.random() < 0.3:
            option = next(option for option in VERBS[verb][2] if option.letter == "o")
            options += [(option, spell(random, verb, option, one)) for one in creation("r", 0.3)(random)]
    return options, operands


def random_line(random):
    verb = random.choices(list(VERBS), [weight for weight, _, _ in VERBS.values()])[0]
    _, make_operands, _ = VERBS[verb]
    options, operands = fit_together(random, verb, chosen_options(random, verb), make_operands(random))
    groups = [words for _, words in options]
    operands = [[(text, text)] for text in (call(random, source) for source in operands)]
    random.shuffle(groups)
    spoil(random, groups, operands)
    if random.random() < 0.15 and verb != "resize":
        for group in operands:  # anywhere between the options, in their order
            groups.append(group)
    elif random.random() < 0.1 and verb != "resize" and operands:
        groups = operands[:1] + groups + operands[1:]
    else:
        groups += operands
    return [(verb, verb)] + list(flatten(groups))


def risky(line):
    """Lines that would write very much: space that is given beforehand for huge disks."""
    text = " ".join(words[0] or "" for words in line)
    return bool(re.search(r"preallocation|-S ?0|cluster_size", text) and re.search(r"[0-9][gtpeGTPE]|[0-9]{10}|0x[0-9a-f]{9}", text))
