# SPDX-License-Identifier: BSD-3-Clause
house_tests = \
	house/cppcheck-finds-nothing.sh \
	house/documents-name-files-that-exist.sh \
	house/exported-symbols-resolve.sh \
	house/files-carry-no-stray-space.sh \
	house/format-page-is-true.sh \
	house/includes-go-down-only.sh \
	house/readme-commands-run.sh \
	house/static-library-links.sh \
	house/tests-draw-the-same-at-every-run.sh

TESTS += $(house_tests)
EXTRA_DIST += $(house_tests) house/README
