# SPDX-License-Identifier: BSD-3-Clause
check_PROGRAMS += interop/calls-on-one-handle
TESTS += interop/calls-on-one-handle

interop_calls_on_one_handle_SOURCES = \
	interop/calls-on-one-handle.c \
	interop/twin-tools.c \
	interop/twin-tools.h
