"""What several commands print."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gcn_tf.errors import UserError
from gcn_tf.pipelines.folder.problems import Problems, UnreadablePictures, write_problems


def print_notes(notes: Sequence[str]) -> None:
    """Print what users should know about the pictures, a line each."""
    print("".join(f"{note}\n" for note in notes), end="")


def print_problems(problems: Problems, path: Path) -> None:
    """List the pictures that were left out in a CSV file, if there are any, and print its path."""
    if problems:
        write_problems(path, problems)
        print(f"all that was left out, with the reasons: {path}")


@contextmanager
def unreadable_listed(path: Path) -> Iterator[None]:
    """If too many pictures cannot be read, list them in a CSV file and raise a UserError that names it as well."""
    try:
        yield
    except UnreadablePictures as error:
        write_problems(path, error.problems)
        raise UserError(f"{error}; all are listed in {path}") from None


def print_report(picture: Path) -> None:
    """Print the scores of seen and unseen cells, and of baselines, from the report that `picture` belongs to, then where it is."""
    from gcn_tf.evaluation.report import read_report
    from gcn_tf.reporting.tables import baseline_tables, score_table, unrecognised, unrecognised_text

    report = read_report(picture.parent.parent)
    print_notes([text] if (text := unrecognised_text(report)) else [])
    _print_table(score_table(report["scores"], unrecognised(report)))
    for group, rows in baseline_tables(report).items():
        print(f"\nbaselines in {group} cells")
        _print_table(rows)
    print(f"report: {picture.with_name('report.html')}\nlook at: {picture}")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([f"{row[0]:{widths[0]}}", *cells]))
