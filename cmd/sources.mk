# SPDX-License-Identifier: BSD-3-Clause
qcow_img_sources =
qcow_io_sources =
