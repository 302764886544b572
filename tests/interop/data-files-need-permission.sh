#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A data file that an image names is opened as qemu-img does it, and not with --untrusted; never where
# only metadata are asked for; never by a name that is more than a plain file name, nor one that is
# in use already.  It is found beside the image, or where QEMU looks for it, but not in two places.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

new() { # NAME DATA_FILE
    qemu-img create -q -f qcow2 -o data_file=data.raw "$1" 1M
    qemu-img amend -q -f qcow2 -o "data_file=$2" "$1"
}

# As by qemu-img, unless the image is not to be trusted.
qemu-img create -q -f qcow2 -o data_file=data.raw disk.qcow2 1M
qemu-io -c 'write -P 1 0 1M' disk.qcow2 > /dev/null
qcow-io -c 'read -P 1 0 1M' disk.qcow2 > out
sum=$(md5sum data.raw)
for verb in map convert compare resize snapshot; do
    case $verb in
    map) words=(map --untrusted disk.qcow2) ;;
    convert) words=(convert --untrusted -O raw disk.qcow2 copy) ;;
    compare) words=(compare --untrusted disk.qcow2 disk.qcow2) ;;
    resize) words=(resize --untrusted disk.qcow2 +1M) ;;
    snapshot) words=(snapshot --untrusted -c x disk.qcow2) ;;
    esac
    run qcow-img "${words[@]}"
    [[ $status -ne 0 ]] || fail "${words[*]}: not refused"
    grep -qF "'data.raw', named by 'disk.qcow2': opening external data files is not allowed" err ||
        fail "${words[*]}: says \"$(cat err)\""
done
run qcow-io --untrusted -c 'read 0 1' disk.qcow2
[[ $status -ne 0 ]] || fail "qcow-io --untrusted reads the data file"
echo "$sum" | md5sum -c --quiet

# Also that of a backing file.
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 above.qcow2
qcow-io -c 'read -P 1 0 1M' above.qcow2 > out
refuses 'named by' map --untrusted above.qcow2

# A FIFO would be waited for: facts need no data file.
mkdir fifo
cp disk.qcow2 fifo
mkfifo fifo/data.raw
for verb in info check 'snapshot -l'; do
    # shellcheck disable=SC2086
    (cd fifo && timeout 10 qcow-img $verb disk.qcow2 > /dev/null) || fail "$verb of the FIFO"
done
run timeout 10 qcow-img map fifo/disk.qcow2
[[ $status -eq 1 ]] || fail "a FIFO is opened as a data file"

# Beside the image, whatever the working directory.
mkdir beside
mv disk.qcow2 data.raw beside
qcow-io -c 'read -P 1 0 1M' beside/disk.qcow2 > out || fail "not found beside the image"
# In the working directory, as with QEMU.
mkdir other
mv beside/disk.qcow2 other
mv beside/data.raw .
qcow-io -c 'read -P 1 0 1M' other/disk.qcow2 > out || fail "not found where QEMU finds it"
qemu-io -c 'read -P 1 0 1M' other/disk.qcow2 > out
# In both: which one is meant?
cp data.raw other
refuses 'both have such a file' map other/disk.qcow2
rm other/data.raw
ln data.raw other/data.raw
qcow-img map other/disk.qcow2 > out || fail "one file under two names is refused"
rm data.raw other/data.raw
mv other/disk.qcow2 .
refuses "Could not open 'data.raw': No such file" map disk.qcow2

# Names that are not those of plain files are not opened.
truncate -s 1M data.raw
for name in 'json:{"driver":"file","filename":"data.raw"}' nbd://localhost/x; do
    new strange.qcow2 "${name//,/,,}"
    refuses 'it is not a plain file name' map strange.qcow2
    qcow-img info strange.qcow2 | grep -qF "data file: $name" || fail "info of $name"
done

# Files that are in use.
new self.qcow2 self.qcow2
sum=$(md5sum self.qcow2)
refuses 'self.qcow2' map self.qcow2
run qcow-io -c 'write 0 64k' self.qcow2
[[ $status -ne 0 ]] || fail "an image is its own data file"
echo "$sum" | md5sum -c --quiet
truncate -s 1M base.raw
qemu-img create -q -f qcow2 -b base.raw -F raw -o data_file=data.raw over.qcow2
qemu-img amend -q -o data_file=base.raw over.qcow2
refuses "it is an image's data file already" map over.qcow2
run qcow-io -c 'write -P 1 0 64k' over.qcow2
[[ $status -ne 0 ]] || fail "the backing file is written as a data file"

# A name that is not recorded, and one that was not asked for.
new nameless.qcow2 ''
refuses "'data-file' is required for this image" map nameless.qcow2
qcow-img info nameless.qcow2 > out
grep -q '^    data file raw: false' out || fail "info of an image whose data file is not recorded"

# What the user names is opened in any case.
mv data.raw elsewhere.raw
qemu-io -f raw -c 'write -P 5 0 1M' elsewhere.raw > /dev/null
qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on disk.qcow2 1M
rm data.raw
for keys in data-file.filename data-file.driver=file,data-file.filename \
    data-file.driver=raw,data-file.file.filename; do
    says_what_qemu_says map --image-opts driver=qcow2,file.filename=disk.qcow2,$keys=elsewhere.raw
    qcow-io --untrusted --image-opts -c 'read -P 5 0 1M' \
        driver=qcow2,file.filename=disk.qcow2,$keys=elsewhere.raw > out || fail "$keys: $(cat out)"
done
says_what_qemu_says map --image-opts driver=qcow2,file.filename=disk.qcow2,data-file=node
truncate -s 1M none.raw
qemu-img create -q -f qcow2 plain.qcow2 1M
says_what_qemu_says map --image-opts \
    driver=qcow2,file.filename=plain.qcow2,data-file.filename=none.raw

# Creating: the data file is emptied, as by qemu-img, but not by a mistake.
printf 'precious' > precious
refuses 'No such file' create -f qcow2 -o data_file=no/such bad.qcow2 1M
[[ ! -e bad.qcow2 ]] || fail "an image without its data file is left behind"
refuses 'not a plain file name' create -f qcow2 -o data_file=json:x bad.qcow2 1M
refuses 'version=v3' create -f qcow2 -o data_file=precious,compat=v2 bad.qcow2 1M
refuses 'lock' create -f qcow2 -o data_file=bad.qcow2 bad.qcow2 1M
[[ $(cat precious) == precious ]] || fail "a data file is emptied by a mistake"
