"""Decode a batch of frames: arguments, the call of the core, and the status of each frame."""
