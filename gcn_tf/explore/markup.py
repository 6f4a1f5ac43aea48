"""What the page's panels hold, as HTML: the picture, the grid of cells, a cell beside real pictures, the strip."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcn_tf.explore.pictures import address, png, side_by_side
from gcn_tf.explore.real_pictures import NEVER
from gcn_tf.pipelines.split import GROUPS

CLASSES = dict(zip((*GROUPS, NEVER), ("seen", "unseen", "unseen", "never"), strict=True))
THUMBNAIL = 56  # pixels of the longer side; smaller pictures are enlarged by repeating pixels
LEGEND = {
    "seen": "training saw it",
    "unseen": "unseen: a real picture was held out",
    "never": "never photographed",
}


def text(value: Any) -> str:
    """A value as text of a page, safe in what Gradio takes for a template.

    >>> text("<b> ${1}")
    '&lt;b&gt; &#36;&#123;1&#125;'
    """
    safe = html.escape(str(value))
    for letter in "${}`\\":
        safe = safe.replace(letter, f"&#{ord(letter)};")
    return safe


def image(picture: np.ndarray, label: str, kind: str = "") -> str:
    """A picture with what it is for those who do not see it: uint8 (H, W, C)."""
    height, width = picture.shape[:2]
    return f'<img class="{kind}" alt="{text(label)}" width="{width}" height="{height}" src="{address(png(picture))}">'


def words(values: Mapping[str, str]) -> str:
    """ "digit=7 writer=3" of values by factor name."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def card(head: str, picture: np.ndarray | None, foot: str = "", kind: str = "") -> str:
    """A picture with a heading and a line below; without a picture, the line alone."""
    inside = "" if picture is None else image(picture, f"{head}: {foot}" if foot else head, "large")
    return f'<figure class="{kind}"><figcaption>{text(head)}</figcaption>{inside}<p>{text(foot)}</p></figure>'


def message(line: str) -> str:
    """A line in place of a panel's content."""
    return f'<p class="gcn-message" role="status">{text(line)}</p>'


@dataclass(frozen=True)
class Cells:
    """The cells of a grid.

    Args:
        name: of the run.
        pictures: value or blend by factor name, row by row.
        images: uint8 (N, H, W, C), one for each.
        groups: what training saw of each, one of `CLASSES`; None where the real pictures are not at hand, or of no cell.
        rows, columns: what the rows and columns are called; `down` and `across`, their factors.
    """

    name: str
    pictures: Sequence[Mapping[str, str]]
    images: np.ndarray
    groups: Sequence[str | None]
    rows: Sequence[str]
    columns: Sequence[str]
    down: str
    across: str


def grid(cells: Cells, chosen: Mapping[str, str]) -> str:
    """Thumbnails of cells as a table of buttons; all of them are parts of one PNG.

    Args:
        chosen: the cell that is marked.
    """
    height, width = cells.images.shape[1:3]
    sheet = address(png(side_by_side(cells.images, len(cells.columns))))
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in cells.columns)
    body = []
    for row, name in enumerate(cells.rows):
        buttons = "".join(
            _button(cells, row * len(cells.columns) + column, row, column, chosen)
            for column in range(len(cells.columns))
        )
        body.append(f'<tr><th scope="row">{text(name)}</th>{buttons}</tr>')
    corner = f"{cells.down} \\ {cells.across}" if cells.down != cells.across else cells.across
    zoom = max(1, round(THUMBNAIL / max(height, width)))
    style = f"--w:{width}px;--h:{height}px;--z:{zoom};--columns:{len(cells.columns)};--sheet:url({sheet})"
    return (
        f'<section class="gcn-grid" style="{style}"><h3>{text(cells.name)}</h3><div class="gcn-scroll"><table>'
        f'<thead><tr><td class="gcn-corner">{text(corner)}</td>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div></section>'
    )


def _button(cells: Cells, number: int, row: int, column: int, chosen: Mapping[str, str]) -> str:
    picture, group = cells.pictures[number], cells.groups[number]
    kind = CLASSES[group] if group else "unknown"
    said = f"{words(picture)}, {group}" if group else words(picture)
    marked = ' aria-current="true"' if picture == chosen else ""
    return (
        f'<td><button class="{kind}" data-row="{row}" data-column="{column}" title="{text(said)}" aria-label="{text(said)}"{marked} '
        f'style="--x:{column};--y:{row}"></button></td>'
    )


def legend(groups: Sequence[str | None]) -> str:
    """What the frames of a grid mean, of those that are there."""
    there = {CLASSES[group] for group in groups if group}
    shown = [f'<span class="gcn-key {kind}"></span> {text(LEGEND[kind])}' for kind in LEGEND if kind in there]
    return f'<p class="gcn-legend">{" &nbsp; ".join(shown)}</p>' if shown else ""


def judges_table(
    said: Mapping[str, Mapping[str, str]], wanted: Mapping[str, str], doubtful: Mapping[str, Sequence[str]]
) -> str:
    """What judges classify a picture as, beside what was wanted.

    Args:
        said: values by name of the judge and of the factor.
        doubtful: factors that a judge does not recognise in real pictures, by its name.
    """
    head = "".join(f"<th>{text(name)} judge</th>" for name in said)
    rows = []
    for factor, value in wanted.items():
        marks = []
        for judge, values in said.items():
            right = values[factor] == value
            kind = "doubtful" if factor in doubtful[judge] else "right" if right else "wrong"
            sign = "" if kind == "doubtful" else " ✓" if right else " ✗"
            note = " (does not recognise it in real pictures either)" if kind == "doubtful" else ""
            marks.append(f'<td class="{kind}">{text(values[factor])}{sign}{note}</td>')
        rows.append(f'<tr><th scope="row">{text(factor)}</th><td>{text(value)}</td>{"".join(marks)}</tr>')
    return f'<table class="gcn-judges"><thead><tr><td></td><th>wanted</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def strip(name: str, images: np.ndarray, values: Sequence[str], factor: str) -> str:
    """Pictures in a row with their values: uint8 (N, H, W, C)."""
    figures = "".join(
        f"<figure>{image(picture, f'{factor}={value}', 'large')}<p>{text(value)}</p></figure>"
        for picture, value in zip(images, values, strict=True)
    )
    return f'<section class="gcn-strip"><h3>{text(name)}: {text(factor)}</h3><div class="gcn-row">{figures}</div></section>'


def code(line: str, label: str) -> str:
    """Lines to copy."""
    return f'<div class="gcn-code"><span>{text(label)}</span><button class="gcn-copy">copy</button><pre>{text(line)}</pre></div>'


def download(name: str, data: bytes, kind: str) -> str:
    """A link that saves a file; the page follows it at once."""
    return f'<a class="gcn-download" download="{text(name)}" href="{address(data, kind)}">{text(name)}</a>'
