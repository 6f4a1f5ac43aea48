"""What several commands print."""

from collections.abc import Sequence
from pathlib import Path


def print_notes(notes: Sequence[str]) -> None:
    """Print what users should know about the pictures, a line each."""
    print("".join(f"{note}\n" for note in notes), end="")


def print_report(picture: Path) -> None:
    """Print the scores of seen and unseen cells, and of baselines, from the report that `picture` belongs to, then where it is."""
    from gcn_tf.evaluation.report import read_report
    from gcn_tf.reporting.tables import (
        baseline_tables,
        classifier_table,
        score_table,
        unrecognised,
        unrecognised_text,
    )

    report = read_report(picture.parent.parent)
    print_notes([text] if (text := unrecognised_text(report)) else [])
    print_table(score_table(report["scores"], unrecognised(report)))
    for group, rows in baseline_tables(report).items():
        print(f"\nbaselines in {group} cells")
        print_table(rows)
    if rows := classifier_table(report):
        print(
            f"\nclassified correctly in real pictures: {report['classifier']['of']}, or kept from the judges"
        )
        print_table(rows)
    print(f"report: {picture.with_name('report.html')}\nlook at: {picture}")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text in columns, the first at the left and the others at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([f"{row[0]:{widths[0]}}", *cells]))
