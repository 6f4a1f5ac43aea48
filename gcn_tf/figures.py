"""Pictures of cells: tiles with real above generated, unseen cells framed."""

import json
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from gcn_tf.factors import FactorSpace
from gcn_tf.pipelines.batches import Split

matplotlib.use("Agg")
from matplotlib import pyplot as plt

FRAME_COLOR = (255, 170, 0)
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
    """Write uint8 (H, W, 3) as PNG, every pixel `zoom` times as large; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(zoomed(image, zoom)).save(path)
    return path


def write_contact_sheet(
    split: Split, images: np.ndarray, path: Path, bases: int = 40, columns: int = 24
) -> Path:
    """Pictures of a dataset, all variations of up to `bases` base images, unseen ones framed."""
    per_base = len(split.base) // len(split.dataset.images)
    numbers = np.arange(min(bases * per_base, len(split.base)))
    columns = max(per_base, columns // per_base * per_base)
    return write_png(tile(images[numbers], columns, split.unseen[numbers]), path, zoom=2)


def write_cells_figure(
    split: Split, real: np.ndarray, generated: np.ndarray, path: Path, bases: int = 6
) -> Path:
    """The picture to look at first: all variations of a few base images, unseen cells framed.

    Args:
        real, generated: uint8 (P, H, W, 3), every picture of the split.
        bases: how many base images; those with unseen cells come first.
    """
    order = np.argsort(
        ~np.isin(np.arange(len(split.dataset.images)), split.base[split.unseen]), kind="stable"
    )
    holding = int(np.isin(order, split.base[split.unseen]).sum()) or len(order)
    chosen = order[np.linspace(0, holding - 1, min(bases, holding)).astype(int)]
    numbers = np.concatenate([np.flatnonzero(split.base == base) for base in chosen])
    columns = len(numbers) // len(chosen)
    sheet = real_above_generated(real[numbers], generated[numbers], columns, split.unseen[numbers])
    labels = [_base_label(split.dataset.space, split.ids[n], len(split.dataset.variations)) for n in numbers]
    _write_labelled(
        sheet,
        "Real pictures (upper row of each pair) and generated ones (lower row)\n"
        "framed: cells that training never saw",
        labels[::columns],
        path,
    )
    return path


def write_pairs_figure(
    split: Split, real: np.ndarray, generated: np.ndarray, unseen: bool, path: Path, limit: int = 48
) -> Path:
    """Cells of one group spread over the dataset, real above generated, unseen ones framed."""
    numbers = split.pictures(unseen)
    numbers = numbers[np.linspace(0, len(numbers) - 1, min(limit, len(numbers))).astype(int)]
    framed = np.full(len(numbers), unseen)
    return write_png(real_above_generated(real[numbers], generated[numbers], 12, framed), path, zoom=2)


def _base_label(space: FactorSpace, ids: np.ndarray, varied: int) -> str:
    count = len(space.factors) - varied
    return "\n".join(
        f"{f.name} {f.values[i]}" for f, i in zip(space.factors[:count], ids[:count], strict=True)
    )


def _write_labelled(sheet: np.ndarray, title: str, labels: list[str], path: Path) -> None:
    height, width, _ = sheet.shape
    figure, axes = plt.subplots(figsize=(9, 9 * height / width + 0.6), layout="constrained")
    axes.imshow(sheet, interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([(n + 0.5) * height / len(labels) for n in range(len(labels))], labels, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def write_curves_figure(metrics_file: Path, path: Path) -> bool:
    """Losses and PSNR over the steps of `metrics.jsonl`; False when the run logged nothing."""
    lines = (
        [json.loads(line) for line in metrics_file.read_text().splitlines()] if metrics_file.exists() else []
    )
    if not lines:
        return False
    panels = {
        "losses (weighted sum per picture)": ("train/generator_loss", "train/classifier_loss"),
        "PSNR (dB)": ("seen/psnr_db", "unseen/psnr_db"),
    }
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for name in names:
            points = [(line["step"], line[name]) for line in lines if name in line]
            if points:
                axis.plot(*zip(*points, strict=True), label=name)
        axis.set(title=title, xlabel="step", yscale="log" if "loss" in title else "linear")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True
