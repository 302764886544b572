# SPDX-License-Identifier: BSD-3-Clause
chains_tests = \
	interop/chains-differential.sh \
	interop/rebase-keeps-what-read-as-zeroes.sh \
	interop/resize-above-a-backing-file.sh
TESTS += $(chains_tests)
EXTRA_DIST += $(chains_tests)
