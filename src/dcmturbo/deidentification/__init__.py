"""De-identification by DICOM PS3.15, annex E: the profile, the cleaning of datasets and pixels, the audit log."""
