"""What a bundle stores of the pictures that a run learned from, said exactly, for its card."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gcn_tf.config.files import NEWCOMERS
from gcn_tf.config.schema import RunConfig
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.sharing.report_copy import CHARTS


def stored_of_pictures(
    folder: Path, config: RunConfig, space: FactorSpace, people: str, report: Mapping[str, Any] | None
) -> Iterator[str]:
    """Lines about weights, figures, newcomers and names in a bundle's folder.

    Args:
        people: whether the pictures show people: "yes", "no", or "" if that was not stated.
        report: what report.json holds, if there is one.
    """
    yield _of_weights(config, people, report)
    if report:
        figures = sorted(path.name for path in (folder / "report").glob("*.png") if path.name not in CHARTS)
        shown = ", ".join(f"`{name}`" for name in figures)
        yield (
            f"`report/` shows real pictures beside generated ones: {shown} and `report.html`."
            if figures
            else "`report/` has numbers and charts; figures with pictures were left out."
        )
    if config.newcomers:
        there = len(list((folder / NEWCOMERS).glob("*.png")))
        yield (
            f"`{NEWCOMERS}/` holds the {there} pictures of values that were added after training."
            if there
            else "Values were added after training; their pictures were left out."
        )
    names = ", ".join(f"{factor.name} ({len(factor)})" for factor in space)
    yield f"The names of all values are in `factors.json`, `model/` and wherever cells are listed: {names}."
    yield (
        "Nothing else: no other picture of the training, not the names of the files or where they lay, and no TensorBoard logs, which "
        "show pictures."
    )


def _of_weights(config: RunConfig, people: str, report: Mapping[str, Any] | None) -> str:
    if config.generator.keeps_pictures:
        return (
            f"`model/` and `checkpoints/` hold {config.generator.kept_pictures} real pictures themselves: a generator of kind "
            f"`{config.generator.kind}` draws from them."
        )
    seen = report["scores"].get("seen", {}).get("psnr_db") if report else None
    near = f" (PSNR {seen['value']:.1f} dB)" if seen else ""
    mean = ", but for the mean of all seen ones" if getattr(config.generator, "mean_picture", False) else ""
    known = "" if people == "no" else ": persons who were photographed for it may be recognised"
    return (
        f"`model/` and `checkpoints/` hold weights and no picture{mean}. Asked for a cell that training saw, the generator draws "
        f"nearly that picture again{near}{known}."
    )
