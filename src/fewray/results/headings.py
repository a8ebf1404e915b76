"""Headings of warnings and findings, by code: for chips, and for sections of pages."""

from __future__ import annotations

FILES = {
    "unreadable_files": "unreadable files",
    "skipped_unreadable": "unreadable files left out",
    "unreadable_folders": "folders that cannot be read",
    "unusable_files": "files that cannot be opened",
    "links_skipped": "links back to the data",
    "not_images": "files in unsupported formats",
    "outside_classes": "images outside the class folders",
    "outputs_skipped": "outputs of fewray skipped",
    "masks_skipped": "masks skipped",
    "mask_named_class": "a class named like masks",
    "wrapper_folder": "a folder around the classes",
    "not_in_manifest": "images that the manifest does not list",
    "byte_equal": "identical files",
    "duplicates": "identical files",
    "near_duplicates": "nearly identical images",
    "two_classes": "one image in two classes",
    "synthetic_images": "synthetic images in the data",
}
TABLES = {
    "rows_without_label": "rows without a label",
    "rows_repeated": "repeated rows",
    "other_sheets": "sheets that are not read",
    "table_encoding": "encoding of the table",
    "path_case": "paths in another case",
    "paths_moved": "paths of another computer",
    "no_chosen_label": "images with none of the labels",
    "several_chosen_labels": "images with several of the labels",
    "uncertain_label": "images with an uncertain label",
}
DICOM = {
    "dicom_rows_without_file": "rows without a DICOM image",
    "dicom_not_in_table": "DICOM files that no row names",
    "dicom_label_unclear": "DICOM files whose label is unclear",
    "dicom_not_images": "DICOM files without an image",
    "dicom_damaged": "damaged DICOM files",
    "dicom_burned_in": "burned-in annotation",
    "dicom_for_processing": "raw detector images",
    "dicom_excess_bits": "bits above BitsStored",
    "dicom_polarity": "contradictory polarity in DICOM headers",
    "dicom_invalid_window": "invalid DICOM windows",
    "dicom_dark": "nearly black DICOM images",
    "windows_not_used": "DICOM windows not used",
    "other_views": "images of other views",
}
IMAGES = {
    "blank_images": "blank images",
    "transparent_images": "transparent images",
    "partly_transparent": "partly transparent images",
    "dark_images": "dark images",
    "faint_images": "faint images",
    "unused_bits": "unused bit depth",
    "few_grey_levels": "images of few grey levels",
    "colour_images": "images in colour",
    "coloured_marks": "coloured marks",
    "smaller_than_training": "images that are too small",
    "little_detail": "images without fine detail",
    "opposite_polarity": "inverted images",
    "polarity_by_class": "inverted classes",
    "odd_sizes": "unusual sizes",
    "odd_shapes": "unusual shapes",
    "mixed_depths": "mixed bit depths",
    "depth_by_class": "grey scales that differ by class",
    "scale_outliers": "images that set the grey scale",
    "pixel_outliers": "clipped pixels",
}
CLASSES = {
    "label_numbers": "classes named by numbers",
    "label_doubt": "labels that mark doubt",
    "joined_labels": "labels of several findings",
    "similar_classes": "classes with similar names",
    "wrapper_class": "a class named like a folder of files",
    "classes_like_patients": "classes that look like patients",
    "one_class": "only one class",
    "no_split": "images without a split",
    "class_missing_in_split": "a class is missing in a split",
    "images_across_splits": "the same image in both splits",
    "patients_across_splits": "the same patient in both splits",
    "split_leaks": "split leaks",
    "metadata_shortcut": "metadata give the class away",
    "confounded_source": "classes from different sources",
}
PATIENTS = {
    "patients_unknown": "patients unknown",
    "unread_patients": "patients in a column that is not read",
    "similar_patients": "patients with similar names",
    "group_regex_no_match": "no patient found in the names",
    "external_patients_unknown": "external patients unknown",
    "external_patients_merged": "external duplicates",
}
RELEASES = {
    "release_files_missing": "images of the release missing",
    "release_not_listed": "images that the release does not list",
    "release_doubles": "images in two folders of the release",
    "release_rows_repeated": "repeated rows of the release",
    "release_classes_missing": "classes of the release missing",
    "release_no_patients": "patients unknown in the release",
    "release_patients_by_image": "each image counted as a patient",
    "release_no_split": "split of the release missing",
    "release_not_radiographs": "images that are no radiographs",
}
STUDIES = {
    "phantom_data": "phantom images",
    "planted_confound": "planted confounder",
    "identified_without_lungs": "shortcut found",
    "simple_models_near_best_arm": "simple models come close to the best arm",
    "only_simple_models_beat_majority": "only simple models beat the majority class",
    "negative_control_helps": "negative control helps",
    "made_of_training_images": "made of training images",
    "generator_not_finished": "training not finished",
    "quality_not_measured": "quality not measured",
    "class_mix": "class mix differs",
    "covariance_singular": "too few images for FID",
    "no_baseline": "no real-vs-real baseline",
    "k_lowered": "fewer neighbours than usual",
}
READERS = {
    "few_readers": "few readers",
    "readers_left_out": "readers left out",
    "identical_pictures": "identical pictures",
    "unequal_real_classes": "unequal classes of real images",
    "unequal_synthetic_classes": "unequal classes of synthetic images",
    "simulated": "simulated readers",
    "size": "small images",
    "phantom": "phantom images",
    "copies": "copies are not tested",
}
HEADINGS = FILES | TABLES | DICOM | IMAGES | CLASSES | PATIENTS | RELEASES | STUDIES | READERS
"""Code to heading, written as in the middle of a sentence."""


def heading(code: str) -> str:
    """Return the heading of a code; words for one that a later version has written."""
    return HEADINGS.get(code, code.replace("_", " "))
