#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# autogen.sh - make ./configure from a clean checkout
set -e
cd "$(dirname "$0")"
autoreconf --install --force "$@"
