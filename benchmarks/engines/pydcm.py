"""pydcm by itself, as `dcmturbo bench` calls it."""

from functools import partial

from engines import _files

NAME, PACKAGE, MODULE = "pydcm", "pydcm", "pydcm"
path = partial(_files.path, NAME)
series = partial(_files.series, NAME)
