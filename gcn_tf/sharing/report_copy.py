"""The report of a run for a bundle: without places of this machine and, if need be, without real pictures."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import read_report, read_stamp, write_report
from gcn_tf.reporting.html import to_html
from gcn_tf.runs.checkpoints import LOG
from gcn_tf.runs.run_dir import Run
from gcn_tf.runs.stamp import write_stamp
from gcn_tf.sharing.places import Places

CHARTS = {"confusion.png", "curves.png"}  # figures of numbers: they show no picture
NUMBERS = {"report.json", "cells.csv"}
PAGES = ("report.md", "report.html")


def copy_report(run: Run, folder: Path, places: Places, pictures: bool, say: Callable[[str], None]) -> bool:
    """Write the report of a run's checkpoint into a bundle; it is made if the run has none.

    Args:
        folder: of the report in the bundle.
        pictures: whether figures that show real pictures are in it.
        say: called with a line if there can be no report.

    Returns:
        Whether there is one.
    """
    with _report_of(run, say) as source:
        if source is None:
            return False
        folder.mkdir()
        names = read_stamp(source).files
        for path in sorted(source.iterdir()):
            known = path.name in {*NUMBERS, *PAGES, *CHARTS}
            if path.name in names and (known or (pictures and path.suffix == ".png")):
                _copy(path, folder / path.name, places)
    if not pictures:
        _strip_pages(folder)
    write_stamp(folder, "", run)
    return True


@contextmanager
def _report_of(run: Run, say: Callable[[str], None]) -> Iterator[Path | None]:
    """The folder of the report of this checkpoint: the run's own, else one that is made for as long as the block runs."""
    own = run.folder / "report"
    try:
        stamp = read_stamp(own)
        stamp.check_files(whole=True)
        if stamp.checkpoint == run.checkpoint:
            yield own
            return
    except UserError:  # missing or damaged
        pass
    try:
        split = run.load_split()
    except UserError as error:
        say(f"no report: {error}")
        yield None
        return
    with TemporaryDirectory() as temporary:
        place = Path(temporary) / (run.folder.resolve().name or "run")
        place.mkdir()
        if (run.folder / LOG).exists():
            shutil.copyfile(run.folder / LOG, place / LOG)
        write_report(replace(run, folder=place), split)
        yield place / "report"


def _copy(source: Path, target: Path, places: Places) -> None:
    """Copy a file of a report; in a text, places are taken out."""
    if source.suffix in (".md", ".html"):
        text = places.out_of_yaml(source.read_text(encoding="utf-8"))
        target.write_text(text, encoding="utf-8")
    elif source.name == "report.json":
        report = read_report(source.parent.parent)
        report["config"] = places.out_of_settings(report["config"])
        target.write_text(places.out_of_text(json.dumps(report, indent=1)), encoding="utf-8")
    else:
        shutil.copyfile(source, target)


def _strip_pages(folder: Path) -> None:
    """Take figures that are not there out of the pages, and headings below which nothing is left."""
    report = read_report(folder.parent)
    path = folder / "report.md"
    text = without_figures(path.read_text(encoding="utf-8"), {entry.name for entry in folder.iterdir()})
    path.write_text(text, encoding="utf-8")
    page = to_html(text, folder, f"gcn-tf: {report['run']}", unfolded=1)
    (folder / "report.html").write_text(page, encoding="utf-8")


def without_figures(text: str, kept: set[str]) -> str:
    """Markdown without the figures that are not kept, their captions, and headings that they leave empty.

    >>> print(without_figures("# One\\n\\n![Faces.](a.png)\\n\\nFaces.\\n\\n## Two\\n\\n![Curves.](b.png)\\n\\nCurves.", {"b.png"}))
    # One
    <BLANKLINE>
    ## Two
    <BLANKLINE>
    ![Curves.](b.png)
    <BLANKLINE>
    Curves.
    """
    parts: list[str] = []
    caption = None
    for part in text.split("\n\n"):
        figure = re.fullmatch(r"!\[(.*)\]\((.*)\)\s*", part, re.S)
        if figure and figure[2] not in kept:
            caption = figure[1]
        elif part.strip() != caption:
            parts.append(part)
            caption = None
    return "\n\n".join(part for n, part in enumerate(parts) if not _is_empty(parts, n))


def _is_empty(parts: list[str], place: int) -> bool:
    """Whether a part is a heading, and the next one of its level or above follows at once."""
    level = _level(parts[place])
    after = _level(parts[place + 1]) if place + 1 < len(parts) else 1
    return level > 1 and 0 < after <= level


def _level(part: str) -> int:
    """Level of a heading; 0 for anything else."""
    return len(match[1]) if (match := re.match(r"(#+) ", part)) else 0
