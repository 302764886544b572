# SPDX-License-Identifier: BSD-3-Clause
sandbox_sources = \
	calls.h \
	counts.c \
	counts.h \
	landlock.c \
	landlock.h \
	rlimits.c \
	rlimits.h \
	sandbox.c \
	sandbox.h
