"""Pictures of cells: tiles with real above generated, unseen cells framed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

from gcn_tf.errors import UserError
from gcn_tf.files import write_atomically
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.pipelines.split import Split

matplotlib.use("Agg")


FRAME_COLOR = (255, 170, 0)


LARGEST_PICTURE = 400_000_000  # pixels


PAPER = 40  # grey of the gaps, dark enough that ink on black stands out


def zoomed(image: np.ndarray, zoom: int) -> np.ndarray:
    """Repeat every pixel `zoom` times: uint8 (H, W, 3) -> (H * zoom, W * zoom, 3)."""
    return image.repeat(zoom, axis=0).repeat(zoom, axis=1)


def tile(images: np.ndarray, columns: int, framed: np.ndarray | None = None, gap: int = 3) -> np.ndarray:
    """Lay images out row by row on grey, the framed ones inside an orange frame.

    Args:
        images: uint8 (N, H, W, 3).
        columns: images per row.
        framed: bool (N,), or None for no frames.
        gap: pixels between images; a frame takes all but one of them.

    Returns:
        uint8 (rows * (H + gap) + gap, columns * (W + gap) + gap, 3).
    """
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), PAPER, np.uint8)
    for n, image in enumerate(images):
        top = gap + (n // columns) * (height + gap)
        left = gap + (n % columns) * (width + gap)
        if framed is not None and framed[n]:
            edge = gap - 1
            sheet[top - edge : top + height + edge, left - edge : left + width + edge] = FRAME_COLOR
        sheet[top : top + height, left : left + width] = image
    return sheet


def real_above_generated(
    real: np.ndarray, generated: np.ndarray, columns: int, framed: np.ndarray | None = None
) -> np.ndarray:
    """Tiles in which every row of real images stands above the row of their generated ones.

    Args:
        real, generated: uint8 (N, H, W, 3); N is padded to whole rows with black.
        framed: bool (N,). Cells whose generated image is framed.
    """
    missing = -len(real) % columns
    mask = np.zeros(len(real), bool) if framed is None else framed

    def in_rows(array: np.ndarray) -> np.ndarray:
        filling = np.zeros((missing, *array.shape[1:]), array.dtype)
        return np.concatenate([array, filling]).reshape(-1, columns, *array.shape[1:])

    pairs = np.stack([in_rows(real), in_rows(generated)], axis=1)  # (rows, 2, columns, H, W, 3)
    frames = np.stack([in_rows(np.zeros_like(mask)), in_rows(mask)], axis=1)
    return tile(pairs.reshape(-1, *real.shape[1:]), columns, frames.ravel())


def write_png(image: np.ndarray, path: Path, zoom: int = 1) -> Path:
    """Write uint8 (H, W, 3) as PNG, every pixel `zoom` times as large; makes the folder.

    Raises:
        UserError: another kind of file, or a picture too large.
    """
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: pictures are written as PNG, give a name that ends with .png")
    height, width = image.shape[0] * zoom, image.shape[1] * zoom
    if height * width > LARGEST_PICTURE:
        raise UserError(f"{path} would have {width}x{height} pixels: lower --zoom, or ask for fewer pictures")
    write_atomically(path, Image.fromarray(zoomed(image, zoom)).save)
    return path


def write_contact_sheet(split: Split, images: np.ndarray, path: Path, limit: int = 16) -> Path:
    """The grid of cells: a block of all variations per base image, unseen ones framed.

    The values of the first factor run down, those of the other base factors across.

    Args:
        images: uint8 (P, H, W, 3), every picture of the split.
        limit: how many blocks across, at most.
    """
    space, varied = split.dataset.space, len(split.dataset.variations)
    base_ids = split.dataset.base_ids
    others, across = np.unique(base_ids[:, 1:], axis=0, return_inverse=True)
    sizes = [len(variation.factor) for variation in split.dataset.variations]
    columns = sizes[-1] if sizes else 1
    rows = -(-int(np.prod(sizes)) // columns)
    height, width = (side + 3 for side in images.shape[1:3])
    count = min(limit, len(others))
    down = len(space.factors[0])
    sheet = np.full((down * (rows * height + 6), count * (columns * width + 6), 3), 255, np.uint8)
    for base, (ids, place) in enumerate(zip(base_ids, across.ravel(), strict=True)):
        numbers = np.flatnonzero(split.base == base)
        if place < count:
            block = tile(images[numbers], columns, split.unseen[numbers])
            top, left = ids[0] * (rows * height + 6), place * (columns * width + 6)
            sheet[top : top + block.shape[0], left : left + block.shape[1]] = block
    names = space.factors[1 : len(space.factors) - varied]
    told = ["\n".join(f.values[i] for f, i in zip(names, other, strict=True)) for other in others[:count]]
    across_name = " ".join(f.name for f in names)
    more = f" (the first {count} of {len(others)})" if count < len(others) else ""
    shown = "; ".join(f"{v.factor.name}: {', '.join(v.factor.values)}" for v in split.dataset.variations)
    _write_labelled(
        sheet,
        f"{space.factors[0].name} down, {across_name} across{more}; in each block {shown}\nframed: unseen",
        list(space.factors[0].values),
        path,
        told,
    )
    return path


def write_cells_figure(
    split: Split,
    real: np.ndarray,
    generated: np.ndarray,
    path: Path,
    among: np.ndarray | None = None,
    bases: int = 6,
) -> Path:
    """All variations of a few base images, real above generated, unseen cells framed.

    Args:
        real, generated: uint8 (P, H, W, 3), every picture of the split.
        among: numbers of pictures whose base images are shown; by default the unseen ones, if any.
        bases: how many base images.
    """
    if among is None:
        among = split.rows(unseen=bool(split.unseen.any()))
    candidates = np.unique(split.base[among])
    chosen = candidates[np.linspace(0, len(candidates) - 1, min(bases, len(candidates))).astype(int)]
    numbers = np.concatenate([np.flatnonzero(split.base == base) for base in chosen])
    columns = len(numbers) // len(chosen)
    sheet = real_above_generated(real[numbers], generated[numbers], columns, split.unseen[numbers])
    labels = [_base_label(split.dataset.space, split.ids[n], len(split.dataset.variations)) for n in numbers]
    title = "Real pictures (upper row of each pair) and drawn ones (lower row)"
    if split.unseen[numbers].any():
        title += "\nframed: cells that training never saw"
    _write_labelled(sheet, title, labels[::columns], path)
    return path


def write_extremes_figure(
    split: Split,
    real: np.ndarray,
    generated: np.ndarray,
    numbers: np.ndarray,
    psnr_db: np.ndarray,
    read: Mapping[str, Mapping[str, np.ndarray]],
    path: Path,
    count: int = 7,
) -> Path:
    """The best and the worst cells by PSNR, each of another base image, with what the judges misread.

    Args:
        numbers: pictures to choose from.
        psnr_db: float (P,); read: value ids (P,) by judge and factor name.
    """
    order = numbers[np.argsort(-psnr_db[numbers], kind="stable")]
    count = max(1, min(count, len(np.unique(split.base[numbers])) // 2))
    best = _of_different_bases(order, split.base, count)
    rest = order[~np.isin(split.base[order], split.base[best])]
    worst = _of_different_bases(rest[::-1], split.base, count)
    rows = [("best", best), ("worst", worst)] if len(worst) else [("best", best)]
    figure, axes = plt.subplots(
        2 * len(rows), count, figsize=(11, 4.6 * len(rows)), layout="constrained", squeeze=False
    )
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for row, (name, chosen) in enumerate(rows):
        for column, number in enumerate(chosen):
            upper, lower = axes[2 * row : 2 * row + 2, column]
            upper.imshow(real[number], interpolation="nearest")
            cell = split.dataset.space.describe(split.ids[number]).replace(" ", "\n")
            upper.set_title(f"{name}\n{cell}", fontsize=8)
            lower.imshow(generated[number], interpolation="nearest")
            lower.set_xlabel(f"{psnr_db[number]:.1f} dB\n{_misread(split, number, read)}", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _of_different_bases(order: np.ndarray, base: np.ndarray, count: int) -> np.ndarray:
    _, first = np.unique(base[order], return_index=True)
    return order[np.sort(first)[:count]]


def _misread(split: Split, number: int, read: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    wrong = [
        f"{judge}: {factor.name} {factor.values[by_factor[factor.name][number]]}"
        for judge, by_factor in read.items()
        for m, factor in enumerate(split.dataset.space)
        if by_factor[factor.name][number] != split.ids[number, m]
    ]
    return "misread by\n" + "\n".join(wrong) if wrong else "classified correctly"


def write_samples_figure(samples: Mapping[str, np.ndarray], path: Path) -> Path:
    """Real pictures of some cells on top, then what every method drew: uint8 (2, n, H, W, 3) by method."""
    real = next(iter(samples.values()))[0]
    return write_rows_figure({"real": real, **{name: drawn for name, (_, drawn) in samples.items()}}, path)


def write_rows_figure(rows: Mapping[str, np.ndarray], path: Path) -> Path:
    """A row of pictures per name: uint8 (n, H, W, 3) each, n the same for all."""
    sheet = tile(np.concatenate(list(rows.values())), len(next(iter(rows.values()))))
    _write_labelled(sheet, "", list(rows), path)
    return path


def _base_label(space: FactorSpace, ids: np.ndarray, varied: int) -> str:
    count = len(space.factors) - varied
    return "\n".join(
        f"{f.name} {f.values[i]}" for f, i in zip(space.factors[:count], ids[:count], strict=True)
    )


def _write_labelled(
    sheet: np.ndarray, title: str, labels: list[str], path: Path, across: Sequence[str] = ()
) -> None:
    height, width, _ = sheet.shape
    inches = max(9.0, width / 130)
    figure, axes = plt.subplots(figsize=(inches, inches * height / width + 0.6), layout="constrained")
    axes.imshow(sheet, interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.set_xticks([(n + 0.5) * width / len(across) for n in range(len(across))], across, fontsize=8)
    axes.set_yticks([(n + 0.5) * height / len(labels) for n in range(len(labels))], labels, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(figure)
