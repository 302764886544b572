# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += unit/README

include $(srcdir)/unit/store.mk
include $(srcdir)/unit/engine.mk
include $(srcdir)/unit/bitmaps.mk
include $(srcdir)/unit/check.mk
include $(srcdir)/unit/regressions.mk
include $(srcdir)/unit/codec.mk
include $(srcdir)/unit/encryption.mk
include $(srcdir)/unit/library.mk
include $(srcdir)/unit/pipeline.mk
include $(srcdir)/unit/vmm.mk
include $(srcdir)/unit/manual.mk
include $(srcdir)/unit/qcow1.mk
include $(srcdir)/unit/cache-clean.mk
include $(srcdir)/unit/one-fault.mk
include $(srcdir)/unit/api-refusals.mk
include $(srcdir)/unit/sandbox.mk
include $(srcdir)/unit/vm-state.mk
include $(srcdir)/unit/corrupt.mk
include $(srcdir)/unit/lock-order.mk
include $(srcdir)/unit/told-names.mk
include $(srcdir)/unit/made.mk
