#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a test draws at random begins with a seed that the test names: a commit passes or fails alike at
# every run.  (Bytes of /dev/urandom are data that do not compress, and decide nothing.)
set -eu

cd "$abs_top_srcdir/tests"
fail=0

if grep -rnE --include='*.[ch]' '[^_[:alnum:]](time\((NULL|0)\)|getrandom|arc4random|random_device)' .; then
    echo "a seed of the clock, or of the system, in the lines above: unit/seed.h has one"
    fail=1
fi
while read -r file; do
    grep -qE '(^|[[:space:]])RANDOM=' "$file" || {
        echo "$file: draws from \$RANDOM, and does not say RANDOM=SEED before"
        fail=1
    }
done < <(grep -rlE --include='*.sh' '[$([:space:]]RANDOM($|[^=[:alnum:]_])' . | grep -v house/tests-draw)
if grep -rnE --include='*.sh' 'seed=.*(RANDOM|date|\$\$)|(^|[^-[:alnum:]])shuf ' . | grep -v house/tests-draw; then
    echo "a seed that is another at every run in the lines above: \${SEED:-1}"
    fail=1
fi
exit $fail
