"""Formats: the core's tables of formats and of transfer syntaxes as Python sees them, and the libraries' codecs."""
