"""What several commands print."""

from collections.abc import Sequence
from pathlib import Path


def print_notes(notes: Sequence[str]) -> None:
    """What users should know of the pictures, a line each."""
    print("".join(f"{note}\n" for note in notes), end="")


def print_report(picture: Path) -> None:
    """The table seen / unseen of the report that has a picture, then where both are."""
    from gcn_tf.evaluation.report import read_report
    from gcn_tf.reporting.tables import score_table

    rows = score_table(read_report(picture.parent.parent)["scores"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([f"{row[0]:{widths[0]}}", *cells]))
    print(f"report: {picture.with_name('report.html')}\nlook at: {picture}")
