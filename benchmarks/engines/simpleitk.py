"""SimpleITK by itself, as `dcmturbo bench` calls it."""

from functools import partial

from engines import _files

NAME, PACKAGE, MODULE = "SimpleITK", "SimpleITK", "SimpleITK"
path = partial(_files.path, NAME)
series = partial(_files.series, NAME)
