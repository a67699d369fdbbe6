"""Verification as an operation over the files of an archive: each is compared with its file at the destination."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from dcmturbo.archives.comparison import compare_objects
from dcmturbo.archives.operation import Operation
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.places import size_of
from dcmturbo.errors import DecodeError

__all__ = ["Verification"]


class Verification(Operation):
    """Files have a file at the destination that holds the same image and the same dataset; nothing is written."""

    done: ClassVar[str] = "verified"
    writes: ClassVar[bool] = False

    @property
    def target(self) -> str:
        """No transfer syntax: whatever the file at the destination has."""
        return ""

    @property
    def noted(self) -> str:
        """There are no options."""
        return json.dumps({"operation": "verify"})

    def do(self, task: Task, destination: Any, threads: int, *, fsync: bool) -> Outcome:
        """Compare one file with the one at its destination."""
        found = compare_objects(task.source, destination, threads=threads)
        if not found.is_equal:
            raise DecodeError("; ".join(found.reasons), code="malformed")
        return Outcome(
            task.number,
            self.done,
            0.0,
            bytes_before=size_of(task.source) or 0,
            bytes_after=size_of(destination) or 0,
            verified=True,
            maximum_error=found.maximum_error,
            warnings=(found.doubt,) if found.doubt else (),
        )
