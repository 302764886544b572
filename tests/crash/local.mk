# SPDX-License-Identifier: BSD-3-Clause
crash_tests = \
	crash/crash-amends-are-before-or-after.sh \
	crash/crash-bitmaps-do-not-lie.sh \
	crash/crash-chains-look-the-same.sh \
	crash/crash-compressed-clusters-share-safely.sh \
	crash/crash-cuts-of-commands-and-servers.sh \
	crash/crash-data-files-and-images-agree.sh \
	crash/crash-defects-of-qemu-are-not-ours.sh \
	crash/crash-discards-show-no-foreign-data.sh \
	crash/crash-every-scenario-holds.sh \
	crash/crash-failing-calls-are-told-by-commands.sh \
	crash/crash-failed-reads-are-told-by-commands.sh \
	crash/crash-failed-requests-are-told.sh \
	crash/crash-growing-tables-stay-reachable.sh \
	crash/crash-killed-commands-leave-good-images.sh \
	crash/crash-lazy-refcounts-are-made-right.sh \
	crash/crash-lost-flushes-are-noticed.sh \
	crash/crash-overwritten-streams-keep-what-was-flushed.sh \
	crash/crash-repairs-are-repaired-again.sh \
	crash/crash-resizes-are-before-or-after.sh \
	crash/crash-snapshots-are-before-or-after.sh \
	crash/crash-subclusters-are-old-or-new.sh \
	crash/crash-vm-states-are-whole-or-absent.sh \
	crash/crash-writes-are-old-or-new.sh

TESTS += $(crash_tests)
check_PROGRAMS += crash/crash-simulate crash/crash-replay
EXTRA_DIST += \
	$(crash_tests) \
	crash/README \
	crash/cut-program.c \
	crash/check-crash.sh \
	crash/commands.sh \
	crash/images.sh \
	crash/simulate.sh

# What the installed qemu-img and qemu-io do where ours must not.
.PHONY: show-qemu-defects
show-qemu-defects:
	$(top_builddir)/run bash $(srcdir)/crash/crash-defects-of-qemu-are-not-ours.sh --qemu

# Loaded into programs before the C library, stock programs among them: they have no sanitizer.
check_LTLIBRARIES += crash/calls.la
crash_calls_la_SOURCES = crash/calls.c crash/calls.h
crash_calls_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
crash_calls_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
crash_calls = crash/calls.la
$(crash_calls): CFLAGS := $(filter-out -fsanitize=% -fno-sanitize%,$(CFLAGS))

crash_judging = \
	crash/after.c \
	crash/chain.c \
	crash/cut.c \
	crash/cut.h \
	crash/hash-set.h \
	crash/judge.c \
	crash/judge.h \
	crash/oracle.c \
	crash/oracle.h \
	crash/place.c \
	crash/place.h \
	crash/random.h \
	crash/record.c \
	crash/record.h \
	crash/repairs.c \
	crash/session-amend.c \
	crash/session-bitmaps.c \
	crash/session-states.c \
	crash/session.c \
	crash/session.h \
	crash/start.c \
	crash/states.c \
	crash/states.h \
	crash/tracked.c \
	crash/tracked.h \
	crash/vm-state.c \
	crash/vm-state.h

crash_crash_simulate_SOURCES = \
	$(crash_judging) \
	crash/requests.c \
	crash/requests.h \
	crash/scenario.c \
	crash/scenario.h \
	crash/shapes.c \
	crash/simulate.c
crash_crash_replay_SOURCES = $(crash_judging) crash/calls.h crash/replay.c
crash_crash_replay_LDADD = $(LDADD) $(LIBNBD_LIBS)

# The long run.
.PHONY: check-crash
check-crash: $(check_PROGRAMS)
	srcdir=$(srcdir) $(top_builddir)/run $(BASH_PROGRAM) $(srcdir)/crash/check-crash.sh

include $(srcdir)/crash/encryption.mk
