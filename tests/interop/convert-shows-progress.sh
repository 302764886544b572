#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -p shows percents that grow from 0 to 100, SIGUSR1 asks for one, and -r makes time for both.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

head -c 8M /dev/urandom > disk.raw
run qcow-img convert -p -f raw -O qcow2 disk.raw target.qcow2
[[ $status -eq 0 && ! -s err ]] || fail "status $status, $(cat err)"
tr '\r' '\n' < out > steps
[[ $(head -n 1 steps) == "    (0.00/100%)" ]] || fail "the first step is $(head -n 1 steps)"
grep -qx "    (50.00/100%)" steps || fail "there is no step in the middle: $(cat steps)"
[[ $(tail -n 2 steps) == "    (100.00/100%)" ]] || fail "the last step is $(tail -n 2 steps)"
grep -v '^$' steps | grep -vqE '^    \([0-9]+\.[0-9]{2}/100%\)$' && fail "a line is no step"
tr -dc '0-9.\n' < steps | grep . | sed 's/100$//' | sort -n -c || fail "the percents do not grow"

run qcow-img convert -p -q -f raw disk.raw target.raw
[[ ! -s out ]] || fail "-q is not quiet"
run qcow-img convert -f raw disk.raw target.raw
[[ ! -s out && ! -s err ]] || fail "progress nobody asked for"

# Nothing to copy is done at once.
truncate -s 0 empty.raw
says_what_qemu_says convert -p -f raw -O qcow2 empty.raw target.qcow2

# At 4 MiB a second the 8 MiB take two seconds.
SECONDS=0
qcow-img convert -r 4M -f raw disk.raw target.raw 2> err &
sleep 1
kill -USR1 $!
wait $! || fail "status $? after SIGUSR1"
((SECONDS >= 2)) || fail "-r 4M: 8 MiB took $SECONDS seconds"
grep -qxE '    \([0-9]+\.[0-9]{2}/100%\)' err || fail "SIGUSR1 was answered with \"$(cat err)\""
[[ $(wc -l < err) -eq 1 ]] || fail "SIGUSR1 was answered more than once"
same disk.raw target.raw
