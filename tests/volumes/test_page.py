"""The code of docs/volumes.md runs, one block after the other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.segmentations import masks, segmentation
from helpers.series import stack_of_slices, write_series
from helpers.structure_sets import SQUARE, in_patient, structure_set

import dcmturbo as dt

PAGE = Path(__file__).parents[2] / "docs" / "volumes.md"


@pytest.mark.slow
@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")
def test_the_code_of_the_page_runs(tmp_path):
    write_series(tmp_path / "series", stack_of_slices(5))
    volume = dt.read_volume(tmp_path / "series")
    made = segmentation(list(masks()[0]), [1] * 5, range(5), numbers=(1,))
    made.SegmentSequence[0].SegmentLabel = "Liver"
    for group, one in zip(made.PerFrameFunctionalGroupsSequence, volume.slices, strict=True):
        group.PlanePositionSequence[0].ImagePositionPatient = list(one.position)
    made.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    contours = [(1, "CLOSED_PLANAR", in_patient(SQUARE, 2, volume))]
    structure_set(contours, names=("Heart",)).save_as(tmp_path / "structures.dcm", enforce_file_format=True)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "(5, 9, 11) float32",
        "(2.5, 0.7, 0.8)",
        "1 Liver",
        "(5, 9, 11) True True",
        "(5, 9, 11) uint8 float32",
        "True",
    ]
