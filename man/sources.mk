# SPDX-License-Identifier: BSD-3-Clause
man_pages = \
	nbdkit-qcow2-plugin.1
