#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Without -c, commands come from standard input, each after a prompt; the exit status tells of any
# failure among them.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 io.qcow2 1M
while IFS= read -r input; do
    for twin in 'theirs qemu-io' 'ours qcow-io'; do
        set -- $twin
        status=0
        printf "$input" | (cd "$1" && "$2" io.qcow2 2>&1) >"$1.out" || status=$?
        { sed -E 's/^((qcow-io> )+)/\1/; s/qcow-io> /qemu-io> /g' <"$1.out" | mask
          echo "[exit status $status]"; } >"$1.said"
    done
    compare_twins "$input"
done <<'END'
length\nread 0 512\nfoo\nquit\n
read -P 77 0 512
length\n\n\nlength
quit\nfoo
END
finish
