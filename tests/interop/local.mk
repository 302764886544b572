# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += interop/README

include $(srcdir)/interop/convert.mk
include $(srcdir)/interop/check.mk
