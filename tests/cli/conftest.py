"""Commands called in this process."""

from __future__ import annotations

import json

import pytest

from dcmturbo.cli import main


@pytest.fixture
def call(capsys):
    """Run a command; return exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def call_json(call):
    """Run a command with --json; return exit code and document, stdout being nothing else."""

    def call_json(*arguments: object) -> tuple[int, dict]:
        code, out, _ = call(*arguments, "--json")
        return code, json.loads(out)

    return call_json
