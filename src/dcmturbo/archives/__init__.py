"""Archives: transcode many objects, with a manifest that has the state of each file."""
