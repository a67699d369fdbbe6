"""The result of ``dcmturbo bench`` as a sentence and as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from dcmturbo.wording import short

__all__ = ["csv_text", "headline"]


def headline(document: dict[str, Any]) -> str:
    """Return the result in a sentence."""
    found = document["summary"]
    if document["unexplained"]:
        return (
            "no overall figure, because some engines crashed or returned arrays that cannot be compared: "
            f"{_told(document)}"
        )
    if not found["files_compared"]:
        return "there is no other engine to compare with"
    slower = found["slower_than_a_peer"]
    if found["files_compared"] == 1:
        times = f"{found['dcmturbo_times_as_fast']:.3g} times"
        return f"dcmturbo with one thread is {times} as fast as the fastest other engine"
    return (
        f"dcmturbo with one thread is {found['dcmturbo_times_as_fast']:.3g} times as fast as the fastest other engine "
        f"of each file (geometric mean of {found['files_compared']} files, {found['lowest']:.3g} to "
        f"{found['highest']:.3g}; slower with {slower} of them). dcmturbo decodes all of them in "
        f"{short(found['milliseconds'])} ms, the fastest other engine of each in "
        f"{short(found['fastest_peers_milliseconds'])} ms"
    )


def _told(document: dict[str, Any]) -> str:
    """Return which engines crashed or could not be compared: without them, an overall ratio would flatter dcmturbo."""
    files: dict[str, set[str]] = {}
    for one in document["unexplained"]:
        files.setdefault(one["engine"], set()).update(one["paths"])
    names = [f"{name} with {len(paths)} of {len(document['files'])} files" for name, paths in files.items()]
    first = document["unexplained"][0]
    return f"{', '.join(names)} ({first['engine']}, {first['paths'][0]}: {first['why']})"


_COLUMNS = (
    "path",
    "transfer_syntax",
    "shape",
    "dtype",
    "samples",
    "engine",
    "threads",
    "state",
    "reason",
    "rounds",
    "milliseconds",
    "lowest_milliseconds",
    "highest_milliseconds",
    "cold_milliseconds",
    "first_milliseconds",
    "msamples_per_second",
    "dcmturbo_times_as_fast",
)


def csv_text(document: dict[str, Any]) -> str:
    """Return a line for each file, engine and number of threads; engines that were not timed have a reason."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for file in document["files"]:
        common = {name: file[name] for name in ("path", "transfer_syntax", "dtype", "samples")}
        common["shape"] = "x".join(map(str, file["shape"]))
        for decoder in file["decoders"].values():
            timed = {name: decoder[name] for name in _COLUMNS if decoder.get(name) is not None}
            writer.writerow({**common, "state": "timed", **timed})
        for state, key in (("other pixels", "differing"), ("failed", "failing"), ("not tried", "not_tried")):
            for engine, why in file[key].items():
                writer.writerow({**common, "engine": engine, "state": state, "reason": why})
    return text.getvalue()
