"""Operations on the files of an archive, and the settings of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from dcmturbo.archives.outcome import Outcome, Task

__all__ = ["KeepOriginal", "Operation", "Settings"]


class KeepOriginal(Exception):  # noqa: N818 (nothing is wrong)
    """A file is copied unchanged; the message gives the reason.

    Parameters
    ----------
    why : str
        A sentence.
    source_syntax : str or None
        The UID of its transfer syntax, if known.
    kept : str or None
        The reason in a few words, by which such files are counted.
    """

    def __init__(self, why: str, source_syntax: str | None = None, kept: str | None = None) -> None:
        super().__init__(why)
        self.source_syntax, self.kept = source_syntax, kept


class Operation(ABC):
    """How one file of an archive is done. Operations travel to other processes, so they are plain values.

    The archive around it is the same for all operations: which files there are, who does them, what may be replaced,
    what the manifest notes and what a report says.
    """

    done: ClassVar[str]  # the status of a file that was done, and its past participle: "transcoded"
    writes: ClassVar[bool] = True  # whether a file has an output; else its destination is only read
    changes_uids: bool = False  # whether each output gets a SOP Instance UID of its own
    changes_outputs: bool = False  # whether doing an output once more would change it again
    remembers_originals: bool = False  # whether a run in place notes which sources it has begun

    @property
    @abstractmethod
    def target(self) -> str:
        """What outputs are to be, as the manifest notes it: a file is done again for another one."""

    @property
    @abstractmethod
    def noted(self) -> str:
        """The options that decide how an output looks, as JSON: a file is done again with others."""

    @abstractmethod
    def do(self, task: Task, destination: Any, threads: int, *, fsync: bool) -> Outcome:
        """Do one file.

        Parameters
        ----------
        task : Task
            The file.
        destination : Place, PlaceOfSource, binary file object or str
            Where the output goes, which has no name yet; for an operation that does not write, the path of the file
            at the destination.
        threads : int
            Workers.
        fsync : bool
            Whether the output must be on disk before it gets its name.

        Raises
        ------
        KeepOriginal
            If the file is to be copied as it is.
        Error, OSError
            If the file cannot be done.
        """

    def name_of_output(self, relative: str) -> str:
        """Return where an output goes within the destination, by the place of its file within the source."""
        return relative

    def is_satisfied(self, *, status: str, verified: bool) -> bool:
        """Whether a file that an earlier run did with the same options need not be done again."""
        return True


@dataclass(frozen=True)
class Settings:
    """The settings of a run, which are the same for all files."""

    operation: Operation
    fsync: bool = False
    in_place: bool = False
    overwrite: bool = False
    on_failure: str = "fail"
    only_dicom: bool = False  # for a file that is not an image: fail instead of copying it
    only_estimates: bool = False  # a copied file has its size already
    root: str = ""  # the destination of the run
    began: int = 0  # nanoseconds, by the clock of the destination's file system; 0 for a single file
    token: str | None = None  # of the run: part of the names of its temporary files
