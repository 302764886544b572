# SPDX-License-Identifier: BSD-3-Clause
manual_tests = \
	unit/manual-example-compiles.sh \
	unit/manual-examples-run.sh \
	unit/manual-pages-are-well-formed.sh \
	unit/manual-tells-every-function.sh \
	unit/manual-tells-every-verb-and-option.sh
TESTS += $(manual_tests)
EXTRA_DIST += $(manual_tests) unit/manual-text.sh
