# SPDX-License-Identifier: BSD-3-Clause
data_file_tests = \
	interop/data-files-are-converted.sh \
	interop/data-files-are-used-as-by-qemu.sh \
	interop/data-files-damaged-entries.sh \
	interop/data-files-differential.sh \
	interop/data-files-follow-the-size.sh \
	interop/data-files-need-permission.sh
TESTS += $(data_file_tests)
EXTRA_DIST += $(data_file_tests)
