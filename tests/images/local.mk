# SPDX-License-Identifier: BSD-3-Clause
# A new image needs no line here: the folder is distributed as it is.
TESTS += images/images-are-as-expected.sh images/audits-are-as-expected.sh
EXTRA_DIST += images
