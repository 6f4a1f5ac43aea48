"""What several commands print."""

from collections.abc import Sequence
from pathlib import Path


def print_notes(notes: Sequence[str]) -> None:
    """Print what users should know about the pictures, a line each."""
    print("".join(f"{note}\n" for note in notes), end="")


def print_report(picture: Path) -> None:
    """Print the scores of seen and unseen cells from the report that `picture` belongs to, then the paths of both."""
    from gcn_tf.evaluation.report import read_report
    from gcn_tf.reporting.tables import score_table

    rows = score_table(read_report(picture.parent.parent)["scores"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([f"{row[0]:{widths[0]}}", *cells]))
    print(f"report: {picture.with_name('report.html')}\nlook at: {picture}")
