"""``dcmturbo completion``: what bash, zsh and fish complete, typed into real shells where they are installed."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time

import pytest
from helpers.command_line import DATA

FILES = ("my scan.dcm", "it's.dcm", "plain.dcm", "do$lar.dcm")


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell}")


@pytest.fixture
def script(call, tmp_path):
    def write(shell: str) -> str:
        code, text, _ = call("completion", shell)
        assert code == 0
        place = tmp_path / "scripts" / ("_dcmturbo" if shell == "zsh" else f"dcmturbo.{shell}")
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
        return str(place)

    return write


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in FILES:
        (folder / name).touch()
    (folder / "a dir").mkdir()
    return folder


def typed(command: list[str], setup: str, line: str, folder) -> list[str]:
    """Type a line into an interactive shell, in which dcmturbo prints its arguments; return them."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(folder)
        environment = os.environ | {"TERM": "dumb", "PS1": "$ ", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        os.execvpe(command[0], command, environment)
    begin = "dcmturbo() { local one; for one in \"$@\"; do printf 'arg<%s>\\n' \"$one\"; done; echo fin''ished; }\n"
    seen = ""
    try:
        end = time.monotonic() + 60

        def until(words: str) -> None:
            nonlocal seen
            while words not in seen and time.monotonic() < end:
                if select.select([terminal], [], [], 0.2)[0]:
                    try:
                        seen += os.read(terminal, 65536).decode("utf-8", "replace")
                    except OSError:
                        break
            assert words in seen, seen

        os.write(terminal, f"{begin}{setup}\necho rea''dy\n".encode())
        until("ready")
        seen = ""
        os.write(terminal, line.encode())
        time.sleep(0.5)
        os.write(terminal, b"\r")
        until("finished")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    return [part.split(">\r")[0] for part in seen.split("arg<")[1:]]


# Typed once, with TAB, into a new shell.
LINES = [
    ("dcmturbo transc\t", ["transcode"]),
    ("dcmturbo decode --wi\t", ["decode", "--window"]),
    ("dcmturbo decode --ou\t", ["decode", "--output"]),
    ("dcmturbo decode --format pn\t", ["decode", "--format", "png"]),
    ("dcmturbo transcode --to RLEL\t", ["transcode", "--to", "RLELossless"]),
    ("dcmturbo transcode --to rlel\t", ["transcode", "--to", "RLELossless"]),
    ("dcmturbo help transc\t", ["help", "transcode"]),
    ("dcmturbo completion fi\t", ["completion", "fish"]),
    ("dcmturbo info my\t", ["info", "my scan.dcm"]),
    ("dcmturbo info 'my\t", ["info", "my scan.dcm"]),
    ('dcmturbo info "it\t', ["info", "it's.dcm"]),
    ("dcmturbo info do\t", ["info", "do$lar.dcm"]),
    ("dcmturbo decode plain.dcm -o a\t", ["decode", "plain.dcm", "-o", "a dir/"]),
    ("dcmturbo transcode --to RLELossless pl\t", ["transcode", "--to", "RLELossless", "plain.dcm"]),
]


@needs("bash")
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(
    ("line", "expected"), [*LINES, ("dcmturbo transcode --to=RLEL\t", ["transcode", "--to=RLELossless"])]
)
def test_bash(script, files, line, expected):
    setup = f"bind 'set enable-bracketed-paste off'; source '{script('bash')}'"
    assert typed(["bash", "--norc", "--noprofile", "-i"], setup, line, files) == expected


@needs("zsh")
@pytest.mark.parametrize(("line", "expected"), LINES)
@pytest.mark.parametrize("way", ["fpath", "source"])
def test_zsh(script, files, line, expected, way):
    """The first TAB of a shell completes, however the script was loaded."""
    place = script("zsh")
    folder = os.path.dirname(place)
    begin = f"fpath=('{folder}' $fpath); " if way == "fpath" else ""
    setup = f"unsetopt zle_bracketed_paste; {begin}autoload -Uz compinit; compinit -u -d '{folder}/dump'"
    setup += "" if way == "fpath" else f"; source '{place}'"
    found = typed(["zsh", "-f", "-i"], setup, line, files)
    # Of a folder, zsh removes the slash that it has added when the line ends.
    assert [word.rstrip("/") for word in found] == [word.rstrip("/") for word in expected]


@needs("fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dcmturbo transc", ["transcode"]),
        ("dcmturbo decode --wi", ["--window"]),
        ("dcmturbo decode --ou", ["--output"]),
        ("dcmturbo decode --format pn", ["png"]),
        ("dcmturbo transcode --to rlel", ["RLELossless"]),
        ("dcmturbo help transc", ["transcode"]),
        ("dcmturbo completion ", ["bash", "fish", "zsh"]),
        ("dcmturbo info my", ["my scan.dcm"]),
    ],
)
def test_fish(script, files, line, expected):
    program = f"source '{script('fish')}'; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", program], cwd=files, capture_output=True, text=True, timeout=60, check=True,
        env=os.environ | {"HOME": str(files), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.stderr == ""
    assert sorted(one.split("\t")[0].replace("\\ ", " ") for one in done.stdout.splitlines()) == expected


@needs("bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["dcmturbo", "tr"], {"transcode"}),
        (["dcmturbo", "transcode", "--to", "JPEGLS"], {"JPEGLSLossless", "JPEGLSNearLossless"}),
        (["dcmturbo", "transcode", "--to", "=", "jpegls"], {"JPEGLSLossless", "JPEGLSNearLossless"}),
        (["dcmturbo", "transcode", "--to=rlel"], {"--to=RLELossless"}),
        (["dcmturbo", "info", "CT_sm"], set()),  # then bash completes files itself
    ],
)
def test_words_of_bash(call, line, expected):
    words = " ".join(f"'{word}'" for word in line)
    program = call("completion", "bash")[1] + (
        f'\nCOMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _dcmturbo; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", program], cwd=DATA, capture_output=True, text=True, timeout=60, check=True)
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_have_all_commands_and_options(call, shell):
    text = call("completion", shell)[1]
    for word in ("transcode", "deidentify", "quiet", "output", "lossy-ratio", "HTJ2KLosslessRPCL"):
        assert word in text


def test_other_shells_are_refused(call):
    assert call("completion", "tcsh")[0] == 2
