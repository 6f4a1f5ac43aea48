"""The settings of a method that a search finds on validation cells, as `gcn-tf tune` does, with networks of two sizes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcn_tf.config.files import read_yaml
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.files import read_json_object
from gcn_tf.tuning.config import PSNR_WEIGHT, Search
from gcn_tf.tuning.search import run_search

# Widths of the hidden layers: narrower ones have more steps in the same seconds.
REMEDY = "delete it, and give the same command again"
SIZES = (1.0, 0.5)
FIXED = {"widths": "1 x 1"}  # given by `SIZES`
# Not how a method learns, but from what and how long.
GIVEN = {"steps", "holdout", "seed", "precision", "checkpoint_steps", "log_steps", "image_steps"}


def search_settings(
    config: RunConfig, steps: Callable[[RunConfig], int], trials: int, out: Path
) -> dict[str, Any]:
    """The best of some random settings, as changes of a RunConfig.

    Args:
        config: the method's own; its unseen cells are never looked at.
        steps: how many a training of some settings has in the seconds of the study.
        trials: settings that are tried, in equal parts with networks of every size.
        out: folder of the search; one that was stopped goes on.
    """
    found = []
    for number, size in enumerate(SIZES[:trials]):
        share = trials // len(SIZES) + (number < trials % len(SIZES))
        folder = out / f"widths-{size:g}"
        if not (folder / "report.json").exists():
            sized = scaled(config, size)
            begun = folder / "search.yaml"
            count = int(read_yaml(begun)["steps"]) if begun.exists() else steps(sized)
            specs = FIXED if config.generator.cooperates else {}
            validation = config.holdout
            run_search(
                Search(
                    replace(sized, steps=count),
                    specs,
                    share,
                    "random",
                    validation,
                    PSNR_WEIGHT,
                    1,
                    None,
                    folder,
                ),
                "alone",
                ("", 0),
            )
        scores = [trial["score"] for trial in read_json_object(folder / "report.json", REMEDY)["trials"]]
        found += [(score, folder) for score in scores if score is not None]
    if not found:  # every training diverged
        return {}
    before = to_dict(config)
    best = read_yaml(max(found)[1] / "best.yaml")
    return {key: value for key, value in best.items() if key not in GIVEN and before.get(key) != value}


def scaled(config: RunConfig, factor: float) -> RunConfig:
    """The settings with narrower layers of all networks."""
    classifier = config.classifier.scaled(factor) if config.generator.cooperates else config.classifier
    return replace(config, generator=config.generator.scaled(factor), classifier=classifier)
