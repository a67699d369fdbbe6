"""Transcoding as an operation over the files of an archive."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dcmturbo.archives.operation import KeepOriginal, Operation
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.ownership import is_replaced
from dcmturbo.archives.selection import Selection
from dcmturbo.errors import UnsupportedTransferSyntax
from dcmturbo.formats.options import asks_for_loss
from dcmturbo.formats.syntaxes import find_transfer_syntax
from dcmturbo.transcoding.object import transcode_object as transcode

__all__ = ["Transcoding"]


@dataclass(frozen=True)
class Transcoding(Operation):
    """Files become files of another transfer syntax."""

    done: ClassVar[str] = "transcoded"

    transfer_syntax: str
    verify: bool = True
    offset_table: str = "auto"
    new_uid: bool = False
    mask_unused_bits: bool = False
    from_syntaxes: tuple[str, ...] = ()
    skip_lossy: bool = False
    include_lossy: bool | None = None  # as the user passed it; `skip_lossy` is derived from it
    keep_if_larger: bool = False
    options: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def target(self) -> str:
        """The UID of the transfer syntax."""
        return self.transfer_syntax

    @property
    def noted(self) -> str:
        """The choices that affect a file's output, as JSON; new choices with default values are left out."""
        chosen: dict[str, Any] = {
            "from_syntaxes": list(self.from_syntaxes),
            "keep_if_larger": self.keep_if_larger,
        }
        always = {
            "offset_table": self.offset_table,
            "new_uid": self.new_uid,
            "mask_unused_bits": self.mask_unused_bits,
        }
        options = {**always, **{name: value for name, value in chosen.items() if value}, **self.options}
        if self.include_lossy is not None:
            options["include_lossy"] = self.include_lossy
        return json.dumps(options, sort_keys=True, default=str)

    @property
    def changes_uids(self) -> bool:  # type: ignore[override]
        """Whether each output gets a SOP Instance UID of its own."""
        return self.new_uid

    @property
    def changes_outputs(self) -> bool:  # type: ignore[override]
        """With options of loss, doing an output once more would lose more."""
        return bool(self.options)

    @property
    def remembers_originals(self) -> bool:  # type: ignore[override]
        """Whether sources that have lost something may lose more, but only once."""
        return bool(self.include_lossy)

    def is_satisfied(self, *, status: str, verified: bool) -> bool:
        """Whether a file that was done has been verified, if that is asked for."""
        return verified or status != self.done or not self.verify

    def do(self, task: Task, destination: Any, threads: int, *, fsync: bool) -> Outcome:
        """Transcode one file, or raise `KeepOriginal`."""
        replaced = is_replaced(task.source, task.original)
        target = find_transfer_syntax(self.transfer_syntax)
        lossy = asks_for_loss(target, self.options)
        lose_again = not lossy or (self.include_lossy is True and not replaced)
        selection = Selection(
            target,
            self.from_syntaxes,
            self.skip_lossy,
            self.keep_if_larger,
            lose_again=lose_again,
        )
        opened = False

        def admit(source: Any) -> None:
            nonlocal opened
            opened = True
            selection.admit(source)

        try:
            result = transcode(
                task.source,
                destination,
                self.transfer_syntax,
                verify=self.verify,
                threads=threads,
                offset_table=self.offset_table,
                new_uid=task.uid or self.new_uid,
                mask_unused_bits=self.mask_unused_bits,
                fsync=fsync,
                overwrite=True,
                admit=admit,
                accept=selection.accept,
                **self.options,
            )
        except UnsupportedTransferSyntax as error:
            if self.from_syntaxes and not opened:
                raise KeepOriginal(
                    f"it is not one of the transfer syntaxes to transcode: {error}", None, "in other transfer syntaxes"
                ) from None
            raise
        except KeepOriginal as kept:
            if self.include_lossy and replaced:
                why = "it is compressed with loss, and a run that was killed has already replaced it"
                raise KeepOriginal(why, kept.source_syntax, kept.kept) from None
            raise
        outcome = Outcome.of(task.number, result)
        return outcome if result.status == self.done else outcome._replace(kept=f"in {target.keyword} already")
