# SPDX-License-Identifier: BSD-3-Clause
nbdkit_qcow2_plugin_sources = \
	disk.c \
	disk.h \
	parameters.c \
	parameters.h \
	plugin.c \
	sandboxed.c \
	sandboxed.h
