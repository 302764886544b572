#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --object takes secrets in every spelling of qemu-img, and refuses what it refuses.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

key=id=key,data=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,format=base64
iv=AAAAAAAAAAAAAAAAAAAAAA==
wrapped=k3nBefZLfyFTjUOuYwSDjg==

both qemu-img create -f qcow2 a.qcow2 1M
printf 'open sesame' | both_get passphrase
printf '\377\376' | both_get noise

for object in \
    secret,id=s,data=x secret,id=s,data= secret,id=s,data=a,,b secret,id=s,data=a,data=b \
    secret,id=s,id=t,data=b secret,id=s,file=passphrase secret,id=s,file=noise \
    secret,id=s,file=/dev/null secret,id=s,data=eA==,format=base64 \
    secret,id=s,data=x,format=base64 secret,id=s,data=x,format=raw secret,id=s,data=x,iv=AAAA \
    qom-type=secret,id=s,data=x \
    '{"qom-type":"secret","id":"s","data":"x"}' '{"qom-type":"secret","id":"s"}' \
    secret,data=x secret secret,id=s secret,id=s,data=x,file=y secret,id=s,data=x,format=foo \
    secret,id=s,data=@@,format=base64 secret,id=s,data=x,foo=bar secret,id=s,data \
    secret,id=s,data=x,keyid=nobody secret,id=1s,data=x secret,id=,data=x secret,id=s/x,data=x \
    foo foo,id=s id=s ''; do
    same info --object "$object" a.qcow2
done
same info --object secret,id=s,data=x --object secret,id=s,data=y a.qcow2
same info --object secret,id=s nothere
same info --object secret,id=s,data=x nothere

# a secret that another one decrypts
for properties in data=x data=x,format=base64,iv=@ data=AAAA,format=base64,iv=AAAA \
    "data=AAAA,format=base64,iv=$iv" "data=AAAAAAAAAAAAAAAAAAAAAA==,format=base64,iv=$iv" \
    "data=AAAAAAAAAAAAAAAAAAAAAA==,iv=$iv" "data=$wrapped,format=base64,iv=$iv"; do
    same info --object "secret,$key" --object "secret,id=s,keyid=key,$properties" a.qcow2
done
same info --object secret,id=key,data=abc --object secret,id=s,data=x,keyid=key a.qcow2

same_io --object secret,id=s,data=x -c length a.qcow2
same_io --object secret,id=s -c length a.qcow2
finish
