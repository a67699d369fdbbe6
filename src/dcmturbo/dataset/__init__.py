"""DICOM datasets as bytes: where they come from, their elements, and what surrounds them."""
