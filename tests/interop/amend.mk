# SPDX-License-Identifier: BSD-3-Clause
amend_tests = \
	interop/amend-keeps-what-snapshots-share.sh \
	interop/amend-refused-leaves-every-byte.sh \
	interop/snapshot-table-beyond-the-end.sh
TESTS += $(amend_tests)
EXTRA_DIST += $(amend_tests)
