# SPDX-License-Identifier: BSD-3-Clause
nbdkit_qcow2_plugin_sources =
