# SPDX-License-Identifier: BSD-3-Clause
# A command line that makes no sense is refused in qemu-img's words, with its exit status.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 a.qcow2 10M

same
same foo
same -z
same --foo info
same info --foo a.qcow2
same info -z a.qcow2
same info
same info a b
same info --output=xml a.qcow2
same info --output=json --output
same info --outp=json a.qcow2
same info a.qcow2 --backing-chain
same create -f
same map --max-length
same check -T none -r x a.qcow2
same compare a.qcow2
same compare --foo
same convert -m 17 a b
same convert -m x a b
same convert -S x a b
same convert -r x a b
same info --image-opts -f qcow2 driver=qcow2,file.filename=a.qcow2
same info -f qcow2 --image-opts a.qcow2
finish
