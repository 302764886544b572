#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images on NBD servers: over TLS, with certificates and with keys shared before.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need nbdkit openssl

# certify NAME SUBJECT ARGUMENTS...: a certificate for NAME, by the authority.
certify() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1-key.pem" -out "$1.csr" -subj "/CN=$2" 2> req.log
    openssl x509 -req -in "$1.csr" -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
        -out "$1-cert.pem" -extfile <(echo "subjectAltName=DNS:$2,IP:127.0.0.1") 2> x509.log
}

cd "$work"
mkdir pki other psk
cd pki
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca-cert.pem -days 2 \
    -subj "/CN=authority" 2> req.log
certify server localhost
certify client somebody
cd ../other
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca-cert.pem -days 2 \
    -subj "/CN=stranger" 2> req.log
cd ..
echo "somebody:$(openssl rand -hex 32)" > psk/keys.psk
head -c 1M /dev/urandom > disk.raw

# A port that is free, most likely; another one if it is not.
serve_tls() {
    for ((attempt = 1; attempt <= 3; attempt++)); do
        port=$((20000 + ($$ + attempt * 7919) % 20000))
        rm -f tls.pid
        nbdkit --foreground --exit-with-parent --ipaddr 127.0.0.1 --port "$port" --pidfile tls.pid \
            --tls=require "$@" -r file disk.raw 2> tls.log &
        server=$!
        servers+=("$server")
        for ((i = 0; i < 100; i++)); do
            [[ ! -s tls.pid ]] || return 0
            kill -0 "$server" 2> /dev/null || break
            sleep 0.1
        done
    done
    echo "skipped: nbdkit does not serve TLS here: $(cat tls.log)"
    exit 77
}

serve_tls --tls-certificates=pki --tls-verify-peer
x509=tls-creds-x509,id=tls,endpoint=client
keys="driver=raw,file.driver=nbd,file.server.type=inet,file.server.host=localhost,file.server.port=$port"
qcow-img info --object "$x509,dir=$work/pki" --image-opts "$keys,file.tls-creds=tls"
qcow-img convert --object "$x509,dir=$work/pki" --image-opts "$keys,file.tls-creds=tls" -O raw copy.raw
cmp disk.raw copy.raw
qcow-img info "nbds://localhost:$port/?tls-certificates=$work/pki"
for refused in "--object $x509,dir=$work/other --image-opts $keys,file.tls-creds=tls" \
    "--image-opts $keys" "--image-opts $keys,file.tls-creds=tls" \
    "--object $x509,dir=$work/nothing" "--object $x509" \
    "--object tls-creds-x509,id=tls,dir=$work/pki,endpoint=server" \
    "nbd://localhost:$port"; do
    # shellcheck disable=SC2086
    if timeout 20 qcow-img info $refused > out.log 2> refused.log; then
        fail "not refused: $refused"
    fi
    [[ -s refused.log ]] || fail "refused without a word: $refused"
done

# says TEXT ARGUMENTS...: they are refused with it.
says() {
    local text=$1
    shift
    if timeout 20 qcow-img info "$@" > out.log 2> refused.log; then
        fail "not refused: $*"
    fi
    grep -qF "$text" refused.log || fail "$*: $(cat refused.log)"
}

# The reasons, in words that are not those of the libraries.
says 'the server wants TLS: give credentials (tls-creds' "nbd://localhost:$port"
says 'the server wants TLS: give credentials (tls-creds' --image-opts "$keys"
says "the server's certificate is for another host, or of an authority that" \
    --object "$x509,dir=$work/other" --image-opts "$keys,file.tls-creds=tls"
says 'the server hung up after the TLS handshake began' "nbds://localhost:$port"
nbdkit --foreground --exit-with-parent --unix "$work/plain.sock" -r file disk.raw 2> plain.log &
servers+=("$!")
for ((i = 0; i < 100; i++)); do
    [[ ! -S $work/plain.sock ]] || break
    sleep 0.1
done
says 'the server does not speak TLS' "nbds+unix:///?socket=$work/plain.sock"

# what libnbd cannot do, or not yet
for sentence in "tls-hostname needs libnbd 1.22:$x509,dir=$work/pki:file.tls-creds=tls,file.tls-hostname=nobody" \
    "which libnbd does not speak:tls-creds-anon,id=tls,endpoint=client:file.tls-creds=tls"; do
    IFS=: read -r text object more <<< "$sentence"
    if qcow-img info --object "$object" --image-opts "$keys,$more" > out.log 2> refused.log; then
        fail "not refused: $more"
    fi
    # a newer libnbd looks at the name, instead
    grep -qE "$text|certificate|hostname" refused.log || fail "$more: $(cat refused.log)"
done

serve_tls --tls-psk=psk/keys.psk
psk=tls-creds-psk,id=tls,endpoint=client,dir=$work/psk
keys="driver=raw,file.driver=nbd,file.server.type=inet,file.server.host=localhost,file.server.port=$port"
qcow-img convert --object "$psk,username=somebody" --image-opts "$keys,file.tls-creds=tls" -O raw copy.raw
cmp disk.raw copy.raw
if timeout 20 qcow-img info --object "$psk,username=nobody" --image-opts "$keys,file.tls-creds=tls" \
    2> refused.log; then
    fail "a stranger was let in"
fi
