"""Figures of cells: real pictures above generated ones, unseen cells framed, every row and column named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.split import Split
from gcn_tf.reporting.sheet import Block, Sheet, sheet_picture, write_sheet
from gcn_tf.reporting.tiles import check_png, in_pairs

PAIRS = 36  # of a real and a generated picture that a figure of cells shows, at most: about a screen of them


PICTURES_ACROSS = 16  # of one base image, at most


EXTREMES = 7  # best cells, and as many worst ones


IN_A_BAND = 8  # cells of several sources side by side


CELLS_ACROSS = 4  # of a picture of named cells: TensorBoard shows it about 350 pixels wide


BLAMED = 4  # wrong classifications of a judge that are named below a picture


@dataclass(frozen=True)
class Shown:
    """What figures show: all pictures of a split, and what a network made of the same cells.

    Args:
        split: the cells, and which of them are unseen.
        real, generated: uint8 (P, H, W, C), one for every picture of the split.
    """

    split: Split
    real: np.ndarray
    generated: np.ndarray

    def __post_init__(self) -> None:
        if not len(self.split.ids) == len(self.real) == len(self.generated):
            raise ValueError(
                f"{len(self.real)} real and {len(self.generated)} generated pictures of {len(self.split.ids)} cells"
            )

    @property
    def group(self) -> str:
        """What `rows` are: "unseen", or "seen" where training saw every cell."""
        return "unseen" if self.split.unseen.any() else "seen"

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the cells that matter most: the unseen ones, or all where training saw every cell."""
        return self.split.rows(unseen=self.group == "unseen")


def write_cells_figure(shown: Shown, path: Path, among: np.ndarray | None = None, pairs: int = PAIRS) -> Path:
    """All variations of some base images, real above generated, unseen cells framed.

    Args:
        among: row numbers whose base images are shown; `shown.rows` by default. Of many base images, some from first to
            last are taken.
        pairs: how many pictures of each kind, at most.
    """
    split = shown.split
    among = shown.rows if among is None else among
    candidates = np.unique(split.base[among])
    each = min(pairs, int(np.bincount(split.base[np.isin(split.base, candidates)]).max()))
    chosen = candidates[_spread(len(candidates), pairs // each)]
    columns = _balanced(each)
    blocks, heads = {}, []
    for place, base in enumerate(chosen):
        rows = _first_of_interest(np.flatnonzero(split.base == base), among, each)
        blocks[0, place] = Block(
            *in_pairs(shown.real[rows], shown.generated[rows], columns, split.unseen[rows])
        )
        heads.append(_base_name(split, rows[0]))
    sides = ["real", "generated"] * -(-each // columns)
    title = "Real pictures (upper row of each pair) and generated ones (lower row)"
    if len(chosen) < len(candidates):
        title += f"; {len(chosen)} of {len(candidates)} base images"
    if split.unseen[np.isin(split.base, chosen)].any():
        title += "\nFramed: cells that training never saw"
    sheet = Sheet(blocks, columns, heads, sides, nouns=("rows", "base images"))
    return write_sheet(sheet, title, path)


def named_cells_picture(
    space: FactorSpace, ids: np.ndarray, real: np.ndarray, generated: np.ndarray, title: str
) -> np.ndarray:
    """Cells side by side, each under the names of its values, real above generated: uint8 (H, W, 3).

    Args:
        ids: int (N, M), of the cells.
        real, generated: uint8 (N, H, W, C), their pictures.
    """
    sheet = Sheet(
        {(0, n): Block(np.stack(pair)) for n, pair in enumerate(zip(real, generated, strict=True))},
        columns=1,
        heads=[space.describe(cell) for cell in ids],
        sides=["real", "generated"],
        nouns=("rows", "cells"),
        band=CELLS_ACROSS,
        largest=96,
    )
    return sheet_picture(sheet, title)


def _balanced(count: int) -> int:
    """Pictures per row when `count` of them fill as few rows as possible, evenly."""
    return -(-count // -(-count // PICTURES_ACROSS))


def _spread(count: int, wanted: int) -> np.ndarray:
    """Positions from first to last: int64 (min(count, wanted),)."""
    return np.linspace(0, count - 1, min(count, max(1, wanted))).astype(int)


def _first_of_interest(rows: np.ndarray, among: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows in order, those in `among` before others."""
    order = np.argsort(~np.isin(rows, among), kind="stable")
    return np.sort(rows[order[:count]])


def _base_name(split: Split, row: int) -> str:
    """ "digit=7 writer=115" of a row's base image."""
    count = len(split.dataset.space.factors) - len(split.dataset.variations)
    return FactorSpace(split.dataset.space.factors[:count]).describe(split.ids[row][:count])


def write_extremes_figure(
    shown: Shown,
    psnr_db: np.ndarray,
    classified: Mapping[str, Mapping[str, np.ndarray]],
    path: Path,
    count: int = EXTREMES,
) -> Path:
    """The best and the worst cells by PSNR, each of another base image, with what the judges classify wrongly.

    Args:
        psnr_db: float (P,).
        classified: value ids int (P,) by judge and factor name.
    """
    split = shown.split
    order = shown.rows[np.argsort(-psnr_db[shown.rows], kind="stable")]
    count = max(1, min(count, len(np.unique(split.base[order])) // 2))
    best = _of_different_bases(order, split.base, count)
    rest = order[~np.isin(split.base[order], split.base[best])]
    worst = _of_different_bases(rest[::-1], split.base, count)
    rows = np.concatenate([best, worst])
    names = ["best"] * len(best) + ["worst"] * len(worst)
    sheet = Sheet(
        {(0, place): Block(np.stack([shown.real[n], shown.generated[n]])) for place, n in enumerate(rows)},
        columns=1,
        heads=[
            f"{name}\n{split.dataset.space.describe(split.ids[n])}"
            for name, n in zip(names, rows, strict=True)
        ],
        sides=["real", "generated"],
        feet=[f"{psnr_db[n]:.1f} dB\n{_verdict(split, n, classified)}" for n in rows],
        nouns=("rows", "cells"),
        band=count,
    )
    title = f"The best and the worst {shown.group} cells by PSNR, each of another base image"
    return write_sheet(sheet, title, path)


def _of_different_bases(order: np.ndarray, base: np.ndarray, count: int) -> np.ndarray:
    _, first = np.unique(base[order], return_index=True)
    return order[np.sort(first)[:count]]


def _verdict(split: Split, row: int, classified: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """What a picture was taken for where that is wrong, a line per judge: "hog: digit 3, writer 5"."""
    lines = []
    for judge, by_factor in classified.items():
        wrong = [
            f"{factor.name} {factor.values[by_factor[factor.name][row]]}"
            for m, factor in enumerate(split.dataset.space)
            if by_factor[factor.name][row] != split.ids[row, m]
        ]
        more = [f"{len(wrong) - BLAMED} more"] if len(wrong) > BLAMED else []
        if wrong:
            lines.append(f"{judge}: {', '.join(wrong[:BLAMED] + more)}")
    return "\n".join(["classified as", *lines]) if lines else "classified correctly"


def write_contact_sheet(split: Split, images: np.ndarray, path: Path) -> Path:
    """The grid of cells: a block of all variations per base image, unseen ones framed.

    The values of the first factor run down, those of the other base factors across.

    Args:
        images: uint8 (P, H, W, C), every picture of the split.
    """
    variations, base_ids = split.dataset.variations, split.dataset.base_ids
    count = len(split.dataset.space.factors) - len(variations)
    first, *others = split.dataset.space.factors[:count]
    combinations, across = np.unique(base_ids[:, 1:], axis=0, return_inverse=True)
    blocks = {}
    for base, (ids, column) in enumerate(zip(base_ids, across.ravel(), strict=True)):
        rows = np.flatnonzero(split.base == base)
        blocks[int(ids[0]), int(column)] = Block(images[rows], split.unseen[rows])
    sheet = Sheet(
        blocks,
        columns=_balanced(len(variations[-1].factor)) if variations else 1,
        heads=[", ".join(f.values[i] for f, i in zip(others, c, strict=True)) for c in combinations],
        sides=first.values[: 1 + int(base_ids[:, 0].max())],
        turned=True,
        nouns=(f"values of {first.name}", f"values of {', '.join(f.name for f in others)}"),
        smallest=28,
    )
    return write_sheet(sheet, _contact_title(split, count), path)


def _contact_title(split: Split, count: int) -> str:
    """What runs down and across, and what a block holds."""
    first, *others = split.dataset.space.names[:count]
    title = f"{first} down" + (f", {', '.join(others)} across" if others else "")
    inside = [_values(variation.factor) for variation in split.dataset.variations]
    if len(inside) > 1:
        title += f"; in each block {' and '.join(inside[:-1])} down, {inside[-1]} across"
    elif inside:
        title += f"; in each block {inside[0]}"
    return title + ("\nFramed: unseen" if split.unseen.any() else "")


def _values(factor: Factor, most: int = 16) -> str:
    """ "color (red, green, blue)", the first ones of many."""
    more = f" and {len(factor) - most} more" if len(factor) > most else ""
    return f"{factor.name} ({', '.join(factor.values[:most])}{more})"


def write_samples_figure(samples: Mapping[str, np.ndarray], path: Path) -> Path:
    """Real pictures of some cells on top, then what every method generated: uint8 (2, n, H, W, C) by method."""
    real = next(iter(samples.values()))[0]
    return write_rows_figure({"real": real, **{name: pair[1] for name, pair in samples.items()}}, path)


def write_rows_figure(rows: Mapping[str, np.ndarray], path: Path) -> Path:
    """A row of pictures per name: uint8 (n, H, W, C) each, n the same for all."""
    count = len(next(iter(rows.values())))
    sheet = Sheet(
        {
            (row, column): Block(images[column][None])
            for row, images in enumerate(rows.values())
            for column in range(count)
        },
        columns=1,
        heads=[""] * count,
        sides=list(rows),
        turned=True,
        nouns=("rows", "pictures of each row"),
    )
    return write_sheet(sheet, "", path)


def write_rows_of_cells(
    rows: Mapping[str, np.ndarray],
    heads: Sequence[str],
    feet: Sequence[str],
    framed: np.ndarray,
    title: str,
    path: Path,
) -> Path:
    """The same cells of several sources below each other, under their names.

    Args:
        rows: uint8 (n, H, W, C) by name, n and the sizes the same for all.
        heads, feet: texts above and below every cell.
        framed: bool (n,). Cells that training never saw.
    """
    images = np.stack(list(rows.values()), axis=1)  # (n, rows, H, W, C)
    frames = np.repeat(framed[:, None], len(rows), axis=1)
    frames[:, :1] &= "real" not in rows
    sheet = Sheet(
        {(0, place): Block(images[place], frames[place]) for place in range(len(images))},
        columns=1,
        heads=heads,
        sides=list(rows),
        feet=feet,
        nouns=("rows", "cells"),
        band=-(-len(images) // 2) if len(images) > IN_A_BAND else 0,
    )
    return write_sheet(
        sheet, title + ("\nFramed: cells that training never saw" if framed.any() else ""), path
    )


def write_grid_figure(
    images: np.ndarray, pictures: Sequence[Mapping[str, str]], path: Path, zoom: int = 8
) -> Path:
    """Pictures of several cells or blends with the values that each row and column has.

    The last factor with several values runs across, the others down. What all have in common is the title.

    Args:
        images: uint8 (N, H, W, C).
        pictures: value or blend by factor of each, as `FactorSpace.select` orders them.
        zoom: how many times every pixel is repeated, at most; fewer times where the figure would be too large.
    """
    names = list(pictures[0])
    varied = [name for name in names if len({picture[name] for picture in pictures}) > 1]
    *down, across = varied or names[-1:]
    heads = list(dict.fromkeys(picture[across] for picture in pictures))
    rows = len(pictures) // len(heads)
    sides = [_words(pictures[row * len(heads)], down) for row in range(rows)] if down else []
    title = _words(pictures[0], [name for name in names if name not in varied])
    nouns = f"values of {', '.join(down)}", f"values of {across}"
    return write_named_grid(images, [f"{across}={value}" for value in heads], sides, title, nouns, path, zoom)


def write_named_grid(
    images: np.ndarray,
    heads: Sequence[str],
    sides: Sequence[str],
    title: str,
    nouns: tuple[str, str],
    path: Path,
    zoom: int = 8,
) -> Path:
    """Pictures row by row, with names of the columns and of the rows.

    Args:
        images: uint8 (N, H, W, C).
        heads: names of the columns; sides: of the rows, or none.
        nouns: what rows and columns are, for what does not fit.
        zoom: as of `write_grid_figure`.
    """
    height, width = images.shape[1:3]
    check_png(path, len(images) // len(heads) * height * zoom, len(heads) * width * zoom)
    sheet = Sheet(
        {divmod(n, len(heads)): Block(image[None]) for n, image in enumerate(images)},
        columns=1,
        heads=list(heads),
        sides=list(sides),
        turned=True,
        nouns=nouns,
        smallest=16,
        largest=zoom * max(height, width),
    )
    return write_sheet(sheet, title, path)


def _words(picture: Mapping[str, str], names: Sequence[str]) -> str:
    return " ".join(f"{name}={picture[name]}" for name in names)
