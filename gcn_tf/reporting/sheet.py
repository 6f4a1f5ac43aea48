"""Blocks of pictures with their names on one page: at most 2,000 pixels a side, letters of one legible size.

A sheet is a grid of blocks. Pictures are zoomed or reduced until it fits; a long row of blocks is cut into bands one
below the other, a tall column of them into stacks side by side. What still does not fit is left out, and the title says
so.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from gcn_tf.reporting.lettering import LINE, draw_lines, text_width, wrapped
from gcn_tf.reporting.tiles import scaled, scaled_side, tile, write_png

LARGEST_SIDE = 2_000  # pixels of a figure, either way
MARGIN = 16
SPACE = 12  # between blocks that have texts of their own, and between bands
TITLE_LINES = 5  # at most
TITLE_WIDTH = 760  # pixels, where the pictures are narrower
WIDEST_HEAD = 230  # pixels; a longer word is shortened
LONGEST_TURNED = 220
WIDEST_SIDE = 300
MOST_PIECES = 60
SCREEN = 1_500_000  # pixels of pictures, all together, that are shown at their own size though that is above `largest`
ASPECT = 1.4  # width over height that a page is to have, about that of a screen


@dataclass(frozen=True)
class Block:
    """Pictures of one place of a sheet: uint8 (N, H, W, C), row by row; the framed ones are bool (N,)."""

    images: np.ndarray
    framed: np.ndarray | None = None


@dataclass(frozen=True)
class Sheet:
    """Blocks in rows and columns, with their names.

    Args:
        blocks: by row and column, from 0. All have pictures of one size, and as many of them. A place may stay empty.
        columns: pictures per row of a block.
        heads: text above every column of blocks.
        sides: text left of the rows: as many for each row of blocks.
        feet: text below every column of blocks; empty for none.
        turned: whether heads wider than their column are turned by 90 degrees; else they make the column wider.
        nouns: what the rows and the columns are, for the title of a sheet that shows some of them only.
        band: columns of blocks per band; 0: as many as look well.
        smallest: pixels that a picture has at least, or its own if those are fewer.
        largest: pixels to which a picture is enlarged, or reduced if not all of them fit a screen at their own size.
    """

    blocks: dict[tuple[int, int], Block]
    columns: int
    heads: Sequence[str]
    sides: Sequence[str]
    feet: Sequence[str] = ()
    turned: bool = False
    nouns: tuple[str, str] = ("rows", "columns")
    band: int = 0
    smallest: int = 40
    largest: int = 128

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return 1 + max(row for row, _ in self.blocks), len(self.heads)

    @property
    def any_block(self) -> Block:
        return next(iter(self.blocks.values()))


@dataclass(frozen=True)
class Measures:
    """Pixels of a sheet's parts at one scale of the pictures.

    Args:
        block: height and width of a block.
        row, column: from one block to the next.
        head, foot, side: room of the texts.
        turned: whether heads are.
    """

    scale: Fraction
    block: tuple[int, int]
    row: int
    column: int
    head: int
    foot: int
    side: int
    turned: bool


@dataclass(frozen=True)
class Arrangement:
    """How much of a sheet is shown, and in which pieces: rows and columns of blocks of the whole and of a piece."""

    measures: Measures
    shown: tuple[int, int]
    piece: tuple[int, int]

    @property
    def pieces(self) -> tuple[int, int]:
        """Bands one below the other, and stacks side by side: a sheet is cut in one of the two ways."""
        return -(-self.shown[1] // self.piece[1]), -(-self.shown[0] // self.piece[0])

    @property
    def piece_size(self) -> tuple[int, int]:
        m = self.measures
        return m.head + self.piece[0] * m.row + m.foot, m.side + self.piece[1] * m.column

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all pieces."""
        (bands, stacks), (height, width) = self.pieces, self.piece_size
        return bands * (height + SPACE) - SPACE, stacks * (width + SPACE) - SPACE


def write_sheet(sheet: Sheet, title: str, path: Path) -> Path:
    """Write a sheet as PNG; the title is wrapped, and tells what was left out."""
    return write_png(sheet_picture(sheet, title), path)


def sheet_picture(sheet: Sheet, title: str) -> np.ndarray:
    """A sheet under its title: uint8 (H, W, 3), at most `LARGEST_SIDE` each way."""
    arrangement = arrange(sheet)
    height, width = arrangement.size
    title = _with_omissions(title, sheet, arrangement)
    page = max(width, min(TITLE_WIDTH, text_width(title)))
    lines = wrapped(title, page, TITLE_LINES)
    top = MARGIN + len(lines) * LINE + (6 if lines else 0)
    canvas = Image.new("RGB", (page + 2 * MARGIN, top + height + MARGIN), "white")
    draw_lines(canvas, lines, MARGIN, MARGIN, centered=False)
    for row in range(0, arrangement.shown[0], arrangement.piece[0]):
        for column in range(0, arrangement.shown[1], arrangement.piece[1]):
            down = column // arrangement.piece[1] * (arrangement.piece_size[0] + SPACE)
            across = row // arrangement.piece[0] * (arrangement.piece_size[1] + SPACE)
            _paint_piece(canvas, sheet, arrangement, (row, column), (top + down, MARGIN + across))
    return np.asarray(canvas)


def _with_omissions(title: str, sheet: Sheet, arrangement: Arrangement) -> str:
    told = [
        f"the first {shown} of {there} {noun}"
        for shown, there, noun in zip(arrangement.shown, sheet.shape, sheet.nouns, strict=True)
        if shown < there
    ]
    side = _side(sheet)
    if arrangement.measures.scale < 1:
        told.append(f"pictures reduced from {side} to {scaled_side(side, arrangement.measures.scale)} pixels")
    omissions = "; ".join(told)
    return "\n".join(filter(None, [title, omissions[:1].upper() + omissions[1:]]))


def arrange(sheet: Sheet) -> Arrangement:
    """The largest pictures with which a sheet fits its page; fewer rows or columns when the smallest do not fit."""
    rows, columns = sheet.shape
    while True:
        alone = rows * columns == 1
        for scale in _scales(_side(sheet), 1 if alone else sheet.smallest, _largest(sheet)):
            measures = measure(sheet, scale)
            if found := _fitting(measures, (rows, columns), sheet.band):
                return found
        if alone:
            return Arrangement(measures, (1, 1), (1, 1))
        if rows == 1 or (columns > 1 and columns * measures.column >= rows * measures.row):
            columns = columns * 9 // 10
        else:
            rows = rows * 9 // 10


def _largest(sheet: Sheet) -> int:
    """Pixels to which a picture is enlarged or reduced: few large ones keep their own size."""
    count = sum(len(block.images) for block in sheet.blocks.values())
    return max(sheet.largest, _side(sheet)) if count * _side(sheet) ** 2 <= SCREEN else sheet.largest


def _side(sheet: Sheet) -> int:
    """Pixels of the larger side of its pictures."""
    return max(sheet.any_block.images.shape[1:3])


def _scales(side: int, smallest: int, largest: int) -> Iterator[Fraction]:
    """Whole zooms downwards, then one half, one third and so on."""
    for zoom in range(largest // side, 0, -1):
        yield Fraction(zoom)
    reduced = max(2, -(-side // largest))
    if side <= largest:
        smallest = min(smallest, side)
    while side // reduced >= smallest:
        yield Fraction(1, reduced)
        reduced += 1


def measure(sheet: Sheet, scale: Fraction) -> Measures:
    """Pixels of a sheet's parts with pictures at `scale`."""
    count, height, width, _ = sheet.any_block.images.shape
    gap = frame_gap(scaled_side(height, scale))
    rows = -(-count // sheet.columns)
    block = (
        rows * (scaled_side(height, scale) + gap) + gap,
        sheet.columns * (scaled_side(width, scale) + gap) + gap,
    )
    widest = max(map(text_width, sheet.heads))
    turned = sheet.turned and widest + LINE // 2 > block[1]
    side = min(max(map(text_width, sheet.sides), default=0), WIDEST_SIDE)
    side += 8 if side else 0
    space = SPACE if count > 1 or not sheet.turned else 0
    if sheet.turned:
        head = min(widest, LONGEST_TURNED) if turned else LINE * bool(widest)
        return Measures(scale, block, block[0] + space, block[1] + space, head + 4, 0, side, turned)
    words = max(
        (text_width(word) for text in (*sheet.heads, *sheet.feet) for word in text.split()), default=0
    )
    column = max(block[1], min(words, WIDEST_HEAD))
    head, foot = (
        LINE * max((len(wrapped(text, column)) for text in texts), default=0)
        for texts in (sheet.heads, sheet.feet)
    )
    return Measures(scale, block, block[0] + 4, column + space, head + 4, foot, side, False)


def frame_gap(side: int) -> int:
    """Pixels between pictures of `side` pixels: frames grow with what they frame."""
    return 3 if side < 64 else 5


def _fitting(measures: Measures, shown: tuple[int, int], band: int) -> Arrangement | None:
    """The arrangement nearest to a screen's shape with as few pieces as may be; None when none fits the page."""
    rows, columns = shown
    pieces = [(rows, -(-columns // bands)) for bands in range(1, min(columns, MOST_PIECES) + 1)]
    pieces += [(-(-rows // stacks), columns) for stacks in range(2, min(rows, MOST_PIECES) + 1)]
    if band:
        pieces = [(rows, min(band, columns))]
    room = LARGEST_SIDE - 2 * MARGIN
    fitting = [
        arrangement
        for arrangement in (Arrangement(measures, shown, piece) for piece in pieces)
        if arrangement.size[0] <= room - TITLE_LINES * LINE - 6 and arrangement.size[1] <= room
    ]

    def strangeness(arrangement: Arrangement) -> float:
        height, width = arrangement.size
        return abs(math.log(width / height / ASPECT)) + 0.2 * math.log(math.prod(arrangement.pieces))

    return min(fitting, key=strangeness, default=None)


def _paint_piece(
    canvas: Image.Image,
    sheet: Sheet,
    arrangement: Arrangement,
    first: tuple[int, int],
    place: tuple[int, int],
) -> None:
    """Paint the piece whose first block is the one of row and column `first` at the pixel `place`, from the top left."""
    m = arrangement.measures
    rows = range(first[0], min(first[0] + arrangement.piece[0], arrangement.shown[0]))
    columns = range(first[1], min(first[1] + arrangement.piece[1], arrangement.shown[1]))
    top, left = place[0] + m.head, place[1] + m.side
    for row in rows:
        for column in columns:
            if block := sheet.blocks.get((row, column)):
                across = left + (column - first[1]) * m.column + _inset(m, sheet)
                canvas.paste(_tiled(block, sheet.columns, m.scale), (across, top + (row - first[0]) * m.row))
    centers = [left + (c - first[1]) * m.column + _inset(m, sheet) + m.block[1] // 2 for c in columns]
    _paint_heads(canvas, [sheet.heads[c] for c in columns], m, centers, top)
    if sheet.feet:
        for center, column in zip(centers, columns, strict=True):
            lines = wrapped(sheet.feet[column], m.column - SPACE)
            draw_lines(canvas, lines, center, top + len(rows) * m.row - 2)
    _paint_sides(canvas, sheet, m, rows, (top, left))


def _inset(measures: Measures, sheet: Sheet) -> int:
    """A block stands in the middle of a column that its texts have made wider."""
    return 0 if sheet.turned else (measures.column - SPACE - measures.block[1]) // 2


def _tiled(block: Block, columns: int, scale: Fraction) -> Image.Image:
    images = scaled(block.images, scale)
    return Image.fromarray(tile(images, columns, block.framed, frame_gap(images.shape[1])))


def _paint_heads(
    canvas: Image.Image, heads: Sequence[str], m: Measures, centers: Sequence[int], top: int
) -> None:
    """Heads end right above the blocks; turned ones are thinned where columns are narrower than a line."""
    for center, head in list(zip(centers, heads, strict=True))[:: _every(LINE, m.column) if m.turned else 1]:
        if m.turned:
            lines = wrapped(head.replace("\n", ", "), LONGEST_TURNED, 1)
            strip = Image.new("RGB", (text_width(lines[0]), LINE), "white")
            draw_lines(strip, lines, 0, 0, centered=False)
            upright = strip.rotate(90, expand=True)
            canvas.paste(upright, (center - LINE // 2, top - 4 - upright.height))
        else:
            lines = wrapped(head, m.column - (0 if m.column == m.block[1] else SPACE))
            draw_lines(canvas, lines, center, top - 4 - LINE * len(lines))


def _paint_sides(
    canvas: Image.Image, sheet: Sheet, m: Measures, rows: range, corner: tuple[int, int]
) -> None:
    each = len(sheet.sides) // sheet.shape[0]  # texts per row of blocks
    if not each:
        return
    pitch = m.row if each == 1 else m.block[0] / each
    for place in range(0, len(rows) * each, _every(LINE, pitch)):
        row, part = divmod(place, each)
        text = wrapped(sheet.sides[(rows[0] + row) * each + part], WIDEST_SIDE, 1)
        middle = corner[0] + row * m.row + (part + 0.5) * m.block[0] / each
        draw_lines(
            canvas, text, corner[1] - 8 - text_width(text[0]), round(middle - LINE / 2), centered=False
        )


def _every(needed: float, pitch: float) -> int:
    """Which texts are shown where they stand nearer than they need: every one, every second, ..."""
    return max(1, math.ceil(needed / pitch))
