"""The same definitions under pytest-benchmark.

    pytest benchmarks/test_speed.py --benchmark-group-by=param:definition

For a developer who wants its statistics and its storage; nothing is gated here. The answer is compared with the
digest before the clock runs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import engines
import pytest
import workloads
from definitions import DEFINITIONS

CASES = [
    pytest.param(definition, engine.NAME, id=f"{definition.kind} {definition.name}-{engine.NAME}")
    for row in ("codestream-decode", "codestream-encode", "path-to-array", "small-frame-decode")
    for definition in DEFINITIONS[row]
    for engine in engines.modules()
    if hasattr(engine, definition.kind)
]


@pytest.mark.parametrize(("definition", "engine"), CASES)
def test_speed(benchmark, tmp_path, definition, engine):
    work = workloads.prepare(definition, tmp_path)
    if work is None:
        pytest.skip("its image is not on this machine")
    works, reasons = engines.functions(definition.kind, work)
    if engine not in works:
        pytest.skip(reasons[engine])
    try:
        why = workloads.difference_of(definition, work, works[engine]())
    except (ValueError, RuntimeError) as error:
        why = str(error)
    if why and engine != engines.OURS:
        pytest.skip(f"{engine}: {why}")
    assert not why
    benchmark(works[engine])
