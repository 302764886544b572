# SPDX-License-Identifier: BSD-3-Clause
TESTS += interop/chains-differential.sh
EXTRA_DIST += interop/chains-differential.sh
