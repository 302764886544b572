# SPDX-License-Identifier: BSD-3-Clause
man_pages = \
	libqcow2.3 \
	nbdkit-qcow2-plugin.1 \
	qcow-img-amend.1 \
	qcow-img-audit.1 \
	qcow-img-bench.1 \
	qcow-img-bitmap.1 \
	qcow-img-check.1 \
	qcow-img-commit.1 \
	qcow-img-compare.1 \
	qcow-img-convert.1 \
	qcow-img-create.1 \
	qcow-img-dd.1 \
	qcow-img-differences.7 \
	qcow-img-info.1 \
	qcow-img-map.1 \
	qcow-img-measure.1 \
	qcow-img-rebase.1 \
	qcow-img-resize.1 \
	qcow-img-snapshot.1 \
	qcow-img.1 \
	qcow-io.1 \
	qcow-vmm.1 \
	qcow2.5 \
	qcow2_amend.3 \
	qcow2_bitmap_list.3 \
	qcow2_check.3 \
	qcow2_create.3 \
	qcow2_get_encryption.3 \
	qcow2_get_error.3 \
	qcow2_get_info.3 \
	qcow2_map.3 \
	qcow2_open.3 \
	qcow2_open_options_set.3 \
	qcow2_pread.3 \
	qcow2_rebase.3 \
	qcow2_snapshot_list.3 \
	qcow2_vm_state_pread.3

# Pages that are another name for one of these: the functions which that page names after its own.
amend_aliases = \
	qcow2_amend_options_free.3 \
	qcow2_amend_options_new.3 \
	qcow2_amend_options_set.3 \
	qcow2_amend_options_set_flags.3 \
	qcow2_amend_options_set_new_secret.3 \
	qcow2_amend_options_set_old_secret.3
bitmap_list_aliases = \
	qcow2_bitmap_add.3 \
	qcow2_bitmap_clear.3 \
	qcow2_bitmap_disable.3 \
	qcow2_bitmap_enable.3 \
	qcow2_bitmap_extents.3 \
	qcow2_bitmap_merge.3 \
	qcow2_bitmap_remove.3
rebase_aliases = \
	qcow2_commit.3
create_aliases = \
	qcow2_create_options_free.3 \
	qcow2_create_options_new.3 \
	qcow2_create_options_set.3 \
	qcow2_create_options_set_expected_length.3 \
	qcow2_create_options_set_flags.3 \
	qcow2_create_options_set_format.3 \
	qcow2_measure.3 \
	qcow2_resize.3
get_encryption_aliases = \
	qcow2_create_options_set_secret.3 \
	qcow2_open_options_set_secret.3 \
	qcow2_open_options_set_secret_callback.3
get_error_aliases = \
	qcow2_get_errno.3 \
	qcow2_get_version.3 \
	qcow2_load_libraries.3
get_info_aliases = \
	qcow2_get_backing.3 \
	qcow2_get_filename.3 \
	qcow2_get_name.3 \
	qcow2_get_size.3 \
	qcow2_uses_file.3 \
	qcow2_uses_file_of.3
open_aliases = \
	qcow2_close.3 \
	qcow2_open_options_free.3 \
	qcow2_open_options_new.3 \
	qcow2_open_options_set_backing.3 \
	qcow2_open_options_set_backing_filter.3 \
	qcow2_open_options_set_backing_options.3 \
	qcow2_open_options_set_backing_policy.3 \
	qcow2_open_options_set_data_file.3 \
	qcow2_open_options_set_data_file_options.3 \
	qcow2_open_options_set_data_file_policy.3 \
	qcow2_open_options_set_file_options.3 \
	qcow2_open_options_set_flags.3 \
	qcow2_open_options_set_format.3 \
	qcow2_open_options_set_name.3 \
	qcow2_open_options_set_l2_cache_size.3 \
	qcow2_open_options_set_refcount_cache_size.3 \
	qcow2_open_options_set_snapshot.3 \
	qcow2_open_options_set_writable_backing.3 \
	qcow2_probe.3 \
	qcow2_probe_with.3
pread_aliases = \
	qcow2_compress.3 \
	qcow2_discard.3 \
	qcow2_flush.3 \
	qcow2_pwrite.3 \
	qcow2_pwrite_compressed.3 \
	qcow2_pwrite_stream.3 \
	qcow2_zero.3
snapshot_list_aliases = \
	qcow2_snapshot_apply.3 \
	qcow2_snapshot_create.3 \
	qcow2_snapshot_delete.3 \
	qcow2_snapshot_show.3
vm_state_pread_aliases = \
	qcow2_snapshot_create_with_state.3 \
	qcow2_vm_state_pwrite.3
