"""dcmturbo is registered in every test here.

pydicom swallows what a plugin raises and asks the next one, so the tests name the plugin, but for those of that.
"""

import pytest

import dcmturbo as dt
from dcmturbo.integrations.pydicom import arrays


@pytest.fixture(autouse=True)
def registered():
    dt.register()
    yield
    dt.unregister()


@pytest.fixture
def plans(monkeypatch):
    """What the whole-array path did: True where it made the array, False where it left that to pydicom."""
    seen = []

    def watched(original):
        def prepare(*arguments, **options):
            plan = original(*arguments, **options)
            seen.append(plan is not None)
            return plan

        return prepare

    monkeypatch.setattr(arrays, "prepare", watched(arrays.prepare))
    return seen


@pytest.fixture
def two_threads():
    with dt.config.override(threads=2):
        yield
