# SPDX-License-Identifier: BSD-3-Clause
# Included from interop/local.mk.
runtime_tests = \
	interop/dirty-images-that-are-refused-stay-as-they-are.sh \
	interop/overlap-checks-follow-the-template.sh \
	interop/runtime-discards-keep-clusters.sh \
	interop/runtime-lazy-refcounts-mark-the-image.sh \
	interop/runtime-options-mean-what-qemu-means.sh
TESTS += $(runtime_tests)
EXTRA_DIST += $(runtime_tests)
