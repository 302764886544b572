# SPDX-License-Identifier: BSD-3-Clause
shrink_tests = interop/shrinking-gives-back-as-qemu-img.sh
TESTS += $(shrink_tests)
EXTRA_DIST += $(shrink_tests)
