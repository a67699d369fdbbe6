"""A batch of frames: the arguments it takes, its call of the core, what became of each frame."""
