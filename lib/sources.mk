# SPDX-License-Identifier: BSD-3-Clause
libqcow2_sources = qcow2.h
