"""`dcmturbo.config`: the settings of the process."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dcmturbo import _core
from dcmturbo.errors import Error

__all__ = ["Configuration", "Limits", "check_environment", "config", "resolve_threads"]

PREFERENCES = ("own", "library")


_MOST_THREADS = 1024
_MOST = 2**64 - 1  # the core counts in 64 bits


def _within(name: str, value: Any, least: int, most: int = _MOST) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; expected a whole number") from None
    if number < least:
        raise ValueError(f"{name} is {number}; expected at least {least}")
    if number > most:
        raise ValueError(f"{name} is {number}; expected at most {most}")
    return number


def _threads(value: Any) -> int:
    return min(_within("threads", value, 1), _MOST_THREADS)


class Limits:
    """Limits on the memory that a file can make dcmturbo allocate. Sizes are checked before memory is allocated.

    Attributes
    ----------
    max_pixels : int
        Rows x columns of one frame; from ``DCMTURBO_MAX_PIXELS``, otherwise 2**30.
    max_output : int
        Bytes of one result; by default the memory of the machine or of the control group.
    max_scratch : int
        Bytes of scratch memory per worker; by default half of that memory, at most 8 GiB.
    max_inflated : int
        Bytes of one inflated dataset (Deflated Explicit VR Little Endian); by default a quarter of that memory, at
        most 4 GiB.
    max_cached : int
        Bytes of memory of large results that is kept for later results, after these have been released. The kernel must
        zero fresh memory, which takes as long as decoding RLE into it. It takes the kept memory back when memory gets
        scarce. 0 keeps none; the default is 256 MiB.
    """

    __slots__ = ("_max_inflated",)  # a name that is misspelt is an error

    def __init__(self) -> None:
        self._max_inflated: int | None = None

    @property
    def max_pixels(self) -> int:
        """Rows x columns of one frame."""
        return int(_core.get_settings()["max_pixels"])

    @max_pixels.setter
    def max_pixels(self, value: int) -> None:
        _core.set_settings(max_pixels=_within("max_pixels", value, 1))

    @property
    def max_output(self) -> int:
        """Bytes of one result."""
        return int(_core.get_settings()["max_output"])

    @max_output.setter
    def max_output(self, value: int) -> None:
        _core.set_settings(max_output=_within("max_output", value, 1))

    @property
    def max_scratch(self) -> int:
        """Bytes of scratch memory per worker."""
        return int(_core.get_settings()["max_scratch"])

    @max_scratch.setter
    def max_scratch(self, value: int) -> None:
        _core.set_settings(max_scratch=_within("max_scratch", value, 1))

    @property
    def max_inflated(self) -> int:
        """Bytes of one inflated dataset."""
        if self._max_inflated is None:
            self._max_inflated = max(1, min(4 << 30, _core.memory_limit() // 4))
        return self._max_inflated

    @max_inflated.setter
    def max_inflated(self, value: int) -> None:
        self._max_inflated = _within("max_inflated", value, 1, sys.maxsize - 1)  # zlib is asked for one byte more

    @property
    def max_cached(self) -> int:
        """Bytes of memory of large results that is kept for later results."""
        return int(_core.output_cache())

    @max_cached.setter
    def max_cached(self, value: int) -> None:
        _core.set_output_cache(_within("max_cached", value, 0))

    def __repr__(self) -> str:
        fields = ("max_pixels", "max_output", "max_scratch", "max_inflated", "max_cached")
        return f"Limits({', '.join(f'{field}={getattr(self, field)}' for field in fields)})"


class Remote:
    """How objects of remote file systems are read.

    Attributes
    ----------
    block_bytes : int
        Small reads take whole blocks of so many bytes; by default 64 KiB.
    read_ahead_bytes : int
        The most that one request takes while blocks are read in order; by default 4 MiB.
    cache_bytes : int
        The blocks that each open object keeps; by default 32 MiB.
    """

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values = {"block_bytes": 64 << 10, "read_ahead_bytes": 4 << 20, "cache_bytes": 32 << 20}

    @property
    def block_bytes(self) -> int:
        """Bytes of a block."""
        return self._values["block_bytes"]

    @block_bytes.setter
    def block_bytes(self, value: int) -> None:
        self._values["block_bytes"] = _within("block_bytes", value, 512)

    @property
    def read_ahead_bytes(self) -> int:
        """The most bytes of one request while blocks are read in order."""
        return self._values["read_ahead_bytes"]

    @read_ahead_bytes.setter
    def read_ahead_bytes(self, value: int) -> None:
        self._values["read_ahead_bytes"] = _within("read_ahead_bytes", value, 0)

    @property
    def cache_bytes(self) -> int:
        """Bytes of the blocks that an open object keeps."""
        return self._values["cache_bytes"]

    @cache_bytes.setter
    def cache_bytes(self, value: int) -> None:
        self._values["cache_bytes"] = _within("cache_bytes", value, 0)

    def __repr__(self) -> str:
        return f"Remote({', '.join(f'{name}={value}' for name, value in self._values.items())})"


class Configuration:
    """Settings of the process, which every call reads. Forked processes inherit them.

    Attributes
    ----------
    threads : int
        Number of workers of a call without ``threads=``; from ``DCMTURBO_NUM_THREADS``, otherwise the smaller of CPU
        affinity and control group quota; at most 1024. None restores the default.
    isa : str
        Instruction set of the core's kernels: one of `available_isas`; from ``DCMTURBO_ISA``, otherwise the best one.
        All give the same bits.
    limits : Limits
        Limits on the memory that a file can make dcmturbo allocate.
    remote : Remote
        How objects of remote file systems are read.
    prefer : {"own", "library"}
        Which codec decodes and encodes if there are both.
    memory_map : bool
        Whether uncompressed pixel data from a path are returned as a view of a private memory map. If another process
        shortens the file of a map, accessing the missing part ends this process (SIGBUS). False reads the bytes
        instead. It is False on Windows unless it is set: there, a file with a map cannot be replaced or removed.

    The options of the decoders are attributes as well; ``docs/guide.md`` has a table.
    """

    __slots__ = ("_limits", "_memory_map", "_remote")  # a name that is misspelt is an error
    _NAMES: tuple[str, ...] = ("threads", "isa", "prefer", "memory_map")

    def __init__(self) -> None:
        self._limits = Limits()
        self._remote = Remote()
        self._memory_map = sys.platform != "win32"

    @property
    def threads(self) -> int:
        """Number of workers of a call without ``threads=``."""
        return int(_core.get_settings()["threads"]) or int(_core.default_threads())

    @threads.setter
    def threads(self, value: int | None) -> None:
        _core.set_settings(threads=0 if value is None else _threads(value))

    @property
    def isa(self) -> str:
        """Instruction set of the kernels."""
        return str(_core.get_settings()["isa"])

    @isa.setter
    def isa(self, value: str) -> None:
        if value not in self.available_isas:
            raise ValueError(f"isa is {value!r}, but this CPU has only {', '.join(self.available_isas)}")
        _core.set_settings(isa=value)

    @property
    def available_isas(self) -> tuple[str, ...]:
        """The instruction sets that this CPU and build have, ``"scalar"`` first."""
        return tuple(_core.available_isas())

    @property
    def limits(self) -> Limits:
        """Limits on the memory that a file can make dcmturbo allocate."""
        return self._limits

    @property
    def remote(self) -> Remote:
        """How objects of remote file systems are read."""
        return self._remote

    @property
    def prefer(self) -> str:
        """``"own"`` or ``"library"``."""
        return PREFERENCES[bool(_core.get_settings()["prefer_library"])]

    @prefer.setter
    def prefer(self, value: str) -> None:
        if value not in PREFERENCES:
            raise ValueError(f"prefer is {value!r}; expected 'own' or 'library'")
        _core.set_settings(prefer_library=value == "library")

    @property
    def memory_map(self) -> bool:
        """Whether uncompressed pixel data from a path are returned as a view of a memory map."""
        return self._memory_map

    @memory_map.setter
    def memory_map(self, value: bool) -> None:
        self._memory_map = bool(value)

    if TYPE_CHECKING:
        # A property for each decode option is added below.
        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    @contextmanager
    def override(self, **settings: Any) -> Iterator[Configuration]:
        """Change settings of the process for the duration of a ``with`` block.

        Parameters
        ----------
        **settings
            ``threads``, ``isa``, ``prefer``, ``memory_map``, an option of a decoder or a name of `Limits` or `Remote`.

        Yields
        ------
        Configuration
            This object.
        """
        previous: list[tuple[object, str, Any]] = []
        try:
            for name, value in settings.items():
                owner: object = self if name in self._NAMES else self._limits
                if owner is self._limits and not isinstance(getattr(Limits, name, None), property):
                    owner = self._remote
                if owner is self._remote and not isinstance(getattr(Remote, name, None), property):
                    raise TypeError(f"dt.config has no setting {name!r}")
                before = _core.get_settings()["threads"] or None if name == "threads" else getattr(owner, name)
                setattr(owner, name, value)
                previous.append((owner, name, before))
            yield self
        finally:
            for owner, name, before in reversed(previous):
                setattr(owner, name, before)

    def __repr__(self) -> str:
        return (
            f"<dcmturbo.config threads={self.threads} isa={self.isa!r} prefer={self.prefer!r} "
            f"memory_map={self.memory_map} limits={self.limits!r}>"
        )


def _decode_option(name: str, meaning: str) -> property:
    return property(
        lambda _: _core.get_decode_option(name), lambda _, value: _core.set_decode_option(name, value), doc=meaning
    )


DECODE_OPTIONS: tuple[str, ...] = tuple(row[0] for row in _core.decode_options())
for _name, *_, _meaning in _core.decode_options():
    setattr(Configuration, _name, _decode_option(_name, _meaning))
Configuration._NAMES += DECODE_OPTIONS

config = Configuration()


def _inside_data_loader() -> bool:
    """Whether this is a worker process of torch's DataLoader, which is already parallel."""
    data = sys.modules.get("torch.utils.data")
    return data is not None and data.get_worker_info() is not None


def check_environment() -> None:
    """Read the settings from the environment before anything else is done.

    Raises
    ------
    ValueError
        If a variable has an invalid value; the message names it.
    """
    try:
        _core.set_settings()  # setting them to what they are reports wrong values, which reading them does not
    except Error as error:
        raise ValueError(str(error)) from None


def resolve_threads(threads: int | None) -> int:
    """Return the number of workers of a call.

    Parameters
    ----------
    threads : int or None
        The argument of the call.

    Returns
    -------
    int
        At least 1.
    """
    if threads is not None:
        return _threads(threads)
    if _inside_data_loader() and "DCMTURBO_NUM_THREADS" not in os.environ:
        return 1
    return config.threads
