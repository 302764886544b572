# SPDX-License-Identifier: BSD-3-Clause
subclusters_tests = \
	interop/preallocated-growth-spares-snapshots.sh \
	interop/subclusters-are-served.sh \
	interop/subclusters-change-as-in-qemu-io.sh \
	interop/subclusters-convert-as-in-qemu-img.sh \
	interop/subclusters-preallocate-as-in-qemu-img.sh \
	interop/subclusters-under-snapshots.sh
TESTS += $(subclusters_tests)
EXTRA_DIST += $(subclusters_tests)
