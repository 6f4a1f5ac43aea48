"""The files of a report: for people, as a page, and for programs."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from gcn_tf.files import write_atomically
from gcn_tf.reporting.html import to_html


def write_report_files(out: Path, title: str, text: str, report: dict[str, Any]) -> Path:
    """report.md, report.html with the figures of the folder in it and, when all is there, report.json.

    Every file appears whole or not at all.

    Args:
        text: Markdown.
        report: what report.json holds.

    Returns:
        report.html.
    """
    contents = {
        "report.md": text,
        "report.html": to_html(text, out, title),
        "report.json": json.dumps(report, indent=1),
    }
    for name, content in contents.items():
        write_atomically(out / name, partial(Path.write_text, data=content, encoding="utf-8"))
    return out / "report.html"
