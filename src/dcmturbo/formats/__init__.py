"""Formats: the core's table of transfer syntaxes as Python sees it, and the libraries' codecs."""
