"""MONAI and TorchIO in a DataLoader with two spawned workers, with and without dcmturbo.

    python benchmarks/loaders.py [--host MONAI] [--epochs 3] [--slices 200]

The workers persist, so that no epoch starts them anew. Epochs of the loaders follow one another in turn. Needs torch,
monai, torchio, SimpleITK and python-gdcm (see docs/deep-learning.md).
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torchio as tio
from data import make_series
from monai.data import DataLoader, Dataset
from monai.transforms import LoadImage

import dcmturbo as dt


def read(path: str) -> tuple[torch.Tensor, np.ndarray]:
    """Read a file for TorchIO, as docs/deep-learning.md shows it."""
    volume = dt.read_volume(path, apply="rescale")
    return torch.from_numpy(volume.array.T[None].copy()), volume.affine_ras


def quiet(register: bool, _worker: int = 0) -> None:
    """Begin a worker: without warnings, and with dcmturbo registered with pydicom or not."""
    warnings.simplefilter("ignore")
    (dt.register if register else dt.unregister)()


def loaders(paths: list[str]) -> dict[str, Iterable[Any]]:
    """Return the loaders by name."""
    options: dict[str, Any] = {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True}
    plain, registered = functools.partial(quiet, False), functools.partial(quiet, True)

    def monai(reader: str, start: Callable[[int], None]) -> Iterable[Any]:
        step = LoadImage(reader=reader, image_only=True, ensure_channel_first=True)
        return DataLoader(Dataset(paths, step), batch_size=4, worker_init_fn=start, **options)

    def torchio(reader: Any) -> Iterable[Any]:
        given = {} if reader is None else {"reader": reader}
        subjects = [tio.Subject(ct=tio.ScalarImage(path, **given)) for path in paths]
        return tio.SubjectsLoader(tio.SubjectsDataset(subjects), batch_size=4, worker_init_fn=plain, **options)

    return {
        "MONAI, PydicomReader": monai("PydicomReader", plain),
        "MONAI, DicomReader of dcmturbo": monai("dcmturbo.integrations.monai.DicomReader", plain),
        "MONAI, PydicomReader and register()": monai("PydicomReader", registered),
        "TorchIO, SimpleITK": torchio(None),
        "TorchIO, dcmturbo": torchio(read),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", choices=("MONAI", "TorchIO"), help="one of the two only")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--syntax", default="JPEG2000Lossless")
    arguments = parser.parse_args()
    quiet(register=False)
    with tempfile.TemporaryDirectory() as folder:
        paths = make_series(Path(folder), arguments.slices, arguments.side, arguments.syntax)
        made = {name: one for name, one in loaders(paths).items() if name.startswith(arguments.host or "")}
        times: dict[str, list[float]] = {name: [] for name in made}
        for epoch in range(arguments.epochs + 1):  # the first one starts the workers
            for name, loader in made.items():
                begin = time.perf_counter()
                batches = sum(1 for _ in loader)
                if epoch:
                    times[name].append(time.perf_counter() - begin)
                assert batches == -(-arguments.slices // 4), name
        for name, seconds in times.items():
            base = times["MONAI, PydicomReader" if name.startswith("MONAI") else "TorchIO, SimpleITK"]
            ratios = [one / other for one, other in zip(base, seconds, strict=True)]
            print(
                f"{name:37} {median(seconds):6.2f} s  {median(ratios):.2f} times as fast "
                f"({min(ratios):.2f} to {max(ratios):.2f})"
            )


if __name__ == "__main__":
    main()
