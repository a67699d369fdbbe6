"""The figures of docs/performance.md: ``python benchmarks/run.py ROW... [--rounds N] [--json]``.

Rows: those of ``--help``; those of `workloads` come from `definitions` and meet every engine. Needs the extra ``bench``
and, but for the rows of `workloads`, the corpus; the rows of transcoding also Debian's dcmtk and libgdcm-tools, and the
extra ``cluster``. ``--record FILE`` keeps what was measured, for report.py.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import decoding
import htj2k
import imagecodecs
import jpeg2000
import jpeg2000_encode
import jpeg_lossless
import jpegls
import pydicom
import record as records
import regions
import slides
import transcoding
import workloads
from measure import CONTROL_FLOOR, geometric_mean

import dcmturbo as dt

Row = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A row of docs/performance.md.

    Attributes
    ----------
    name : str
        As it is given on the command line and stands in records.
    measure : callable
        Takes the number of rounds, and returns a row for each file; its docstring says what is compared.
    controlled : bool
        Whether it also takes the least scaling of the control, below which rounds on two threads are discarded.
    """

    name: str
    measure: Callable[..., list[Row]]
    controlled: bool = False

    @property
    def what(self) -> str:
        return (self.measure.__doc__ or "").strip()

    def run(self, rounds: int, control: float) -> list[Row]:
        return self.measure(rounds, control) if self.controlled else self.measure(rounds)


BENCHMARKS = (
    Benchmark("rle-decode", decoding.rle_decode),
    Benchmark("rle-encode", decoding.rle_encode),
    Benchmark("jpeg-lossless-decode", jpeg_lossless.decode),
    Benchmark("jpeg-lossless-incompressible", jpeg_lossless.incompressible),
    Benchmark("jpeg-lossless-large-frame", jpeg_lossless.large_frame, controlled=True),
    Benchmark("jpeg-lossless-encode", jpeg_lossless.encode),
    Benchmark("jpeg2000-decode", jpeg2000.decode),
    Benchmark("jpeg2000-large-frame", jpeg2000.large_frame, controlled=True),
    Benchmark("jpeg2000-reduce", jpeg2000.reduce),
    Benchmark("jpeg2000-encode", jpeg2000_encode.lossless),
    Benchmark("jpeg2000-encode-to-ratio", jpeg2000_encode.to_ratio),
    Benchmark("jpeg2000-encode-large-frame", jpeg2000_encode.large_frame, controlled=True),
    Benchmark("jpeg2000-recode", jpeg2000_encode.recode),
    Benchmark("htj2k-decode", htj2k.decode),
    Benchmark("htj2k-decode-lossy", htj2k.decode_lossy),
    Benchmark("htj2k-encode", htj2k.encode),
    Benchmark("htj2k-encode-to-ratio", htj2k.encode_to_ratio),
    Benchmark("htj2k-small-frame", htj2k.small_frame),
    Benchmark("htj2k-large-frame", htj2k.large_frame, controlled=True),
    Benchmark("htj2k-many-frames", htj2k.many_frames, controlled=True),
    Benchmark("jpegls-decode", jpegls.decode),
    Benchmark("jpegls-encode", jpegls.encode),
    Benchmark("jpegls-decode-near-lossless", jpegls.decode_near_lossless),
    Benchmark("jpegls-encode-near-lossless", jpegls.encode_near_lossless),
    Benchmark("jpegls-small-frame", jpegls.small_frame),
    Benchmark("jpegls-large-frame", jpegls.large_frame, controlled=True),
    Benchmark("window", regions.window),
    Benchmark("jpeg-reduce", regions.jpeg_reduce),
    Benchmark("slide-tile-by-tile", slides.tile_by_tile, controlled=True),
    Benchmark("slide-wsidicom", slides.wsidicom, controlled=True),
    Benchmark("small-frame", decoding.small_frame),
    Benchmark("multi-frame", decoding.multi_frame_files, controlled=True),
    Benchmark("scaling", decoding.scaling, controlled=True),
    Benchmark("series-window", decoding.series_window, controlled=True),
    Benchmark("large-uncompressed", decoding.large_uncompressed),
    Benchmark("random-access", decoding.random_access),
    Benchmark("pixel-array", decoding.pixel_array),
    Benchmark("transcode-overhead", transcoding.overhead, controlled=True),
    Benchmark("transcode-throughput", transcoding.throughput, controlled=True),
    Benchmark("transcode-throughput-jpeg2000", transcoding.throughput_jpeg2000, controlled=True),
    Benchmark("transcode-cluster", transcoding.cluster, controlled=True),
    *(Benchmark(name, measure) for name, measure in workloads.ROWS.items()),
)
ROWS = {one.name: one for one in BENCHMARKS}


def main() -> int:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(ROWS)}; all by default")
    parser.add_argument("--rounds", type=int, default=31, help="rounds of each comparison (default 31)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--record", type=Path, metavar="FILE", help="put the rows into a record (JSON) of this machine")
    parser.add_argument(
        "--control",
        type=float,
        default=CONTROL_FLOOR,
        help="discard two-thread rounds whose control scales less (default %(default)s; 0 keeps all)",
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"expected at least one round, found {arguments.rounds}")
    unknown = set(arguments.rows) - set(ROWS)
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    logging.disable(logging.CRITICAL)  # pydicom logs what its plugins cannot do
    record: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "isa": dt.config.isa,
        "threads": dt.config.threads,
        "imagecodecs": imagecodecs.__version__,
        "pydicom": pydicom.__version__,
    }
    options = f"--rounds {arguments.rounds}"
    if arguments.control != CONTROL_FLOOR:
        options += f" --control {arguments.control:g}"
    for name in arguments.rows or ROWS:
        record[name] = results = ROWS[name].run(arguments.rounds, arguments.control)
        if arguments.record:
            records.add(arguments.record, {name: results}, options)
        if arguments.json:
            continue
        print(f"\n{name}: {ROWS[name].what}")
        for row in results:
            cells = [
                f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}"
                for k, v in row.items()
                if k not in ("file", "engines")
            ]
            print(f"  {row['file']}: {', '.join(cells)}", flush=True)
        ratios = [row["ratio"] for row in results if "ratio" in row]
        if len(ratios) > 1:
            print(f"  geometric mean of ratios {geometric_mean(ratios):.3f}, lowest {min(ratios):.3f}")
    if arguments.json:
        print(json.dumps(record, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
