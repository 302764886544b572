# SPDX-License-Identifier: BSD-3-Clause
"""linesteps.py - random steps on the same few images, for sequences of command lines

Most steps succeed: what matters here is not how a line is spelled but what it finds, left by the
steps before it.  Images are w0.qcow2 to w3.qcow2; one stands on images of lower numbers only, so
that no chain bites its tail.  A step is a list of words that both programs are given.
"""

NAMES = ("one", "two", "3")
SIZES = (65536, 200 * 1024, 1 << 20, (1 << 20) + 512, 3 << 19, 2 << 20, 2304 * 1024)


def image(number):
    return "w%d.qcow2" % number


def some(random):
    return random.randrange(4)


def creation(random, version3=True):
    """Options of a new image which go together."""
    chosen = {"cluster_size": random.choice(("4k", "16k", "64k", "512")), "compat": random.choice(("0.10", "1.1", "1.1", "1.1"))}
    if version3:
        chosen["compat"] = "1.1"
    if chosen["compat"] == "1.1":
        chosen["refcount_bits"] = random.choice(("8", "16", "16", "64"))
        chosen["lazy_refcounts"] = random.choice(("on", "off"))
        if random.random() < 0.25:
            chosen.update(extended_l2="on", cluster_size=random.choice(("16k", "32k")))
        if random.random() < 0.15:
            chosen["compression_type"] = "zstd"
    if random.random() < 0.1:
        chosen["preallocation"] = random.choice(("metadata", "falloc", "full"))
    keys = random.sample(sorted(chosen), random.randrange(len(chosen) + 1))
    if "extended_l2" in keys:
        keys = sorted(set(keys) | {"cluster_size"})
    if "refcount_bits" in keys or "lazy_refcounts" in keys:
        keys = [key for key in keys if key != "compat"]
    return ["-o", ",".join("%s=%s" % (key, chosen[key]) for key in keys)] if keys else []


def create(random):
    number = some(random)
    words = ["create", "-f", "qcow2", *creation(random, random.random() < 0.8)]
    if number and random.random() < 0.5:
        below = random.randrange(number)
        words = [word for word in words if "preallocation" not in word or "-o" not in words]
        words = [word for at, word in enumerate(words) if not (word == "-o" and (at + 1 == len(words) or "=" not in words[at + 1]))]
        return words + ["-b", image(below), "-F", "qcow2", image(number), *random.choice(([], [str(random.choice(SIZES))]))]
    return words + [image(number), str(random.choice(SIZES))]


def span(random):
    """An offset and a length somewhere within the sizes that disks have here."""
    unit = random.choice((512, 4096, 65536, 1))
    offset = random.randrange((1 << 20) // unit) * unit
    return str(offset), str(random.randrange(1, 1 + min(300000, (1 << 20) - offset) // unit + 1) * unit)


def io(random):
    words = ["io"]
    for _ in range(random.randrange(1, 5)):
        offset, length = span(random)
        byte = str(random.randrange(256))
        words += ["-c", random.choice((
            "write -P %s %s %s" % (byte, offset, length), "write -P %s %s %s" % (byte, offset, length),
            "write -P 0 %s %s" % (offset, length), "write -z %s %s" % (offset, length), "write -zu %s %s" % (offset, length),
            "discard %s %s" % (offset, length), "write -c -P %s %d 64k" % (byte, int(offset) // 65536 * 65536), "flush",
            "read -P %s %s %s" % (byte, offset, length)))]
    return words + [*random.choice(([], [], ["-d", "unmap"], ["-t", "writethrough"])), image(some(random))]


def snapshot(random):
    how = random.choice(("-c", "-c", "-c", "-a", "-d", "-l"))
    return ["snapshot", how, *([random.choice(NAMES)] if how != "-l" else []), image(some(random))]


def resize(random):
    size = str(random.choice(SIZES))
    by = random.choice(("", "", "+", "-"))
    preallocation = random.choice(([], [], [], ["--preallocation=" + random.choice(("metadata", "falloc", "full"))]))
    return ["resize", *random.choice(([], ["--shrink"], ["--shrink"])), *preallocation, image(some(random)), by + size]


def rebase(random):
    number = some(random)
    below = image(random.randrange(number)) if number else ""
    below = random.choice((below, below, below, ""))
    words = ["rebase", *random.choice(([], [], [], ["-u"])), "-b", below]
    return words + [*(["-F", "qcow2"] if below else []), image(number)]


def commit(random):
    number = some(random)
    base = ["-b", image(random.randrange(number))] if number and random.random() < 0.2 else []
    return ["commit", *random.choice(([], [], ["-d"])), *base, image(number)]


def amend(random):
    what = random.choice(("compat=0.10", "compat=1.1", "lazy_refcounts=on", "lazy_refcounts=off", "refcount_bits=8", "refcount_bits=16",
                          "refcount_bits=64", "size=2M", "size=3M", "compat=1.1,lazy_refcounts=on", "compat=0.10,refcount_bits=16"))
    return ["amend", "-o", what, image(some(random))]


def bitmap(random):
    steps = []
    for _ in range(random.choice((1, 1, 2))):
        step = random.choice(("--add", "--add", "--remove", "--clear", "--enable", "--disable", "--merge"))
        steps += [step, random.choice(NAMES)] if step == "--merge" else [step]
    if "--add" in steps and random.random() < 0.3:
        steps += ["-g", random.choice(("512", "4k", "1M"))]
    return ["bitmap", *steps, image(some(random)), random.choice(NAMES)]


def convert(random):
    source, target = random.sample(range(4), 2)
    options = random.choice(([], ["-c"], ["--bitmaps"], ["-S", "64k"], ["-S", "0"], ["-l", random.choice(NAMES)], ["-W"], ["-n"], ["-n", "-S", "0"]))
    return ["convert", "-O", "qcow2", *options, *([] if "-n" in options else creation(random)), image(source), image(target)]


def check(random):
    return ["check", *random.choice(([], [], ["-r", "all"], ["-r", "leaks"], ["--output=json"])), image(some(random))]


def look(random):
    one, other = image(some(random)), image(some(random))
    return random.choice((["info", "--output=json", "--backing-chain", one], ["compare", one, other],
                          ["measure", "-O", "qcow2", "--output=json", one], ["snapshot", "-l", one]))


STEPS = ((3, create), (8, io), (4, snapshot), (3, resize), (3, rebase), (3, commit), (3, amend), (3, bitmap), (3, convert), (2, check), (3, look))


def random_steps(random):
    """A sequence: three images to begin with, one with content, and some steps."""
    steps = [["create", "-f", "qcow2", *creation(random), image(number), str(random.choice(SIZES))] for number in range(3)]
    if random.random() < 0.7:
        steps[1] = ["create", "-f", "qcow2", "-b", image(0), "-F", "qcow2", image(1)]
    if random.random() < 0.4:
        steps[2] = ["create", "-f", "qcow2", "-b", image(1), "-F", "qcow2", image(2)]
    steps.append(["io", "-c", "write -P 7 20k 100k", image(0)])
    chosen = random.choices([step for _, step in STEPS], [weight for weight, _ in STEPS], k=random.randrange(5, 13))
    steps += [step(random) for step in chosen]
    return [[(word, word) for word in step] for step in steps]
