"""Markdown as one self-contained page: terms explained where they head a table, sections that fold, print."""

import base64
import html
import re
import struct
from pathlib import Path

import markdown

from gcn_tf.reporting.glossary import METRICS, plain, term_of

SMALLEST = 0.7  # of its own size that a figure keeps on a narrow screen: below it its letters are too small, and it scrolls

STYLE = """
:root { color-scheme: light dark; --ink: #222; --ground: #fff; --line: #ccc; --shade: #f2f2f2; --mark: #06c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --ground: #181a1b; --line: #4a4d50; --shade: #26292b; --mark: #7ab7ff; }
}
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--ground); }
body > *, details > * { max-width: 62rem; margin-left: auto; margin-right: auto; }
body > details, body > .figure, details > .figure { max-width: none; }
body > table, details > table { --left: max(0px, (100% - 62rem) / 2); margin-left: var(--left); max-width: calc(100% - var(--left)); }
h1, h2, h3 { line-height: 1.25; }
a { color: var(--mark); }
table { border-collapse: collapse; margin: 1rem 0; width: fit-content; font-size: 0.9rem; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: 0.25rem 0.6rem; text-align: right; white-space: nowrap; }
th { background: var(--shade); white-space: normal; }
th:first-child, td:first-child { text-align: left; }
.figure { overflow-x: auto; text-align: center; }
.figure img { max-width: 100%; height: auto; }
pre { box-sizing: border-box; background: var(--shade); padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }
summary { cursor: pointer; border-top: 1px solid var(--line); padding: 0.5rem 0; }
summary h2 { display: inline; font-size: 1.2rem; }
summary:focus-visible, .term:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
.term { all: unset; cursor: help; text-decoration: underline dotted; text-underline-offset: 0.2em; }
.meaning { inset: auto 1rem 1rem; max-width: 40rem; margin: 0 auto; padding: 0.8rem 1rem; border: 1px solid var(--line);
  border-radius: 0.4rem; color: var(--ink); background: var(--shade); box-shadow: 0 0.2rem 1rem #0006; }
@media print {
  :root { color-scheme: light; --ink: #000; --ground: #fff; --line: #999; --shade: #eee; --mark: #000; }
  @page { margin: 12mm; }
  body { font-size: 10pt; margin: 0; padding: 0; }
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; break-inside: avoid; break-after: avoid; }
  summary h2 { display: block; margin: 0; }
  h1, h2, h3 { break-after: avoid; }
  table { display: table; font-size: 7.5pt; break-inside: avoid; }
  th, td { white-space: normal; padding: 0.1rem 0.3rem; }
  td:first-child { white-space: nowrap; }
  .figure { overflow: visible; break-inside: avoid; break-before: avoid; }
  .figure img { min-width: 0 !important; max-width: 100%; max-height: 255mm; }
  pre { white-space: pre-wrap; columns: 3; }
  .term { text-decoration: none; }
  .meaning { display: none; }
}
"""

PRINTING = """
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) { one.open = true; one.dataset.folded = ""; }
});
addEventListener("afterprint", () => {
  for (const one of document.querySelectorAll("details[data-folded]")) { one.open = false; delete one.dataset.folded; }
});
"""


def to_html(text: str, folder: Path, title: str, unfolded: int | None = None) -> str:
    """Markdown as one self-contained page: the PNGs that it names are read from `folder` and put inside.

    Heads of tables that name a metric explain it: below the pointer, and when they are clicked, tapped or chosen by keyboard.

    Args:
        unfolded: how many sections of level two are open, the others fold; all of them print. None: no section folds.
    """
    body = markdown.markdown(text, extensions=["tables", "fenced_code", "toc"])
    body = _with_figures(body, folder)
    body = _explained(body if unfolded is None else _folded(body, unfolded))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
    )
    script = f"<script>{PRINTING}</script>" * (unfolded is not None)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n{script}</body></html>\n'


def _with_figures(body: str, folder: Path) -> str:
    """Pictures inside the page, each at its own size or, on a narrow screen, a little smaller."""

    def inside(match: re.Match[str]) -> str:
        data = (folder / match.group(1)).read_bytes()
        return f'src="data:image/png;base64,{base64.b64encode(data).decode()}"{_size(data)}'

    body = re.sub(r'src="([^":]+\.png)"', inside, body)
    return re.sub(r"<p>(<img [^>]*>)</p>", r'<p class="figure">\1</p>', body)


def _size(png: bytes) -> str:
    """Attributes with the size that the header of a PNG says; "" for what is none."""
    if png[12:16] != b"IHDR":
        return ""
    width, height = struct.unpack(">II", png[16:24])
    return f' width="{width}" height="{height}" style="min-width: {round(SMALLEST * width)}px"'


def _explained(body: str) -> str:
    """Heads of columns, and of rows, that name a metric become buttons which show its meaning; the meanings stand at the end."""
    used: dict[str, None] = {}

    def with_meaning(match: re.Match[str]) -> str:
        before, head, after = match.groups()
        term = term_of(html.unescape(head))
        if not term:
            return match.group()
        used[term] = None
        meaning = html.escape(plain(METRICS[term]))
        button = f'<button type="button" class="term" popovertarget="{_anchor(term)}" title="{meaning}">{head}</button>'
        return f"{before}{button}{after}"

    body = re.sub(r"(<th[^>]*>|<tr>\n<td[^>]*>)([^<]+)(</t[hd]>)", with_meaning, body)
    meanings = [
        f'<div id="{_anchor(term)}" class="meaning" popover><strong>{term}.</strong> {html.escape(plain(METRICS[term]))}</div>'
        for term in used
    ]
    return "\n".join([body, *meanings])


def _anchor(term: str) -> str:
    return f"term-{term.lower().replace(' ', '-')}"


def _folded(body: str, unfolded: int) -> str:
    """Every section of level two folds below its heading; the first ones are open."""
    top, *sections = re.split(r"(?=<h2[ >])", body)
    folds = []
    for number, section in enumerate(sections):
        heading, end, rest = section.partition("</h2>")
        summary = f"<summary>{heading}{end}</summary>"
        folds.append(f"<details{' open' * (number < unfolded)}>\n{summary}{rest}</details>\n")
    return top + "".join(folds)
