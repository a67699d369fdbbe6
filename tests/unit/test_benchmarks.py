"""benchmarks/: phantoms of the same bits everywhere, tables from records, and a check that can fail."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_tables_and_plots_are_those_of_the_records():
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "report.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_row_is_of_the_newest_record_that_has_it():
    import report

    older, newer = ({"machine": {"cpu": cpu}, "versions": {}, "rows": {}} for cpu in ("first", "second"))
    older["rows"] = {"rle-decode": {"commit": "a"}, "rle-encode": {"commit": "b"}}
    newer["rows"] = {"rle-encode": {"commit": "c"}}
    rows = report.latest([older, newer])["rows"]
    assert {name: (row["commit"], row["machine"]["cpu"]) for name, row in rows.items()} == {
        "rle-decode": ("a", "first"),
        "rle-encode": ("c", "second"),
    }


def test_a_record_is_rendered_the_same_each_time_and_another_one_otherwise():
    import report

    record = next(r for _, r in reversed(report.all_records()) if "codestream-decode" in r["rows"])
    again = json.loads(json.dumps(record))
    assert report.outputs(record) == report.outputs(again)
    again["rows"]["codestream-decode"]["results"][0]["ratio"] *= 2
    changed = report.outputs(again)
    assert {place.name for place, text in report.outputs(record).items() if changed[place] != text} >= {
        "performance.md",
        "speed.svg",
    }


@pytest.mark.parametrize("name", ["ct", "mr", "ultrasound", "small", "cr"])
def test_phantoms_have_their_digests(name):
    from definitions import DIGESTS, digest, image

    array = image(f"phantom:{name}")
    assert digest(array) == json.loads(DIGESTS.read_text())[f"phantom:{name}"]


def test_phantoms_have_the_noise_that_is_stated():
    from phantoms import PHANTOMS, Random

    noise = Random(1).noise(400, 500)
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(1, rel=0.01)
    ct = PHANTOMS["ct"].array()
    air = ct[256, 2:20].astype(float), ct[150:350, 24:32].astype(float)
    assert np.std(air[1]) == pytest.approx(PHANTOMS["ct"].sigma, rel=0.5)  # clipped at -1024
    assert not np.array_equal(ct, PHANTOMS["ct"].array(seed=1))
    assert (PHANTOMS["mr"].array() > 0).mean() > 0.99  # Rician: air is not 0


def test_every_definition_has_a_digest_and_every_engine_a_name():
    import engines
    from definitions import DEFINITIONS, DIGESTS

    digests = json.loads(DIGESTS.read_text())
    for row in DEFINITIONS.values():
        for definition in row:
            assert definition.kind in engines.KINDS
            assert len(digests[definition.source]) == 64
    for engine in engines.modules():
        assert {"NAME", "PACKAGE", "MODULE"} <= vars(engine).keys()
        assert any(hasattr(engine, kind) for kind in engines.KINDS)


def test_a_wrong_answer_is_not_timed(tmp_path):
    import workloads
    from definitions import Definition

    definition = Definition("decode", "phantom:small", "RLELossless")
    work = workloads.prepare(definition, tmp_path)
    right = work.array.copy()
    assert workloads.difference_of(definition, work, right) == ""
    right[3, 4] += 1
    assert workloads.difference_of(definition, work, right) == "other samples"
    assert workloads.difference_of(definition, work, np.stack([right] * 2)) == "shape (2, 64, 64)"


@pytest.mark.parametrize("others", [1, 2, 3, 4, 5])
def test_nothing_is_timed_right_after_itself(others):
    """dcmturbo followed dcmturbo, and found its data in the caches: A/A of one tile was 2.28."""
    import measure

    called = []
    works = {name: (lambda n=name: called.append(n)) for name in ["ours", *(f"peer {k}" for k in range(others))]}
    times, _ = measure.interleaved(measure.with_again(works, "ours"), 6)
    assert {"ours", "ours again", *works} <= times.keys()
    rounds = called[len(times) :]  # after the one that warms up
    assert all(a != b for a, b in itertools.pairwise(rounds))
    assert rounds.count("ours") == 12
    if others > 1:
        assert len({a for a, b in itertools.pairwise(rounds) if b == "ours"}) > 1  # nor always after the same


def test_what_is_slower_is_found_and_confirmed(monkeypatch):
    import check

    monkeypatch.setattr(check, "works", lambda names: dict.fromkeys(names))
    runs = iter([{"a": 1.07, "b": 1.07, "c": 1.05}, {"a": 1.08, "b": 1.01}])
    monkeypatch.setattr(
        check, "time_both", lambda trees, given, rounds: {n: r for n, r in next(runs).items() if n in given}
    )
    monkeypatch.setattr(
        check, "instructions", lambda trees, given: {n: ("f", {"a": 1.0, "b": 1.021, "c": 0.9}[n]) for n in given}
    )
    found = check.judge((Path("x"), Path("y")), ["a", "b", "c"], 101)
    assert found["more time"] == ["a"]
    assert found["more instructions"] == ["b"]


def test_callgrind_output_is_read():
    import callgrind

    function = "dcmturbo::rle::decode(dcmturbo::Fragments const&, dcmturbo::PixelAttributes const&)"
    profile = callgrind.parse(
        f"events: Ir\nob=/a/_core.so\nfn={function}\n0 100\ncob=/b/c.so\ncfn=inner\ncalls=2 0\n0 900\n0 5\n\n"
        "ob=/b/c.so\nfn=inner\n0 900\ntotals: 1005\n"
    )
    assert profile.codec == (function, 1005)
    assert profile.own == {function: 105, "inner": 900}
    assert profile.libraries == {function: "/a/_core.so", "inner": "/b/c.so"}
    with pytest.raises(LookupError):
        _ = callgrind.parse("fn=other\n0 7\n").codec


def test_pydicom_is_measured_with_the_quickest_of_its_plugins(tmp_path, monkeypatch):
    """It was measured with the one that pydicom takes by itself: GDCM for JPEG 2000, which is not the quickest."""
    import pydicom.pixels
    import workloads
    from definitions import Definition
    from engines import pydicom as engine

    definition = Definition("path", "phantom:small", "JPEG2000Lossless", 2)
    work = workloads.prepare(definition, tmp_path)
    quick = iter([3.0] * 3 + [1.0] * 3 + [2.0] * 3)
    monkeypatch.setattr(engine, "seconds", lambda call: (call(), next(quick))[1])
    used = []
    genuine = pydicom.pixels.pixel_array
    monkeypatch.setattr(
        pydicom.pixels, "pixel_array", lambda *a, **k: (used.append(k["decoding_plugin"]), genuine(*a, **k))[1]
    )
    decode = engine.path(work)
    plugins = list(dict.fromkeys(used))
    if len(plugins) < 2:
        pytest.skip("pydicom has one plugin of JPEG 2000 here")
    assert workloads.difference_of(definition, work, decode()) == ""
    assert used[-1] == plugins[1]


def test_colour_is_encoded_with_the_transform_by_all(tmp_path):
    """pylibjpeg was told nothing of the colour, and coded three planes apart, in more than twice the time."""
    pytest.importorskip("openjpeg")
    import workloads
    from definitions import Definition
    from engines import imagecodecs, pylibjpeg

    import dcmturbo as dt

    work = workloads.prepare(Definition("encode", "phantom:ultrasound", "JPEG2000Lossless"), tmp_path)
    lengths = {len(engine.encode(work)()) for engine in (imagecodecs, pylibjpeg)}
    assert max(lengths) < 1.02 * min(lengths)
    assert dt.probe(pylibjpeg.encode(work)()).parameters == dt.probe(imagecodecs.encode(work)()).parameters


def test_a_profile_names_the_library_that_codes():
    import profiles

    wheel = "/x/imagecodecs.libs/libjpeg-f212e7a6.so.8.3.2"
    assert profiles.room_of("jsimd_idct_islow", {}, wheel) == "libjpeg"
    assert profiles.room_of("inflate_fast", {}, "/lib/x86_64-linux-gnu/libz.so.1.2.13") == "libz"
    assert profiles.room_of("memcpy", {}, "/lib/x86_64-linux-gnu/libc.so.6") == "memory, Python, C library"
    assert profiles.room_of("dcmturbo::rle::decode", {"rle": "codecs/rle"}, "/a/_core.so") == "codecs/rle"


def test_a_profile_of_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("no image")
    for place in (tmp_path / "a.txt", tmp_path / "absent"):
        command = [sys.executable, BENCHMARKS / "profiles.py", place]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        assert str(place) in done.stderr


def test_a_codec_that_one_commit_lacks_is_not_compared(monkeypatch):
    import callgrind
    import check

    function = "dcmturbo::rle::decode(dcmturbo::Fragments const&)"
    counts = {Path("x"): {"a": {function: 100}, "b": {}}, Path("y"): {"a": {function: 105}, "b": {function: 7}}}
    monkeypatch.setattr(check, "works", lambda names: dict.fromkeys(names))
    monkeypatch.setattr(check, "time_both", lambda trees, given, rounds: dict.fromkeys(given, 1.0))
    monkeypatch.setattr(
        callgrind,
        "count",
        lambda tree, given: {name: callgrind.Profile(inclusive=one) for name, one in counts[tree].items()},
    )
    found = check.judge((Path("x"), Path("y")), ["a", "b"], 101)
    assert found["not in both"] == ["b"]
    assert list(found["works"]) == ["a"]
    assert found["more instructions"] == ["a"]


@pytest.mark.parametrize(("text", "why"), [(None, "No such file"), ("{", "no record"), ('{"rows": 3}', "no record")])
def test_what_is_no_record_is_told(tmp_path, text, why):
    place = tmp_path / "record.json"
    if text:
        place.write_text(text)
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "report.py", "--check", "--record", place],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{place}: ")
    assert why in done.stderr


def test_an_engine_that_is_missing_says_why_as_bench_does(monkeypatch):
    import engines

    from dcmturbo.bench.engines import Engine

    monkeypatch.setattr(Engine, "missing", lambda engine: f"no {engine.name} here")
    for engine in engines.modules():
        assert engines.missing(engine) in ("", f"no {engine.NAME} here")
    assert engines.missing(next(engine for engine in engines.modules() if engine.NAME == "pydcm")) == "no pydcm here"


@pytest.mark.parametrize(
    "command", [["run.py", "small-frame-decode", "--rounds", "0"], ["check.py", "--against", "no such commit"]]
)
def test_wrong_usage_is_told(command):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / command[0], *command[1:]], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " in done.stderr
