"""DICOM datasets as bytes: their sources, their elements, and what surrounds them."""
