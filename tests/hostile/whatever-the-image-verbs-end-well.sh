#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Whatever the image: each verb of each program ends by itself, soon, with one sentence, and harms nothing.
#
# HOSTILE_STEP: every so many-th of the images, 1 for all.
set -eu

for program in nbdkit nbdcopy nbdinfo; do
    command -v $program > /dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
if [[ $(ldd "$QCOW2_PLUGIN" 2> /dev/null) =~ lib[at]san ]]; then
    export QCOW_SANITIZED=yes
fi
step=${HOSTILE_STEP:-60}
"$abs_top_builddir/tests/hostile/whatever-the-image" "$step" $((step / 2))
