"""check.py fails for a build whose codec does 10 % more work: ``pytest benchmarks/test_check.py``, some minutes."""

import json
import subprocess
import sys
from pathlib import Path

import callgrind
import check
import pytest

HERE = Path(__file__).parent
WORK = "decode JPEGLosslessSV1 phantom:ct"
# About a tenth of what decoding a byte costs (profiles.py).
MORE_WORK = """
    volatile std::size_t busy = 0;
    for (std::size_t k = 0; k < frame.size() * 3 / 4; ++k) busy = busy + k;
"""


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    if why := callgrind.missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("builds")
    slower = check.export("HEAD", folder / "slower")
    source = slower / "csrc/codecs/jpeg_lossless/decode.cpp"
    text = source.read_text()
    place = text.index("    FrameDecoder decoder(frame, header, options, context);\n    decoder.pixels")
    source.write_text(text[:place] + MORE_WORK + text[place:])
    return folder, check.build(slower)


def run(folder, candidate):
    command = [sys.executable, str(HERE / "check.py"), "--against", "HEAD", "--candidate", str(candidate)]
    command += ["--work", WORK, "--keep", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_ten_per_cent_more_work_fails(builds):
    folder, slower = builds
    code, found = run(folder, slower)
    assert code == 1
    assert found["more instructions"] == [WORK]
    assert 1.05 < found["works"][WORK]["instructions"] < 1.2


def test_the_same_commit_passes(builds):
    folder, _ = builds
    code, found = run(folder, "HEAD")
    assert code == 0, found
    assert found["works"][WORK]["instructions"] == pytest.approx(1, abs=1e-3)
