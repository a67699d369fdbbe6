"""The tutorials run from their first line to their last: their Python, and their commands."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from helpers.pages import follow
from helpers.slides import instance, tissue
from helpers.stores import s3_server

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"
PAGES = sorted(FOLDER.glob("*.md"))
NEEDS = {"train": ["torch"], "slides": ["dask"], "object-stores": ["s3fs", "moto"]}
# What a page promises, by its name: an expression that is true in its folder at its end.
PROMISES = {
    "first-steps": "Path('ct.png').stat().st_size > 0 and Path('small.dcm').stat().st_size < 33_000",
    "train": "len(list(Path('series').iterdir())) == 24",
    "archive": "'smaller/2024/rtplan.dcm' in map(str, Path('smaller').rglob('*.dcm')) "
    "and all(Path(name).stat().st_size > 0 for name in ('proof.html', 'proof.csv', 'report.html'))",
    "slides": "Path('overview.png').stat().st_size > 0 and Path('viewer/slide.dzi').stat().st_size > 0",
    "object-stores": "Path('ct.idx').stat().st_size > 0",
    "compare": "'<svg' in Path('bench.html').read_text()",
}

pytestmark = pytest.mark.skipif(not PAGES, reason="the documentation is not here")


@contextmanager
def slide_in(folder: Path) -> Iterator[None]:
    """Write a slide of two levels."""
    matrix = tissue(1200, 1000)
    (folder / "slide").mkdir()
    for number, pixels in enumerate((matrix, matrix[::2, ::2])):
        (folder / f"slide/{number}.dcm").write_bytes(instance(pixels, (240, 240), mpp=0.5 * 2**number))
    yield


@contextmanager
def bucket(folder: Path) -> Iterator[None]:
    """Start an object store with an empty bucket."""
    import fsspec

    with s3_server():
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("images")
        yield


# What a reader has before the first line.
GIVEN = {"slides": slide_in, "object-stores": bucket}


def test_every_tutorial_has_its_promise():
    assert {page.stem for page in PAGES} == set(PROMISES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore::ResourceWarning")  # of the object store
def test_the_tutorial(page, tmp_path, monkeypatch):
    missing = [name for name in NEEDS.get(page.stem, []) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    with GIVEN.get(page.stem, nullcontext)(tmp_path):
        follow(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert eval(PROMISES[page.stem], {"Path": Path})
