"""The panels of the page for one or several runs: what is shown for a selection, and what can be taken away."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.explore import markup
from gcn_tf.explore.pictures import gif, png, side_by_side
from gcn_tf.explore.selection import Selection, command_line, python_lines, words_of
from gcn_tf.explore.shown_run import ShownRun
from gcn_tf.newcomers.transfer import lines_about
from gcn_tf.reporting.tiles import zoomed
from gcn_tf.synthesis.draw import generate_from_codes, write_picture

MOST_CELLS = 1_000  # of a grid that are shown at once
MOST_COLUMNS = 100
SAVED_ZOOM = 8  # as of `gcn-tf generate`


class Panels:
    """Makes the panels of a page.

    Args:
        runs: what is shown side by side; the first one says which factors there are.
    """

    def __init__(self, runs: Sequence[ShownRun]) -> None:
        self.runs = tuple(runs)
        self.space = runs[0].space

    def status(self) -> str:
        """A line for each run."""
        return "".join(markup.message(run.status) for run in self.runs)

    def picture(self, chosen: Selection) -> str:
        """The chosen picture of each run, the lines that make it again, and the link to it."""
        cards = [self._card(run, chosen) for run in self.runs]
        lines = [
            markup.code(command_line(run.place, words_of([chosen.values])), "on the command line")
            + markup.code(python_lines(run.place, chosen.values), "in Python")
            for run in self.runs
        ]
        link = markup.text(f"?{chosen.link}")
        return (
            f'<div class="gcn-row" data-link="{link}">{"".join(cards)}</div>'
            f'<details class="gcn-again"><summary>Make it again</summary>{"".join(lines)}</details>'
        )

    def _card(self, run: ShownRun, chosen: Selection) -> str:
        try:
            picture = run.generate([chosen.values])[0]
        except UserError as error:
            return markup.card(str(run.place), None, str(error))
        return markup.card(str(run.place), picture, markup.words(chosen.values))

    def grid(self, chosen: Selection) -> str:
        """The cells of two factors as thumbnails, for each run, with what their frames mean."""
        groups: list[str | None] = []
        sections = [self._grid(run, chosen, groups) for run in self.runs]
        return f'{markup.legend(groups)}<div class="gcn-row">{"".join(sections)}</div>'

    def _grid(self, run: ShownRun, chosen: Selection, groups: list[str | None]) -> str:
        pictures, columns, cut = self.grid_page(chosen)
        try:
            images = run.generate(pictures)
        except UserError as error:
            return markup.message(f"{run.place}: {error}")
        of_run, note = self._groups(run, pictures)
        groups += of_run
        cells = markup.Cells(
            *(str(run.place), pictures, images, of_run),
            rows=[picture[chosen.rows] for picture in pictures[::columns]]
            if chosen.rows != chosen.columns
            else [""],
            columns=[picture[chosen.columns] for picture in pictures[:columns]],
            down=chosen.rows,
            across=chosen.columns,
        )
        return markup.grid(cells, chosen.values) + "".join(
            markup.message(line) for line in (cut, note) if line
        )

    def grid_page(self, chosen: Selection) -> tuple[list[dict[str, str]], int, str]:
        """The cells that are shown at once, how many columns they have, and a line about those that are not."""
        rows, columns = map(len, chosen.grid_sides(self.space))
        kept = min(columns, MOST_COLUMNS)
        top = min(chosen.top, rows - 1)
        shown = chosen.grid_pictures(self.space, slice(top, top + MOST_CELLS // kept), slice(kept))
        if len(shown) == rows * columns:
            return shown, kept, ""
        said = f"rows {top + 1} to {top + len(shown) // kept} of {rows}"
        return shown, kept, said + (f", the first {kept} of {columns} columns" if kept < columns else "")

    def _groups(self, run: ShownRun, pictures: Sequence[Mapping[str, str]]) -> tuple[list[str | None], str]:
        """What training saw of each cell, and a line if nobody can say; blends are no cells."""
        try:
            real = run.real
        except UserError as error:
            return [None] * len(pictures), str(error)
        return [real.group_of(ids) if (ids := cell_ids(run, picture)) else None for picture in pictures], ""

    def cell(self, chosen: Selection) -> Iterator[str]:
        """The chosen cell of each run beside the real pictures; then the same with what both judges say."""
        parts = [self._beside_real(run, chosen) for run in self.runs]
        waiting = markup.message(
            "The judges look at it; of pictures that they have never seen they learn first."
        )
        yield "".join(
            f'<section class="gcn-cell">{part}{waiting if asked else ""}</section>' for part, asked in parts
        )
        yield "".join(
            f'<section class="gcn-cell">{part}{self._judged(run, chosen) if asked else ""}</section>'
            for run, (part, asked) in zip(self.runs, parts, strict=True)
        )

    def _beside_real(self, run: ShownRun, chosen: Selection) -> tuple[str, bool]:
        """The generated, the real and the nearest seen picture, and whether judges can be asked."""
        head = f"<h3>{markup.text(run.place)}: {markup.text(markup.words(chosen.values))}</h3>"
        try:
            picture = run.generate([chosen.values])[0]
        except UserError as error:
            return head + markup.message(str(error)), False
        cards = [markup.card("generated", picture)]
        try:
            real, ids = run.real, cell_ids(run, chosen.values)
            true = real.of_cell(ids) if ids else None
            what = real.group_of(ids) if ids else "a blend, no cell"
            cards.append(markup.card("real", true, what, markup.CLASSES.get(what, "")))
            nearest, values = real.nearest(picture)
            cards.append(markup.card("nearest seen", nearest, markup.words(values)))
            asked = True
        except UserError as error:
            cards.append(markup.card("real", None, str(error)))
            asked = False
        return f'{head}<div class="gcn-row">{"".join(cards)}</div>', asked

    def _judged(self, run: ShownRun, chosen: Selection) -> str:
        try:
            assert run.run is not None
            padded = generate_from_codes(run.run.model, run.space.codes([chosen.values]))[0]
            return markup.judges_table(run.real.classified(padded), chosen.values, run.real.doubtful)
        except UserError as error:
            return markup.message(str(error))

    def strip(self, chosen: Selection) -> str:
        """Pictures from one value to another, for each run."""
        sections = []
        for run in self.runs:
            try:
                pictures = chosen.strip_pictures(run.space)
                values = [picture[chosen.strip] for picture in pictures]
                sections.append(markup.strip(str(run.place), run.generate(pictures), values, chosen.strip))
            except UserError as error:
                sections.append(markup.message(f"{run.place}: {error}"))
        line = command_line(self.runs[0].place, words_of(chosen.strip_pictures(self.space)))
        return "".join(sections) + markup.code(line, "on the command line")

    def photograph(self, file: str | None, factor: str, shows: str, force: bool) -> str:
        """A photograph drawn with all values of a factor, for each run.

        Args:
            file: the picture file; None if there is none yet.
            factor: what changes.
            shows: words about the photograph, "gesture=2 person=ben".
            force: draw it although it is nothing like the run's pictures.
        """
        if not file:
            return markup.message("Drop a photograph first.")
        return "".join(self._photograph(run, Path(file), factor, shows.split(), force) for run in self.runs)

    def _photograph(self, run: ShownRun, file: Path, factor: str, shows: Sequence[str], force: bool) -> str:
        try:
            images = run.transfers.pictures([file], ["the photograph"], shows, force)
            drawn = run.transfers.draw(images, [f"{factor}=*"], shows)
        except UserError as error:
            return markup.message(f"{run.place}: {error}")
        given = markup.card("given", drawn.given[0])
        values = [cell[factor] for cell in drawn.cells]
        said = markup.message(*lines_about(drawn, ["the photograph"]))
        return f'<div class="gcn-row">{given}</div>{said}{markup.strip(str(run.place), drawn.images[0], values, factor)}'

    def picture_file(self, chosen: Selection) -> str:
        """The chosen pictures as a PNG, side by side, enlarged as `gcn-tf generate` enlarges them."""
        images = [
            zoomed(image, SAVED_ZOOM) for image in self._each(lambda run: run.generate([chosen.values])[0])
        ]
        return markup.download("picture.png", png(_in_a_row(images)), "image/png")

    def strip_file(self, chosen: Selection) -> str:
        """The strip as a GIF, of several runs side by side."""
        strips = self._each(lambda run: run.generate(chosen.strip_pictures(run.space)))
        frames = np.stack([_in_a_row(images) for images in zip(*strips, strict=True)])
        return markup.download("strip.gif", gif(frames), "image/gif")

    def strip_picture(self, chosen: Selection) -> str:
        """The strip as a PNG, of several runs one below the other."""
        strips = self._each(lambda run: run.generate(chosen.strip_pictures(run.space)))
        rows = [side_by_side(images, len(images)).swapaxes(0, 1) for images in strips]
        whole = _in_a_row(rows).swapaxes(0, 1)
        return markup.download("strip.png", png(zoomed(whole, SAVED_ZOOM)), "image/png")

    def grid_file(self, chosen: Selection) -> str:
        """The grid of the first run with its names, as `gcn-tf generate` writes it."""
        run = self.runs[0].run
        if run is None:
            return markup.message(self.runs[0].status)
        pictures = self.grid_page(chosen)[0]
        with TemporaryDirectory() as folder:
            path = write_picture(run, words_of(pictures), Path(folder) / "grid.png", SAVED_ZOOM)
            return markup.download("grid.png", path.read_bytes(), "image/png")

    def _each(self, make: Callable[[ShownRun], np.ndarray]) -> list[np.ndarray]:
        """What each run makes; a run that lacks a value is left out, unless it is the first."""
        made = [make(self.runs[0])]
        for run in self.runs[1:]:
            with suppress(UserError):
                made.append(make(run))
        return made


def cell_ids(run: ShownRun, picture: Mapping[str, str]) -> tuple[int, ...] | None:
    """The value ids of a cell; None for a blend or for a number between two values."""
    if not all(picture[factor.name] in factor.values for factor in run.space):
        return None
    return tuple(factor.index(picture[factor.name]) for factor in run.space)


def _in_a_row(images: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of any heights side by side: uint8 (H, W, C) each, black below the lower ones; grey ones become colored."""
    height = max(image.shape[0] for image in images)
    channels = max(image.shape[2] for image in images)
    padded = [
        np.pad(
            image.repeat(channels // image.shape[2], axis=2), ((0, height - image.shape[0]), (0, 0), (0, 0))
        )
        for image in images
    ]
    return np.concatenate(padded, axis=1)
