# SPDX-License-Identifier: BSD-3-Clause
# Included from interop/local.mk.
runtime_tests = \
	interop/overlap-checks-follow-the-template.sh \
	interop/runtime-options-mean-what-qemu-means.sh
TESTS += $(runtime_tests)
EXTRA_DIST += $(runtime_tests)
