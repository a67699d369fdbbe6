"""README and docs say what is true: commands, tables, links, and examples that run."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dcmturbo as dt

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
GENERATED = REPOSITORY / "docs" / "reference" / "commands.md"  # by docs/conf.py


def test_the_table_of_transfer_syntaxes_is_current():
    subprocess.run([sys.executable, "scripts/render_syntaxes.py", "--check"], cwd=REPOSITORY, check=True)


def test_the_tables_of_options_are_current():
    subprocess.run([sys.executable, "scripts/render_options.py", "--check"], cwd=REPOSITORY, check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#][^)]*)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        if page.parent / path == GENERATED:
            continue
        assert (page.parent / path).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (page.parent / path).read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
            }


def test_every_page_is_in_the_contents_of_the_site():
    text = (REPOSITORY / "docs" / "index.md").read_text(encoding="utf-8")
    listed = [line for part in re.findall(r"^```{toctree}\n(.*?)^```", text, re.M | re.S) for line in part.splitlines()]
    names = [line for line in listed if line and not line.startswith(":")]
    pages = {page.relative_to(REPOSITORY / "docs").with_suffix("").as_posix() for page in PAGES if "docs" in page.parts}
    assert len(names) == len(set(names))
    assert set(names) == (pages | {"reference/commands"}) - {"index"}


def test_the_reference_has_every_public_name():
    text = (REPOSITORY / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.M)
    assert sorted(found) == sorted(set(dt.__all__) - {"__version__"})
    for name in found:
        (kind,) = re.findall(rf"^\.\. auto(\w+):: {name}$", text, re.M)
        value = getattr(dt, name)
        is_class = isinstance(value, type)
        expected = ("exception" if issubclass(value, BaseException) else "class") if is_class else "function"
        assert kind == ("data" if name == "config" else expected), name


def test_the_readme_has_its_two_commands():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    demo, test = re.findall(r"^python3 -m venv .*$", text, flags=re.MULTILINE)
    assert demo.endswith("dcmturbo demo")
    assert "pytest" in test


def test_every_dependency_has_its_reason():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(p for ps in extras for p in ps),
    ]
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    for requirement in asked:
        name = re.match(r"[\w-]+", requirement)[0]
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", text), name


def test_every_public_name_is_documented():
    for name in dt.__all__:
        assert (getattr(dt, name).__doc__ or "").strip(), name


@pytest.mark.parametrize(
    "name",
    [
        "decode",
        "decode_series",
        "decode_frame",
        "decode_components",
        "probe",
        "encode_frame",
        "open",
        "transcode",
        "transcode_archive",
        "deidentify",
        "deidentify_archive",
        "check_audit",
    ],
)
def test_public_functions_document_results_and_errors(name):
    text = getattr(dt, name).__doc__
    assert "Parameters\n" in text
    assert "Returns\n" in text
    assert "Raises\n" in text


def test_the_version_is_the_packages():
    from importlib.metadata import version

    assert dt.__version__ == version("dcmturbo")


@pytest.mark.parametrize("example", sorted((REPOSITORY / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example, tmp_path):
    subprocess.run([sys.executable, str(example)], cwd=tmp_path, check=True, capture_output=True, timeout=120)


def test_the_examples_of_the_readme_run(tmp_path):
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S))
    told = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == told
    assert len(told) == 2
