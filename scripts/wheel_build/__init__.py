"""Builds wheels for platforms that this machine is not; scripts/wheels is the program."""
