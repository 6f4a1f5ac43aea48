"""Paths and links in the docs exist, the README is short, the tables are whole, and the words are those of the field."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
PACKAGES = ("gcn_tf", "pipelines", "tuning", "tests", "benchmarks", "docs")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def names(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    found = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        place, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def missing_paths(page: Path) -> list[str]:
    """Paths in backticks, `gcn_tf/doors.py` or `tests/grid/`, that do not exist."""
    text = FENCE.sub("", page.read_text())
    paths = re.findall(rf"`((?:{'|'.join(PACKAGES)})/[\w./*-]*)`", text)
    new = re.findall(r"^1\. Write `(.*?)`", text, re.MULTILINE)  # files that a recipe makes
    return [path for path in paths if path not in new and not list(ROOT.glob(path))]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_internal_link_leads_somewhere(page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_path_exists(page):
    wrong = missing_paths(page)
    assert [path for path in wrong if path != "gcn_tf/config/presets/products.yaml"] == []


def test_a_broken_link_and_a_missing_path_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n\n[a](absent.md) [b](page.md#one) [c](#two) `gcn_tf/absent.py` `gcn_tf/doors.py`\n"
    )
    assert broken_links(page) == ["absent.md", "#two"]
    assert missing_paths(page) == ["gcn_tf/absent.py"]


def test_every_module_has_a_line_in_the_architecture():
    text = (ROOT / "docs" / "architecture.md").read_text()
    listed = set(re.findall(r"\(\.\./((?:gcn_tf|pipelines|tuning)/[\w/]+\.py)\) \|", text))
    tracked = subprocess.run(
        ["git", "ls-files", "gcn_tf", "pipelines", "tuning"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    modules = {path for path in tracked if path.endswith(".py") and not path.endswith("__init__.py")}
    assert {path for path in modules if (ROOT / path).exists()} == listed


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().split()) <= 1200


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_rows_of_a_table_have_the_columns_of_its_head(page):
    for table in re.findall(r"(?:^\s*\|.*\|\n)+", FENCE.sub("", page.read_text()), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}
        assert len(widths) == 1, table[:200]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda p: p.name
)
def test_words_of_the_field(page):
    text = page.read_text().lower()
    for wrong in (r"read\sright", "student", "drawn faces", "drawn pictures", "drawn persons"):
        assert not re.search(wrong, text)


@pytest.mark.long
def test_the_api_page_is_built_without_warnings(tmp_path):
    import sys

    done = subprocess.run(
        [sys.executable, "docs/api/build.py", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Generative Cooperative Net" in (tmp_path / "gcn_tf" / "model" / "gcn.html").read_text()


NOTEBOOKS = sorted(path.name for path in (ROOT / "docs").glob("*.ipynb"))


@pytest.fixture(scope="session")
def executed(built_once) -> Path:
    """A folder with all notebooks, executed once."""
    import sys

    def make(folder: Path) -> None:
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "docs/run_notebook.py", "--out", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    return built_once("notebooks", make)


@pytest.mark.long
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name, executed):
    assert kinds_of_output(executed / name) == kinds_of_output(ROOT / "docs" / name)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("own_pictures.ipynb", "again.generate"),  # an opened run draws the same bits
        ("newcomer.ipynb", 'run.generate(person="cleo"'),  # and so does one to which somebody was added
        ("saved_model.ipynb", "find_spec"),  # the package cannot be imported
    ],
)
def test_what_a_notebook_promises_is_true(name, code, executed):
    import json

    cells = json.loads((executed / name).read_text())["cells"]
    (cell,) = [cell for cell in cells if code in "".join(cell["source"])]
    assert cell["outputs"][0]["data"]["text/plain"] == ["True"]


def kinds_of_output(notebook: Path) -> list[set[str]]:
    """Kinds of output of every cell: text, pictures."""
    import json

    cells = json.loads(notebook.read_text())["cells"]
    return [{kind for output in cell.get("outputs", ()) for kind in output.get("data", ())} for cell in cells]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_with_its_pictures_and_no_place_of_a_machine(name):
    notebook = ROOT / "docs" / name
    assert sum("image/png" in kinds for kinds in kinds_of_output(notebook)) >= 2
    assert notebook.stat().st_size < 1_000_000
    assert not re.search(r"/(home|tmp|root|work|Users)/", notebook.read_text())


def test_all_notebooks_are_known_to_a_page():
    text = "".join(page.read_text() for page in PAGES if page.name != "CHANGELOG.md")
    assert [name for name in NOTEBOOKS if f"{name})" not in text] == []
