"""Outputs: a file has a temporary name while it is written, and gets its own when it is complete."""
