#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Help on the program names every verb; help on a verb shows its usage and its options, on standard
# output, and succeeds.
set -eu

fail() {
    echo "$*"
    exit 1
}

help=$(qcow-img --help)
[ "$help" = "$(qcow-img -h)" ] || fail "-h and --help differ"
for verb in check compare convert create info map measure resize snapshot; do
    grep -q "^  $verb " <<<"$help" || fail "qcow-img --help does not name $verb"
    for option in -h --help; do
        text=$(qcow-img "$verb" "$option") || fail "qcow-img $verb $option fails"
        grep -q "^usage: qcow-img $verb \[OPTIONS\] " <<<"$text" || fail "$verb: no usage line"
        grep -q -e '^  -h, --help$' <<<"$text" || fail "$verb: its help does not name --help"
        grep -q -e '--untrusted$' <<<"$text" || fail "$verb: its help does not name --untrusted"
    done
done
grep -q -e '-f, --source-format FMT$' <<<"$(qcow-img convert --help)" || fail "convert has no -f"
grep -q -e '-f, --' <<<"$(qcow-img snapshot --help)" && fail "snapshot has an -f"
qcow-img --version | grep -q '^qcow-img version [0-9]' || fail "no version"

help=$(qcow-io -c help)
for command in read write discard flush map length; do
    grep -q "^$command " <<<"$help" || fail "qcow-io -c help does not name $command"
    qcow-io -c "help $command" | grep -q "^$command .*-- " || fail "no help on $command"
done
qcow-io --help | grep -q -e '-c, --cmd COMMAND' || fail "qcow-io --help does not name -c"
